# SPDX-License-Identifier: Apache-2.0
"""The cgroups of one pod, as the two drivers of CRI-O lay them out."""

import os
from pathlib import Path

from harness.commands import run
from harness.snapshot import cgroup_root

POD = "pod7d3f1c8e"


class Layout:
    """Without systemd as first process the tree that its driver would make is made by hand, down to
    the cgroup that crun adds below the scope."""
    cgroupfs, systemd = "cgroupfs", "systemd"
    slices = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-{POD}.slice"
    trees = {cgroupfs: f"/kubepods/burstable/{POD}", systemd: slices}

    def __init__(self, name, runtime):
        self.name, self.crun = name, runtime == "crun"
        self.is_real = name == self.systemd and Path("/run/systemd/system").exists()
        self.flags = ["--systemd-cgroup"] if self.is_real else []

    def path(self, identifier):
        """linux.cgroupsPath"""
        if self.is_real:
            return f"{self.slices.rpartition('/')[2]}:crio:{identifier}"
        if self.name == self.cgroupfs:
            return f"{self.trees[self.name]}/crio-{identifier}"
        return f"{self.slices}/crio-{identifier}.scope" + ("/container" if self.crun else "")

    def monitor(self, identifier):
        """The cgroup that conmon starts the runtime in; systemd would have to make it."""
        suffix = ".scope" if self.name == self.systemd else ""
        return None if self.is_real else f"{self.trees[self.name]}/crio-conmon-{identifier}{suffix}"

    def remove_cgroups(self, identifier):
        """conmon's, and the scope, which for systemd ends with its last process."""
        if self.is_real:
            return
        scope = self.path(identifier).removesuffix("/container")
        for path in (self.monitor(identifier), scope):
            if (cgroup_root() / path[1:]).exists():
                (cgroup_root() / path[1:]).rmdir()

    def remove(self):
        if self.is_real:
            run("systemctl", "stop", "kubepods.slice", check=False)
        top = cgroup_root() / self.trees[self.name].split("/")[1]
        for directory, _, _ in os.walk(top, topdown=False):
            os.rmdir(directory)
