# SPDX-License-Identifier: Apache-2.0
"""The protected files of a besieged container, looked at from outside: in its root, and where its first process finds
them, which shows what is mounted over them.

    furnish(root, program)
    warden = Warden(root, pid)
    warden.changed()            # [Violation] since the last time
"""

import os
import shutil
from pathlib import Path

from model import Violation

PROTECTED, EXCEPTED, PROGRAM = "safe", "safe/open", "caged"


def furnish(root, program):
    """As new, whatever a container without guards has left of it."""
    for name in (PROTECTED, PROGRAM, "free", "m1", "m2"):
        path = root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    shutil.copy(program, root / PROGRAM)
    for name in ("dir/deep", "empty", "open"):
        (root / PROTECTED / name).mkdir(parents=True)
    for name in ("file", "dir/deep/file"):
        (root / PROTECTED / name).write_text("protected\n")


def told_of(path, name):
    """What nobody inside may change. Of the exception the name and number alone."""
    try:
        seen = os.lstat(path)
        if name == EXCEPTED:
            return seen.st_dev, seen.st_ino
        return (seen.st_dev, seen.st_ino, seen.st_mode, seen.st_uid, seen.st_gid, seen.st_nlink, seen.st_size, seen.st_mtime_ns,
                tuple(os.listxattr(path, follow_symlinks=False)))
    except OSError as error:
        return (error.strerror,)


def look(root):
    """{name: what is told of it}"""
    found = {PROGRAM: told_of(root / PROGRAM, PROGRAM)}
    for directory, directories, files in os.walk(root / PROTECTED):
        inside = os.path.relpath(directory, root)
        if inside == EXCEPTED:
            directories.clear()
            files = []
        for name in (inside, *(f"{inside}/{file}" for file in files)):
            found[name] = told_of(root / name, name)
    return found


class Warden:
    def __init__(self, root, pid):
        self.root, self.inside = Path(root), Path(f"/proc/{pid}/root")
        self.before = look(self.root)

    def changed(self):
        now = look(self.root)
        found = [Violation("changed", name) for name in sorted({*now, *self.before}) if now.get(name) != self.before.get(name)]
        self.before = now
        inside = look(self.inside)
        return found + [Violation("covered", name) for name in sorted({*now, *inside}) if now.get(name) != inside.get(name)]
