# SPDX-License-Identifier: Apache-2.0
"""What all tests share: the work directory, the root file system, the network, the runtimes."""

import os
import shutil
import sys
import tempfile
from functools import cached_property
from pathlib import Path

from harness.bundle import Options, compile_probe, compile_resolver, make_rootfs
from harness.commands import HOOK, SOCKLID, TOP, run, wait_until
from harness.network import Network
from harness.runner import Failure
from harness.runtimes import BareRuntime, Podman
from harness.snapshot import difference, take, with_links_counted

# Every hook, guard and rule at once: what stays loaded on the node is loaded by this.
EVERYTHING = {
    "io.socklid.create.tcp": "deny", "io.socklid.connect": "deny", "io.socklid.bind": "tcp/80",
    "io.socklid.listen": "deny", "io.socklid.accept": "deny", "io.socklid.shutdown": "deny",
    "io.socklid.mark": "3", "io.socklid.egress": "udp/53",
}
# What EVERYTHING leaves out, for its rules do it, its verdicts leave nothing to judge, or there is
# one seal only.
REST = {"io.socklid.connect": "sctp/443", "io.socklid.bind": "tcp/80", "io.socklid.seal": "listen"}
IN_A_POD = {"io.socklid.egress": "udp/53", "io.kubernetes.cri.sandbox-id": "0123456789ab"}
SEALS = ({"io.socklid.create": "deny", "io.socklid.seal": "accept"},
         {"io.socklid.create": "deny", "io.socklid.seal": "1h"})

RUNTIMES = ("crun", "runc", "podman+crun", "podman+runc")
EM_BPF = (247).to_bytes(2, sys.byteorder)  # linux/elf-em.h


def machine_of(program):
    """For which one it is (ELF's e_machine)."""
    with open(program, "rb") as file:
        return file.read(20)[18:]


def built(name, room="probe"):
    """A program of tests/ROOM, of this checkout's newest build for this machine, or one for the kernel's own, which is BPF."""
    found = [path for path in TOP.glob(f"build/*/tests/{room}/{name}")
             if path.is_file() and machine_of(path) in (machine_of(sys.executable), EM_BPF)]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


class Session:
    def __init__(self):
        self.work = tempfile.mkdtemp(prefix="socklid-test.")
        self.tables = []  # for the end of the run

    @cached_property
    def probe(self):
        return Path(os.environ.get("SOCKLID_PROBE") or built("socklid-probe")
                    or compile_probe(self.work))

    @cached_property
    def resolver(self):
        return built("socklid-resolve-musl") or compile_resolver(self.work)

    @cached_property
    def rootfs(self):
        return make_rootfs(Path(self.work) / "rootfs", self.probe, self.resolver)

    @cached_property
    def network(self):
        return Network(self.probe)

    @cached_property
    def runtimes(self):
        wanted = os.environ.get("SOCKLID_RUNTIMES", " ".join(RUNTIMES)).split()
        unknown = set(wanted) - set(RUNTIMES)
        if unknown:
            sys.exit(f"SOCKLID_RUNTIMES: no runtime is called {', '.join(sorted(unknown))}: {' '.join(RUNTIMES)}")
        return [self.runtime(name) for name in wanted]

    def runtime(self, name):
        if name.startswith("podman+"):
            return Podman(self, name.removeprefix("podman+"))
        return BareRuntime(self, name)

    @cached_property
    def crun(self):
        return BareRuntime(self, "crun")

    @cached_property
    def runc(self):
        return BareRuntime(self, "runc")

    @cached_property
    def podman(self):
        return Podman(self, "crun")

    def socklid(self, *arguments, check=True, stdin=None):
        return run(SOCKLID, *arguments, check=check, stdin=stdin)

    def require_product(self):
        for path in (HOOK, SOCKLID):
            if not os.access(path, os.X_OK):
                raise RuntimeError(f"{path} is not installed: the build goes into the guest")

    @cached_property
    def warm(self):
        """Loads what stays on the node once loaded; snapshots compare from then on. Every runtime
        also makes a cgroup of its own for all of its containers."""
        self.load()
        for annotations in (EVERYTHING, REST, IN_A_POD, *SEALS):
            self.crun.probe(["create.unix"], Options(annotations=dict(annotations)))
        for runtime in [*self.runtimes, self.podman]:
            runtime.probe(["create.unix"], Options(annotations=dict(EVERYTHING)))
        return True

    def load(self):
        """All programs on all hooks: no later container attaches one more."""
        self.socklid("load", "--hooks", "all")

    def remains(self):
        """How the node differs from before the first case; told once. A repair replaces links of
        the node, so here they are counted."""
        def changes(now):
            return difference(with_links_counted(self.before), with_links_counted(now))

        try:
            wait_until(lambda: not changes(take()), "the node is as before", 10)
            return None
        except TimeoutError:
            now = take()
            lines, self.before = changes(now), now
            return lines

    def used_once(self, container):
        """Runs it, without a policy, as the first of its kind: what the engine and its tools leave
        on the node then, as netavark does its chains, is theirs."""
        left = self.remains()
        if left:
            raise Failure(f"left on the node: {left}")
        container()
        self.before = take()

    @cached_property
    def before(self):
        _ = self.warm
        return take()

    def close(self):
        if "network" in self.__dict__:
            self.network.close()
        shutil.rmtree(self.work, ignore_errors=True)
