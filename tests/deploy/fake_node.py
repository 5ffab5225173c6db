# SPDX-License-Identifier: Apache-2.0
"""A directory that stands for a node, an image to install on it, and a way to stop in between.

    node = Node(directory)
    done = node.run("install", version="1")
    node.run("install", version="2", die_at=5)     # killed instead of its fifth command

Programs are shell scripts that know their version. Every command that socklid-node calls goes through a
stand-in that counts; the one whose turn it is to die kills them all, a `cp` after half of the file.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SCRIPT = TOP / "deploy" / "socklid-node"
PROGRAMS = ("socklid-hook-rules", "socklid-hook-load", "socklid-hook", "socklid")
DOCUMENTS = ("socklid-createruntime.json", "socklid-poststop.json")
COUNTED = ("cp", "mv", "rm", "rmdir", "mkdir", "chmod", "sync", "sed", "grep", "flock", "nsenter", "cmp", "touch")

# A stand-in for every counted command. `sync` waits for no disk: nobody would see a difference.
# `nsenter` is the node: it runs what comes after `--` from there.
STAND_IN = """#!/bin/bash
name=${0##*/} real=PATH_OF_REAL
count=$(($(<"$COUNTER") + 1))
echo "$count" >"$COUNTER"
if [[ $count == "${DIE_AT:-}" ]]; then
    [[ $name != cp ]] || head -c 20 "$1" >"$2"
    kill -KILL 0
fi
[[ $name != "${FAILS:-}" ]] || { echo "$name: Read-only file system" >&2; exit 1; }
[[ $name != sync ]] || exit 0
[[ $name == nsenter ]] || exec "$real" "$@"
while [[ $1 != -- ]]; do shift; done
shift
echo "$*" >>"$NODE.log"
if [[ $1 == rm ]]; then exec /bin/rm "$2" "$NODE$3"; fi
"$NODE$@"
"""

PROGRAM = """#!/bin/sh
# a program of {pad}
case $1 in
--version) echo "{name} {version}" ;;
load) exit "${{LOAD:-0}}" ;;
unload)
    [ "$2" = --wait ] || [ "${{UNLOAD:-0}}" = 0 ] || exit "$UNLOAD"
    rm -rf "$NODE/run/socklid" ;;
esac
# whole
"""


class Node:
    def __init__(self, directory):
        self.directory = Path(directory)
        self.root = self.directory / "node"
        self.programs, self.hooks = "/opt/socklid", "/usr/share/containers/oci/hooks.d"
        for name in ("opt", "usr", "run/socklid"):
            (self.root / name).mkdir(parents=True)
        self.bin = self.directory / "bin"
        self.bin.mkdir()
        for name in COUNTED:
            real = next((f"{d}/{name}" for d in ("/usr/bin", "/bin") if os.access(f"{d}/{name}", os.X_OK)), "")
            (self.bin / name).write_text(STAND_IN.replace("PATH_OF_REAL", real))
            (self.bin / name).chmod(0o755)

    def become(self, other):
        """Has on it what the other node has."""
        shutil.copytree(other.root, self.root, dirs_exist_ok=True)

    def image(self, version):
        root = self.directory / f"image-{version}"
        if not root.exists():
            hooks = root / "usr/libexec/oci/hooks.d"
            documents = root / "usr/share/containers/oci/hooks.d"
            for directory in (hooks, documents, root / "usr/bin"):
                directory.mkdir(parents=True)
            for name in PROGRAMS:
                path = (root / "usr/bin" if name == "socklid" else hooks) / name
                path.write_text(PROGRAM.format(name=name, version=version, pad="x" * 4000))
                path.chmod(0o755)
            for name in DOCUMENTS:
                template = (TOP / "hook/hooks.d" / f"{name}.in").read_text()
                (documents / name).write_text(
                    template.replace("@SOCKLID_HOOK_PATH@", "/usr/libexec/oci/hooks.d/socklid-hook"))
        return root

    def run(self, verb, version="1", die_at=None, **environment):
        counter = self.directory / "counter"
        counter.write_text("0")
        settings = {"PATH": f"{self.bin}:/usr/bin:/bin", "COUNTER": str(counter), "NODE": str(self.root),
                    "SOCKLID_HOST": str(self.root), "SOCKLID_IMAGE": str(self.image(version)),
                    "DIE_AT": str(die_at or ""), **environment}
        return subprocess.run([SCRIPT, verb], env=settings, text=True, stdin=subprocess.DEVNULL, start_new_session=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def path(self, name):
        return Path(f"{self.root}{self.hooks if name.endswith('.json') else self.programs}/{name}")

    def version(self, name):
        """Of a program that is there as a whole; None if it is absent. Half a program is an error."""
        path = self.path(name)
        if not path.exists():
            return None
        text = path.read_text()
        if not text.endswith("# whole\n") or not os.access(path, os.X_OK):
            raise AssertionError(f"{name} is not whole")
        return re.search(f'echo "{name} (.*)"', text)[1]

    def documents(self):
        """{stage: program} of the hooks.d files that an engine would read."""
        found = {}
        for path in sorted(Path(f"{self.root}{self.hooks}").glob("*.json")):
            hook = json.loads(path.read_text())
            found[hook["stages"][0]] = hook["hook"]["path"]
        return found

    def files(self):
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())

    def log(self):
        path = Path(f"{self.root}.log")
        return path.read_text().splitlines() if path.exists() else []
