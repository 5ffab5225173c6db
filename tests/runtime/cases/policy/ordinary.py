# SPDX-License-Identifier: Apache-2.0
"""Ordinary life under a policy that restricts, by real programs: volumes, systemd, engines, namespaces and keyrings inside.

Fails when: something of it does not work under a policy, while it does without one; or when it only seems to, for what the
program does is not seen by somebody else: the volume's server, a device that is refused, a peer that is not reached.
"""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

from harness.bundle import Options
from harness.check import keys
from harness.commands import run, write
from harness.network import HOST4, NEIGHBOUR4, PEER4, cabled
from harness.programs import with_programs
from harness.recipe import tree
from harness.runner import expect, expect_equal, expect_in, group, test, why_not
from harness.runtimes import next_name
from harness.upcalls import upcalls
from harness.volume_server import HELLO, HELLO_INNER, VolumeServer, users

# What a user would write first: one with verbs alone, and one with packets.
VERBS, PACKETS = keys(connect="deny", bind="tcp/80"), keys(egress="dns tcp/443", bind="tcp/80")
POLICIES = ({}, VERBS, PACKETS)
# All of a guest, with its engine and its systemd.
GUEST = Path("/")
SLOW = 300


def said_under(policy):
    return ", ".join(f"{key}={value}" for key, value in policy.items()) or "no policy"


def under_each(record, name, function):
    for policy in POLICIES:
        record(f"{name}: {said_under(policy)}", why_not(lambda policy=policy: function(policy)))


def shell(session, script, policy, *arguments):
    """What the script prints in a container of the tests' tree; it may not fail."""
    done = session.crun.run(["sh", "-euc", script, "sh", *arguments], Options(annotations=policy, rootfs=tree()), SLOW)
    expect_equal(done.status, 0, f"{said_under(policy)}: {done.text}")
    return done.text


# Volumes ------------------------------------------------------------------------------------------

CLIENT_ID = 2222
# What it says is forgotten in a second, so that each container is the first to ask.
ASK = {"/etc/request-key.d/id_resolver.conf": "create id_resolver * * /usr/sbin/nfsidmap -t 1 %k %d\n"}
READS = """
cat /data/hello /data/inner/hello
stat -c %u:%g /data/owned
echo from inside >/data/written
echo from further inside >/data/inner/written
touch /data/given && chown {id}:{id} /data/given
mkdir /data/directory && mv /data/written /data/directory/moved && ln -s moved /data/directory/link
cat /data/directory/link
"""


@contextmanager
def volume_of(session, server):
    """The engine's name of it: podman mounts it when a container comes that wants it."""
    name = next_name()
    run(*session.podman.base, "volume", "create", "--opt", "type=nfs4", "--opt", f"device={PEER4}:/",
        "--opt", f"o={server.options(PEER4, HOST4)}", name)
    try:
        yield name
    finally:
        run(*session.podman.base, "volume", "rm", "--force", name)


def use_volume(session, policy):
    with VolumeServer(session) as server, upcalls({**users(CLIENT_ID), **ASK}) as asked, volume_of(session, server) as volume:
        done = session.podman.run(["sh", "-euc", READS.format(id=CLIENT_ID)], Options(
            annotations=policy, rootfs=tree(), flags=("--volume", f"{volume}:/data:nocopy")), SLOW)
        expect_equal(done.text.splitlines(), [HELLO, HELLO_INNER, f"{CLIENT_ID}:{CLIENT_ID}", "from inside"], done.text)
        expect_equal((server.volume / "directory/moved").read_text(), "from inside\n", "what the server has")
        expect_equal((server.inner / "written").read_text(), "from further inside\n", "what the server has")
        given, owned = ((server.volume / name).stat() for name in ("given", "owned"))
        expect_equal((given.st_uid, given.st_gid), (owned.st_uid, owned.st_gid), "whose a file is to the server")
        expect("create" in " ".join(asked()), f"nobody was asked who is who: {asked()}")


@group("a volume of NFS that the engine has mounted: reading, writing, owners by name, a submount")
def _(session, record):
    with cabled(session):
        under_each(record, "a volume of NFS", lambda policy: use_volume(session, policy))


@test("a protected path of a volume of NFS: the rest of the volume is free")
def _(session):
    root = with_programs(session)
    (root / "data").mkdir()
    script = "for name in kept free; do echo x >/data/$name/file && echo $name; done; mkdir /data/new && echo new"
    with cabled(session), VolumeServer(session) as server:
        for name in ("kept", "free"):
            (server.volume / name).mkdir()
        run("mount", "-i", "-t", "nfs4", "-o", server.options(PEER4, HOST4), f"{PEER4}:/", root / "data")
        try:
            for policy, works in (({}, ["kept", "free", "new"]), (keys(readonly="/data/kept"), ["free", "new"])):
                with session.crun.hold(Options(annotations=policy, rootfs=root)) as container:
                    done = container.exec("/bin/sh", "-c", script, check=False)
                expect_equal(done.out.split(), works, done.text)
                (server.volume / "new").rmdir()
        finally:
            run("umount", root / "data")


# Engines and first processes ----------------------------------------------------------------------

# What a first boot builds or asks, and is not about a container.
MASKED = ("systemd-hwdb-update", "ldconfig", "systemd-journal-catalog-update", "systemd-firstboot", "systemd-sysusers",
          "systemd-update-done", "systemd-journal-flush")
SERVICE = """
[Service]
Type=oneshot
StandardOutput=append:/out/said
StandardError=append:/out/said
"""
# The second one's devices are fewer than the container's, by a program on its own cgroup.
UNITS = {
    "ordinary.target": "[Unit]\nWants=second.service\n",
    "first.service": SERVICE + "ExecStart=mknod /var/tmp/device b 7 0\n",
    "second.service": f"""
[Unit]
Requires=first.service
After=first.service
SuccessAction=exit-force
FailureAction=exit-force
{SERVICE}
DevicePolicy=closed
PrivateNetwork=yes
PrivateTmp=yes
ProtectKernelModules=yes
KeyringMode=private
IPAddressDeny=any
ExecStart=/out/deeds
""",
}
DEEDS = """#!/bin/sh
ip -o addr show lo | grep -o 'inet 127.0.0.1/8'
mknod /var/tmp/another b 7 0
cat /proc/1/comm
"""
LIMITED = "mknod: /var/tmp/another: Operation not permitted"


def limits_devices(policy):
    """systemd 262 first loads a program of packets, and takes a refusal for a kernel without BPF (its
    bpf_program_supported()): then its units have the devices of the container. 257 asks for devices alone."""
    version = run("/lib/systemd/systemd", "--version").out.split()[1]
    return not policy or int(version.partition(".")[0]) <= 257


def done_under(policy):
    return ["inet 127.0.0.1/8", *([LIMITED] if limits_devices(policy) else []), "systemd"]


def run_systemd(session, policy):
    with tempfile.TemporaryDirectory() as directory:
        for name, text in UNITS.items():
            write(f"{directory}/units/{name}", text)
        for name in MASKED:
            os.symlink("/dev/null", f"{directory}/units/{name}.service")
        write(f"{directory}/out/deeds", DEEDS).chmod(0o755)
        flags = ("--systemd=always", "--cap-add=MKNOD", "--volume", f"{directory}/units:/etc/systemd/system",
                 "--volume", f"{directory}/out:/out")
        done = session.podman.run(["/lib/systemd/systemd", "--unit=ordinary.target"],
                                  Options(annotations=policy, rootfs=GUEST, flags=flags), SLOW)
        said = Path(directory, "out/said")
        expect_equal((said.read_text() if said.exists() else "").splitlines(), done_under(policy), done.text)


@group("systemd as a container's first process: a service with its own devices, network and files")
def _(session, record):
    under_each(record, "systemd", lambda policy: run_systemd(session, policy))


# As its own image has it: cgroups below that of the container, which has no process of its own then.
INNER = """
mkdir /sys/fs/cgroup/init
echo $$ >/sys/fs/cgroup/init/cgroup.procs
printf '[storage]\\ndriver = "vfs"\\nrunroot = "/run/storage"\\ngraphroot = "/var/lib/containers/storage"\\n' \
    >/etc/containers/storage.conf
printf '[containers]\\nlog_driver = "k8s-file"\\n[engine]\\ncgroup_manager = "cgroupfs"\\nevents_logger = "file"\\n' \
    >/etc/containers/containers.conf
tar -C /base -c . | podman import --quiet - inner >/dev/null
podman run --rm --network none --cap-add MKNOD --sysctl net.ipv4.ip_forward=1 inner /bin/sh -c '
    busybox cat /proc/sys/net/ipv4/ip_forward
    busybox mknod /device b 7 0
    busybox cat /device'
podman run --rm --network host inner /probe connect.tcp4:NEIGHBOUR:80
"""


@test("podman in a container, by the vfs driver: its containers have devices, sysctls and the policy around them")
def _(session):
    for policy in POLICIES:
        flags = ("--privileged", "--tmpfs", "/var/lib/containers", "--tmpfs", "/run", "--volume", f"{session.rootfs}:/base:ro")
        done = session.podman.run(["bash", "-c", INNER.replace("NEIGHBOUR", NEIGHBOUR4)],
                                  Options(annotations=policy, rootfs=GUEST, flags=flags), 2 * SLOW)
        said = f"{said_under(policy)}: {done.text}"
        lines = done.text.splitlines()
        expect_in("1", lines, said)
        expect_in("cat: can't open '/device': Operation not permitted", lines, said)
        refused = {"connect": "EPERM", "egress": "ECONNREFUSED"}
        answer = next((answer for key, answer in refused.items() if f"io.socklid.{key}" in policy), "ok")
        expect_in(f"connect.tcp4:{NEIGHBOUR4}:80 {answer}", lines, said)


# Namespaces, mounts and keys ----------------------------------------------------------------------

NAMESPACES = """
unshare --net sh -euc '
    ip link set lo up
    sysctl -w net.ipv4.ip_forward=1 net.ipv4.ip_unprivileged_port_start=0 net.ipv6.conf.all.forwarding=1
    ip -o addr show lo | grep -o "inet 127.0.0.1/8"'
ip netns add blue
ip -n blue link set lo up
ip netns exec blue sh -euc 'sysctl -w net.ipv4.ip_nonlocal_bind=1; ls /sys/class/net'
ip netns del blue
"""


@test("network namespaces made inside, by unshare and by ip netns: sysctls, loopback and a sysfs of their own")
def _(session):
    _ = session.network
    for policy in POLICIES:
        expect_equal(shell(session, NAMESPACES, policy).split("\n"), [
            "net.ipv4.ip_forward = 1", "net.ipv4.ip_unprivileged_port_start = 0", "net.ipv6.conf.all.forwarding = 1",
            "inet 127.0.0.1/8", "net.ipv4.ip_nonlocal_bind = 1", "lo"], said_under(policy))


OVERLAYS = """
cd /tmp
mkdir lower upper work merged
echo below >lower/below
[ -e /dev/fuse ] || mknod /dev/fuse c 10 229
for by in "mount -t overlay overlay" "fuse-overlayfs"; do
    $by -o lowerdir=lower,upperdir=upper,workdir=work merged
    cat merged/below
    echo above >merged/above
    cat upper/above
    grep -o ' /tmp/merged [a-z.-]*' /proc/mounts
    umount merged
    rm -r upper work && mkdir upper work
done
"""


@test("overlays inside: the kernel's own, and fuse-overlayfs")
def _(session):
    _ = session.network
    run("modprobe", "fuse", check=False)
    for policy in POLICIES:
        said = [line for line in shell(session, OVERLAYS, policy).split("\n") if not line.startswith("unknown argument ignored")]
        expect_equal(said, [
            "below", "above", " /tmp/merged overlay", "below", "above", " /tmp/merged fuse.fuse-overlayfs"],
            said_under(policy))


KEYRINGS = """
keyctl session - sh -euc '
    key=$(keyctl add user ours secret @s)
    keyctl print $key
    [ "$(keyctl request user ours)" = $key ]
    ring=$(keyctl newring more @s)
    keyctl link $key $ring
    keyctl search @s user ours >/dev/null
    keyctl update $key other
    keyctl pipe $key && echo
    keyctl list $ring | tail -n 1 | grep -o "user: ours"
    keyctl revoke $key
    keyctl print $key || true'
"""


@test("keyrings of sessions, by keyctl")
def _(session):
    _ = session.network
    for policy in POLICIES:
        said = [line for line in shell(session, KEYRINGS, policy).split("\n") if not line.startswith("Joined")]
        expect_equal(said, ["secret", "other", "user: ours", "keyctl_read_alloc: Key has been revoked"], said_under(policy))
