# SPDX-License-Identifier: Apache-2.0
"""Sockets made outside the container and passed in, as a service manager or a runtime does it.

Fails when: a listener passed in stops accepting under create: deny; a socket passed in may be used
for what the policy denies.
"""

from harness.bundle import Options
from harness.check import compare, keys
from harness.network import CONTAINER4, CONTAINER6, NEIGHBOUR4
from harness.runner import expect, group, test
from harness.runtimes import parse_probe
from harness.sockets import listener, udp_socket

DENIED = "EPERM"


def answers_neighbour(session, kind, address):
    attempt = f"exchange.{kind}:{address}:80"
    seen = parse_probe(session.network.from_neighbour(attempt))
    expect(seen.get(attempt) == "ok", f"{attempt}: {seen}")


@group("a listener passed in")
def _(session, record):
    for runtime in (session.crun, session.runc, session.podman):
        name = f"under create: deny a listener passed in keeps accepting [{runtime.name}]"
        with listener(80) as passed:
            options = Options(annotations=keys(create="deny"), pass_fds=(passed,))
            with runtime.start(["/probe", "create.tcp4", "serve.inherited"], options,
                               ready="serving") as container:
                try:
                    answers_neighbour(session, "tcp4", CONTAINER4)
                    answers_neighbour(session, "tcp6", CONTAINER6)
                    expect("create.tcp4 EPERM" in container.output, container.output)
                    record(name)
                except AssertionError as error:
                    record(name, str(error))


@test("accept: deny refuses accept on a listener passed in")
def _(session):
    for annotations, answer in (({}, "EAGAIN"), (keys(accept="deny"), DENIED)):
        with listener(80) as passed:
            options = Options(annotations=annotations, pass_fds=(passed,))
            compare(session.crun.probe(["accept.inherited"], options), {"accept.inherited": answer})


@test("a socket passed in is judged where it is used")
def _(session):
    peer = f"{NEIGHBOUR4}:53"
    attempts = [f"send.inherited:{peer}", f"connect.inherited:{peer}", "mark.inherited"]
    for annotations, answer in (({}, "ok"), (keys(connect="deny", mark="3"), DENIED)):
        with udp_socket() as passed:
            options = Options(annotations=annotations, pass_fds=(passed,))
            seen = session.crun.probe(attempts, options)
        compare(seen, {attempts[0]: answer, attempts[1]: answer, "mark.inherited": "0x0"})


@test("a datagram socket passed in answers nobody under mark or egress")
def _(session):
    attempt = f"send.inherited:{NEIGHBOUR4}:53"
    for annotations, answer in ((keys(bind="tcp/80"), "ok"), (keys(mark="3"), DENIED),
                                (keys(egress="udp", bind="udp/53"), DENIED)):
        with udp_socket() as passed:
            seen = session.crun.probe([attempt], Options(annotations=annotations, pass_fds=(passed,)))
        compare(seen, {attempt: answer})


@test("bind, listen and shutdown on a socket passed in are denied too")
def _(session):
    policy = keys(bind="tcp/80", listen="deny", shutdown="deny")
    for annotations, answer in (({}, "ok"), (policy, DENIED)):
        with listener(None) as passed:
            options = Options(annotations=annotations, pass_fds=(passed,))
            seen = session.crun.probe(["bind.inherited:81", "listen.inherited",
                                       "shutdown.inherited"], options)
        compare(seen, {"bind.inherited:81": answer, "listen.inherited": answer,
                       "shutdown.inherited": answer})
