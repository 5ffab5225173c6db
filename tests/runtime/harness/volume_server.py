# SPDX-License-Identifier: Apache-2.0
"""The kernel's NFS server in the neighbour's network namespace, told what to do by nfs-utils of the tests' tree.

    with VolumeServer(session) as server:
        run("mount", "-t", "nfs4", "-o", server.options(NEIGHBOUR4, CONTAINER4), f"{NEIGHBOUR4}:/", point)
        (server.volume / "hello").read_text()

It serves NFSv4.2 on port 2049 of all its addresses: a volume with the file `hello`, and on its directory `inner` a file
system of its own with the file `hello`, which clients mount by themselves when they come by. Owners are names to it, of its
own /etc/passwd: OWNER is SERVER_ID there.
"""

import os
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.commands import run, wait_until, write
from harness.network import OUTSIDE
from harness.recipe import machine, tree

PORT = 2049
OWNER, SERVER_ID = "mapped", 1111
HELLO, HELLO_INNER = "hello from the volume", "hello from within"
NAMES = "[General]\nDomain = socklid.example\n[Mapping]\nNobody-User = nobody\nNobody-Group = nogroup\n"
EXPORTS = "".join(f"{path} *(rw,fsid={number},no_root_squash,no_subtree_check,insecure,crossmnt)\n"
                  for number, path in enumerate(("/srv", "/srv/inner")))
# nfsdcld knows that no client was there before, so that none is waited for. It ends when its standard input does.
SERVE = """
cd "$1"
ln -sfn /proc/self/mounts etc/mtab
mount -t proc proc proc
mount -t rpc_pipefs rpc_pipefs run/rpc_pipefs
mount -t nfsd nfsd proc/fs/nfsd
exec chroot . sh -ec '
    nfsdcld
    rpc.idmapd -S
    exportfs -ar
    rpc.nfsd --no-nfs-version 3 --no-udp 2
    rpc.mountd --no-nfs-version 3 --foreground 2>/dev/null &
    echo ok
    read end || true
    exportfs -au
    rpc.nfsd 0'
"""


def users(number):
    """Files of a machine on which OWNER has this number."""
    return {"/etc/idmapd.conf": NAMES,
            **{f"/etc/{file}": (tree() / "etc" / file).read_text() + line
               for file, line in (("passwd", f"{OWNER}:x:{number}:{number}::/:/bin/sh\n"), ("group", f"{OWNER}:x:{number}:\n"))}}


@contextmanager
def owners_by_name():
    """Client and server send names, as they do not for sec=sys unless they are told to."""
    run("modprobe", "-a", "nfsd", "nfsv4")
    files = [Path(f"/sys/module/{module}/parameters/nfs4_disable_idmapping") for module in ("nfs", "nfsd")]
    for file in files:
        file.write_text("N")
    try:
        yield
    finally:
        for file in files:
            file.write_text("Y")


@contextmanager
def mounted(kind, directory):
    """A directory of memory, with the program that takes it away again."""
    directory.mkdir(exist_ok=True)
    run("mount", "-t", kind, "socklid-test", directory)
    try:
        yield directory
    finally:
        wait_until(lambda: run("umount", directory, check=False).status == 0, f"{directory} is free")


class VolumeServer:
    def __init__(self, session):
        _ = session.network
        self.stack = ExitStack()

    @staticmethod
    def options(server, client):
        """Of mount(8) without its helper."""
        return f"addr={server},clientaddr={client},vers=4.2,soft"

    def __enter__(self):
        with ExitStack() as stack:
            stack.enter_context(owners_by_name())
            root = stack.enter_context(machine({"/etc/exports": EXPORTS, **users(SERVER_ID)}))
            self.volume = stack.enter_context(mounted("tmpfs", root / "srv"))
            self.inner = stack.enter_context(mounted("tmpfs", root / "srv/inner"))
            state = stack.enter_context(mounted("tmpfs", root / "var/lib/nfs"))
            runtime = stack.enter_context(mounted("tmpfs", root / "run"))
            for directory in (state / "nfsdcld", runtime / "rpc_pipefs"):
                directory.mkdir()
            for name in ("etab", "rmtab"):
                (state / name).touch()
            write(self.volume / "hello", f"{HELLO}\n")
            write(self.inner / "hello", f"{HELLO_INNER}\n")
            write(self.volume / "owned", "")
            os.chown(self.volume / "owned", SERVER_ID, SERVER_ID)
            stack.callback(self.stop)
            self.start(root)
            self.stack = stack.pop_all()
        return self

    def start(self, root):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", OUTSIDE, "unshare", "--mount", "--pid", "--fork", "--kill-child",
             "sh", "-ec", SERVE, "serve", root], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        first = self.process.stdout.readline()
        if first != "ok\n":
            raise RuntimeError(f"the server of volumes did not start: {first!r}")

    def stop(self):
        self.process.stdin.close()
        self.process.wait(60)

    def __exit__(self, *_):
        self.stack.close()
