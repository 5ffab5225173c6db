# SPDX-License-Identifier: Apache-2.0
"""Two hooks at once, of which one is slow or never ends.

Fails when: the other waits for a lock longer than the engine waits for a hook, or lets its container
run; one whose network namespace does not answer keeps those of other namespaces waiting; what a
killed one has put into a namespace stays there.
"""

import fcntl
import json
import os
import subprocess

from harness.bundle import Options
from harness.check import keys
from harness.commands import HOOK, TIMEOUT, Exit, run, wait_until, write
from harness.hook import hook
from harness.made import Made
from harness.runner import expect, expect_equal, expect_in, test
from harness.snapshot import STATE, Unchanged

RULES = keys(connect="tcp/80", egress="udp/53")


@test("a lock that another run holds is waited for, then refused")
def _(session):
    _ = session.warm
    lock = "/run/socklid/lock"
    expect(os.path.exists(lock), f"no {lock}")
    with Unchanged(), open(lock, "r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        outcome = session.crun.run(["/probe", "create.unix"],
                                   Options(annotations=keys(connect="deny")))
        expect(outcome.status != 0, f"the runtime succeeded: {outcome.text}")
        expect("create.unix ok" not in outcome.out, f"the program ran: {outcome.out}")
        expect_in(f"exit code: {Exit.BUSY}", outcome.text, "crun")


def delayed(document, delay, *more):
    """A start whose calls into nf_tables take `delay` seconds each, as those do that wait for the
    lock of a network namespace which somebody in it holds. Its other sendto is the system log's."""
    return subprocess.Popen(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "signal=none", "-e", "trace=sendto", "-e",
         f"inject=sendto:delay_enter={int(delay * 1e6)}", *more, HOOK, "createRuntime"],
        stdin=document, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin"})


def state_file(session, made):
    path = write(f"{session.work}/{made.name}.state", json.dumps(made.state(RULES)))
    return open(path, "rb")


def begun():
    return {path.stem.rpartition("_")[0] for path in (STATE / "intents").glob("*.json")}


def listed():
    told = run("socklid", "list", "--json", check=False)
    return {line["id"]: line["state"] for line in json.loads(told.out)}


def warm_shared():
    """The first that shares a namespace takes hooks of the node, which stay."""
    with Made("first") as first, Made("second", netns=first) as second:
        for one in (first, second):
            expect_equal(hook("createRuntime", one.state(RULES)).status, 0, one.name)
        for one in (second, first):
            one.end()
            hook("poststop", one.stopped())


@test("a start that waits for its network namespace keeps no other waiting")
def _(session):
    _ = session.warm
    warm_shared()
    with Unchanged(), Made("slow") as slow, Made("quick") as quick, \
            Made("member", netns=slow) as member, state_file(session, slow) as document:
        waiting = delayed(document, 10)
        try:
            wait_until(lambda: "slow" in begun(), "the slow one has begun", 60)
            expect_equal(hook("createRuntime", quick.state(RULES)).status, 0, "another namespace")
            expect_equal(hook("createRuntime", member.state(RULES)).status, 0, "the same namespace")
            expect_in("slow", begun(), "it waits still")
            expect_equal(hook("createRuntime", slow.state(RULES)).status, Exit.BUSY, "the same")
            expect_equal(listed(), {"quick": "active", "member": "active"}, "list")
        finally:
            status = waiting.wait(TIMEOUT)
        expect_equal(status, 0, "the slow start")
        expect_equal(listed(), dict.fromkeys(("slow", "quick", "member"), "active"), "list")
        slots = {name: json.loads(run("socklid", "inspect", name, "--json").out)["slot"]
                 for name in ("slow", "member")}
        expect(slots["slow"] != slots["member"], f"one place for two: {slots}")
        for one in (member, quick, slow):
            one.end()
            hook("poststop", one.stopped())


@test("a network namespace that answers nobody keeps a start waiting once, and gc tries again")
def _(session):
    _ = session.warm
    with Unchanged(), Made("keeper") as keeper, Made("next") as started, \
            Made("last") as last:
        with Made("gone", netns=keeper) as gone:
            expect_equal(hook("createRuntime", gone.state(RULES)).status, 0, "the one that goes")
        with state_file(session, started) as document:
            expect_equal(delayed(document, 2).wait(TIMEOUT), 0, "beside it")
        expect_equal(listed(), {"gone": "gone", "next": "active"}, "list")
        expect_equal(len(list((STATE / "slow").iterdir())), 1, "namespaces that keep waiting")
        expect_equal(hook("createRuntime", last.state(RULES)).status, 0, "after it")
        expect_equal(listed(), {"gone": "gone", "next": "active", "last": "active"}, "list")
        told = run("socklid", "gc", check=False)
        expect_equal((told.status, told.out), (0, "removed 1, left 0\n"), told.text)
        expect_equal(list((STATE / "slow").iterdir()), [], "namespaces that keep waiting")
        expect_equal(run("nsenter", f"--net=/proc/{keeper.pid}/ns/net", "nft", "list",
                         "ruleset").out, "", "rules of what is gone")
        for one in (started, last):
            one.end()
            hook("poststop", one.stopped())


@test("the rules of a start that was killed are on record, and go with gc")
def _(session):
    _ = session.warm
    with Unchanged(), Made("keeper") as keeper:
        with Made("killed", netns=keeper) as killed, state_file(session, killed) as document:
            # To publish is the last step.
            process = delayed(document, 0.001, "-e", "trace=sendto,renameat2", "-e",
                              "inject=renameat2:signal=KILL:when=1")
            process.wait(TIMEOUT)
            expect_in("table inet socklid", run("nsenter", f"--net=/proc/{keeper.pid}/ns/net", "nft",
                                                "list", "tables").out, "what the killed one left")
        told = run("socklid", "gc", check=False)
        expect_equal(told.status, 0, told.text)
        expect_equal(run("nsenter", f"--net=/proc/{keeper.pid}/ns/net", "nft", "list",
                         "ruleset").out, "", "rules of the killed one")
