# SPDX-License-Identifier: Apache-2.0
"""A node that loads no kernel modules any more once it has booted (kernel.modules_disabled=1, which
cannot be taken back: here the kernel finds no program that loads them, which can).

Fails when: a start that needs rules is not refused there by an error that names each missing module,
or is refused although `socklid load` ran before.
"""

from contextlib import contextmanager
from pathlib import Path

from harness.check import keys
from harness.commands import run
from harness.hook import hook, last_refusal
from harness.made import Made
from harness.runner import Skip, expect, expect_equal, expect_in, group, why_not

POLICY = keys(egress="udp/53", bind="tcp/80")
MODULES = ("nft_fib_inet", "nft_reject_inet", "nft_socket")
LOADER = Path("/proc/sys/kernel/modprobe")


def loaded():
    return [name for name in MODULES if Path("/sys/module", name).exists()]


@contextmanager
def loading_none():
    before = LOADER.read_text().strip()
    LOADER.write_text("/nonexistent\n")
    try:
        yield
    finally:
        LOADER.write_text(before + "\n")


def check_refused():
    with loading_none(), Made("refused") as made:
        outcome = hook("createRuntime", made.state(POLICY))
        expect(outcome.status != 0, "a start without the rules' modules succeeds")
        for name in MODULES:
            expect_in(name, last_refusal()["message"], "the refusal")


def check_starts(session):
    session.socklid("load")
    expect_equal(loaded(), list(MODULES), "modules after `socklid load`")
    with loading_none(), Made("started") as made:
        outcome = hook("createRuntime", made.state(POLICY))
        expect_equal(outcome.status, 0, outcome.text)
        made.end()
        hook("poststop", made.stopped())


@group("modules of the rules")
def _(session, record):
    _ = session.warm
    run("modprobe", "-r", *MODULES, check=False)
    if loaded():
        raise Skip(f"{loaded()} are built in, or in use by others")
    record("a start that needs rules is refused by the names of the modules that are missing",
           why_not(check_refused))
    record("once `socklid load` ran, a start needs no module any more", why_not(lambda: check_starts(session)))
