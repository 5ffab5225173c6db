# SPDX-License-Identifier: Apache-2.0
"""What a runtime could give the hook that is no usable container state.

Fails when: the hook accepts it, ends otherwise than with the documented exit status, does not keep
one line that says why, tells everybody of a state that it cannot read, takes long, or leaves
anything behind.
"""

import json
import os
import subprocess

from harness.bundle import Options
from harness.check import keys
from harness.commands import HOOK, Exit, run
from harness.hook import ABSENT, hook, last_refusal, state
from harness.runner import expect, expect_equal, group, test
from harness.snapshot import Unchanged

OURS = keys(connect="deny", egress="udp/53")
CREATE = "createRuntime"


def ours(**changes):
    return state(**{"annotations": OURS, **changes})


def truncated(size):
    return json.dumps(ours())[:size]


# name: (what the hook reads, exit status)
BROKEN = {
    "nothing at all": ("", Exit.STATE),
    "a state cut off in the middle": (truncated(40), Exit.STATE),
    "a state without its last byte": (json.dumps(ours())[:-1], Exit.STATE),
    "two documents": (json.dumps(ours()) * 2, Exit.STATE),
    "no JSON": ("socklid", Exit.STATE),
    "only NUL bytes": (b"\0" * 100, Exit.STATE),
    "invalid UTF-8": (json.dumps(ours()).encode().replace(b"udp/53", b"udp/\xff\xfe"), Exit.STATE),
    "invalid UTF-8 in the id": (json.dumps(ours(id="ID?")).encode().replace(b"ID?", b"\xc3\x28"),
                                Exit.STATE),
    "a state beyond the limit": (json.dumps(ours(padding="x" * (1 << 20))), Exit.STATE),
    "100 MB": (b"[" + b"1," * 50_000_000, Exit.STATE),
    "arrays nested 100,000 deep": ("[" * 100_000, Exit.STATE),
    "objects nested 100,000 deep": ('{"a":' * 100_000, Exit.STATE),
    "a deep member": (json.dumps(ours())[:-1] + ', "x": ' + "[" * 5000 + "]" * 5000 + "}",
                          Exit.STATE),
    "an array": ([], Exit.STATE),
    "a string": ('"state"', Exit.STATE),
    "null": ("null", Exit.STATE),
    "an id that is a number": (ours(id=7), Exit.STATE),
    "an id that is null": (ours(id=None), Exit.STATE),
    "no id": (ours(id=ABSENT), Exit.STATE),
    "an empty id": (ours(id=""), Exit.STATE),
    "an id with a slash": (ours(id="a/b"), Exit.STATE),
    "an id that climbs": (ours(id="../../etc"), Exit.STATE),
    "the id ..": (ours(id=".."), Exit.STATE),
    "the id .": (ours(id="."), Exit.STATE),
    "an id with a newline": (ours(id="a\nb"), Exit.STATE),
    "an id with a NUL": (ours(id="a\0b"), Exit.STATE),
    "an id of 1,000 characters": (ours(id="x" * 1000), Exit.STATE),
    "a pid that is a string": (ours(pid="1"), Exit.STATE),
    "a pid that is a fraction": (ours(pid=1.5), Exit.STATE),
    "a negative pid": (ours(pid=-1), Exit.STATE),
    "a pid beyond every limit": (ours(pid=1 << 40), Exit.STATE),
    "no pid": (ours(pid=ABSENT), Exit.STATE),
    "pid 0": (ours(pid=0), Exit.STATE),
    "no status": (ours(status=ABSENT), Exit.STATE),
    "an unknown status": (ours(status="flying"), Exit.STATE),
    "a stopped container without a pid": (ours(status="stopped", pid=0), Exit.USAGE),
    "annotations that are an array": (ours(annotations=["io.socklid.connect"]), Exit.STATE),
    "annotations that are a string": (ours(annotations="x"), Exit.STATE),
    "an annotation that is a number": (ours(annotations={"io.socklid.mark": 3}), Exit.STATE),
    "an annotation that is an object": (ours(annotations={"io.socklid.connect": {}}), Exit.STATE),
    "the pid of the hook's own cgroup": (ours(pid=os.getpid()), Exit.CGROUP),
    "the pid of the first process": (ours(pid=1), Exit.CGROUP),
}


# Of these the annotations can be read, and say nothing of where standard error goes.
READABLE = {"no pid", "pid 0", "an unknown status"}


def complaint(outcome, status, readable=True):
    """Why this is not a proper refusal, or None."""
    if outcome.status != status:
        return f"exit status {outcome.status}, expected {status}: {outcome.text!r}"
    lines = outcome.err.splitlines()
    if len(lines) != readable or outcome.out:
        return f"expected {int(readable)} lines on stderr: {outcome!r}"
    if readable and not (lines[0].startswith(f"socklid-hook: exit {status} (")
                         and lines[0].isascii() and len(lines[0]) < 400):
        return f"a line that is not only ours: {lines[0]!r}"
    story = last_refusal()
    if story["exit"] != status or not story["message"] or not story["message"].isprintable():
        return f"a story no terminal should be given: {story!r}"
    return None


def dead_pid():
    ended = subprocess.Popen(["true"])
    ended.wait()
    return ended.pid


@group("bad input: the state")
def _(session, record):
    _ = session.warm
    cases = {**BROKEN, "a dead pid": (ours(pid=dead_pid()), Exit.PROCESS)}
    with Unchanged():
        for name, (document, status) in cases.items():
            readable = status != Exit.STATE or name in READABLE
            record(f"bad input: {name}", complaint(hook(CREATE, document), status, readable))


@test("bad input: a pid of another container's cgroup")
def _(session):
    _ = session.warm
    with Unchanged():
        with session.crun.hold(Options(annotations=OURS)) as container:
            outcome = hook(CREATE, ours(pid=container.pid, id="socklid-test-other"))
            expect(complaint(outcome, Exit.CGROUP) is None, outcome)
            hook("poststop", state(id="socklid-test-other", status="stopped", pid=0))
            answers = container.exec("/probe", "connect.tcp4:127.0.0.1:9").out
            expect("EPERM" in answers, answers)


@test("bad input: an id with dots is an id")
def _(session):
    with Unchanged():
        outcome = hook(CREATE, ours(id="web.1..2_x", pid=dead_pid()))
        expect_equal(outcome.status, Exit.PROCESS, outcome.text)


@group("bad input: arguments")
def _(session, record):
    cases = {"no stage": [], "an unknown stage": ["startContainer"],
             "two stages": ["createRuntime", "poststop"], "an option": ["--help-me"]}
    with Unchanged():
        for name, stages in cases.items():
            outcome = hook(stages, ours())
            why = None if outcome.status == Exit.USAGE else f"{outcome!r}"
            record(f"bad input: {name}", why)


@test("bad input: standard input that is closed, or a directory")
def _(session):
    with Unchanged():
        closed = subprocess.run(f"{HOOK} createRuntime <&-", shell=True, check=False,
                                capture_output=True, timeout=60)
        expect(closed.returncode in (Exit.STATE, Exit.INTERNAL), closed)
        directory = run("sh", "-c", f"{HOOK} createRuntime </tmp", check=False)
        expect(directory.status in (Exit.STATE, Exit.INTERNAL), directory)


@test("bad input: poststop of a container nobody knows succeeds")
def _(session):
    with Unchanged():
        for changes in ({}, {"pid": ABSENT}, {"annotations": OURS}, {"annotations": ABSENT},
                        {"id": "x" * 200}):
            outcome = hook("poststop", state(**{"status": "stopped", **changes}))
            expect_equal(outcome.status, 0, outcome.text)
