# SPDX-License-Identifier: Apache-2.0
"""What the kernel does on a container's behalf: upcalls for keys, file systems, files that act, sysctls, bpf(2).

Fails when: something of it that acts on the network goes on under a policy that restricts; bpf(2) does under any policy;
a word of `deputies` opens another thing, or not its own; or ordinary life is hindered: local mounts, keyrings, sizes and
times of TCP, namespaces made inside, device programs of nested engines, what the engine itself writes before the program.
"""

import re
from concurrent.futures import ThreadPoolExecutor

from harness.bundle import Options
from harness.check import check, compare, keys
from harness.commands import run, wait_until
from harness.recipe import tree
from harness.runner import expect, expect_equal, group, test
from harness.runtimes import parse_probe

DENIED = "EPERM"
FORWARD = "/proc/sys/net/ipv4/ip_forward"
# {attempt: the word that opens it}; each works without a policy.
DEPUTIES = {
    "key.upcall": "keys",
    "mount.nfsd": "mounts",
    "mount.rpc_pipefs": "mounts",
    "fsopen.nfsd": "mounts",
    f"write:{FORWARD}=1": "sysctl",
    "write:/proc/sys/net/ipv4/ip_nonlocal_bind=1": "sysctl",
    "write:/proc/sys/net/ipv4/ip_unprivileged_port_start=1": "sysctl",
    "write:/proc/sys/net/ipv6/conf/all/forwarding=1": "sysctl",
    "write:/sys/class/net/lo/mtu=60000": "sysfs",
}
ORDINARY = ["key.session", "mount.tmpfs", "mount.proc", "mount.bind", "mount.remount", "fsopen.tmpfs:size=1m",
            "write:/proc/sys/net/core/somaxconn=300", "write:/proc/sys/net/ipv4/tcp_keepalive_time=600",
            f"netns/write:{FORWARD}=1", "write:/sys/kernel/mm/ksm/run=0"]
BPF = ["bpf", "bpf.filter", "bpf.links"]
MODULES = ("nfsd", "sunrpc")


def with_modules():
    for name in MODULES:
        run("modprobe", name)


@test("what the kernel would do on the container's behalf is refused")
def _(session):
    with_modules()
    check(session.crun, keys(connect="deny"), {attempt: DENIED for attempt in DEPUTIES}, netns="new")


@group("each word of deputies")
def _(session, record):
    with_modules()
    for word in sorted(set(DEPUTIES.values())):
        options = Options(annotations=keys(connect="deny", deputies=word), netns="new")
        seen = session.crun.probe(list(DEPUTIES), options)
        expected = {attempt: "ok" if opens == word else DENIED for attempt, opens in DEPUTIES.items()}
        try:
            compare(seen, expected)
            record(f"deputies: {word} opens what it names, and nothing else")
        except AssertionError as error:
            record(f"deputies: {word} opens what it names, and nothing else", str(error))


@test("file systems of the network are refused by name before they do anything")
def _(session):
    attempts = ["mount.nfs4:addr=192.0.2.1,vers=4.2,clientaddr=192.0.2.2", "mount.cifs:ip=192.0.2.1",
                "fsopen.nfs4:source=192.0.2.1:/", "mount.configfs"]
    seen = session.crun.probe(attempts, Options(annotations=keys(connect="deny"), netns="new"))
    compare(seen, {attempt: {DENIED, f"parameter:{DENIED}", "fsopen:ENODEV"} for attempt in attempts})


@test("ordinary life goes on: local mounts, keyrings, sizes of TCP, namespaces made inside")
def _(session):
    for policy in (keys(connect="deny"), keys(egress="", bind="deny")):
        check(session.crun, policy, {attempt: "ok" for attempt in ORDINARY}, netns="new")


@test("bpf(2) is refused under every policy, and device programs below the container's cgroup go on")
def _(session):
    policies = ({"listen": "deny"}, {"mark": "3"}, {"bpf": "deny"}, {"connect": "deny"})
    for policy in policies:
        check(session.crun, keys(**policy),
              {**{attempt: DENIED for attempt in BPF}, "bpf.device": "ok", "bpf.device-here": DENIED})


@test("bpf: allow opens bpf(2) and nothing else")
def _(session):
    expected = {**{attempt: "ok" for attempt in BPF}, "bpf.device-here": "ok", f"write:{FORWARD}=1": DENIED,
                "connect.tcp4:127.0.0.1:1": DENIED}
    seen = session.crun.probe(list(expected), Options(annotations=keys(connect="deny", bpf="allow"), netns="new"))
    compare(seen, expected)


@group("what the engine writes")
def _(session, record):
    """Before the program, by --sysctl and linux.sysctl; and after it no more, by exec neither."""
    for runtime in (session.crun, session.runc, session.podman):
        name = f"sysctls of the engine's are written, and the program writes none [{runtime.name}]"
        options = Options(annotations=keys(connect="deny"), netns="new", sysctl={"net.ipv4.ip_forward": "1"},
                          flags=("--sysctl", "net.ipv4.ip_forward=1"))
        try:
            with runtime.hold(options) as container:
                inside = parse_probe(container.exec("/probe", f"read:{FORWARD}", f"write:{FORWARD}=0",
                                                    "write:/proc/sys/net/core/somaxconn=300").out)
                expect_equal(inside[f"read:{FORWARD}"], "1", "what the engine wrote")
                expect_equal(inside["write:/proc/sys/net/core/somaxconn=300"],
                             "EROFS" if runtime is session.podman else "ok", "a harmless sysctl")
                expect(inside[f"write:{FORWARD}=0"] in (DENIED, "EROFS"), inside)
            record(name)
        except AssertionError as error:
            record(name, str(error))


SANDBOX = "busybox unshare -n sh -c '{}' && echo done"


@test("a sandbox within the container sets up loopback in a network namespace of its own")
def _(session):
    policy = Options(annotations=keys(connect="deny", bind="tcp/80"), netns="new")
    for command, works in (("busybox ip link set lo up", True), ("busybox ifconfig lo 127.0.0.2 up", True),
                           ("busybox ip addr add 127.0.0.3/8 dev lo", True),
                           ("busybox ip link add type dummy", False),
                           ("busybox ip link set lo up; busybox ip route add 10.0.0.0/8 dev lo",
                            False)):
        for options in (Options(netns="new"), policy):
            done = session.crun.run(["/bin/sh", "-c", SANDBOX.format(command)], options)
            may = works or options is not policy
            expect_equal("done" in done.text, may, f"{command}: {done.text}")


@test("a sandbox is one where each network namespace has tunnels of its own, and none with a device from elsewhere")
def _(session):
    policy = Options(annotations=keys(connect="deny"), netns="new")
    run("modprobe", "--all", "ipip", "sit")
    try:
        done = session.crun.run(["/bin/sh", "-c", SANDBOX.format("busybox ip addr add 127.0.0.3/8 dev lo")], policy)
        expect("done" in done.text, done.text)
    finally:
        run("modprobe", "--remove", "--all", "ipip", "sit")
    command = ("until busybox ip link show given0 2>/dev/null; do busybox sleep 0.1; done; "
               "busybox ip addr add 127.0.0.3/8 dev lo")
    inside = ("pgrep", "--full", "^sh -c until")
    for options in (Options(netns="new"), policy):
        with ThreadPoolExecutor(1) as beside:
            running = beside.submit(session.crun.run, ["/bin/sh", "-c", SANDBOX.format(command)], options)
            wait_until(lambda: run(*inside, check=False).status == 0, "the sandbox is there")
            run("nsenter", "--target", run(*inside).out.strip(), "--net", "ip", "link", "add", "given0", "type", "dummy")
            done = running.result()
        expect_equal("done" in done.text, options is not policy, done.text)


@test("no network namespace of the container's or the host's counts as a sandbox")
def _(session):
    done = session.crun.run(["/bin/sh", "-c", "busybox ip link set lo down && echo done"],
                            Options(annotations=keys(connect="deny"), netns="new"))
    expect_equal("done" in done.text, False, done.text)


# {command: how it ends under a policy, a pattern}; what is there already is EEXIST, in words that differ by kernel.
LOOPBACK = {"ip link set lo up": "done", "ip addr add 127.0.0.1/8 dev lo": "exists|assigned",
            "ip addr add ::1/128 dev lo": "exists|assigned", "ip addr replace 127.0.0.1/8 dev lo": "not permitted",
            "ip addr add 127.0.0.1/16 dev lo": "not permitted", "ip addr add 127.0.0.2/8 dev lo": "not permitted",
            "ip addr add ::2/128 dev lo": "not permitted", "ip addr add 127.0.0.1/8 dev lo label lo:1": "not permitted",
            "ip addr add 127.0.0.1 peer 10.0.0.1/8 dev lo": "not permitted", "ip link set lo promisc on": "not permitted",
            "ip link set lo up mtu 1500": "not permitted", "ip link set lo down": "not permitted"}


@test("lo may be set up as every namespace has it, and in no other way")
def _(session):
    script = "".join(f"echo '{command}:' $({command} 2>&1 && echo done)\n" for command in LOOPBACK)
    done = session.crun.run(["sh", "-c", script], Options(annotations=keys(connect="deny"), netns="new", rootfs=tree()))
    seen = dict(line.split(": ", 1) for line in done.out.splitlines())
    wrong = {command: seen.get(command) for command, end in LOOPBACK.items() if not re.search(end, seen.get(command, ""))}
    expect_equal(wrong, {}, done.text)
