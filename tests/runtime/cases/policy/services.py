# SPDX-License-Identifier: Apache-2.0
"""Services of a cluster, whose addresses somebody translates: which address `connect` wants named, and which `egress`. The tables
of docs/kubernetes.md, row by row, in a pod and in a namespace of the container's own.

Fails when: a policy that names what the page says is refused, or one that names the other address is let through.
"""

from contextlib import contextmanager
from pathlib import Path

from harness.bundle import POD, Options
from harness.check import compare, keys
from harness.commands import run
from harness.network import INSIDE, NEIGHBOUR4, NEIGHBOUR6, OUTSIDE, in_netns
from harness.runner import Failure, group
from harness.session import built

# As tests/probe/balancer.bpf.c has them.
SERVICE = {"4": "10.96.0.10", "6": "fd96::10"}
BACKEND = {"4": NEIGHBOUR4, "6": NEIGHBOUR6}
PINS, CGROUPS = Path("/sys/fs/bpf/socklid-test-balancer"), "/sys/fs/cgroup"
HOOKS = {f"balance_{call}{version}": f"cgroup_inet{version}_{call}" if call == "connect" else f"cgroup_udp{version}_{call}"
         for call in ("connect", "sendmsg", "recvmsg") for version in "46"}


@contextmanager
def balancer():
    """For all cgroups of the node, as Cilium's."""
    attached = []
    try:
        run("bpftool", "prog", "loadall", built("balancer.bpf.o"), PINS)
        for program, hook in HOOKS.items():
            run("bpftool", "cgroup", "attach", CGROUPS, hook, "pinned", PINS / program, "multi")
            attached.append((program, hook))
        yield
    finally:
        for program, hook in attached:
            run("bpftool", "cgroup", "detach", CGROUPS, hook, "pinned", PINS / program, check=False)
        for pin in PINS.glob("*"):
            pin.unlink()
        if PINS.exists():
            PINS.rmdir()


def translation(hook):
    rules = "\n".join(f"    {family} daddr {SERVICE[version]} dnat {family} to {BACKEND[version]}"
                      for family, version in (("ip", "4"), ("ip6", "6")))
    return f"table inet services {{\n  chain translate {{\n    type nat hook {hook};\n{rules}\n  }}\n}}\n"


@contextmanager
def translated(netns, hook):
    """As kube-proxy's rules do it on the node, outside of the pod, or a mesh's in the pod's own namespace."""
    try:
        in_netns(netns, "nft", "-f", "-", stdin=translation(hook))
        yield
    finally:
        in_netns(netns, "nft", "delete", "table", "inet", "services", check=False)


def outside():
    return translated(OUTSIDE, "prerouting priority dstnat")


def within():
    return translated(INSIDE, "output priority -100")


def endpoints(protocol, port, *addresses):
    return " ".join(f"{protocol}/{port}@{address[version]}" for address in addresses for version in "46")


def attempts(kind, port):
    return [f"exchange.{kind}{version}:{SERVICE[version]}:{port}" for version in "46"]


# Who translates, the kind of socket, the kind of namespace: what `connect` and what `egress` names, each as few as do, and
# the `answers` that it takes: an answer that was translated back comes from another than the packet went to.
S, B = (SERVICE,), (BACKEND,)
ROWS = (
    ("a balancer of sockets", balancer, "tcp", 3306, "own", S, B, "peer"),
    ("a balancer of sockets", balancer, "tcp", 3306, "pod", S, B, "peer"),
    ("a balancer of sockets", balancer, "udp", 53, "own", B, B, "peer"),
    ("a balancer of sockets", balancer, "udp", 53, "pod", S, B, "peer"),
    ("rules outside of the namespace", outside, "tcp", 3306, "own", S, S, "peer"),
    ("rules outside of the namespace", outside, "tcp", 3306, "pod", S, S, "peer"),
    ("rules outside of the namespace", outside, "udp", 53, "own", S, S, "peer"),
    ("rules outside of the namespace", outside, "udp", 53, "pod", S, S, "peer"),
    ("rules of the namespace", within, "tcp", 3306, "own", S, S, "peer"),
    ("rules of the namespace", within, "tcp", 3306, "pod", S, S, "peer"),
    ("rules of the namespace", within, "udp", 53, "own", B, S + B, "any"),
    ("rules of the namespace", within, "udp", 53, "pod", S, S + B, "any"),
)


def policies(kind, port, connect, egress, answers):
    """(policy, whether it lets through): what is to be named, all of it, and each with something left out."""
    def given(who=answers, **lists):
        policy = keys(**{key: endpoints(kind, port, *value) for key, value in lists.items()})
        return {**policy, **keys(answers=who)} if "egress" in lists and who != "peer" else policy

    yield given(connect=connect), True
    yield given(egress=egress), True
    yield given(connect=connect, egress=egress), True
    yield given(connect=S + B, egress=S + B), True
    if answers != "peer":
        yield given("peer", egress=egress), False
    for rest in (S, B):
        if rest != connect:
            yield given(connect=rest), False
        if rest != egress:
            yield given(egress=rest), False


def tried(session, kind, port, namespace, policy):
    annotations = {**(POD if namespace == "pod" else {}), **policy}
    return session.crun.probe(attempts(kind, port), Options(annotations=annotations))


@group("which address of a service is to be named")
def _(session, record):
    _ = session.network
    # That there is a way there at all: the service's address is nobody's.
    run("ip", "-n", INSIDE, "route", "add", "fd96::/64", "via", NEIGHBOUR6)
    try:
        for who, translating, kind, port, namespace, *lists in ROWS:
            with translating():
                name = f"{who}, {kind}, {namespace}"
                try:
                    compare(tried(session, kind, port, namespace, {}), {one: "ok" for one in attempts(kind, port)})
                    for policy, works in policies(kind, port, *lists):
                        seen = tried(session, kind, port, namespace, policy)
                        compare({one: f"{answer} under {policy}" if (answer == "ok") != works else "right"
                                 for one, answer in seen.items()}, {one: "right" for one in attempts(kind, port)})
                    record(name)
                except Failure as error:
                    record(name, str(error))
    finally:
        run("ip", "-n", INSIDE, "route", "del", "fd96::/64", check=False)
