# SPDX-License-Identifier: Apache-2.0
"""From the hook to the last poststop: idempotent, complete, and safe against a late one.

Fails when: a link, pin, map, table, record or cgroup stays after a container; a second hook or
poststop fails or harms; a late poststop of an old container touches a new one of the same id.
"""

from harness.bundle import Options
from harness.check import compare, keys
from harness.commands import run, wait_until
from harness.hook import hook, state
from harness.network import INSIDE
from harness.runner import Cell, expect, expect_equal, group, test, why_not
from harness.runtimes import Container, next_name, parse_probe
from harness.session import EVERYTHING
from harness.snapshot import Unchanged, ruleset, take

POLICY = keys(connect="deny", shutdown="deny", mark="3", egress="udp/53")
ATTEMPT = "connect.tcp4:127.0.0.1:9"


def enforced(container):
    return parse_probe(container.exec("/probe", ATTEMPT).out) == {ATTEMPT: "EPERM"}


def poststop(identifier):
    return hook("poststop", state(id=identifier, status="stopped", pid=0))


@group("removal")
def _(session, record):
    _ = session.warm
    for runtime in session.runtimes:
        record(f"after a container the node is as before [{runtime.name}]",
               why_not(lambda: check_removal(runtime)),
               Cell("removal", "complete", runtime.name))


def check_removal(runtime):
    with Unchanged():
        with runtime.hold(Options(annotations=dict(EVERYTHING))):
            during = take()
        expect(any("containers/" in pin for pin in during["pins"]), "no pins while it ran")
        expect("socklid" in during["rules of the container's namespace"], "no rules")


@test("the hook called twice for one container changes nothing the second time")
def _(session):
    _ = session.warm
    with Unchanged():
        options = Options(annotations=POLICY, stages=("poststop",))
        with session.crun.hold(options) as container:
            document = state(pid=container.pid, id=container.id, annotations=POLICY)
            first = hook("createRuntime", document)
            expect_equal(first.status, 0, first.text)
            expect(enforced(container), "not enforced after the first call")
            second = hook("createRuntime", document)
            expect_equal(second.status, 0, second.text)
            expect(enforced(container), "not enforced after the second call")
            expect_equal(ruleset(INSIDE).count("table inet socklid"), 1, "tables")


@test("poststop may come twice")
def _(session):
    _ = session.warm
    with Unchanged():
        with session.crun.hold(Options(annotations=POLICY)) as container:
            identifier = container.id
        for _ in range(2):
            outcome = poststop(identifier)
            expect_equal(outcome.status, 0, outcome.text)


@test("what a poststop that never came left behind is collected by the next container")
def _(session):
    _ = session.warm
    with Unchanged():
        with session.crun.hold(Options(annotations=POLICY, stages=("createRuntime",))):
            pass
        session.crun.run(["/probe", "create.unix"], Options(annotations=POLICY))


def hold_as(session, name, options):
    """A container of a given id."""
    runtime = session.crun
    command = runtime.command(name, ["/probe", "wait.term"], options)
    container = Container(runtime, name, command, options)
    container.wait_for("waiting ok")
    return container


@test("a restart with the same id, and the late poststop of the old one")
def _(session):
    _ = session.warm
    name = next_name()
    with Unchanged():
        options = Options(annotations=POLICY, stages=("createRuntime",))
        hold_as(session, name, options).remove()
        with hold_as(session, name, Options(annotations=POLICY)) as container:
            expect(enforced(container), "the new one is not under its policy")
            outcome = poststop(name)
            expect_equal(outcome.status, 0, outcome.text)
            expect(enforced(container), "the late poststop took the new one's policy away")
            expect("table inet socklid" in ruleset(INSIDE), "the new one's rules are gone")


@test("poststop runs without any environment and without a process")
def _(session):
    _ = session.warm
    with Unchanged():
        with session.crun.hold(Options(annotations=POLICY, stages=("createRuntime",))) as container:
            identifier = container.id
        outcome = hook("poststop", state(id=identifier, status="stopped", pid=0, annotations={}),
                       environment={})
        expect_equal((outcome.status, outcome.out), (0, ""), outcome.text)


@test("a network namespace that is gone before poststop is no obstacle")
def _(session):
    _ = session.warm
    options = {"annotations": POLICY, "netns": "new"}
    with Unchanged():
        for runtime in session.runtimes:
            with runtime.hold(Options(**options)) as container:
                expect(enforced(container), runtime.name)


@test("two containers at once have a policy each")
def _(session):
    _ = session.warm
    with Unchanged():
        first = Options(annotations=keys(connect="deny"), netns="new")
        second = Options(annotations=keys(create_udp="deny"), netns="new")
        attempts = [ATTEMPT, "create.udp4"]
        with session.crun.hold(first) as one, session.runc.hold(second) as two:
            compare(parse_probe(one.exec("/probe", *attempts).out),
                    {ATTEMPT: "EPERM", "create.udp4": "ok"})
            seen = parse_probe(two.exec("/probe", *attempts).out)
            expect(seen["create.udp4"] == "EPERM" and seen[ATTEMPT] != "EPERM", seen)


@test("a process outside every container is under no policy")
def _(session):
    with session.crun.hold(Options(annotations=dict(EVERYTHING))):
        seen = parse_probe(run(session.probe, ATTEMPT, "create.packet", "shutdown.tcp4",
                               "netlink.read", "bpf").out)
        compare(seen, {ATTEMPT: "ECONNREFUSED", "create.packet": "ok", "shutdown.tcp4": "ENOTCONN",
                       "netlink.read": "ok", "bpf": "ok"})


@test("a podman container that is restarted is under its policy again")
def _(session):
    _ = session.warm
    podman, name = session.podman, next_name()
    with Unchanged():
        command = podman.command(name, ["/probe", "wait.term"], Options(annotations=POLICY))
        command = [word for word in command if word != "--rm"]
        command.insert(command.index("run") + 1, "--detach")
        run(*command)
        try:
            for _ in range(2):
                answer = run(*podman.exec_command(name), "/probe", ATTEMPT).out
                expect(f"{ATTEMPT} EPERM" in answer, answer)
                run(*podman.base, "restart", "--time", "1", name)
                wait_until(lambda: podman.inspect(name)["State"]["Running"], "it runs again")
        finally:
            podman.delete(name)
