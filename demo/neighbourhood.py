# SPDX-License-Identifier: Apache-2.0
"""A network of podman's for the web server, and a network namespace next to it with the servers.

The network has no way out of the machine, so that nothing in the demo can reach anybody. Its bridge
is there only while a container runs: the neighbour's cable is plugged in for so long.
"""

import os
import queue
import subprocess
import threading
from pathlib import Path

from commands import run, wait_until

HERE = Path(__file__).resolve().parent


class Neighbourhood:
    def __init__(self, prefix, victims):
        """`prefix`: the first three numbers of the addresses, "10.99.77"."""
        self.name = f"socklid-demo-{os.getpid()}"
        self.link = f"sld{os.getpid() % 1000000}"
        self.prefix, self.victims = prefix, victims
        self.services = f"{prefix}.200"
        self.servers = None
        self.visits = queue.Queue()

    def open(self):
        run("podman", "network", "create", "--internal", "--disable-dns", "--subnet",
            f"{self.prefix}.0/24", self.name)
        run("ip", "netns", "add", self.name)
        run("ip", "-n", self.name, "link", "set", "lo", "up")
        run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0",
            "netns", self.name)
        for address in dict.fromkeys([self.services, *self.victims]):
            run("ip", "-n", self.name, "addr", "add", f"{address}/24", "dev", "eth0")
        run("ip", "-n", self.name, "link", "set", "eth0", "up")

    def plug_in(self):
        run("ip", "link", "set", self.link, "master", self.bridge(), "up")

    def unplug(self):
        """First of all: podman keeps a bridge that somebody else is plugged into."""
        run("ip", "link", "set", self.link, "nomaster", check=False)

    def bridge(self):
        text = run("podman", "network", "inspect", self.name, "--format",
                   "{{.NetworkInterface}}").stdout
        return text.strip()

    def serve(self, spread_port):
        webs = [f"web={victim}:{spread_port}" for victim in self.victims]
        command = [HERE / "servers", f"dns={self.services}:53", f"database={self.services}:3306",
                   *webs]
        self.servers = subprocess.Popen(["ip", "netns", "exec", self.name, *map(str, command)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if "ready" not in self.servers.stdout.readline():
            raise RuntimeError("the neighbour's servers did not start")
        threading.Thread(target=self.collect, daemon=True).start()

    def collect(self):
        for line in self.servers.stdout:
            self.visits.put(line.split())

    def visitors_since_last_time(self):
        """{victim: how many have come}"""
        counts = dict.fromkeys(self.victims, 0)
        while not self.visits.empty():
            kind, address, _ = self.visits.get()
            if kind == "web":
                counts[address] += 1
        return counts

    def visit(self, *arguments):
        """What a visitor from the neighbourhood sees, or None."""
        done = run("ip", "netns", "exec", self.name, HERE / "visitor", *arguments, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    def wait_for_page(self, address):
        wait_until(lambda: self.visit("page", address), "the web server answers")

    def close(self):
        if self.servers:
            self.servers.kill()
            self.servers.wait()
        run("ip", "link", "del", self.link, check=False)
        run("ip", "netns", "del", self.name, check=False)
        run("podman", "network", "rm", "--force", self.name, check=False)
