# SPDX-License-Identifier: Apache-2.0
"""What the host's kernel runs when it asks the host for a key: keyutils and nfsidmap of the tests' tree, in a root of theirs.

    with upcalls(files) as asked:
        asked()          # the lines so far, one for each time: its arguments, "create 12345678 0 0 ..."
"""

import shutil
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.commands import run
from harness.recipe import machine

# The kernel runs it in the first process's root (security/keys/request_key.c).
PROGRAM = Path("/sbin/request-key")
LOG = Path("/run/socklid-test-upcalls")
SCRIPT = """#!/bin/sh
echo "$*" >>{log}
exec chroot {root} /sbin/request-key "$@"
"""


@contextmanager
def upcalls(files):
    """`files`: {path: text} of the root that they run in."""
    kept = PROGRAM.with_name("request-key.kept")
    LOG.unlink(missing_ok=True)
    with machine(files) as root:
        run("mount", "--bind", "/dev", root / "dev")
        run("mount", "-t", "proc", "proc", root / "proc")
        with suppress(FileNotFoundError):
            shutil.move(PROGRAM, kept)
        PROGRAM.write_text(SCRIPT.format(log=LOG, root=root))
        PROGRAM.chmod(0o755)
        try:
            yield lambda: LOG.read_text().splitlines() if LOG.exists() else []
        finally:
            PROGRAM.unlink()
            with suppress(FileNotFoundError):
                shutil.move(kept, PROGRAM)
            for directory in ("dev", "proc"):
                run("umount", root / directory)
