# SPDX-License-Identifier: Apache-2.0
"""What each key means, exactly (Exact semantics, DESIGN.md).

Fails when: a policy lets through what it must not or stops what it must not; a descendant of the
container's first process, an exec, a nested cgroup, io_uring or a 32-bit call escapes it.
"""

from harness.bundle import Options
from harness.check import check, compare, keys
from harness.network import CONTAINER4, CONTAINER6, NEIGHBOUR4, NEIGHBOUR6
from harness.runner import group, test
from harness.runtimes import parse_probe

DENIED = "EPERM"
PLACES = ("child", "grandchild", "orphan", "exec", "thread", "nested", "nobody", "userns", "netns",
          "uring", "compat", "orphan/exec/grandchild", "nested/orphan", "exec/compat")


@test("children, orphans, nested cgroups, io_uring and 32-bit calls are all under the policy")
def _(session):
    attempts = [f"{place}/create.udp4" for place in PLACES]
    for runtime in (session.crun, session.runc):
        check(runtime, keys(create_udp="deny"), {attempt: DENIED for attempt in attempts})


@test("connect by io_uring and by 32-bit calls is connect")
def _(session):
    peer = f"{NEIGHBOUR4}:80"
    attempts = [f"{way}/{attempt}" for way in ("uring", "compat") for attempt in
                (f"connect.tcp4:{peer}", f"send.udp4:{NEIGHBOUR4}:53")]
    check(session.crun, keys(connect="deny"), {attempt: DENIED for attempt in attempts})


@group("exec into a container")
def _(session, record):
    for runtime in session.runtimes:
        options = Options(annotations=keys(create_udp="deny"))
        with runtime.hold(options) as container:
            answers = parse_probe(container.exec("/probe", "create.udp4", "create.tcp4",
                                                 "orphan/create.udp6").out)
        try:
            compare(answers, {"create.udp4": DENIED, "create.tcp4": "ok",
                              "orphan/create.udp6": DENIED})
            record(f"an exec is under the container's policy [{runtime.name}]")
        except AssertionError as error:
            record(f"an exec is under the container's policy [{runtime.name}]", str(error))


@test("bind with a list allows exactly its ports, on IPv4, IPv6 and dual-stack sockets")
def _(session):
    allowed = [f"bind.{kind}:{port}" for kind in ("tcp4", "tcp6", "dual") for port in (80, 443)]
    allowed += [f"listen.{kind}:443" for kind in ("tcp4", "tcp6", "dual")]
    allowed += [f"bind.tcp4:{CONTAINER4}:80", f"bind.tcp6:{CONTAINER6}:80",
                f"bind.mapped:{CONTAINER4}:443", "bind.udp4:0", "bind.udp6:0"]
    denied = [f"bind.{kind}:{port}" for kind in ("tcp4", "tcp6", "dual")
              for port in (79, 81, 442, 444, 8080, 65535)]
    denied += ["bind.udp4:80", "bind.udp6:443", f"bind.mapped:{CONTAINER4}:81",
               f"bind.tcp4:{CONTAINER4}:81", "bind.tcp4:127.0.0.1:22"]
    check(session.crun, keys(bind="tcp/80 tcp/443"),
          {**{attempt: "ok" for attempt in allowed}, **{attempt: DENIED for attempt in denied}})


@test("listening on an unnamed or ephemeral port is a bind")
def _(session):
    attempts = ["listen.unnamed", "listen.unnamed6", "listen.ephemeral", "listen.ephemeral6"]
    for value in ("deny", "tcp/80"):
        check(session.crun, keys(bind=value), {attempt: DENIED for attempt in attempts})


@test("tcp@127.0.0.1 in bind is for programs that listen on loopback wherever there is room")
def _(session):
    room = ["listen.tcp4:127.0.0.1:0", "listen.tcp4:127.0.0.1:40001"]
    elsewhere = ["listen.ephemeral", f"listen.tcp4:{CONTAINER4}:0", "listen.tcp6:::1:0", "listen.tcp4:40001"]
    check(session.crun, keys(bind="tcp/8888 tcp@127.0.0.1"), {**{one: "ok" for one in ["listen.tcp4:8888", *room]},
                                                              **{one: f"bind:{DENIED}" for one in elsewhere}})
    check(session.crun, keys(bind="tcp/8888"), {room[0]: DENIED, room[1]: f"bind:{DENIED}"})


@test("bind: deny leaves datagram sockets the port that autobind would give them")
def _(session):
    check(session.crun, keys(bind="deny"),
          {"bind.udp4:0": "ok", "bind.udp6:0": "ok", "bind.udp4:53": DENIED, "bind.tcp4:80": DENIED,
           f"exchange.udp4:{NEIGHBOUR4}:53": "ok", f"exchange.tcp4:{NEIGHBOUR4}:80": "ok"})


@test("a bind list may name addresses and ranges")
def _(session):
    policy = keys(bind=f"tcp/80@{CONTAINER4} udp/5000-5010@fd99::/64 tcp/90@::")
    check(session.crun, policy,
          {f"bind.tcp4:{CONTAINER4}:80": "ok", f"bind.mapped:{CONTAINER4}:80": "ok",
           "bind.tcp4:80": DENIED, "bind.tcp6:80": DENIED, "bind.tcp4:127.0.0.1:80": DENIED,
           f"bind.udp6:{CONTAINER6}:5000": "ok", f"bind.udp6:{CONTAINER6}:5010": "ok",
           f"bind.udp6:{CONTAINER6}:5011": DENIED, "bind.udp6:5000": DENIED,
           "bind.tcp6:90": "ok", "bind.tcp4:90": DENIED})


@test("connect: deny covers every way to choose a peer")
def _(session):
    n4, n6 = NEIGHBOUR4, NEIGHBOUR6
    attempts = [f"connect.tcp4:{n4}:80", f"connect.tcp6:{n6}:80", f"connect.mapped:{n4}:80",
                f"connect.udp4:{n4}:53", f"connect.udp6:{n6}:53", f"connect.mappedudp:{n4}:53",
                f"connect.fastopen:{n4}:80", f"send.fastopen:{n4}:80", f"send.fastopen6:{n6}:80",
                f"send.udp4:{n4}:53", f"send.udp6:{n6}:53", f"send.unspec:{n4}:53",
                f"send.mappedudp:{n4}:53", f"send.inet-on-6:{n4}:53", "send.udp4:127.0.0.1:9",
                "connect.tcp4:127.0.0.1:9", "connect.tcp6:::1:9", "connect.udp4:127.0.0.1:9"]
    expected = {attempt: DENIED for attempt in attempts}
    check(session.crun, keys(connect="deny"), {**expected, "unix": "ok", "bind.tcp4:80": "ok"})


@test("create: deny stops every network socket; unix and reading routes stay")
def _(session):
    check(session.crun, keys(create="deny"),
          {"create.tcp4": DENIED, "create.tcp6": DENIED, "create.udp4": DENIED,
           "create.udp6": DENIED, "create.udplite": DENIED, "create.mptcp": "EPROTONOSUPPORT",
           "create.raw": "EPROTONOSUPPORT", "create.ping": "EPROTONOSUPPORT",
           "create.packet": "EAFNOSUPPORT", "create.netlink-netfilter": "EPROTONOSUPPORT",
           "create.netlink-route": "ok", "netlink.read": "ok", "netlink.write": DENIED,
           "create.unix": "ok", "unix": "ok"})


@test("create.tcp: deny covers MPTCP, create.udp: deny covers UDP-Lite")
def _(session):
    check(session.crun, keys(create_tcp="deny"),
          {"create.tcp4": DENIED, "create.tcp6": DENIED, "create.mptcp": "EPROTONOSUPPORT",
           "create.mptcp6": "EPROTONOSUPPORT", "create.udp4": "ok", "create.udplite": "ok"})
    check(session.crun, keys(create_udp="deny"),
          {"create.udp4": DENIED, "create.udp6": DENIED, "create.udplite": DENIED,
           "create.udplite6": DENIED, "create.tcp4": "ok", "create.mptcp": "EPROTONOSUPPORT"})


@test("the stricter of create and create.tcp wins")
def _(session):
    check(session.crun, keys(create="deny", create_tcp="allow"), {"create.tcp4": DENIED})
    check(session.crun, keys(create="allow", create_udp="deny"),
          {"create.udp4": DENIED, "create.tcp4": "ok"})


@test("families names what is open, and closes the rest")
def _(session):
    closed = "EAFNOSUPPORT"
    check(session.crun, keys(families="inet unix"),
          {"create.tcp4": "ok", "create.tcp6": closed, "create.netlink-route": closed,
           "create.packet": closed, "unix": "ok"})
    check(session.crun, keys(families="inet inet6 netlink packet raw netlink-audit"),
          {"create.packet": "ok", "create.raw": "ok", "create.raw6": "ok", "netlink.read": "ok",
           "create.netlink-audit": "ok", "create.netlink-netfilter": "EPROTONOSUPPORT",
           "create.mptcp": "EPROTONOSUPPORT"})


@test("a policy as one JSON document means the same as its keys")
def _(session):
    policy = {"io.socklid.policy": '{"connect": "deny", "bind": ["tcp/80"], "mark": "0x3"}'}
    check(session.crun, policy,
          {f"connect.tcp4:{NEIGHBOUR4}:80": DENIED, "bind.tcp4:80": "ok", "bind.tcp4:81": DENIED,
           "mark.tcp4": "0x3"})


@test("prestart, the older name of the stage, does the same")
def _(session):
    options = Options(annotations=keys(connect="deny"), stages=("prestart", "poststop"))
    compare(session.crun.probe(["connect.tcp4:127.0.0.1:9"], options),
            {"connect.tcp4:127.0.0.1:9": DENIED})


@test("a key for a container of the pod is for that container")
def _(session):
    attempt = "connect.tcp4:127.0.0.1:9"
    for name, answer in (("web", "EPERM"), ("db", "ECONNREFUSED")):
        policy = {"io.kubernetes.cri.container-name": name, "io.socklid.connect/web": "deny",
                  "io.socklid.mark": "3"}
        check(session.crun, policy, {attempt: answer, "mark.tcp4": "0x3"})
