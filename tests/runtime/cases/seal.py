# SPDX-License-Identifier: Apache-2.0
"""io.socklid.seal: what holds before, what seals, and that nothing opens it again.

Fails when: a verb is refused before the seal or let through after it; what is closed from the start
is open before it; a listen that fails, or another one than was named, seals; a thread, a child, a
daemon or a process from outside finds a way around the seal; or when list, inspect and events say
something else.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from harness.bundle import Options
from harness.check import keys, several
from harness.commands import SOCKLID, TOP, run, wait_until
from harness.network import CONTAINER4, NEIGHBOUR4
from harness.runner import Failure, Skip, expect, expect_equal, group, test

STEPS = TOP / "tests/runtime/software/steps.py"
DENIED = "EPERM"
PORT, OTHER, DOOR = 8080, 8443, 10999


@dataclass
class Scene:
    """`steps`: "STEP" must be ok, "STEP -> ERRNO" must be refused so."""
    name: str
    policy: dict
    steps: list
    by: str = ""                       # what seals it, at the end; "": nothing
    under: tuple = field(default=("crun",))


LISTENING = [f"tcp4 web", f"bind web 0.0.0.0 {PORT}", "listen web"]
CONNECTED = ["tcp4 visitor", f"connect visitor {CONTAINER4} {PORT}", "accept web guest",
             "exchange visitor guest"]

SCENES = [
    Scene("create: deny, seal: listen", keys(create="deny", seal="listen"), [
        "tcp4 web", f"bind web 0.0.0.0 {PORT}", "tcp4 idle", "tcp6 idle6", "udp4 idle_udp",
        "tcp4 twin", f"bind twin 0.0.0.0 {PORT}", "listen idle_udp -> ENOTSUP", "tcp4 still_open",
        "listen web", "listen twin -> " + DENIED,
        f"tcp4 late -> {DENIED}", f"tcp6 late -> {DENIED}", f"udp4 late -> {DENIED}",
        f"connect idle {NEIGHBOUR4} 80 -> {DENIED}", f"bind idle 0.0.0.0 {DOOR} -> {DENIED}",
        f"listen idle -> {DENIED}", f"listen idle6 -> {DENIED}",
        f"send_to idle_udp {NEIGHBOUR4} 53 -> {DENIED}",
        f"bind idle_udp 0.0.0.0 {DOOR} -> {DENIED}",
        f"connect idle_udp {NEIGHBOUR4} 53 -> {DENIED}", "listen web", "unix local",
    ], by="listen", under=("crun", "runc", "podman")),
    Scene("a listen that fails does not seal", keys(create="deny", seal="listen"), [
        "tcp4 first", f"bind first {CONTAINER4} {PORT}", "tcp4 second",
        f"bind second {CONTAINER4} {PORT}", "udp4 datagrams", "listen datagrams -> ENOTSUP",
        "unix local", "tcp4 free",
    ]),
    Scene("seal: listen with ports and addresses",
          keys(create="deny", seal=f"listen tcp/{PORT} tcp/{OTHER}@127.0.0.1 tcp/{OTHER}@::1"), [
        "tcp4 other", f"bind other 0.0.0.0 {DOOR}", "listen other", "tcp4 any",
        f"bind any {CONTAINER4} {OTHER}", "listen any", "tcp6 six", f"bind six :: {PORT}",
        "listen six", "tcp4 four", f"bind four 127.0.0.1 {OTHER}", "listen four", "tcp6 last",
        f"bind last ::1 {OTHER}", "tcp4 free", "listen last", f"tcp4 late -> {DENIED}",
    ], by="listen"),
    Scene("connect, bind, listen, accept and shutdown: deny, seal: listen",
          keys(connect="deny", bind="deny", listen="deny", accept="deny", shutdown="deny",
               seal=f"listen tcp/{OTHER}"), [
        *LISTENING, *CONNECTED, "shutdown visitor", "tcp4 idle", "tcp4 door", "tcp4 more",
        f"connect more {CONTAINER4} {PORT}",
        f"bind door 0.0.0.0 {OTHER}", "listen door", "tcp4 made", f"accept web new -> {DENIED}",
        f"connect idle {CONTAINER4} {PORT} -> {DENIED}", f"bind made 0.0.0.0 {DOOR} -> {DENIED}",
        f"listen web -> {DENIED}", f"shutdown guest -> {DENIED}", "tcp4 free",
    ], by="listen"),
    Scene("what is closed from the start is closed before the seal",
          keys(connect="deny", egress="udp/53", seal="manual"), [
        "tcp4 web", f"bind web 0.0.0.0 {PORT}", "listen web",
        f"connect web {NEIGHBOUR4} 3306 -> EISCONN", "tcp4 out",
        f"connect out {NEIGHBOUR4} 3306 -> ECONNREFUSED",
    ]),
    Scene("seal: accept", keys(create="deny", seal="accept"), [
        *LISTENING, "tcp4 idle", "tcp4 visitor", f"connect visitor {CONTAINER4} {PORT}",
        "tcp4 still_open", "accept web guest", f"tcp4 late -> {DENIED}",
        f"connect idle {CONTAINER4} {PORT} -> {DENIED}", "exchange visitor guest", "listen web",
    ], by="accept", under=("crun", "runc", "podman")),
    Scene("seal: 3s", keys(create="deny", seal="3s"), [
        *LISTENING, "tcp4 early", f"until {DENIED} tcp4 late", f"udp4 late -> {DENIED}",
        f"connect early {CONTAINER4} {PORT} -> {DENIED}",
    ], by="time", under=("crun", "runc", "podman")),
    Scene("children, sessions and other programs are sealed", keys(create="deny", seal="listen"), [
        *LISTENING, "daemon", f"tcp4 late -> {DENIED}", f"udp6 late -> {DENIED}", "unix local",
    ], by="listen"),
    Scene("what a daemon does seals all", keys(create="deny", seal="listen"), [
        "daemon", *LISTENING, f"tcp4 late -> {DENIED}",
    ], by="listen"),
    Scene("two listens at the same time seal together",
          keys(create="deny", seal=f"listen tcp/{PORT} tcp/{OTHER}"), [
        "tcp4 web", f"bind web 0.0.0.0 {PORT}", "tcp4 other", f"bind other 0.0.0.0 {OTHER}",
        "both web other", f"tcp4 late -> {DENIED}",
    ], by="listen"),
    Scene("threads do not overtake the seal", keys(create="deny", seal="listen"), [
        "tcp4 web", f"bind web 0.0.0.0 {PORT}", "race web", f"tcp4 late -> {DENIED}",
    ], by="listen"),
]


def root():
    tree = os.environ.get("SOCKLID_ROOTFS")
    if not tree or not Path(tree, "usr/bin/python3").exists():
        raise Skip("no SOCKLID_ROOTFS with python3 in it (tests/vm/rootfs)")
    return Path(tree)


def command(*steps):
    return ["python3", "-S", "-B", "-c", STEPS.read_text(), "1", *steps]


def split(step):
    """(the step, the expected answer)"""
    words, separator, answer = step.rpartition(" -> ")
    return (words, answer) if separator else (step, "ok")


def start(runtime, scene, tree, *more):
    steps = [split(step)[0] for step in scene.steps]
    return runtime.start(command(*steps, *more), Options(annotations=scene.policy, rootfs=tree))


def status(container_id):
    """What list says of its seal."""
    listed = json.loads(run(SOCKLID, "list", "--json").out)
    return next(line["seal"] for line in listed if line["id"] == container_id)


def told(container):
    """Events of this container since the last time."""
    lines = run(SOCKLID, "events", "--json").out.splitlines()
    return [event for event in map(json.loads, lines) if event["container"] == container.id]


def play(runtime, scene, tree):
    run(SOCKLID, "events")  # those of before
    container = start(runtime, scene, tree, "wait")
    try:
        container.wait_for("waiting")
        answers = dict(line.split(" ", 1) for line in container.output if line[:1].isdigit())
        wrong = []
        for number, (step, answer) in enumerate(map(split, scene.steps), 1):
            if answers.get(str(number)) != answer:
                wrong.append(f"{step}: {answers.get(str(number))}, expected {answer}")
        expect(not wrong, several(wrong))
        state = status(container.id)
        expect_equal(state["sealed"], bool(scene.by), str(state))
        events = told(container)
        if scene.by:
            expect_equal(state["by"], scene.by, str(state))
            expect_equal([event["by"] for event in events], [scene.by], str(events))
            late = container.exec(*command("tcp4 late"), check=False)
            allowed = scene.policy.get("io.socklid.create") != "deny"
            expect_equal(late.out.strip(), "1 ok" if allowed else f"1 {DENIED}", "exec afterwards")
        else:
            expect_equal(events, [], "events")
    finally:
        container.remove()


@group("seal")
def _(session, record):
    _ = session.warm
    runtimes = {"crun": session.crun, "runc": session.runc, "podman": session.podman}
    tree = root()
    for scene in SCENES:
        for name in scene.under:
            label = f"seal: {scene.name} [{name}]"
            try:
                play(runtimes[name], scene, tree)
                record(label)
            except Failure as error:
                record(label, str(error))


@test("socklid seal seals at once, once and for all, and says so")
def _(session):
    _ = session.warm
    scene = Scene("", keys(create="deny", seal="manual"), ["tcp4 before", "wait",
                                                           f"tcp4 after -> {DENIED}"])
    with start(session.crun, scene, root(), "wait") as container:
        container.wait_for("waiting")
        expect_equal(status(container.id), {"sealed": False, "waits_for": "socklid seal"}, "list")
        first = run(SOCKLID, "seal", container.id).out
        expect(" by hand" in first, first)
        expect_equal(run(SOCKLID, "seal", container.id).out, first, "the second time")
        expect(" by hand" in run(SOCKLID, "inspect", container.id).out, "inspect")
        expect_equal([event["by"] for event in told(container)], ["hand"], "events")
        run(session.crun.binary, "kill", container.name, "USR1")
        container.wait_for(f"3 {DENIED}")


@test("socklid seal of a container without a seal, and of none")
def _(session):
    with session.crun.hold(Options(annotations=keys(create="deny"))) as container:
        said = run(SOCKLID, "seal", container.id).out
        expect_equal(said, f"{container.id}: from the start\n", "seal")
    outcome = run(SOCKLID, "seal", "no-such-container", check=False)
    expect_equal(outcome.status, 1, outcome.text)


@test("the time of a seal begins with the container's program, not with its creation")
def _(session):
    runtime = session.crun
    scene = Scene("", keys(create="deny", seal="2s"), ["tcp4 first", f"until {DENIED} tcp4 late"])
    options = Options(annotations=scene.policy, rootfs=root())
    name = f"socklid-seal-{os.getpid()}"
    steps = [split(step)[0] for step in scene.steps]
    bundle = runtime.bundle(name, command(*steps, "wait"), options)
    expect_equal(runtime.create(name, bundle).status, 0, "create")
    try:
        expect_equal(status(name)["waits_for"], "the program's start", "before the start")
        run(runtime.binary, "start", name)
        wait_until(lambda: status(name)["sealed"], "the time is over", 60)
    finally:
        runtime.delete(name)
