# SPDX-License-Identifier: Apache-2.0
"""What may leave and what may come in under io.socklid.egress, IPv4 and IPv6, as packets.

Fails when: a destination that egress names cannot be reached, or one it does not name can; a
served port is not answered; the rules stay after the container; a foreign table is touched.
"""

import socket
import threading

from harness import snapshot
from harness.bundle import Options
from harness.check import check, compare, keys
from harness.commands import run
from harness.network import (CONTAINER4, CONTAINER6, INSIDE, LINK, NEIGHBOUR4, NEIGHBOUR6, OUTSIDE, STRANGER4,
                             in_netns)
from harness.recipe import tree
from harness.runner import Cell, expect, expect_equal, expect_in, group, test
from harness.runtimes import parse_probe
from harness.neighbour_servers import in_the_neighbourhood
from harness.sockets import inside, udp_socket

N4, N6 = NEIGHBOUR4, NEIGHBOUR6
POLICY = keys(mark="3", bind="tcp/80", egress="udp/53 tcp/3306")
ALLOWED = [f"exchange.udp4:{N4}:53", f"exchange.udp6:{N6}:53", f"exchange.tcp4:{N4}:3306",
           f"exchange.tcp6:{N6}:3306", f"exchange.mapped:{N4}:3306"]
TCP_REFUSED = [f"exchange.tcp4:{N4}:80", f"exchange.tcp6:{N6}:80", f"exchange.mapped:{N4}:80",
               f"orphan/exchange.tcp4:{N4}:80"]
UDP_REFUSED = [f"exchange.udp4:{N4}:5353", f"exchange.udp6:{N6}:5353"]
# A datagram that is rejected: at the send, or by the ICMP error that follows it.
UDP_ERRORS = {f"{step}:{error}" for step in ("send", "answer", "connect")
              for error in ("EPERM", "EACCES", "EHOSTUNREACH", "ECONNREFUSED")}
SERVED = [f"exchange.tcp4:{CONTAINER4}:80", f"exchange.tcp6:{CONTAINER6}:80"]


def refused():
    return {**{attempt: "connect:ECONNREFUSED" for attempt in TCP_REFUSED},
            **{attempt: UDP_ERRORS for attempt in UDP_REFUSED}}


def attempt_all(record, name, cell, function):
    try:
        function()
        record(name, None, cell)
    except AssertionError as error:
        record(name, str(error), cell)


def serves(session, runtime):
    with runtime.start(["/probe", "serve.dual:80"], Options(annotations=POLICY), ready="serving"):
        seen = parse_probe(session.network.from_neighbour(*SERVED))
        compare(seen, {attempt: "ok" for attempt in SERVED})


@group("egress")
def _(session, record):
    for runtime in session.runtimes:
        expected = {**{attempt: "ok" for attempt in ALLOWED}, **refused()}
        control = runtime.probe(list(expected))
        compare(control, {attempt: "ok" for attempt in expected})
        seen = runtime.probe(list(expected), Options(annotations=POLICY))
        name = runtime.name
        attempt_all(record, f"egress reaches what it names [{name}]",
                    Cell("egress", "allowed", name),
                    lambda s=seen: compare(s, {attempt: "ok" for attempt in ALLOWED}))
        attempt_all(record, f"egress refuses the rest at once [{name}]",
                    Cell("egress", "denied", name), lambda s=seen: compare(s, refused()))
        attempt_all(record, f"a served port is answered under egress [{name}]",
                    Cell("egress", "answered", name), lambda r=runtime: serves(session, r))


@test("neighbours find each other by IPv6 where the runtime makes the namespace")
def _(session):
    # runc does so from within the container's cgroup, which then has the kernel's own sockets.
    for runtime in (session.runc, session.crun):
        policy = keys(bind="tcp/80", egress="tcp/3306")
        with runtime.start(["/probe", "serve.dual:80"], Options(annotations=policy, netns="new"),
                           ready="serving") as container:
            link = "sl-new"
            run("ip", "link", "add", link, "netns", str(container.pid), "type", "veth",
                "peer", "name", link, "netns", OUTSIDE)
            inside = ("nsenter", f"--net=/proc/{container.pid}/ns/net", "ip")
            for ip, address in ((inside, "fd97::2"), (("ip", "-n", OUTSIDE), "fd97::1")):
                run(*ip, "addr", "add", f"{address}/64", "dev", link, "nodad")
                run(*ip, "link", "set", link, "up")
            seen = parse_probe(session.network.from_neighbour("exchange.tcp6:fd97::2:80"))
            compare(seen, {"exchange.tcp6:fd97::2:80": "ok"})


@test("otherwise: drop is silence")
def _(session):
    policy = {**POLICY, **keys(otherwise="drop")}
    check(session.crun, policy, {f"connect.tcp4:{N4}:80": "ETIMEDOUT",
                                 f"connect.tcp6:{N6}:80": "ETIMEDOUT",
                                 f"connect.tcp4:{N4}:3306": "ok"})


@test("who asks for a connection that bind does not name is refused at once, or by otherwise: drop never")
def _(session):
    # As a mail server asks back for ident; 81 has a listener.
    knocks = [f"connect.tcp{version}:{address}:{port}" for port in (81, 113)
              for version, address in ((4, CONTAINER4), (6, CONTAINER6))]
    for otherwise, answer in (("reject", "ECONNREFUSED"), ("drop", "ETIMEDOUT")):
        options = Options(annotations=keys(bind="tcp/25", egress=f"tcp/25@{N4}", otherwise=otherwise, seal="manual"))
        with session.crun.start(["/probe", "serve.dual:81"], options, ready="serving"):
            compare(parse_probe(session.network.from_neighbour(*knocks)), {knock: answer for knock in knocks})


@test("a process of the host's in a container's namespace is refused at once, and counted")
def _(session):
    out = [f"connect.tcp4:{N4}:3306", f"connect.tcp6:{N6}:3306"]
    for otherwise, answer in (("reject", "ECONNREFUSED"), ("drop", "ETIMEDOUT")):
        with session.crun.hold(Options(annotations={**POLICY, **keys(otherwise=otherwise)})) as container:
            seen = parse_probe(in_netns(INSIDE, session.probe, *out).out)
            compare(seen, {attempt: answer for attempt in out})
            lines = session.socklid("inspect", container.name).out.splitlines()
            told = [line for line in lines if "unmarked or foreign mark" in line and "  0 packets" not in line]
            expect(told, lines)


@test("an empty egress lets nothing leave, and loopback is not egress")
def _(session):
    check(session.crun, keys(mark="3", egress=""),
          {f"connect.tcp4:{N4}:80": "ECONNREFUSED", f"connect.tcp6:{N6}:3306": "ECONNREFUSED",
           "accept.tcp4:80": "ok", "accept.tcp6:81": "ok", "mark.accepted:82": "0x3"})


@test("egress without a mark takes one itself")
def _(session):
    seen = session.crun.probe([*ALLOWED, *TCP_REFUSED, "mark.tcp4"],
                              Options(annotations=keys(egress="udp/53 tcp/3306")))
    expect(seen.pop("mark.tcp4") not in ("0x0", None), "no mark was taken")
    compare(seen, {**{attempt: "ok" for attempt in ALLOWED},
                   **{attempt: "connect:ECONNREFUSED" for attempt in TCP_REFUSED}})


@test("egress may name addresses, prefixes and ranges")
def _(session):
    policy = keys(egress=f"tcp/80@10.98.0.1 tcp/3306@{N6} udp/50-60@10.99.0.0/16")
    check(session.crun, policy,
          {"connect.tcp4:10.98.0.1:80": "ok", f"connect.tcp4:{N4}:80": "ECONNREFUSED",
           f"connect.tcp6:{N6}:3306": "ok", f"connect.tcp4:{N4}:3306": "ECONNREFUSED"})
    seen = session.crun.probe([f"exchange.udp4:{N4}:53", f"exchange.udp4:{N4}:5353"],
                              Options(annotations=policy))
    compare(seen, {f"exchange.udp4:{N4}:53": "ok", f"exchange.udp4:{N4}:5353": UDP_ERRORS})


@test("a connection from a served port is judged by egress")
def _(session):
    check(session.crun, POLICY, {f"connectfrom.tcp4:80:{N4}:80": "ECONNREFUSED",
                                 f"connectfrom.tcp6:80:{N6}:80": "ECONNREFUSED"})


@test("without bind nothing inbound is answered")
def _(session):
    options = Options(annotations=keys(egress="udp/53"))
    with session.crun.start(["/probe", "serve.dual:80"], options, ready="serving"):
        seen = parse_probe(session.network.from_neighbour(*SERVED))
    expect(all(answer.startswith("connect:") for answer in seen.values()) and seen, seen)


@test("egress opens ping only where it names icmp")
def _(session):
    check(session.crun, keys(egress="icmp udp/53"), {"create.ping": "ok", "create.ping6": "ok",
                                                     "create.raw": "EPROTONOSUPPORT"})
    check(session.crun, POLICY, {"create.ping": "EPROTONOSUPPORT"})


@test("foreign rules in the container's namespace are left as they are")
def _(session):
    foreign = "table inet foreign { chain out { type filter hook output priority 0; accept; }; }"
    in_netns(INSIDE, "nft", "-f", "-", stdin=foreign)
    try:
        before = snapshot.ruleset(INSIDE)
        with session.crun.hold(Options(annotations=POLICY)):
            during = snapshot.ruleset(INSIDE)
            expect_in("table inet socklid", during, "rules while it runs")
            expect_in("table inet foreign", during, "rules while it runs")
        expect(snapshot.ruleset(INSIDE) == before, snapshot.ruleset(INSIDE))
    finally:
        in_netns(INSIDE, "nft", "delete", "table", "inet", "foreign")


@test("no rule is installed without egress")
def _(session):
    options = Options(annotations=keys(mark="3", connect="deny", bind="tcp/80"))
    with session.crun.hold(options):
        expect("socklid" not in snapshot.ruleset(INSIDE), snapshot.ruleset(INSIDE))


@test("dns names both protocols of a name server")
def _(session):
    check(session.crun, keys(egress="dns"),
          {f"exchange.udp4:{N4}:53": "ok", f"exchange.udp6:{N6}:53": "ok",
           f"exchange.tcp4:{N4}:53": "ok", f"exchange.tcp6:{N6}:53": "ok",
           f"exchange.udp4:{N4}:5353": UDP_ERRORS, f"exchange.tcp4:{N4}:80": "connect:ECONNREFUSED"})


@test("under egress a datagram socket takes a port of its own choice, as resolvers do")
def _(session):
    # unbound and BIND send each question from a random port; what comes to it is judged by itself.
    served = keys(bind="dns", egress="dns")
    check(session.crun, served, {"bind.udp4:53": "ok", "bind.udp4:40001": "ok",
                                 "bind.udp6:40001": "ok", "bind.udp4:54": "EPERM",
                                 "bind.tcp4:40001": "EPERM"})
    check(session.crun, keys(bind="deny", egress="dns"), {"bind.udp4:40001": "ok"})
    check(session.crun, keys(bind="dns"), {"bind.udp4:40001": "EPERM"})


@test("a raw socket of ICMP is refused with EPERM where egress names icmp")
def _(session):
    # Later ones than Debian 12's busybox then ask for a ping socket; iputils is in software.py.
    for options, says in ((Options(), "1 packets received"),
                          (Options(annotations=keys(egress="icmp")), "permission denied"),
                          (Options(annotations=keys(egress="dns")), "Protocol not supported")):
        done = session.crun.run(["/bin/busybox", "ping", "-c", "1", "-W", "5", N4], options)
        expect_in(says, done.text, "busybox ping")
    for egress, says in (("icmp", "Operation not permitted"), ("dns", "Protocol not supported")):
        done = session.crun.run(["/bin/busybox", "traceroute", "-m", "1", N4], Options(annotations=keys(egress=egress)))
        expect_in(says, done.text, "busybox traceroute")


@test("under a list of connect a datagram socket is judged by what it sends")
def _(session):
    lists = keys(connect=f"tcp/80 udp/53@{N4}")
    check(session.crun, lists, {f"connect.udp4:{N4}:80": "ok", f"connect.udp6:{N6}:53": "ok",
                                f"exchange.udp4:{N4}:53": "ok", f"send.udp4:{N4}:5353": "EPERM",
                                f"exchange.udp4:{N4}:5353": {"send:EPERM", "connect:EPERM"}})
    check(session.crun, keys(connect="deny"), {f"connect.udp4:{N4}:53": "EPERM"})


class Tftp(threading.Thread):
    """Gives one file of one block to whoever asks on port 69, from another port, as TFTP has it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.asked = in_the_neighbourhood(socket.SOCK_DGRAM, 69)
        self.answering = in_the_neighbourhood(socket.SOCK_DGRAM, 0)
        self.answering.settimeout(20)
        self.acknowledged = False

    def run(self):
        _, peer = self.asked.recvfrom(1000)
        self.answering.sendto(b"\0\3\0\1the file", peer)
        try:
            self.acknowledged = self.answering.recv(1000)[:4] == b"\0\4\0\1"
        except TimeoutError:
            pass

    def close(self):
        self.asked.close()
        self.answering.close()


@test("answers: a TFTP server answers from another port only where the policy says so")
def _(session):
    _ = session.network
    for annotations, works in (({}, True), (keys(egress="udp/69"), False),
                               (keys(egress="udp/69", answers="host"), True)):
        server = Tftp()
        server.start()
        try:
            get = f"busybox timeout 6 busybox tftp -g -r f -l /tmp/f {N4}; busybox cat /tmp/f"
            done = session.crun.run(["/bin/sh", "-c", get], Options(annotations=annotations))
            server.join(25)
            expect_equal(("the file" in done.text, server.acknowledged), (works, works), done.text)
        finally:
            server.close()


ASK = ("import socket; made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); made.settimeout(5);"
       f" made.sendto(b'who is there', ('{N4}', 1900)); print(made.recv(100))")


@test("answers: any lets a stranger answer a socket that has asked")
def _(session):
    _ = session.network
    for answers in ("peer", "host", "any"):
        asked = in_the_neighbourhood(socket.SOCK_DGRAM, 1900)
        stranger = in_the_neighbourhood(socket.SOCK_DGRAM, 1901, STRANGER4)
        asked.settimeout(30)
        thread = threading.Thread(
            target=lambda: stranger.sendto(b"a stranger", asked.recvfrom(100)[1]), daemon=True)
        thread.start()
        options = Options(annotations=keys(egress="udp/1900", answers=answers), rootfs=tree())
        done = session.crun.run(["python3", "-S", "-c", ASK], options)
        thread.join(30)
        asked.close()
        stranger.close()
        expect_equal("a stranger" in done.text, answers == "any", f"{answers}: {done.text}")


JOIN = f"""
import socket
def join(family, level, option, group, nobody=b""):
    try:
        made = socket.socket(family, socket.SOCK_DGRAM)
        link = socket.if_nametoindex("{LINK}").to_bytes(4, "little")
        made.setsockopt(level, option, socket.inet_pton(family, group) + nobody + link)
        kept.append(made)
        print("joined", group, flush=True)
    except OSError as error:
        print("refused", group, error.errno, flush=True)
kept = []
"""
JOINS = {socket.AF_INET: "join(socket.AF_INET, socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, '{}', bytes(4))",
         socket.AF_INET6: "join(socket.AF_INET6, socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, '{}')"}
EVERY_PROTOCOL = 3


def sniffer():
    made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(EVERY_PROTOCOL))
    made.bind((LINK, EVERY_PROTOCOL))
    made.settimeout(20)
    return made


def heard_before(link, groups, last):
    """Those of `groups` whose reports came over the link before a packet that has `last` in it."""
    heard = set()
    while True:
        packet = link.recv(2000)
        heard |= {group for family, group in groups.items() if socket.inet_pton(family, group) in packet}
        if last in packet:
            return heard


@test("a multicast group is reported to the link under egress, and none joined where nothing may leave")
def _(session):
    _ = session.network
    v4, v6 = socket.AF_INET, socket.AF_INET6
    # Nobody's: for local use. Each time others, for groups that are left are reported as well.
    for egress, groups in (("udp/5353", {v4: "239.255.94.31"}), ("udp/5353", {v6: "ff15::5e1f"}),
                           ("", {v4: "239.255.94.32", v6: "ff15::5e20"})):
        options = Options(annotations=keys(egress=egress), rootfs=tree())
        joins = [JOINS[family].format(group) for family, group in groups.items()]
        program = "\n".join([JOIN, *joins, "import signal; signal.pause()"])
        with inside(sniffer, OUTSIDE) as link:
            with session.crun.start(["python3", "-S", "-c", program], options) as container:
                for family, group in groups.items():
                    container.wait_for(f"joined {group}" if egress else f"refused {group} 1")
                    if egress:
                        expect_equal(heard_before(link, groups, socket.inet_pton(family, group)), {group}, "reports")
            if not egress:
                with udp_socket(OUTSIDE) as last:
                    last.sendto(b"the last one", (CONTAINER4, 9))
                expect_equal(heard_before(link, groups, b"the last one"), set(), "reports")
