# SPDX-License-Identifier: Apache-2.0
"""What a frame of Ethernet says, as values. Pure.

    packet = parse(frame)
    packet.protocol, text(packet.source), packet.destination_port

Addresses are bytes. What a frame is too short to say is not there: ports are 0, `type` is -1.
"""

import ipaddress
from dataclasses import dataclass, field

IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86dd
ICMP, IGMP, TCP, UDP, ICMP6 = 1, 2, 6, 17, 58
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60
SOURCE_ROUTES = (131, 137)
SYN, RST, ACK = 2, 4, 16
# What has ports where UDP has them.
WITH_PORTS = {TCP, UDP, 33, 132, 136}


@dataclass
class Packet:
    ethertype: int
    protocol: int = -1            # the last header's
    source: bytes = b""
    destination: bytes = b""
    source_port: int = 0
    destination_port: int = 0
    flags: int = 0                # TCP's
    type: int = -1                # ICMP's, IGMP's; of ARP the operation
    payload: bytes = b""          # behind the last header that was read; of ICMP behind its 8 bytes, of the rest
    source_routes: tuple = ()     # headers and options that say which way it goes
    later_fragment: bool = False  # has no ports
    fragment: tuple = ()          # whose it is: source, destination, number

    @property
    def flow(self):
        return (self.protocol, self.source, self.source_port, self.destination, self.destination_port)

    @property
    def back(self):
        return (self.protocol, self.destination, self.destination_port, self.source, self.source_port)

    def __str__(self):
        kind = {TCP: "TCP", UDP: "UDP", ICMP: "ICMP", ICMP6: "ICMPv6", IGMP: "IGMP"}.get(
            self.protocol, f"protocol {self.protocol}" if self.source else f"frame {self.ethertype:#06x}")
        if self.protocol in WITH_PORTS:
            names = [name for bit, name in ((SYN, "SYN"), (ACK, "ACK"), (RST, "RST")) if self.flags & bit]
            return (f"{kind} {text(self.source)}:{self.source_port} > {text(self.destination)}:"
                    f"{self.destination_port} {' '.join(names)}").strip()
        return f"{kind} {text(self.source)} > {text(self.destination)}{f' type {self.type}' * (self.type >= 0)}"


def text(address):
    return str(ipaddress.ip_address(address)) if address else "-"


def number(data, at, size=2):
    return int.from_bytes(data[at:at + size], "big")


def parse(frame):
    packet = Packet(number(frame, 12))
    body = frame[14:]
    if packet.ethertype == ARP:
        # The sender's addresses; whom it asks for is no answer of its.
        packet.type, packet.source, packet.destination = number(body, 6), body[14:18], body[24:28]
    elif packet.ethertype == IPV4:
        network4(packet, body)
    elif packet.ethertype == IPV6:
        network6(packet, body)
    return packet


def network4(packet, body):
    """`body` may be cut off, as it is in an ICMP error."""
    size = (body[0] & 15) * 4 if body else 20
    packet.protocol, packet.source, packet.destination = number(body, 9, 1), body[12:16], body[16:20]
    packet.source_routes = tuple(f"IPv4 option {kind}" for kind in options4(body[20:size]) if kind in SOURCE_ROUTES)
    offset = number(body, 6)
    if offset & 0x3fff:
        packet.fragment = (packet.source, packet.destination, body[4:6])
        packet.later_fragment = bool(offset & 0x1fff)
    transport(packet, body[size:max(size, number(body, 2))])


def options4(data):
    while data and data[0]:
        if data[0] == 1:
            data = data[1:]
            continue
        yield data[0]
        data = data[max(2, data[1] if len(data) > 1 else 2):]


def network6(packet, body):
    packet.source, packet.destination = body[8:24], body[24:40]
    following, rest, routes = number(body, 6, 1), body[40:40 + number(body, 4)], []
    while following in (HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION) and len(rest) >= 8:
        size = 8 if following == FRAGMENT else 8 * (rest[1] + 1)
        if following == FRAGMENT:
            packet.fragment = (packet.source, packet.destination, rest[4:8])
            packet.later_fragment = bool(number(rest, 2) & 0xfff8)
        elif following == ROUTING:
            routes.append(f"IPv6 routing header {rest[2]}")
        following, rest = rest[0], rest[size:]
        if packet.later_fragment:
            break
    packet.protocol, packet.source_routes = following, tuple(routes)
    transport(packet, rest)


def transport(packet, data):
    packet.payload = data
    if packet.later_fragment:
        return
    if packet.protocol in WITH_PORTS:
        packet.source_port, packet.destination_port = number(data, 0), number(data, 2)
        packet.flags = number(data, 13, 1) if packet.protocol == TCP else 0
    elif packet.protocol in (ICMP, ICMP6):
        packet.type, packet.payload = number(data, 0, 1) if data else -1, data[8:]
    elif packet.protocol == IGMP:
        packet.type = number(data, 0, 1) if data else -1


def quoted(packet):
    """The packet that an ICMP error says it is about."""
    inner = Packet(IPV4 if packet.protocol == ICMP else IPV6)
    (network4 if packet.protocol == ICMP else network6)(inner, packet.payload)
    return inner


def reported_groups(packet):
    """[(group, how many sources)] of a report of IGMP or MLD."""
    version6 = packet.protocol == ICMP6
    if version6 and packet.type in (131, 132):
        return [(packet.payload[:16], 0)]
    if not version6 and packet.type in (0x12, 0x16, 0x17):
        return [(packet.payload[4:8], 0)]
    # The 8 bytes on top are gone from ICMPv6's only.
    size, rest, groups = (16, packet.payload, []) if version6 else (4, packet.payload[8:], [])
    while len(rest) >= 4 + size:
        sources = number(rest, 2)
        groups.append((rest[4:4 + size], sources))
        rest = rest[4 + size + sources * size + 4 * rest[1]:]
    return groups
