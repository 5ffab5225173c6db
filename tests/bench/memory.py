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


def load_modules(rules):
    """`rules`: a file for nft, whose modules are loaded by it."""
    subprocess.run(["unshare", "--net", "nft", "-f", rules], check=True)


def new_tmpfs():
    memory = tempfile.mkdtemp()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "bench", memory], check=True)
    return memory


def make_root(programs, files, rules):
    """A root directory with nothing of the disk's in it: chroot(8) to it is what keeps even a name that is not there from
    being asked for at the disk. Programs and their libraries, `files`, and /etc have the names that they have outside."""
    load_modules(rules)
    root = new_tmpfs()
    for name in filter(os.path.islink, ("/bin", "/lib", "/lib64", "/sbin")):
        os.symlink(os.readlink(name), root + name)
    for file in sorted({*files_of(programs), *files}):
        os.makedirs(os.path.realpath(root + os.path.dirname(file)), exist_ok=True)
        shutil.copy(file, root + file)
    subprocess.run(["cp", "-a", "/etc", root], check=True)
    for name in ("/dev", "/proc", "/run", "/sys", "/tmp"):
        os.mkdir(root + name)
        subprocess.run(["mount", "--rbind", name, root + name], check=True)
    return root


def move_to_memory(programs, rules):
    """The same files in the place that they have, for who starts programs from elsewhere as well."""
    load_modules(rules)
    memory = new_tmpfs()
    # What is not there is asked for at the disk as well: /etc/ld.so.preload.
    subprocess.run(["cp", "-a", "/etc", memory], check=True)
    subprocess.run(["mount", "--bind", f"{memory}/etc", "/etc"], check=True)
    for number, file in enumerate(sorted({os.path.realpath(file) for file in files_of(programs)})):
        copy = shutil.copy(file, f"{memory}/{number}")
        subprocess.run(["mount", "--bind", copy, file], check=True)
