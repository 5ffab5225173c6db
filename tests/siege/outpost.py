# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces joined by a cable: the container's, and the one outside where the sniffer, the prober and
the accomplice are. What is called `outside` must be called in a thread that has entered it:

    with Outpost(besieger) as outpost:
        call_in(OUTSIDE, function)          # in such a thread; returns what it returns
        sniffer = Sniffer()                 # outside
        for leaves, frame in sniffer.frames(): ...
"""

import select
import socket
import struct
import subprocess

from harness.commands import run, wait_until

INSIDE, OUTSIDE, LINK = "socklid-siege-c", "socklid-siege-n", "sl0"
OWN = ("10.77.0.2", "fd77::2")
VICTIM = ("10.77.0.1", "fd77::1")
NAMED = ("10.77.0.9", "fd77::9")
NEXT = ("10.77.0.77", "fd77::77")      # on the link, and nobody's
ACCOMPLICE = 7

# Whoever is spoken to outside, at whatever port: the accomplice answers.
ANSWERS = f"""
table inet accomplice {{
  chain prerouting {{
    type nat hook prerouting priority -100;
    iifname "{LINK}" fib daddr type local meta l4proto {{ tcp, udp }} redirect to :{ACCOMPLICE}
  }}
}}
"""


class Outpost:
    def __init__(self, besieger):
        self.besieger, self.server = besieger, None

    def __enter__(self):
        self.remove()
        for name in (INSIDE, OUTSIDE):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "link", "add", LINK, "netns", INSIDE, "type", "veth", "peer", "name", LINK, "netns", OUTSIDE)
        for name, addresses in ((OUTSIDE, VICTIM + NAMED), (INSIDE, OWN)):
            for address in addresses:
                version6 = ":" in address
                run("ip", "-n", name, "addr", "add", f"{address}/{64 if version6 else 24}", "dev", LINK,
                    *(["nodad"] if version6 else []))
            run("ip", "-n", name, "link", "set", LINK, "up")
        for gateway in VICTIM:
            run("ip", "-n", INSIDE, "route", "add", "default", "via", gateway)
        # As podman and containerd set it: ping sockets for everyone.
        run("ip", "netns", "exec", INSIDE, "sysctl", "-qw", "net.ipv4.ping_group_range=0 65535")
        # A connection that the container leaves unfinished ends soon after it: its socket keeps the cgroup's programs, the
        # runtime's for devices among them (cgroup_sk_alloc, kernel/cgroup/cgroup.c), and would send again for minutes.
        run("ip", "netns", "exec", INSIDE, "sysctl", "-qw", "net.ipv4.tcp_orphan_retries=1")
        # The prober asks for an address that is nobody's, in each round anew.
        for version in ("ipv4", "ipv6"):
            run("ip", "netns", "exec", OUTSIDE, "sysctl", "-qw", f"net.{version}.neigh.{LINK}.retrans_time_ms=50",
                f"net.{version}.neigh.{LINK}.mcast_solicit=1")
        run("ip", "netns", "exec", OUTSIDE, "nft", "-f", "-", stdin=ANSWERS)
        self.server = subprocess.Popen(["ip", "netns", "exec", OUTSIDE, self.besieger, "accomplice", str(ACCOMPLICE)],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if "ok" not in self.server.stdout.readline():
            raise RuntimeError("the accomplice does not listen")
        return self

    def __exit__(self, *_):
        if self.server:
            self.server.kill()
            self.server.wait()
        self.remove()

    @staticmethod
    def remove():
        for name in (INSIDE, OUTSIDE):
            run("ip", "netns", "del", name, check=False)

    @staticmethod
    def forget_neighbours():
        """What has been asked for is asked for again."""
        run("ip", "-n", OUTSIDE, "neigh", "flush", "dev", LINK)

    @staticmethod
    def own_addresses():
        """Of the container's end, those that the kernel gave it included."""
        def all_three():
            lines = run("ip", "-n", INSIDE, "-o", "addr", "show", "dev", LINK).out.splitlines()
            found = [line.split()[3].split("/")[0] for line in lines]
            return found if any(one.startswith("fe80:") for one in found) else None

        found = wait_until(all_three, "the container's end has an address of the link")
        return {socket.inet_pton(socket.AF_INET6 if ":" in one else socket.AF_INET, one) for one in found}


class Sniffer:
    """Outside. Sees every frame of the link, in the order in which they passed."""

    def __init__(self):
        everything, force = 3, 33
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(everything))
        self.socket.setsockopt(socket.SOL_SOCKET, force, 32 << 20)
        self.socket.bind((LINK, everything))
        self.socket.setblocking(False)

    def frames(self):
        """(whether it left the container, the frame) for all there are by now."""
        while True:
            try:
                frame, address = self.socket.recvfrom(65536)
            except BlockingIOError:
                return
            yield address[2] != socket.PACKET_OUTGOING, frame

    def lost(self):
        """How many frames came too fast, since the last time."""
        statistics, level = 6, 263
        return struct.unpack("II", self.socket.getsockopt(level, statistics, 8))[1]

    def wait(self, seconds):
        """Until there is a frame, or so long."""
        return bool(select.select([self.socket], [], [], seconds)[0])


class Prober:
    """Outside. Knocks at the container's ports, as the victim, from ports that no policy names, and asks for the
    address that is nobody's: who answers for it claims it."""

    FIRST_PORT, LAST_PORT = 20000, 29999
    PATIENCE = 0.05

    def __init__(self):
        self.count, self.connections = 0, []

    def knock(self, streams, datagrams):
        for own, victim, nobody in zip(OWN, VICTIM, NEXT):
            family = socket.AF_INET6 if ":" in own else socket.AF_INET
            for peer in [(nobody, 9), *((own, port) for port in datagrams)]:
                with self.bound(family, socket.SOCK_DGRAM, victim) as made:
                    self.send(made, peer)
            for port in streams:
                made = self.bound(family, socket.SOCK_STREAM, victim)
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                made.connect_ex((own, port))
                self.connections.append(made)
        poll = select.poll()
        for made in self.connections:
            poll.register(made, select.POLLOUT)
        if self.connections:
            poll.poll(self.PATIENCE * 1000)

    def leave(self):
        for made in self.connections:
            made.close()
        self.connections = []

    def bound(self, family, kind, victim):
        made = socket.socket(family, kind)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.count += 1
        made.bind((victim, self.FIRST_PORT + self.count % (self.LAST_PORT - self.FIRST_PORT)))
        return made

    def send(self, made, peer):
        try:
            made.sendto(f"unasked-{self.count}\n".encode(), peer)
        except OSError:
            pass  # nobody there, said by ICMP


def listening_ports(pid):
    """Of TCP, in the process' namespace: all there are, told by the kernel."""
    found = set()
    for name in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{name}") as table:
            rows = [line.split() for line in table.readlines()[1:]]
        found |= {int(row[1].rsplit(":", 1)[1], 16) for row in rows if row[3] == "0A"}
    return sorted(found)
