# SPDX-License-Identifier: Apache-2.0
"""A hook in a cgroup that a pod's author has limited, as where CRI-O keeps its monitor in the pod's.

Fails when: such a run holds the node's lock as long as the pod's limits let it, so that the starts of
others are refused; one that nothing limits leaves its cgroup.
"""

import fcntl
import json
import subprocess
from contextlib import contextmanager
from pathlib import Path

from harness.check import keys
from harness.commands import HOOK, TIMEOUT, wait_until, write
from harness.hook import hook
from harness.made import Made
from harness.runner import expect, expect_equal, group, why_not
from harness.snapshot import STATE, Unchanged, cgroup_root

POLICY = keys(connect="tcp/80")
LOCK = STATE / "lock"
# What a pod's author gives his pod; the last is what the kubelet makes of no request at all.
LIMITS = {"cpu.max": "1000 100000", "memory.max": "64M", "memory.high": "64M", "cpu.weight": "1"}


@contextmanager
def pod(limits):
    """The cgroup of a pod, and the monitor's in it."""
    path = cgroup_root() / "socklid-test-pod"
    monitor = path / "crio-conmon-x"
    path.mkdir()
    try:
        for name, limit in limits.items():
            (path / name).write_text(limit)
        monitor.mkdir()
        yield monitor
    finally:
        (path / "cgroup.freeze").write_text("0")
        wait_until(lambda: "populated 0" in (path / "cgroup.events").read_text(), "the pod is empty")
        if monitor.exists():
            monitor.rmdir()
        path.rmdir()


def begin(session, made, cgroup):
    document = write(f"{session.work}/{made.name}.state", json.dumps(made.state(POLICY)))
    with open(document, "rb") as state:
        return subprocess.Popen(["sh", "-c", 'echo $$ >"$1" && exec "$2" createRuntime', "sh",
                                 cgroup / "cgroup.procs", HOOK], stdin=state,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={})


def waits_for_the_lock(process):
    """/proc/locks: "1: -> FLOCK  ADVISORY  WRITE PID ..." is one that waits."""
    return any(f" {process.pid} " in line for line in Path("/proc/locks").read_text().splitlines()
               if "->" in line)


@contextmanager
def begun_behind_the_lock(session, made, cgroup):
    with open(LOCK, "r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        process = begin(session, made, cgroup)
        wait_until(lambda: waits_for_the_lock(process) or process.poll() is not None, "it waits for the lock")
        yield process


def check_starved(session, limits):
    """Frozen is as little time as there is."""
    with Unchanged(), Made("starved") as made, Made("other") as other:
        with pod(limits) as cgroup:
            with begun_behind_the_lock(session, made, cgroup) as process:
                (cgroup.parent / "cgroup.freeze").write_text("1")
            status = None
            try:
                wait_until(lambda: process.poll() is not None, "the limited run ends", TIMEOUT / 4)
                status = process.returncode
            finally:
                (cgroup.parent / "cgroup.freeze").write_text("0")
                process.wait(TIMEOUT)
        expect_equal(status, 0, "the limited run")
        expect_equal(hook("createRuntime", other.state(POLICY)).status, 0, "the other's start")
        for one in (made, other):
            one.end()
            hook("poststop", one.stopped())


def check_stays(session):
    with Unchanged(), Made("ordinary") as made:
        with pod({}) as cgroup:
            with begun_behind_the_lock(session, made, cgroup) as process:
                expect(str(process.pid) in (cgroup / "cgroup.procs").read_text().split(), "it has left its cgroup")
            expect_equal(process.wait(TIMEOUT), 0, "the run")
        made.end()
        hook("poststop", made.stopped())


@group("a run in a pod with limits holds nobody up")
def _(session, record):
    _ = session.warm
    for name, limit in LIMITS.items():
        record(name, why_not(lambda: check_starved(session, {name: limit})))
    record("without limits it stays in its cgroup", why_not(lambda: check_stays(session)))
