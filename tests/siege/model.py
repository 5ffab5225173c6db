# SPDX-License-Identifier: Apache-2.0
"""The reference model: which packets may leave a container, and what may happen in it, by its policy. Written from
docs/annotations.md and SECURITY.md, not from the code. Pure: packets, times and reports come in, verdicts go out.

    model = Model(Policy(annotations), own={b"\\x0a\\x4d\\x00\\x02"})
    model.arrives(packet, now)
    wrong = model.leaves(packet, now)           # a Violation or None
    wrong = model.reported("accepted 8443 [10.77.0.1]:4000", now)

`now` is in seconds of any clock that only goes forward.
"""

import ipaddress
from dataclasses import dataclass

from packet import (ACK, ARP, ICMP, ICMP6, IGMP, IPV4, IPV6, RST, SYN, TCP, UDP, quoted, reported_groups, text)

UDPLITE = 136
GROUPS = 16          # that a container may join, and one more each second
REFUSED = 3          # seconds in which whoever asked for a connection is refused it
ERRORS = {ICMP: (3, 4, 5, 11, 12), ICMP6: (1, 2, 3, 4)}
ECHO = {ICMP: (8, 0), ICMP6: (128, 129)}
SOLICIT_ROUTER, SOLICIT, ADVERTISE = 133, 135, 136
MLD = (131, 132, 143)
# The kernel itself joins these: all nodes, all routers, all snoopers.
KERNEL_GROUPS = {bytes.fromhex(group.ljust(30, "0") + last) for group in ("ff01", "ff02", "ff05")
                 for last in ("01", "02", "6a")} | {bytes((224, 0, 0, last)) for last in (1, 2, 106)}


@dataclass(frozen=True)
class Violation:
    kind: str   # what promise is broken; the siege looks for these by name
    what: str

    def __str__(self):
        return f"{self.kind}: {self.what}"


def is_loopback(address):
    """Local, and so no lie about whose it is."""
    return ipaddress.ip_address(address).is_loopback


def solicited(address):
    return bytes.fromhex("ff0200000000000000000001ff") + address[-3:]


class Model:
    def __init__(self, policy, own, start=0.0):
        self.policy, self.own, self.start = policy, set(own), start
        self.own_groups = KERNEL_GROUPS | {solicited(address) for address in self.own if len(address) == 16}
        self.groups = set()
        self.is_closed = False  # outside its hours: whoever plays the round sets it
        self.seen = {}        # flow of a packet that came in over the link: when the last one did
        self.asked = {}       # the same of those that asked for a connection
        self.fragments = {}   # whose: the verdict of the first one

    def arrives(self, packet, now):
        self.seen[packet.flow] = now
        if packet.protocol == TCP and packet.flags & (SYN | ACK) == SYN:
            self.asked[packet.flow] = now

    def leaves(self, packet, now):
        kind, what = self.judge(packet, now) or (None, None)
        return Violation(kind, f"{packet}: {what}") if kind else None

    def judge(self, packet, now):
        if packet.ethertype == ARP:
            known = packet.source in self.own or packet.source == bytes(4) or is_loopback(packet.source)
            return None if known else ("claim", "not an address of its own")
        if packet.ethertype not in (IPV4, IPV6):
            return "frame", "neither IP nor ARP"
        if not self.policy.restricts():
            return None
        if packet.source_routes:
            return "route", ", ".join(packet.source_routes)
        if packet.later_fragment:
            return self.fragments.get(packet.fragment, ("fragment", "of no packet that was seen to leave"))
        wrong = self.source(packet) or self.transport(packet, now)
        if packet.fragment:
            self.fragments[packet.fragment] = wrong
        return wrong

    # The source, where `egress` judges packets -------------------------------------------------------

    def source(self, packet):
        if self.policy.egress is None or packet.source in self.own or is_loopback(packet.source):
            return None
        if not any(packet.source):
            discovers = packet.protocol == ICMP6 and packet.type in (SOLICIT_ROUTER, SOLICIT, *MLD)
            asks_dhcp = packet.protocol == UDP and (packet.source_port, packet.destination_port) == (68, 67)
            if discovers or asks_dhcp or packet.protocol == IGMP:
                return None
        return "source", "not an address of its own"

    def transport(self, packet, now):
        judge = {TCP: self.tcp, UDP: self.udp, ICMP: self.icmp, ICMP6: self.icmp6, IGMP: self.report}
        if packet.protocol in judge:
            return judge[packet.protocol](packet, now)
        return None if self.is_named(packet) else ("protocol", "nobody named it")

    def is_named(self, packet):
        """By each of the lists that there are. Protocols other than TCP and UDP are closed where there is none.
        UDP-Lite is UDP, and closed where `egress` is given."""
        lists = [names for names in (self.policy.connect, self.policy.egress) if names is not None]
        lite = packet.protocol == UDPLITE and self.policy.egress is None
        protocol = UDP if lite else packet.protocol
        return (bool(lists) or protocol in (TCP, UDP)) and all(
            names.names(protocol, packet.destination, packet.destination_port) for names in lists)

    def tcp(self, packet, now):
        opens = packet.flags & (SYN | ACK | RST) == SYN
        if opens and self.is_closed:
            return "hours", "a connection outside its hours"
        if self.policy.may_open(TCP) and self.is_named(packet):
            return None
        if opens:
            return "tcp", "a connection that nobody named"
        if self.policy.egress is None:
            return None  # calls are judged, not packets: the kernel's own answers leave (SECURITY.md)
        if packet.flags & RST and self.policy.is_caged:
            return None  # the kernel's own, of no socket: no rule of nft is made for a subject
        if packet.flags & RST and is_loopback(packet.destination):
            return None  # the kernel's, and no host takes it: of a connection to itself by a socket bound to a device
        if packet.back not in self.seen:
            return "tcp", "an answer to nobody who came"
        if (packet.flags & RST and self.policy.values.get("otherwise") != "drop"
                and now - self.asked.get(packet.back, -REFUSED) < REFUSED):
            return None  # a connection that nobody named is refused at once
        if not self.policy.is_served(TCP, packet.source_port):
            return "tcp", "an answer from a port that is not served"
        return None

    def udp(self, packet, now):
        if self.is_closed:
            return "hours", "a datagram outside its hours"
        if self.policy.may_open(UDP) and self.is_named(packet):
            return None
        if self.policy.egress is None or not self.policy.may_open(UDP):
            return "udp", "a peer that nobody named"
        if self.policy.connect is not None and not self.policy.connect.names(
                UDP, packet.destination, packet.destination_port):
            return "udp", "a peer that `connect` does not name"
        if not self.policy.is_served(UDP, packet.source_port):
            return "udp", "a peer that nobody named"
        # As long as the socket lives that heard of him: which one that is no packet tells.
        return None if packet.back in self.seen else ("udp", "an answer to nobody who came")

    # What the kernel sends ---------------------------------------------------------------------------

    def icmp(self, packet, now):
        request, reply = ECHO[packet.protocol]
        if packet.type == request:
            return None if self.is_named(packet) else ("icmp", "an echo request that nobody named")
        if packet.type == reply:
            return None if packet.back in self.seen else ("icmp", "an echo reply to nobody who asked")
        if packet.type not in ERRORS[packet.protocol]:
            return "icmp", "a type that nothing here sends"
        if self.policy.egress is None:
            return None
        # Answers to what came are the kernel's. What the container itself wrote is data of its own.
        about = quoted(packet)
        if about.flow in self.seen and about.source == packet.destination:
            return None
        return "icmp", f"an error about {about}, which did not come in"

    def icmp6(self, packet, now):
        if packet.type in MLD:
            return self.report(packet, now)
        if packet.type in (SOLICIT_ROUTER, SOLICIT):
            return None
        if packet.type == ADVERTISE:
            if packet.payload[:16] in self.own:
                return None
            return "claim", f"advertises {text(packet.payload[:16])}, which is not its own"
        return self.icmp(packet, now)

    def report(self, packet, now):
        for group, sources in reported_groups(packet):
            if sources and "source-groups" not in self.policy.values.get("options", ""):
                return "report", f"{sources} sources of the group {text(group)}"
            if group in self.own_groups or self.policy.egress is None:
                continue
            if not self.policy.egress.items:
                return "report", f"the group {text(group)}, and nothing may leave"
            self.groups.add(group)
            if len(self.groups) > GROUPS + now - self.start:
                return "report", f"{len(self.groups)} groups in {now - self.start:.0f} s"
        return None

    # What the program inside tells -------------------------------------------------------------------

    def reported(self, line, now):
        what, *words = line.split()
        judge = {"bound": self.bound, "listening": self.listening, "accepted": self.accepted,
                 "received": self.received, "shut": self.shut}.get(what)
        if judge and self.is_closed and what not in ("received", "shut"):
            return Violation("hours", f"{line}: outside its hours")
        wrong = judge(*words) if judge else None
        return Violation(what, f"{line}: {wrong}") if wrong else None

    def is_allowed_port(self, protocol, port):
        return self.policy.bind is None or self.policy.bind.names(protocol, None, int(port))

    def bound(self, protocol, port):
        number = {"tcp": TCP, "udp": UDP}[protocol]
        if self.policy.denies("create"):
            return "`create` gives no socket a port"
        if number == UDP and self.policy.egress is not None and not self.policy.is_caged and int(port) >= 1024:
            return None  # where nobody else is in the namespace; what comes to it is judged by itself
        return None if self.is_allowed_port(number, port) else "`bind` does not name it"

    def listening(self, port):
        return "`listen` is denied" if self.policy.denies("listen") else None

    def accepted(self, port, peer):
        if self.policy.denies("accept"):
            return "`accept` is denied"
        if int(port) in self.policy.kept or self.is_allowed_port(TCP, port):
            return None
        return "`bind` does not name its port"

    def received(self, port, peer, word):
        """The prober's datagrams come from peers and ports that nobody names."""
        if self.policy.egress is None or self.policy.hands_over or self.policy.is_served(UDP, int(port)):
            return None  # what comes to a socket that was handed over is not the subject's
        return "nobody asked for it, and `bind` does not name the port"

    def shut(self):
        return "`shutdown` is denied" if self.policy.denies("shutdown") else None
