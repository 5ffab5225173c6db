# SPDX-License-Identifier: Apache-2.0
"""Marks read back from packets that really leave the container's namespace.

Fails when: a packet of a socket of the container, as client or as server, leaves without the
container's mark; the mark differs from the annotation's; a program inside can change it.
"""

from harness.bundle import Options
from harness.check import check, compare, keys
from harness.commands import TIMEOUT, wait_until
from harness.network import (CONTAINER4, CONTAINER6, INSIDE, NEIGHBOUR4, NEIGHBOUR6, MarkWitness,
                             in_netns)
from harness.runner import Cell, expect, group, test
from harness.runtimes import parse_probe

CLIENT = [f"exchange.tcp4:{NEIGHBOUR4}:80", f"exchange.tcp6:{NEIGHBOUR6}:80",
          f"exchange.udp4:{NEIGHBOUR4}:53", f"exchange.udp6:{NEIGHBOUR6}:53",
          f"exchange.mapped:{NEIGHBOUR4}:3306", f"send.fastopen:{NEIGHBOUR4}:80",
          f"orphan/exchange.tcp4:{NEIGHBOUR4}:80", f"uring/send.udp4:{NEIGHBOUR4}:53"]
SERVER = [f"exchange.tcp4:{CONTAINER4}:80", f"exchange.tcp6:{CONTAINER6}:80"]


def check_counts(counts, what):
    marked4, other4, marked6, other6 = counts
    expect(marked4 > 0 and marked6 > 0, f"{what}: no marked packets: {counts}")
    expect(other4 == 0 and other6 == 0, f"{what}: packets without the mark: {counts}")


def check_unmarked(counts):
    marked4, other4, marked6, other6 = counts
    expect(marked4 == marked6 == 0 and other4 and other6, f"without a policy: {counts}")


def connections():
    """Those that would still send by themselves, if their program is gone: not TIME-WAIT (06) nor
    listeners (0A), as in /proc/net/tcp (net/ipv4/tcp_ipv4.c, get_tcp4_sock)."""
    lines = in_netns(INSIDE, "cat", "/proc/net/tcp", "/proc/net/tcp6").out.splitlines()
    return [line for line in lines if line.split()[3] not in ("st", "06", "0A")]


def as_client(runtime, annotations, mark):
    with MarkWitness(mark) as witness:
        seen = runtime.probe(CLIENT, Options(annotations=annotations))
        compare(seen, {attempt: "ok" for attempt in CLIENT})
        wait_until(lambda: not connections(), "its connections are over", TIMEOUT)
        return witness.counts()


def as_server(session, runtime, annotations, mark):
    with MarkWitness(mark) as witness:
        with runtime.start(["/probe", "serve.dual:80"], Options(annotations=annotations),
                           ready="serving"):
            seen = parse_probe(session.network.from_neighbour(*SERVER))
            compare(seen, {attempt: "ok" for attempt in SERVER})
            return witness.counts()


@group("marks on the wire")
def _(session, record):
    for runtime in session.runtimes:
        name = f"every packet of a client and of a server carries the mark [{runtime.name}]"
        try:
            check_unmarked(as_client(runtime, {}, 3))
            check_counts(as_client(runtime, keys(mark="3"), 3), "client")
            check_counts(as_server(session, runtime, keys(mark="3"), 3), "server")
            record(name, None, Cell("mark", "set", runtime.name))
        except AssertionError as error:
            record(name, str(error), Cell("mark", "set", runtime.name))


@test("a mark may be hexadecimal, large, and have a mask")
def _(session):
    for value, mark in (("0x3", "0x3"), ("16777215", "0xffffff"),
                        ("0x5c000000/0xff000000", "0x5c000000")):
        check(session.crun, keys(mark=value), {"mark.tcp4": mark, "mark.udp6": mark,
                                               "mark.accepted:8080": mark})


@test("MPTCP carries the mark where it is open")
def _(session):
    attempt = f"exchange.mptcp:{NEIGHBOUR4}:80"
    with MarkWitness(3) as witness:
        compare(session.crun.probe([attempt], Options(annotations=keys(mark="3"))), {attempt: "ok"})
        marked, other, _, _ = witness.counts()
    expect(marked > 0 and other == 0, f"{marked} marked, {other} others")


@test("no program in a restricted container can change a mark")
def _(session):
    peer = f"{NEIGHBOUR4}:53"
    policy = keys(mark="3", bind="tcp/80")
    check(session.crun, policy,
          {"sockopt.mark": "EPERM", "sockopt.mark6": "EPERM", "nobody/mark.tcp4": "0x3"})
    with MarkWitness(3) as witness:
        session.crun.probe([f"cmsg.mark:{peer}", f"send.udp4:{peer}"], Options(annotations=policy))
        marked, other, _, _ = witness.counts()
    expect(marked > 0 and other == 0, f"by control message: {marked} marked, {other} others")


CHANGING = """
table inet administrator { chain out {
  type route hook output priority mangle;
  meta l4proto { tcp, udp } meta mark set 0x4000
}
}
"""


@test("an administrator's rules in the container's namespace may change marks that the policy has not set")
def _(session):
    _ = session.network
    in_netns(INSIDE, "nft", "-f", "-", stdin=CHANGING)
    try:
        with MarkWitness(0x4000) as witness:
            for policy in (keys(connect="tcp udp", bind="tcp/80"), keys(bind="deny")):
                compare(session.crun.probe(CLIENT, Options(annotations=policy)),
                        {attempt: "ok" for attempt in CLIENT})
            changed4, other4, changed6, other6 = witness.counts()
        expect(changed4 and changed6 and not other4 and not other6, "changed and others: "
               f"{(changed4, other4, changed6, other6)}")
    finally:
        in_netns(INSIDE, "nft", "delete", "table", "inet", "administrator")
