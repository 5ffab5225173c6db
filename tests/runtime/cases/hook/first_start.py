# SPDX-License-Identifier: Apache-2.0
"""A start on a node where the programs are not loaded: socklid-hook-load, which is a program of its own,
does it.

Fails when: such a start does not put the policy in force; a hook without its loader, or with one that
does not run or is another version's, lets the container start, does not name it, or leaves something.
"""

import json
import shutil
import tempfile
from pathlib import Path

from harness.check import keys
from harness.commands import HOOK, run
from harness.hook import hook, last_refusal
from harness.made import Made
from harness.runner import expect, expect_equal, expect_in, group, test, why_not
from harness.snapshot import BPFFS, take

POLICY = keys(connect="tcp/80")
INTERNAL = 10
LOADER = "socklid-hook-load"
# What is in the loader's place, and what is said of it.
BROKEN = {
    None: "belongs to socklid: install it again",
    "#!/bin/sh\necho libbpf.so.1: cannot open >&2\nexit 127\n": "did not run: libbpf.so.1: cannot open",
}


def nothing_loaded():
    programs = BPFFS / "socklid/programs"
    return not programs.exists() or not list(programs.iterdir())


def start_with(loader, made):
    """By a copy of the hook beside which there is nothing else."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "socklid-hook"
        shutil.copy2(HOOK, copy)
        if loader:
            (Path(directory) / LOADER).write_text(loader)
            (Path(directory) / LOADER).chmod(0o755)
        return run(copy, "createRuntime", stdin=json.dumps(made.state(POLICY)), check=False, env={})


def check_refused(made):
    for loader, said in BROKEN.items():
        outcome = start_with(loader, made)
        expect_equal(outcome.status, INTERNAL, outcome.text)
        told = last_refusal()["message"]
        expect_in(LOADER, told, "the refusal")
        expect_in(said, told, "the refusal")
        expect(nothing_loaded(), "something is loaded all the same")


def check_loads(session, made):
    outcome = hook("createRuntime", made.state(POLICY))
    expect_equal(outcome.status, 0, outcome.text)
    listed = {line["id"]: line["state"] for line in json.loads(session.socklid("list", "--json").out)}
    expect_equal(listed.get(made.name), "active", "socklid list")


def accept_new_programs(session):
    """Those that are loaded again are others than before."""
    now = take()
    session.before = {**session.before, **{part: now[part] for part in ("links", "programs", "maps", "pins")}}


@group("a start on a node without the programs")
def _(session, record):
    _ = session.warm
    session.socklid("unload")
    try:
        with Made("first") as made:
            record("a start whose loader is gone or does not run is refused by name, and leaves nothing",
                   why_not(lambda: check_refused(made)))
            record("a start on a node without the programs loads them", why_not(lambda: check_loads(session, made)))
            made.end()
            hook("poststop", made.stopped())
    finally:
        session.load()
        accept_new_programs(session)


@test("a loader of another version loads nothing")
def _(_session):
    loader = Path(HOOK).with_name(LOADER)
    with tempfile.TemporaryDirectory() as directory:
        done = run(loader, "0123456789abcdef", directory, check=False, env={})
    expect_equal(done.status, INTERNAL, done.text)
    expect_in("install socklid again", done.text, "the loader")
