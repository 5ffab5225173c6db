# SPDX-License-Identifier: Apache-2.0
"""Containers for tests/bench/sockets and tests/bench/subjects: a process in a cgroup and a network
namespace of its own, which does what it is told (sockets.c), its peer, and what is put on it: a policy
by the real hook, rules of equal meaning by nft, or programs that do nothing (floor.cpp)."""

import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
HOOK = "/usr/libexec/oci/hooks.d/socklid-hook"
BPFFS = Path("/sys/fs/bpf/socklid")
RULES_OF_OURS = str(TOP / "tests/golden/nft/web-server.nft")
FILE = "/run/socklid-bench-file"  # in memory

# Every peer that the program names. The rest of a list are others.
NAMED = [f"{protocol}/7@{peer}" for protocol in ("tcp", "udp")
         for peer in ("10.7.0.1", "fd07::1", "127.0.0.1", "::1")]

LINKS = """\
link set lo up
addr add {ipv4}/24 dev eth0
addr add {ipv6}/64 dev eth0 nodad
link set eth0 addrgenmode none
link set eth0 up
"""

# What `egress` means, as an administrator would write it.
RULES = """\
table inet plain {{
  set v4 {{ type ipv4_addr . inet_proto . inet_service; elements = {{ {v4} }} }}
  set v6 {{ type ipv6_addr . inet_proto . inet_service; elements = {{ {v6} }} }}
  chain output {{
    type filter hook output priority filter; policy drop;
    oif lo accept
    ct state established,related accept
    ip daddr . meta l4proto . th dport @v4 accept
    ip6 daddr . meta l4proto . th dport @v6 accept
    icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
  }}
  chain input {{
    type filter hook input priority filter; policy drop;
    iif lo accept
    ct state established,related accept
    icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
  }}
}}
"""


def built(name):
    found = [path for path in sorted((TOP / "build").rglob(name)) if path.is_file()]
    release = [path for path in found if "release" in path.parts]
    if not found:
        sys.exit(f"sockets: {name} is not built")
    return str((release or found)[0])


def run(command, text=None):
    done = subprocess.run(command, input=text, text=True, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"sockets: {' '.join(command)}: exit status {done.returncode}")
    return done.stdout


def endpoints(size):
    """So many, among them the peers of the measured operations; a document of them has less than 200 KiB."""
    others = [f"tcp/7@10.0.{number // 250}.{number % 250}" for number in range(size - len(NAMED))]
    return NAMED + others


def as_elements(size, ipv6):
    for endpoint in endpoints(size):
        service, address = endpoint.split("@")
        protocol, port = service.split("/")
        if (":" in address) == ipv6:
            yield f"{address} . {protocol} . {port}"

# Where ours are, and nothing in them.
CHAINS = """\
table inet empty {
  chain output { type filter hook output priority -150; policy accept; }
  chain input { type filter hook input priority 0; policy accept; }
  chain forward { type filter hook forward priority 0; policy accept; }
}
"""


class Container:
    number = 0

    def __init__(self, name, program=None):
        Container.number += 1
        self.name = name
        self.id = f"bench-sockets-{Container.number}"
        self.cgroup = f"/sys/fs/cgroup/{self.id}"
        self.bundle = f"/run/{self.id}"
        Path(self.bundle).mkdir()
        self.annotations = None
        self.links = []  # hooks of the cgroup, by name
        Path(FILE).touch()
        self.process = subprocess.Popen([program or built("socklid-bench-sockets"), self.cgroup, FILE], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.connect_to(int(self.answer().removeprefix("ready ")))

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"sockets: '{self.name}' ended, see above")
        return line.strip()

    def connect_to(self, peer):
        here = self.process.pid
        run(["ip", "link", "add", "eth0", "netns", str(here), "type", "veth", "peer", "name", "eth0",
             "netns", str(peer)])
        for pid, last in ((here, 2), (peer, 1)):
            text = LINKS.format(ipv4=f"10.7.0.{last}", ipv6=f"fd07::{last}")
            run(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-batch", "-"], text)

    def call_hook(self, stage, status, pid):
        state = {"ociVersion": "1.0.2", "id": self.id, "status": status, "pid": pid, "bundle": self.bundle,
                 "annotations": self.annotations}
        run([HOOK, stage], json.dumps(state))

    def with_policy(self, key, size):
        return self.with_annotations(
            {"io.socklid.policy": json.dumps({key: endpoints(size)}, separators=(",", ":"))})

    def with_annotations(self, annotations):
        self.annotations = annotations
        config = {"root": {"path": "/"}, "annotations": annotations}
        Path(self.bundle, "config.json").write_text(json.dumps(config))
        containers = BPFFS / "containers"
        before = set(containers.glob("*"))
        self.call_hook("createRuntime", "creating", self.process.pid)
        (mine,) = set(containers.glob("*")) - before
        self.links = [path.name for path in mine.iterdir()]
        return self

    def with_rules(self, size):
        return self.with_table(RULES.format(v4=", ".join(as_elements(size, False)),
                                            v6=", ".join(as_elements(size, True))))

    def with_table(self, text):
        run(["nsenter", f"--net=/proc/{self.process.pid}/ns/net", "nft", "-f", "-"], text)
        return self

    def measure(self, operation, way, count):
        """Instructions for all."""
        self.process.stdin.write(f"{operation} {way} {count}\n")
        self.process.stdin.flush()
        return int(self.answer())

    def become_anew(self):
        """Its process executes its program: from here on it is in the subjects of that. It has no peer any more."""
        self.process.stdin.write("become - 0\n")
        self.process.stdin.flush()
        self.answer()

    def stop(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            sys.exit(f"sockets: '{self.name}' failed, see above")
        if self.annotations:
            self.call_hook("poststop", "stopped", 0)
        Path(self.cgroup).rmdir()
        shutil.rmtree(self.bundle)


def take_turns(containers, rounds, operations):
    """{column: {row: median}} of these containers, which live at the same time. `operations`: (name, ways, how often in
    one round)."""
    taken = {}
    for turn in range(rounds):
        for place in range(len(containers)):
            container = containers[(turn + place) % len(containers)]
            for operation, ways, count in operations:
                for way in ways:
                    cost = container.measure(operation, way, count) / count
                    taken.setdefault(container.name, {}).setdefault(f"{operation} {way}", []).append(cost)
    return {name: {row: statistics.median(costs) for row, costs in rows.items()} for name, rows in taken.items()}


def hooks_in_force(container):
    """Those of the container's cgroup and, with `node:`, those anchored on the node: what floor.cpp takes."""
    anchors = {path.name.removeprefix("anchor_") for path in (BPFFS / "programs").glob("*/anchor_*")}
    return sorted(container.links) + [f"node:{hook}" for hook in sorted(anchors)]


class Floor:
    """Programs that do nothing on these hooks, while inside."""

    def __init__(self, cgroup, hooks):
        self.process = subprocess.Popen([built("socklid-bench-floor"), cgroup, *hooks], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != "attached\n":
            sys.exit("sockets: the floor's programs are not attached, see above")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
