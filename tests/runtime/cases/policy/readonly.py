# SPDX-License-Identifier: Apache-2.0
"""Files and directories that nobody in a container may change.

Fails when: one of the ways to change a protected file, its name or what leads to it arrives; what is excepted or lies
elsewhere is hindered; a mount below a protected directory is left out; the host is; or what protected a container is
not gone with it.
"""

import os
import shlex
import shutil

from harness.bundle import Options
from harness.check import keys
from harness.commands import Exit
from harness.hook import last_refusal
from harness.programs import Forgotten, bare_runtimes, shell, with_programs
from harness.runner import Failure, expect, expect_equal, expect_in, group, test
from harness.snapshot import Unchanged

READONLY = keys(readonly="/sbin !/sbin/local /etc/passwd")
SUBJECT = {"io.socklid.subject.mail": "/usr/sbin/mail bind=deny"}
# {what: a command that fails under READONLY and works without}
WAYS = {
    "write": "echo x > /usr/sbin/file",
    "append": "echo x >> /usr/sbin/file",
    "by a link": "echo x > /sbin/file",
    "truncate": "truncate -s 0 /usr/sbin/file",
    "chmod": "chmod 600 /usr/sbin/file",
    "chown": "chown 1 /usr/sbin/file",
    "touch": "touch /usr/sbin/file",
    "new": "touch /usr/sbin/new",
    "new directory": "mkdir /usr/sbin/d",
    "new link": "ln -s x /usr/sbin/l",
    "new pipe": "mkfifo /usr/sbin/p",
    "remove": "rm -f /usr/sbin/file",
    "remove the directory": "rm -rf /usr/sbin/empty",
    "rename": "mv /usr/sbin/file /usr/sbin/file2",
    "rename away": "mv /usr/sbin/file /var/file",
    "rename over": "cp /probe /var/x; mv /var/x /usr/sbin/file",
    "hard link out": "ln /usr/sbin/file /var/hard",
    "hard link in": "ln /probe /usr/sbin/hard",
    "the directory itself": "mv /usr/sbin /usr/old",
    "what is above it": "mv /usr /old",
    "the link to it": "mv /sbin /old",
    "mount over a file": "mount -o bind /probe /usr/sbin/file",
    "mount over it": "mount -t tmpfs x /usr/sbin",
    "mount over what is above": "mount -t tmpfs x /usr",
    "bound elsewhere": "mkdir /var/b; mount -o bind /usr /var/b && echo x > /var/b/sbin/file",
    "bound in another namespace": "unshare -m sh -c 'mount -o bind /usr /mnt && echo x > /mnt/sbin/file'",
    "by chroot": "chroot /usr /sbin/busybox sh -c 'echo x > /sbin/file'",
    "a single file": "echo x >> /etc/passwd",
    "a single file removed": "rm /etc/passwd",
    "the excepted name": "mv /usr/sbin/local /var/local",
}
FREE = {
    "read": "cat /usr/sbin/file",
    "run": "/usr/sbin/mail create.unix",
    "excepted": "echo x > /usr/sbin/local/file && mv /usr/sbin/local/file /usr/sbin/local/g",
    "beside": "echo x > /etc/other && mv /etc/other /etc/another",
    "elsewhere": "echo x > /var/file && chmod 600 /var/file && rm /var/file",
    "a mount of its own": "mkdir -p /var/m && mount -t tmpfs x /var/m && umount /var/m",
    "a nested namespace": "unshare -m sh -c 'mount -t tmpfs x /mnt && echo x > /mnt/x'",
}


def make_root(session):
    root = with_programs(session, "usr/sbin/mail", "usr/sbin/busybox")
    shutil.copy(root / "bin/busybox", root / "usr/sbin/busybox")
    (root / "usr/sbin/file").write_text("before\n")
    for name in ("usr/sbin/local", "usr/sbin/empty", "mnt"):
        (root / name).mkdir()
    os.symlink("usr/sbin", root / "sbin")
    return root


def outcomes(container, ways):
    """{what: whether its command ended well}"""
    text = "".join(f"({command}) >/dev/null 2>&1; echo '{what.replace(' ', '-')}' $?\n"
                   for what, command in ways.items())
    told = shell(container, text)
    return {what: told.get(what.replace(" ", "-")) == "0" for what in ways}


def on_a_copy(command):
    """Of the root, so that each way finds it as it was: a file system of its own in a mount namespace of its own."""
    inside = shlex.quote(command)
    steps = ("mkdir -p /tmp/c && mount -t tmpfs c /tmp/c && cp -a /bin /usr /sbin /etc /var /mnt /probe /tmp/c && "
             f"mkdir /tmp/c/proc && mount -t proc p /tmp/c/proc && chroot /tmp/c /bin/sh -c {inside}")
    return f"unshare -m sh -c {shlex.quote(steps)}"


def options(root, annotations, **more):
    return Options(annotations=annotations, rootfs=root, **more)


@group("ways to change a protected file")
def _(session, record):
    for runtime in bare_runtimes(session):
        root = make_root(session)
        with runtime.hold(options(root, {})) as container:
            on_copies = outcomes(container, {what: on_a_copy(command) for what, command in WAYS.items()})
            arrived = [what for what in WAYS if not on_copies[what]]
        root = make_root(session)
        with Unchanged(), Forgotten(), runtime.hold(options(root, READONLY)) as container:
            seen = outcomes(container, WAYS)
            held = [what for what in WAYS if seen[what]]
            expect_equal((root / "usr/sbin/file").read_text(), "before\n", "the protected file")
            free = outcomes(container, FREE)
        record(f"readonly: each way arrives without it[{runtime.name}]", several(arrived))
        record(f"readonly: none arrives under it[{runtime.name}]", several(held))
        record(f"readonly: ordinary life goes on[{runtime.name}]", several([what for what in FREE if not free[what]]))


def several(names):
    return ", ".join(names) or None


@test("a refusal is EPERM, and counted")
def _(session):
    root = make_root(session)
    with session.crun.hold(options(root, READONLY)) as container:
        told = container.exec("/bin/sh", "-c", "echo x > /usr/sbin/file", check=False).text
        expect_in("Operation not permitted", told, "the shell")
        expect_in("file", session.socklid("inspect", container.id).out, "inspect")


# {what: a command that fails where /usr/sbin/mail is a subject's program}
PROGRAM = {
    "write": "echo x >> /usr/sbin/mail",
    "remove": "rm -f /usr/sbin/mail",
    "replace": "cp /probe /var/x; mv /var/x /usr/sbin/mail",
    "rename": "mv /usr/sbin/mail /usr/sbin/m2",
    "hard link": "ln /usr/sbin/mail /var/m3",
    "mount": "mount -o bind /probe /usr/sbin/mail",
    "above": "mv /usr /old",
    "unmounted in another namespace": "unshare -m sh -c 'umount -l /usr; mv /usr /old'",
}


@test("a subject's own program is protected, by any of its names and places")
def _(session):
    root = make_root(session)
    with session.crun.hold(options(root, SUBJECT)) as container:
        seen = outcomes(container, PROGRAM)
        expect(not any(seen.values()), f"arrived: {seen}")
        expect(outcomes(container, {"beside": "echo x > /usr/sbin/other"})["beside"], "what lies beside it is free")


@test("what the host puts in the place of a protected file is protected as well, and a program's place is kept")
def _(session):
    root = make_root(session)
    with session.crun.hold(options(root, {**SUBJECT, **keys(readonly="/etc/passwd")})) as container:
        for path in ("usr/sbin/mail", "etc/passwd"):
            shutil.copy(root / path, root / "tmp-new")
            os.rename(root / "tmp-new", root / path)
        ways = {**PROGRAM, "single file": "echo x >> /etc/passwd", "its name": "mv /etc/passwd /etc/p2"}
        seen = outcomes(container, ways)
        expect(not any(seen.values()), f"arrived: {seen}")
        os.unlink(root / "usr/sbin/mail")
        seen = outcomes(container, {"made": "cp /probe /usr/sbin/mail", "beside": "cp /probe /usr/sbin/mail2"})
        expect_equal(seen, {"made": False, "beside": True}, "where it was")


@test("a mount below a protected directory is protected too")
def _(session):
    root = make_root(session)
    flags = options(root, keys(readonly="/run"))
    with session.crun.hold(flags) as container:
        expect(not outcomes(container, {"x": "touch /run/x"})["x"], "/run itself")
    with session.crun.hold(options(root, keys(readonly="/"))) as container:
        seen = outcomes(container, {"tmp": "touch /tmp/x", "var": "touch /var/x", "null": "echo x > /dev/null",
                                    "proc": "echo 0 > /proc/self/oom_score_adj"})
        expect_equal(seen, {"tmp": False, "var": False, "null": True, "proc": True}, "mounts below /")


@test("the host changes what a container may not")
def _(session):
    root = make_root(session)
    with session.crun.hold(options(root, READONLY)) as container:
        (root / "usr/sbin/file").write_text("after\n")
        os.rename(root / "usr/sbin/file", root / "usr/sbin/file3")
        expect_equal(container.exec("/bin/busybox", "cat", "/usr/sbin/file3").out, "after\n", "the host's text")


@test("a path that cannot be protected refuses the container")
def _(session):
    root = make_root(session)
    os.symlink("/etc", root / "usr/sbin/out")
    for value, word in (("/none", "is not in the container"),
                        ("/usr/sbin !/usr/sbin/out", "lies in no protected directory")):
        outcome = session.crun.run(["/probe", "create.unix"], options(root, keys(readonly=value)))
        if outcome.status == 0:
            raise Failure(f"{value}: started")
        refusal = last_refusal()
        expect_equal(refusal["exit"], Exit.UNSUPPORTED, refusal["message"])
        expect_in(word, refusal["message"], "refusal")
