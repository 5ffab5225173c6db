# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces joined by a cable: the container's, and a neighbour with servers.

The container's namespace is entered by path, so that rules, counters and addresses in it can be
looked at before and after a container.
"""

import json
import subprocess
from contextlib import contextmanager

from harness.commands import TOP, run

INSIDE = "socklid-test-c"
OUTSIDE = "socklid-test-n"
LINK = "sl0"
NEIGHBOUR4, NEIGHBOUR6 = "10.99.0.1", "fd99::1"
CONTAINER4, CONTAINER6 = "10.99.0.2", "fd99::2"
STRANGER4 = "10.98.0.1"  # behind the neighbour
# The host's cable to the neighbour, where a test asks for it.
CABLE = "sl-host"
HOST4, HOST6 = "10.97.0.2", "fd97::2"
PEER4, PEER6 = "10.97.0.1", "fd97::1"
TCP_PORTS = (53, 80, 3306)
UDP_PORTS = (53, 5353)


def in_netns(name, *arguments, **options):
    return run("ip", "netns", "exec", name, *arguments, **options)


class Network:
    path = f"/run/netns/{INSIDE}"

    def __init__(self, probe):
        self.probe = probe
        self.servers = []
        self.remove()
        self.make()
        self.serve()

    def make(self):
        for name in (INSIDE, OUTSIDE):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "link", "add", LINK, "netns", INSIDE, "type", "veth",
            "peer", "name", LINK, "netns", OUTSIDE)
        self.address(INSIDE, CONTAINER4, CONTAINER6)
        self.address(OUTSIDE, NEIGHBOUR4, NEIGHBOUR6)
        # A stranger's address behind the neighbour, for policies that name addresses.
        run("ip", "-n", OUTSIDE, "addr", "add", f"{STRANGER4}/32", "dev", "lo")
        run("ip", "-n", INSIDE, "route", "add", "default", "via", NEIGHBOUR4)
        in_netns(OUTSIDE, "sysctl", "-qw", "net.ipv4.tcp_fastopen=3")
        # As podman and containerd set it: ping sockets for everyone.
        in_netns(INSIDE, "sysctl", "-qw", "net.ipv4.ping_group_range=0 65535")

    @staticmethod
    def address(name, inet, inet6):
        run("ip", "-n", name, "addr", "add", f"{inet}/24", "dev", LINK)
        run("ip", "-n", name, "addr", "add", f"{inet6}/64", "dev", LINK, "nodad")
        run("ip", "-n", name, "link", "set", LINK, "up")

    def serve(self):
        for port in TCP_PORTS:
            self.start_server("probe", f"serve.dual:{port}")
        for port in UDP_PORTS:
            self.start_server("probe", f"serve.mappedudp:{port}")

    def start_server(self, *command, netns=OUTSIDE):
        """The server's first line says that it is ready."""
        program = [self.probe if word == "probe" else str(word) for word in command]
        server = subprocess.Popen(["ip", "netns", "exec", netns, *program], text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        first = server.stdout.readline()
        if "ok" not in first:
            raise RuntimeError(f"{command}: {first!r}")
        self.servers.append(server)
        return server

    @contextmanager
    def quiet(self):
        """Nobody serves in the neighbourhood: its ports are for others."""
        self.stop()
        try:
            yield
        finally:
            self.serve()

    def from_neighbour(self, *attempts):
        return in_netns(OUTSIDE, self.probe, *attempts).out

    def stop(self):
        for server in self.servers:
            server.kill()
            server.wait()
        self.servers = []

    def close(self):
        self.stop()
        self.remove()

    @staticmethod
    def remove():
        for name in (INSIDE, OUTSIDE):
            run("ip", "netns", "del", name, check=False)


@contextmanager
def cabled(session):
    """The host and the neighbour, joined: HOST4 to PEER4, HOST6 to PEER6."""
    _ = session.network
    run("ip", "link", "add", CABLE, "type", "veth", "peer", "name", CABLE, "netns", OUTSIDE)
    try:
        for netns, inet, inet6 in (((), HOST4, HOST6), (("-n", OUTSIDE), PEER4, PEER6)):
            run("ip", *netns, "addr", "add", f"{inet}/24", "dev", CABLE)
            run("ip", *netns, "addr", "add", f"{inet6}/64", "dev", CABLE, "nodad")
            run("ip", *netns, "link", "set", CABLE, "up")
        yield
    finally:
        run("ip", "link", "del", CABLE)


def servers_script():
    return TOP / "demo" / "servers"


COUNTERS = """
table inet witness {{
  chain leaving {{
    type filter hook postrouting priority 300;
    oifname "{link}" meta nfproto ipv4 meta l4proto {{ tcp, udp }} meta mark {mark} counter
    oifname "{link}" meta nfproto ipv4 meta l4proto {{ tcp, udp }} meta mark != {mark} counter
    oifname "{link}" meta nfproto ipv6 meta l4proto {{ tcp, udp }} meta mark {mark} counter
    oifname "{link}" meta nfproto ipv6 meta l4proto {{ tcp, udp }} meta mark != {mark} counter
  }}
}}
"""


class MarkWitness:
    """Counts packets that leave the container's namespace, by mark: what the kernel really sent."""

    def __init__(self, mark):
        self.mark = mark

    def __enter__(self):
        in_netns(INSIDE, "nft", "-f", "-", stdin=COUNTERS.format(link=LINK, mark=self.mark))
        return self

    def __exit__(self, *_):
        in_netns(INSIDE, "nft", "delete", "table", "inet", "witness")

    def counts(self):
        """(marked IPv4, other IPv4, marked IPv6, other IPv6)"""
        listing = json.loads(in_netns(INSIDE, "nft", "-j", "list", "table", "inet", "witness").out)
        rules = [entry["rule"]["expr"] for entry in listing["nftables"] if "rule" in entry]
        return tuple(part["counter"]["packets"] for rule in rules for part in rule
                     if "counter" in part)
