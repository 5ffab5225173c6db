# SPDX-License-Identifier: Apache-2.0
"""What the kernel would do on a container's behalf, by real programs and against real servers: NFS, keyutils, netconsole.

Fails when: without a policy nothing of it arrives, so that a refusal would prove nothing; or when under a policy that
restricts something does: a packet at the server, a listener of the kernel's, a program of the host's that was started.
"""

import re
import socket
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.bundle import Options
from harness.check import keys
from harness.commands import run
from harness.network import CONTAINER4, INSIDE, LINK, NEIGHBOUR4, OUTSIDE, in_netns
from harness.recipe import tree
from harness.runner import expect, expect_equal, expect_in, test
from harness.runtimes import parse_probe
from harness.upcalls import upcalls
from harness.volume_server import HELLO, PORT, VolumeServer

# As programs put EPERM; mount(8) has words of its own.
REFUSED = r"(?i)operation not permitted|permission denied"
SLOW = 300


def in_tree(session, script, policy, root=None):
    return session.crun.run(["sh", "-uc", script], Options(annotations=policy, rootfs=root or tree()), SLOW).text


# NFS ----------------------------------------------------------------------------------------------

COUNTER = f"""
table inet witness {{
  chain came {{
    type filter hook prerouting priority -300;
    iifname "{LINK}" tcp dport {PORT} counter
  }}
}}
"""


@contextmanager
def packets_at_server():
    """How many have come from the container's side."""
    def count():
        return int(re.search(r"packets (\d+)", in_netns(OUTSIDE, "nft", "list", "table", "inet", "witness").out)[1])

    in_netns(OUTSIDE, "nft", "-f", "-", stdin=COUNTER)
    try:
        yield count
    finally:
        in_netns(OUTSIDE, "nft", "delete", "table", "inet", "witness")


@test("a volume of NFS that the container mounts itself: its server hears nothing")
def _(session):
    with VolumeServer(session) as server, packets_at_server() as count:
        # By its helper, which asks the server first, and by mount(8) alone.
        plainly = f"mount -i -t nfs4 -o {server.options(NEIGHBOUR4, CONTAINER4)} {NEIGHBOUR4}:/ /mnt && cat /mnt/hello"
        helped = f"mount.nfs4 {NEIGHBOUR4}:/ /mnt -o vers=4.2,soft && cat /mnt/hello"
        for policy in ({}, keys(connect="deny"), keys(egress=f"tcp/{PORT}")):
            for script in (plainly, helped):
                before = count()
                said = in_tree(session, script, policy)
                if policy:
                    expect(re.search(REFUSED, said), f"{policy}: {script}: {said}")
                    expect_equal(count() - before if script is plainly else 0, 0, f"{policy}: packets at the server")
                else:
                    expect_in(HELLO, said, script)
                    expect(count() > before, "no packet was counted that was there")


# The kernel ends it with the last that has its file system mounted.
SERVE = """
mount -t nfsd nfsd /proc/fs/nfsd
rpc.nfsd --no-nfs-version 3 --no-udp 1
echo done
exec sleep 1000
"""


@test("the kernel's NFS server is started by no container")
def _(session):
    _ = session.network
    run("modprobe", "nfsd")
    knock = f"connect.tcp4:{CONTAINER4}:{PORT}"
    for policy, answer in (({}, "ok"), (keys(bind="deny"), "ECONNREFUSED"), (keys(connect="deny"), "ECONNREFUSED")):
        with session.crun.start(["sh", "-c", SERVE], Options(annotations=policy, rootfs=tree()), ready="done") as container:
            seen = parse_probe(session.network.from_neighbour(knock))
            expect_equal(seen, {knock: answer}, f"{policy}: {container.output}")


# Keys ---------------------------------------------------------------------------------------------


@contextmanager
def resolver_of_host():
    """The questions that come to the host's name server, which knows no name."""
    asked, end = [], b""

    def serve():
        while (question := server.recvfrom(512)) and question[0] != end:
            asked.append(question[0])
            server.sendto(question[0][:2] + b"\x81\x83" + question[0][4:], question[1])

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield asked
        finally:
            server.sendto(end, server.getsockname())
            thread.join()


@test("keys by keyutils: the host's request-key is not started, and its name server not asked")
def _(session):
    _ = session.network
    run("modprobe", "dns_resolver")
    files = {"/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"}
    with upcalls(files) as asked, resolver_of_host() as questions:
        for number, (policy, works) in enumerate((({}, True), (keys(egress="", create="deny", connect="deny"), False),
                                                  (keys(connect="deny"), False),
                                                  (keys(connect="deny", deputies="keys"), True))):
            before = len(asked())
            name = f"secret{number}"
            said = in_tree(session, f"keyctl request2 dns_resolver a:{name}.example '' @s; key=$(keyctl request2 user"
                                    f" debug:{name} about @s) && keyctl print $key", policy)
            started = asked()[before:]
            expect_equal(len(started), 2 if works else 0, f"{policy}: {started}, {said}")
            expect_equal(any(name.encode() in question for question in questions), works, f"{policy}: {questions}, {said}")
            expect_equal("Debug about" in said, works, f"{policy}: {said}")
            if not works:
                expect(re.search(REFUSED, said), f"{policy}: {said}")


# configfs -----------------------------------------------------------------------------------------

CONSOLES, CONFIGFS = Path("/sys/kernel/config/netconsole"), Path("/sys/kernel/config")
CONSOLE = """
cd /config/netconsole
[ -d test ] || mkdir test
cd test
echo {device} >dev_name && echo 10.96.0.1 >local_ip && echo 10.96.0.2 >remote_ip && echo 1 >enabled
"""
DEVICE = "sl-dummy"


def is_heard(text):
    """Whether a device sends what the host's kernel logs; a veth would not let netconsole."""
    def sent():
        return int(in_netns(INSIDE, "cat", f"/sys/class/net/{DEVICE}/statistics/tx_packets").out)

    before = sent()
    Path("/dev/kmsg").write_text(f"<3>{text}\n")
    return sent() > before


def remove_consoles():
    for directory in CONSOLES.iterdir():
        with suppress(OSError):
            (directory / "enabled").write_text("0")
        directory.rmdir()


@contextmanager
def consoles():
    run("modprobe", "-a", "configfs", "netconsole", "dummy")
    was_there = CONFIGFS.is_mount()
    if not was_there:
        run("mount", "-t", "configfs", "configfs", CONFIGFS)
    # Without IPv6 it sends nothing of its own.
    in_netns(INSIDE, "sh", "-euc", f"""
        ip link add {DEVICE} type dummy
        echo 1 >/proc/sys/net/ipv6/conf/{DEVICE}/disable_ipv6
        ip addr add 10.96.0.1/24 dev {DEVICE}
        ip link set {DEVICE} up""")
    try:
        yield
    finally:
        remove_consoles()
        in_netns(INSIDE, "ip", "link", "del", DEVICE)
        run("modprobe", "-r", "netconsole")
        if not was_there:
            run("umount", CONFIGFS)


@test("netconsole by a configfs that is handed in: nothing is sent")
def _(session):
    _ = session.network
    with consoles():
        for policy, made, works in (({}, False, True), (keys(connect="deny"), False, False), (keys(egress="dns"), True, False)):
            if made:
                (CONSOLES / "test").mkdir()
            done = session.podman.run(["sh", "-uc", CONSOLE.format(device=DEVICE)], Options(
                annotations=policy, rootfs=tree(), flags=("--volume", f"{CONFIGFS}:/config")), SLOW)
            expect_equal(is_heard("hello"), works, f"{policy}: {done.text}")
            if not works:
                expect(re.search(REFUSED, done.text), f"{policy}: {done.text}")
            remove_consoles()
