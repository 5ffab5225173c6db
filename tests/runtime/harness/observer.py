# SPDX-License-Identifier: Apache-2.0
"""Who watches a worm from the neighbour's network namespace, whatever the worm itself says.

    with Observer() as observer:
        verdicts = observe(observer, expected, lambda steps: release(server, steps))

Victims listen on TCP and UDP ports and keep what they were sent; back doors are knocked at; and the
kernel notes what kinds of packets came, answered or not. A step works if the worm says so and the
neighbour saw it; it is refused if the worm says how and the neighbour saw nothing.
"""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

from harness.commands import TIMEOUT
from harness.network import CONTAINER4, CONTAINER6, LINK, NEIGHBOUR4, OUTSIDE, in_netns
from harness.recipe import from_outside
from harness.runner import one_line
from harness.sockets import inside

TCP_PORTS = (22, 25, 80, 3306)
UDP_PORTS = (53, 1434)
# Seconds after which a door that has not answered is none.
SILENCE = 5
# Nothing is sent without one of these.
SENDING = ("connect", "again", "fastopen", "send", "raw", "packet")
WITNESS = f"""
table inet witness {{
  set came {{ type nf_proto . inet_proto . inet_service; size 65535; flags dynamic; }}
  set others {{ type inet_proto; size 256; flags dynamic; }}
  chain seen {{
    type filter hook prerouting priority -300;
    iifname != "{LINK}" accept
    tcp flags & (syn | ack) == syn add @came {{ meta nfproto . meta l4proto . th dport }}
    meta l4proto udp add @came {{ meta nfproto . meta l4proto . th dport }}
    meta l4proto != {{ tcp, udp, icmp, ipv6-icmp }} add @others {{ meta l4proto }}
  }}
}}
"""


class Victim(threading.Thread):
    """One socket of the neighbour's, dual-stack. One peer after the other, so that whoever was
    served knows that those before have been noted."""

    def __init__(self, kind, port, note):
        super().__init__(daemon=True)
        self.kind, self.port, self.note = kind, port, note
        self.socket = inside(self.make, OUTSIDE)

    def make(self):
        made = socket.socket(socket.AF_INET6, self.kind)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("::", self.port))
        if self.kind == socket.SOCK_STREAM:
            made.listen(64)
        return made

    def run(self):
        try:
            while True:
                if self.kind == socket.SOCK_DGRAM:
                    self.note(self.socket.recvfrom(2048)[0])
                else:
                    self.converse(self.socket.accept()[0])
        except OSError:
            return  # closed

    def converse(self, connection):
        with connection:
            connection.settimeout(TIMEOUT)
            try:
                self.note(connection.recv(2048))
                connection.sendall(b"ok\n")
            except OSError:
                pass  # it came, and that is noted by the kernel

    def flush(self):
        """Sends a message of the observer's own behind all others."""
        def send():
            with socket.socket(socket.AF_INET, self.kind) as made:
                made.settimeout(TIMEOUT)
                made.connect((NEIGHBOUR4, self.port))
                made.sendall(f"flush {self.kind} {self.port}".encode())
                if self.kind == socket.SOCK_STREAM:
                    made.recv(16)
        from_outside(send)

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # of a datagram socket; its thread wakes all the same
        self.socket.close()


class Observer:
    def __init__(self, tcp=TCP_PORTS, udp=UDP_PORTS, noise=()):
        """The ports that have victims; others may be somebody else's. `noise`: kinds of packets that others in
        the container send at any time, and may."""
        self.noise = set(noise)
        self.ports = ((socket.SOCK_STREAM, tcp), (socket.SOCK_DGRAM, udp))
        self.changed = threading.Condition()
        self.messages = []
        self.victims = []

    def __enter__(self):
        in_netns(OUTSIDE, "nft", "-f", "-", stdin=WITNESS)
        for kind, ports in self.ports:
            self.victims += [Victim(kind, port, self.note) for port in ports]
        for victim in self.victims:
            victim.start()
        return self

    def __exit__(self, *_):
        for victim in self.victims:
            victim.close()
        in_netns(OUTSIDE, "nft", "delete", "table", "inet", "witness")

    def note(self, message):
        with self.changed:
            self.messages.append(message.decode(errors="replace").strip())
            self.changed.notify_all()

    def forget(self):
        with self.changed:
            self.messages = []
        in_netns(OUTSIDE, "nft", "flush", "set", "inet", "witness", "came")
        in_netns(OUTSIDE, "nft", "flush", "set", "inet", "witness", "others")

    def arrived(self):
        """The steps of which a victim was sent something."""
        for victim in self.victims:
            victim.flush()
        wanted = {f"flush {victim.kind} {victim.port}" for victim in self.victims}
        with self.changed:
            if not self.changed.wait_for(lambda: wanted <= set(self.messages), TIMEOUT):
                raise TimeoutError(f"victims are silent: {self.messages}")
            return {m.removeprefix("worm ") for m in self.messages if m.startswith("worm ")}

    def packets(self):
        """{"tcp4:80", "udp6:53", "proto:132"}: what came over the cable, but for answers."""
        listing = json.loads(in_netns(OUTSIDE, "nft", "-j", "list", "table", "inet", "witness").out)
        found = set()
        for entry in (e["set"] for e in listing["nftables"] if "set" in e):
            for element in entry.get("elem", []):
                if "concat" in element:
                    version, protocol, port = element["concat"]
                    found.add(f"{protocol}{6 if version == 'ipv6' else 4}:{port}")
                else:
                    found.add(f"proto:{element}")
        return found - self.noise


def knock(place):
    """What a back door says, or None. `place`: (port, version of IP). One that is there answers at once; where none is,
    the policy refuses the visitor, or says nothing."""
    port, version = place

    def visit():
        address = CONTAINER6 if version == 6 else CONTAINER4
        try:
            with socket.create_connection((address, port), SILENCE) as connection:
                return connection.recv(64).decode().strip() or None
        except OSError:
            return None
    return from_outside(visit)


def place_of(step, said):
    """Where the door of a step is, or None: one that binds no port is where the worm says."""
    port = step.rpartition(":")[2] if ":" in step else said.removeprefix("ok").strip()
    return (int(port), 6 if "tcp6" in step else 4) if port.isdigit() else None


def open_doors(steps, answers):
    """The steps whose doors somebody answers behind, whatever the worm says. All are knocked at side by side."""
    places = {place_of(step, answers.get(step, "")) for step in steps if is_door(step)} - {None}
    if not places:
        return set()
    with ThreadPoolExecutor(len(places)) as visitors:
        heard = set(visitors.map(knock, places))
    return {step for step in steps if f"worm {step}" in heard}


def kind_of_packet(step):
    """What the witness notes of a step that sends."""
    kind, _, port = step.rpartition(".")[2].partition(":")
    return f"{'tcp4' if kind == 'mapped' else kind}:{port}"


def observe(observer, expected, attempt):
    """`expected`: {step: "ok" or the error}. `attempt`: makes a worm try the steps it is given.
    Returns {step: (the table's word, why it is not as expected, or None)}, and beside the steps
    "nothing else left": packets of a kind that no working step explains."""
    observer.forget()
    said, doors, verdicts = {}, set(), {}
    for steps in rounds(expected):
        answers = attempt(steps)
        said.update(answers)
        doors |= open_doors(steps, answers)
    arrived = observer.arrived()
    for step, wanted in expected.items():
        seen = step in doors if is_door(step) else step in arrived
        verdicts[step] = judge(step, wanted, said.get(step, "no answer"), seen)
    explained = {kind_of_packet(s) for s, wanted in expected.items() if sends(s) and wanted == "ok"}
    packets = observer.packets()
    if packets == explained:
        verdicts["nothing else left"] = ("yes", None)
    else:
        verdicts["nothing else left"] = ("NO", f"came besides: {sorted(packets - explained)}, "
                                               f"did not come: {sorted(explained - packets)}")
    return verdicts


def rounds(expected):
    """All at once, but of the back doors that are to open one after the other: they may want the same port, which a door
    that is refused does not hold."""
    opening = [step for step, wanted in expected.items() if is_door(step) and wanted == "ok"]
    yield [step for step in expected if step not in opening[1:]]
    for door in opening[1:]:
        yield [door]


def is_door(step):
    return "door." in step


def sends(step):
    return step.removeprefix("early.").startswith(SENDING)


def judge(step, wanted, said, seen):
    word = said.split()[0]
    visible = is_door(step) or sends(step)
    if word != wanted or (visible and seen != (wanted == "ok")):
        saw = f", the neighbour saw {'it' if seen else 'nothing'}" if visible else ""
        return word.upper(), one_line(f"expected {wanted}, the worm says {said}{saw}")
    return ("works" if word == "ok" else word), None
