# SPDX-License-Identifier: Apache-2.0
"""Programs, their libraries and the kernel modules that rules need, moved to memory before anything is measured. The
guest's disk is another process of its host, and a clock that counts instructions leaps while the guest waits for it, be
it for one open(): what is measured grows, and deadlines pass."""

import os
import re
import shutil
import subprocess
import sys
import tempfile


def with_own_mounts():
    """Starts the program again with mounts of its own, which are gone with it."""
    if "SOCKLID_BENCH_INSIDE" in os.environ:
        return
    os.environ["SOCKLID_BENCH_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", *sys.argv])


def files_of(programs):
    """Programs by name or path; which of the hook's there are is the build's choice."""
    for program in filter(None, map(shutil.which, programs)):
        yield program
        libraries = subprocess.run(["ldd", program], text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, check=False)
        yield from filter(os.path.exists, re.findall(r"/\S+", libraries.stdout))
    yield "/etc/localtime"  # the system log's


def move_to_memory(programs, rules):
    """`rules`: a file for nft, whose modules are loaded by it."""
    subprocess.run(["unshare", "--net", "nft", "-f", rules], check=True)
    memory = tempfile.mkdtemp()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "bench", memory], check=True)
    # What is not there is asked for at the disk as well: /etc/ld.so.preload.
    subprocess.run(["cp", "-a", "/etc", memory], check=True)
    subprocess.run(["mount", "--bind", f"{memory}/etc", "/etc"], check=True)
    for number, file in enumerate(sorted({os.path.realpath(file) for file in files_of(programs)})):
        copy = shutil.copy(file, f"{memory}/{number}")
        subprocess.run(["mount", "--bind", copy, file], check=True)
