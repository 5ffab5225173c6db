# SPDX-License-Identifier: Apache-2.0
"""Bundles for bare runtimes: a generated config.json, and a root file system with one program."""

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from harness.commands import HOOK, run, write
from harness.network import NEIGHBOUR4

# Root in a container with everything that could matter to a socket policy.
CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_SETUID", "CAP_SETGID", "CAP_KILL",
                "CAP_MKNOD", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_NET_ADMIN",
                "CAP_SYS_ADMIN", "CAP_BPF", "CAP_AUDIT_WRITE", "CAP_SYS_CHROOT", "CAP_FOWNER"]
DEVICES = ("null", "zero", "full", "random", "urandom")
# What containerd writes of a container in a pod: its network namespace is shared.
POD = {"io.kubernetes.cri.sandbox-id": "0123456789ab", "io.kubernetes.cri.container-type": "container"}


@dataclass
class Options:
    """How a container differs from the usual one."""
    annotations: dict = field(default_factory=dict)
    netns: Optional[str] = None          # a path; "new" for an empty one; "host"; None: the test's;
                                         # for podman also "bridge" and "container:NAME"
    pod: Optional[str] = None            # podman's; its network is the pod's
    pass_fds: tuple = ()                 # sockets for descriptors 3, 4, ...
    stages: tuple = ("createRuntime", "poststop")
    hook: str = HOOK
    cgroup: Optional[str] = None         # cgroupsPath of a bare runtime
    host_pids: bool = False              # a bare runtime's container sees the host's processes
    systemd: bool = False                # a bare runtime leaves its cgroup to systemd
    flags: tuple = ()                    # more words for `podman run`
    rootfs: Optional[Path] = None
    layered: bool = True                 # podman lays a file system of its own over the root
    hooks_dir: Optional[str] = None      # podman's, where it is not the default
    sysctl: dict = field(default_factory=dict)  # what the engine is to write


def make_rootfs(directory, probe, resolve):
    """Under emulation a container with one static program starts in a fraction of the time."""
    root = Path(directory)
    for name in ("bin", "etc", "proc", "sys", "dev", "tmp", "run", "var"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(probe, root / "probe")
    if resolve:
        shutil.copy(resolve, root / "resolve")
    busybox = shutil.which("busybox")
    if busybox:
        shutil.copy(busybox, root / "bin/busybox")
        os.symlink("busybox", root / "bin/sh")
    write(root / "etc/passwd", "root:x:0:0:root:/:/bin/sh\n")
    write(root / "etc/group", "root:x:0:\n")
    write(root / "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    write(root / "etc/resolv.conf", f"nameserver {NEIGHBOUR4}\noptions timeout:2 attempts:1\n")
    return root


def mounts():
    return [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["newinstance", "ptmxmode=0666", "mode=0620"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
         "options": ["rw", "nosuid"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]},
    ]


def namespaces(netns, host_pids):
    kinds = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "cgroup") if kind != "pid" or not host_pids]
    if netns == "new":
        kinds.append({"type": "network"})
    elif netns != "host":
        kinds.append({"type": "network", "path": netns})
    return kinds


def hooks(options):
    return {stage: [{"path": options.hook, "args": ["socklid-hook", stage], "timeout": 60}]
            for stage in options.stages}


def config(arguments, options, rootfs, cgroup, environment):
    return {
        "ociVersion": "1.0.2",
        "root": {"path": str(rootfs), "readonly": False},
        "hostname": "socklid-test",
        "annotations": options.annotations,
        "hooks": hooks(options),
        "mounts": mounts(),
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": list(arguments),
            "env": ["PATH=/bin:/usr/bin:/sbin:/usr/sbin", *environment],
            "cwd": "/",
            "noNewPrivileges": True,
            "capabilities": {kind: CAPABILITIES for kind in
                             ("bounding", "effective", "inheritable", "permitted")},
        },
        "linux": {
            "cgroupsPath": options.cgroup or cgroup,
            "namespaces": namespaces(options.netns, options.host_pids),
            "resources": {"devices": [{"allow": True, "access": "rwm"}]},
            "sysctl": options.sysctl,
        },
    }


def write_bundle(directory, document):
    write(Path(directory) / "config.json", json.dumps(document, indent=1))
    return directory


def compile_probe(directory):
    """Only where nobody has built the project: the tests need nothing else of it."""
    source = Path(__file__).resolve().parents[2] / "probe"
    files = [path for path in sorted(source.glob("*.c")) if path.name != "resolve.c"]
    target = Path(directory) / "socklid-probe"
    run("gcc", "-static", "-no-pie", "-D_GNU_SOURCE", "-O2", "-o", target, *files)
    return target


def compile_resolver(directory):
    if not shutil.which("musl-gcc"):
        return None
    source = Path(__file__).resolve().parents[2] / "probe" / "resolve.c"
    target = Path(directory) / "socklid-resolve-musl"
    run("musl-gcc", "-static", "-O2", "-o", target, source)
    return target
