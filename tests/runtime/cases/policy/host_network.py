# SPDX-License-Identifier: Apache-2.0
"""Containers in the host's network namespace: egress holds for their sockets and nobody else's.

Fails when: egress lets through what it does not name or stops what it names; a rule or a tracked
connection appears on the host; a socket of the host is hindered, or helps the container out.
"""

import re
import socket
from contextlib import contextmanager
from pathlib import Path

from harness.bundle import Options
from harness.check import check, compare, keys
from harness.commands import Exit, run
from harness.hook import last_refusal
from harness.network import CABLE, HOST4, HOST6, PEER4, PEER6, cabled
from harness.runner import expect, expect_equal, expect_in, test
from harness.runtimes import parse_probe
from harness.snapshot import ruleset
from harness.sockets import udp_socket

POLICY = keys(bind="tcp/8080 udp/8053", egress="udp/53 tcp/3306")
ALLOWED = [f"exchange.udp4:{PEER4}:53", f"exchange.udp6:{PEER6}:53", f"exchange.tcp4:{PEER4}:3306",
           f"exchange.tcp6:{PEER6}:3306", f"exchange.mapped:{PEER4}:3306"]
TCP_REFUSED = [f"connect.tcp4:{PEER4}:80", f"connect.tcp6:{PEER6}:80", f"connect.mapped:{PEER4}:80",
               f"send.fastopen:{PEER4}:80", f"connectfrom.tcp4:8080:{PEER4}:80",
               f"orphan/connect.tcp4:{PEER4}:80"]
UDP_REFUSED = [f"send.udp4:{PEER4}:5353", f"send.udp6:{PEER6}:5353", f"send.mappedudp:{PEER4}:5353",
               f"send.unspec:{PEER4}:5353"]


def on_host(annotations, **options):
    return Options(annotations=annotations, netns="host", **options)


def tracked():
    count = Path("/proc/sys/net/netfilter/nf_conntrack_count")
    return int(count.read_text()) if count.exists() else 0


def from_neighbour(session, *attempts):
    return parse_probe(session.network.from_neighbour(*attempts))


@test("on the host egress reaches what it names and refuses the rest at once")
def _(session):
    with cabled(session):
        before = ruleset(), tracked()
        for runtime in (session.crun, session.runc, session.podman):
            control = runtime.probe([*ALLOWED, *TCP_REFUSED, *UDP_REFUSED], on_host({}))
            compare(control, {attempt: "ok" for attempt in control if attempt != "status"})
            seen = runtime.probe([*ALLOWED, *TCP_REFUSED, *UDP_REFUSED], on_host(POLICY))
            compare(seen, {**{attempt: "ok" for attempt in ALLOWED},
                           **{attempt: "ECONNREFUSED" for attempt in TCP_REFUSED},
                           **{attempt: "EPERM" for attempt in UDP_REFUSED}})
        expect_equal((ruleset(), tracked()), before, "rules and tracked connections of the host")


@test("on the host otherwise: drop is silence")
def _(session):
    with cabled(session):
        check(session.crun, {**POLICY, **keys(otherwise="drop")},
              {f"connect.tcp4:{PEER4}:80": "ETIMEDOUT", f"connect.tcp6:{PEER6}:80": "ETIMEDOUT",
               f"connect.tcp4:{PEER4}:3306": "ok"}, netns="host")


@test("on the host a served port is answered, an unnamed one is not")
def _(session):
    with cabled(session):
        before = ruleset(), tracked()
        serve = [(["/probe", "serve.dual:8080"], POLICY),
                 (["/probe", "serve.mappedudp:8053"], POLICY),
                 (["/probe", "serve.dual:8090"], keys(egress="udp/53")),
                 (["/probe", "serve.mappedudp:8090"], keys(egress="udp/53"))]
        held = [session.crun.start(program, on_host(policy), ready="serving")
                for program, policy in serve]
        try:
            expected = {f"exchange.tcp4:{HOST4}:8080": "ok", f"exchange.tcp6:{HOST6}:8080": "ok",
                        f"exchange.udp4:{HOST4}:8053": "ok", f"exchange.udp6:{HOST6}:8053": "ok",
                        f"exchange.tcp4:{HOST4}:8090": "connect:ETIMEDOUT",
                        f"exchange.udp4:{HOST4}:8090": "answer:ETIMEDOUT"}
            compare(from_neighbour(session, *expected), expected)
            inspected = session.socklid("inspect", held[2].id).out
            expect_in("packet in", inspected, "denials of the unnamed server")
        finally:
            for container in held:
                container.remove()
        expect_equal((ruleset(), tracked()), before, "rules and tracked connections of the host")


@test("on the host a UDP server answers those who asked, and nobody else")
def _(session):
    with cabled(session):
        with session.crun.start(["/probe", "serve.mappedudp:8053"], on_host(POLICY),
                                ready="serving"):
            asked = f"exchange.udp4:{HOST4}:8053"
            compare(from_neighbour(session, asked), {asked: "ok"})
        # From the served port, to ports of the neighbour's that have not asked.
        unasked = {f"exchangefrom.udp4:8053:{PEER4}:5353": "send:EPERM",
                   f"exchangefrom.udp4:8053:{PEER4}:53": "ok"}
        compare(session.crun.probe(list(unasked), on_host({})), dict.fromkeys(unasked, "ok"))
        compare(session.crun.probe(list(unasked), on_host(POLICY)), unasked)


@test("on the host loopback is judged like any peer")
def _(session):
    with socket.create_server(("127.0.0.1", 8091)), socket.create_server(("127.0.0.1", 3306)):
        check(session.crun, POLICY, {"connect.tcp4:127.0.0.1:8091": "ECONNREFUSED",
                                     "connect.tcp4:127.0.0.1:3306": "ok"}, netns="host")


@test("on the host a socket of the host with the same mark goes its way")
def _(session):
    with cabled(session), session.crun.hold(on_host({**POLICY, **keys(mark="3")})) as container:
        seen = parse_probe(container.exec("/probe", "mark.tcp4", f"connect.tcp4:{PEER4}:80").out)
        compare(seen, {"mark.tcp4": "0x3", f"connect.tcp4:{PEER4}:80": "ECONNREFUSED"})
        with socket.socket() as ours:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 3)
            ours.settimeout(10)
            ours.connect((PEER4, 80))


@test("on the host a socket passed in chooses no peer")
def _(session):
    with cabled(session):
        attempts = [f"send.inherited:{PEER4}:53", f"connect.inherited:{PEER4}:5353"]
        for policy, answer in (({}, "ok"), (POLICY, "EPERM")):
            with udp_socket(netns=None) as passed:
                seen = session.crun.probe(attempts, on_host(policy, pass_fds=(passed,)))
            compare(seen, {attempt: answer for attempt in attempts})


@test("on the host egress without a mark marks nothing")
def _(session):
    compare(session.crun.probe(["mark.tcp4"], on_host(POLICY)), {"mark.tcp4": "0x0"})


@contextmanager
def administrator(rules):
    """A table of the administrator's, and how many packets of each of its counters there were."""
    run("nft", "-f", "-", stdin=rules)
    try:
        yield lambda: [int(count) for count in re.findall(
            r"counter packets (\d+)", run("nft", "list", "table", "netdev", "administrator").out)]
    finally:
        run("nft", "delete", "table", "netdev", "administrator")
        run("nft", "delete", "table", "inet", "administrator", check=False)


# Behind all that judges a packet: what is counted there is on its way to the neighbour.
LEAVING = f"""
table netdev administrator {{ chain leaving {{
  type filter hook egress device "{CABLE}" priority 0;
  ip protocol udp meta mark {{mark}} counter
  ip6 nexthdr udp meta mark {{mark}} counter
}}
}}
""".replace("{mark}", "%s")
CHANGING = """
table inet administrator { chain out {
  type route hook output priority mangle;
  meta l4proto { tcp, udp } meta mark set 0x4000
}
}
"""
LISTS = keys(connect="udp/53 tcp/3306", bind="tcp/8080")
SECOND = [f"cmsg.second:{PEER4}:53", f"cmsg.second6:{PEER6}:53"]


@test("on the host a second message of sendmmsg gets no mark past a policy without one")
def _(session):
    with cabled(session), administrator(LEAVING % ("0x77", "0x77")) as counts:
        compare(session.crun.probe(SECOND, on_host({})), dict.fromkeys(SECOND, "ok"))
        expect_equal(counts(), [1, 1], "marked packets without a policy")
        for policy in (LISTS, POLICY, {**LISTS, **keys(mark="3")}):
            compare(session.crun.probe(SECOND, on_host(policy)), dict.fromkeys(SECOND, "second:EPERM"))
        expect_equal(counts(), [1, 1], "marked packets under a policy")


@test("on the host the administrator's rules may change marks")
def _(session):
    with cabled(session), administrator(LEAVING % ("0x4000", "0x4000") + CHANGING) as counts:
        for policy in ({}, LISTS, POLICY):
            before = counts()
            compare(session.crun.probe(ALLOWED, on_host(policy)), dict.fromkeys(ALLOWED, "ok"))
            expect(all(now > then for now, then in zip(counts(), before)), f"changed: {counts()}")
        # A container that has asked for a mark of its own, unseen, is held to its sockets' marks.
        cheat = [SECOND[0], f"send.udp4:{PEER4}:53"]
        compare(session.crun.probe(cheat, on_host(LISTS)), {cheat[0]: "second:EPERM",
                                                            cheat[1]: "EPERM"})


@test("on the host sctp is refused by name")
def _(session):
    outcome = session.runc.run(["/probe", "create.unix"], on_host(keys(egress="sctp/443")))
    found = re.search(r"exit status (\d+)", outcome.text)
    expect(found and int(found[1]) == Exit.UNSUPPORTED, outcome)
    expect_in("io.socklid.egress: ", outcome.text, "runc")
    expect_in("sctp", last_refusal()["message"], "the refusal")
    expect_in("host's network namespace", last_refusal()["message"], "the refusal")


@test("with the host's network the other keys work")
def _(session):
    check(session.crun, keys(connect="deny", bind="tcp/80", mark="3"),
          {"connect.tcp4:127.0.0.1:9": "EPERM", "bind.tcp4:81": "EPERM", "mark.tcp4": "0x3"},
          netns="host")
