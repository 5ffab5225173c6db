# SPDX-License-Identifier: Apache-2.0
"""WireGuard under egress, as docs/programs.md has it: the kernel's in a namespace of the container's own, and in a pod the
program wireguard-go (Debian's package) as a neighbour. The far end is the kernel's, in the neighbour's namespace.

Fails when: a tunnel is not judged by its peer, or what goes through it not by what is behind it; when the tunnel in a pod needs
more than the page says; or when the kernel's tunnel in a pod is a way out.
"""

import shutil
from contextlib import contextmanager

from harness.bundle import POD, Options
from harness.check import compare, keys
from harness.commands import run, write
from harness.network import INSIDE, OUTSIDE, in_netns
from harness.network import NEIGHBOUR4 as N4
from harness.programs import tried
from harness.recipe import machine, tree
from harness.runner import expect, expect_equal, test

TUNNEL4, BEHIND4 = "10.55.0.2", "10.55.0.1"


def wg():
    return tree() / "usr/bin/wg"


def pair_of_keys():
    private = run(wg(), "genkey").out
    return private, run(wg(), "pubkey", stdin=private).out.strip()


@contextmanager
def far_end(our_key, private, root):
    """WireGuard in the neighbour's namespace. The container's end, which may be made meanwhile, goes with it."""
    try:
        in_netns(OUTSIDE, "ip", "link", "add", "wg0", "type", "wireguard")
        write(root / "theirs", private)
        in_netns(OUTSIDE, wg(), "set", "wg0", "listen-port", "51820", "private-key", root / "theirs", "peer", our_key,
                 "allowed-ips", f"{TUNNEL4}/32")
        in_netns(OUTSIDE, "ip", "addr", "add", f"{BEHIND4}/24", "dev", "wg0")
        in_netns(OUTSIDE, "ip", "link", "set", "wg0", "up")
        yield
    finally:
        for name in (INSIDE, OUTSIDE):
            in_netns(name, "ip", "link", "del", "wg0", check=False)


def near_end(their_key, private, device="ip link add wg0 type wireguard", fwmark="", tool="wg"):
    """As commands of a shell."""
    return (f"{device} && {tool} set wg0 {fwmark} private-key {private} peer {their_key}"
            f" allowed-ips 10.55.0.0/24 endpoint {N4}:51820 && ip addr add {TUNNEL4}/24 dev wg0 && ip link set wg0 up")


THROUGH = {f"exchange.tcp4:{BEHIND4}:3306": "ok", f"exchange.tcp4:{BEHIND4}:80": "connect:ECONNREFUSED",
           f"exchange.tcp4:{N4}:3306": "connect:ECONNREFUSED"}


@test("a tunnel of the kernel's own in a container's namespace sends with the container's mark, and to whom egress names")
def _(session):
    _ = session.network
    (ours, our_key), (theirs, their_key) = pair_of_keys(), pair_of_keys()
    for fwmark, peer, works in (("", N4, False), ("fwmark 3", "10.99.0.9", False), ("fwmark 3", N4, True)):
        policy = keys(mark="3", egress=f"udp/51820@{peer} tcp/3306@{BEHIND4}")
        with machine({"/ours": ours}) as root, far_end(our_key, theirs, root), \
                session.crun.hold(Options(annotations=policy)) as container:
            in_netns(INSIDE, "sh", "-c", near_end(their_key, root / "ours", fwmark=fwmark, tool=wg()))
            seen = tried(container, "/probe", *THROUGH)
            if works:
                compare(seen, THROUGH)
            else:
                expect(seen[f"exchange.tcp4:{BEHIND4}:3306"] != "ok", f"{fwmark} {peer}: {seen}")


BEHIND = f"exchange.tcp4:{BEHIND4}:3306"
PROGRAM = keys(egress=f"tcp/3306@{BEHIND4}")
VPN = keys(families="inet inet6 netlink-route", egress=f"udp/51820@{N4}")
# The device is made by the program, by /dev/net/tun, which the engine gives such a container (podman: --device).
USERSPACE = "mkdir -p /dev/net && mknod /dev/net/tun c 10 200 && wireguard-go wg0"


@test("a VPN as a neighbour in the pod: the program reaches what is behind the tunnel and nothing round it")
def _(session):
    _ = session.network
    (ours, our_key), (theirs, their_key) = pair_of_keys(), pair_of_keys()
    command = ["sh", "-c", f"{near_end(their_key, '/ours', USERSPACE)} && echo the tunnel is up && exec sleep 10000"]
    for policy in ({}, VPN):
        with machine({"/ours": ours}) as root, far_end(our_key, theirs, root), \
                session.crun.start(command, Options(annotations={**POD, **policy}, rootfs=root), ready="tunnel is up") as vpn, \
                session.crun.hold(Options(annotations={**POD, **PROGRAM})) as program:
            compare(tried(program, "/probe", *THROUGH), THROUGH)
            if policy:
                around = f"exchange.tcp4:{N4}:3306"
                shutil.copy(session.probe, root / "probe")
                compare(tried(vpn, "/probe", around), {around: "connect:ECONNREFUSED"})


@test("in a pod the kernel's own tunnel is no way out for a neighbour under egress")
def _(session):
    _ = session.network
    (ours, our_key), (theirs, their_key) = pair_of_keys(), pair_of_keys()
    with machine({"/ours": ours}) as root, far_end(our_key, theirs, root):
        in_netns(INSIDE, "sh", "-c", near_end(their_key, root / "ours", tool=wg()))
        with session.crun.hold(Options(annotations=POD)) as free, \
                session.crun.hold(Options(annotations={**POD, **keys(egress=f"tcp/3306@{BEHIND4} udp/51820@{N4}")})) as program:
            expect_equal(tried(free, "/probe", BEHIND).get(BEHIND), "ok", "without a policy")
            expect(tried(program, "/probe", BEHIND).get(BEHIND) != "ok", "under egress")
