# SPDX-License-Identifier: Apache-2.0
"""Root file systems with programs of their own, for subjects and protected files.

    root = with_programs(session, "usr/sbin/mail")
    with session.crun.hold(Options(annotations=SUBJECT, rootfs=root)) as container:
        tried(container, "/usr/sbin/mail", "bind.tcp4:8025")
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

from harness.commands import run, wait_until
from harness.runner import Failure
from harness.runtimes import parse_probe
from harness.snapshot import BPFFS

# What containers with subjects or protected files have of their own.
MAPS = ("tasks", "task_counts", "files", "named", "devices", "subjects", "subject_denials", "subject_runs")


def bare_runtimes(session):
    """podman lays its own file system over a root that is given to it: an overlay of two, where directories
    have no lasting numbers, and subjects are refused."""
    return [runtime for runtime in session.runtimes if not runtime.name.startswith("podman")]


def with_programs(session, *paths, scripts=None):
    """A root of its own; each path is a copy of the probe. `scripts`: {path: text}."""
    root = Path(tempfile.mkdtemp(prefix="programs-", dir=session.work)) / "root"
    shutil.copytree(session.rootfs, root, symlinks=True)
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "probe", root / path)
    for path, text in (scripts or {}).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
        os.chmod(root / path, 0o755)
    return root


def tried(container, program, *attempts):
    """{attempt: answer} of a program of the container's, started by nobody of it."""
    return parse_probe(container.exec(program, *attempts, check=False).out)


def shell(container, text):
    """What a shell of the container's prints; "KEY VALUE" lines become {KEY: VALUE}."""
    outcome = container.exec("/bin/sh", "-c", text, check=False)
    return parse_probe(outcome.text)


def entries():
    """{map: its keys}"""
    found = {}
    for name in MAPS:
        for pin in BPFFS.glob(f"socklid/programs/*/map_{name}"):
            listing = json.loads(run("bpftool", "-j", "map", "dump", "pinned", pin).out or "[]")
            found[str(pin)] = sorted(json.dumps(entry.get("key")) for entry in listing)
    return {pin: keys for pin, keys in found.items() if keys}


class Forgotten:
    """with Forgotten(): the maps must have the same keys afterwards. A task's entry goes with the task, whose
    end a moment after its death is."""

    def __enter__(self):
        self.before = entries()
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            return
        try:
            wait_until(lambda: entries() == self.before, "the maps are as before", 20)
        except TimeoutError:
            now = entries()
            raise Failure(f"left: {[(name, keys) for name, keys in now.items() if keys != self.before.get(name)]}"
                          ) from None
