# SPDX-License-Identifier: Apache-2.0
"""A container made of what the hook looks at and nothing else: a process with a network namespace and
a cgroup of its own. Cheaper than a runtime's, and under the test's control from step to step.

    with Made("web") as made:
        outcome = hook("createRuntime", made.state(POLICY))
"""

import json
import os
import subprocess
from pathlib import Path

from harness.commands import wait_until
from harness.hook import state
from harness.snapshot import cgroup_root

ROOT = cgroup_root() / "socklid-made"  # gone with the last of them


class Made:
    def __init__(self, name, netns=None, bundle=None):
        """`netns`: of whose process; its own if not given. `bundle`: where its config.json lies, if anybody
        is to read that."""
        self.name = name
        self.bundle = {"bundle": str(bundle)} if bundle else {}
        self.cgroup = ROOT / name
        self.enter = ["nsenter", f"--net=/proc/{netns.pid}/ns/net"] if netns else ["unshare", "--net"]

    def __enter__(self):
        self.cgroup.mkdir(parents=True)
        self.process = subprocess.Popen([*self.enter, "sleep", "infinity"],
                                        stdin=subprocess.DEVNULL)
        wait_until(lambda: Path(f"/proc/{self.pid}/comm").read_text() == "sleep\n", "it sleeps")
        (self.cgroup / "cgroup.procs").write_text(str(self.pid))
        return self

    def __exit__(self, *_):
        self.end()
        self.cgroup.rmdir()
        if not any(path.is_dir() for path in ROOT.iterdir()):
            ROOT.rmdir()

    def end(self):
        self.process.kill()
        self.process.wait()

    @property
    def pid(self):
        return self.process.pid

    @property
    def cgroup_id(self):
        return os.stat(self.cgroup).st_ino

    def state(self, annotations):
        if self.bundle:
            config = Path(self.bundle["bundle"]) / "config.json"
            config.write_text(json.dumps({**json.loads(config.read_text()), "annotations": annotations}))
        return state(id=self.name, pid=self.pid, annotations=annotations, **self.bundle)

    def stopped(self):
        return state(id=self.name, status="stopped", pid=0)
