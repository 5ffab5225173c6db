# SPDX-License-Identifier: Apache-2.0
"""The hook and the command where they see the node in another way than the run before them did.

Fails when: what is only out of sight is taken for gone, so that a running container loses a rule, a
link, a map entry or its record; a run goes on in the wrong view, or is refused without saying why; a
bpffs is advised to be mounted over the one that is in use.
"""

import json
import shlex
from contextlib import contextmanager

from harness.check import keys
from harness.commands import HOOK, SOCKLID, Exit, run, write
from harness.hook import hook
from harness.made import Made
from harness.runner import expect, expect_equal, expect_in, group, test, why_not
from harness.snapshot import Unchanged, difference, take

POLICY = keys(connect="tcp/80", shutdown="deny", egress="udp/53")
PRIVATE = "mount --make-rprivate / && "
OTHER_BPFFS = PRIVATE + "mount -t bpf bpf /sys/fs/bpf && "

# what: (how to get there, exit status, what is said)
VIEWS = {
    "another bpffs": (["unshare", "--mount"], OTHER_BPFFS, Exit.NODE, "bpffs"),
    "no bpffs": (["unshare", "--mount"], PRIVATE + "mount -t tmpfs tmpfs /sys/fs/bpf && ",
                 Exit.NODE, "bpffs"),
    "/sys mounted anew, as ip netns exec does": (
        ["unshare", "--mount", "--net"], PRIVATE + "mount -t sysfs sysfs /sys && mount -t cgroup2 "
        "cgroup2 /sys/fs/cgroup && ", Exit.NODE, "bpffs"),
    "another cgroup namespace": (["unshare", "--cgroup"], "", Exit.NODE, "cgroup namespace"),
    "another PID namespace": (["unshare", "--pid", "--fork"], "", Exit.NODE, "PID namespace"),
    "/run/socklid that cannot be written": (
        ["unshare", "--mount"], PRIVATE + "mount -t tmpfs -o ro,mode=700 tmpfs /run/socklid && ",
        Exit.STORE, "ead-only"),
    "/run/socklid that is full": (
        ["unshare", "--mount"], PRIVATE + "mount -t tmpfs -o nr_inodes=5,mode=700 tmpfs /run/socklid && ",
        Exit.STORE, "No space"),
}


def there(enter, prepare, command, stdin=None):
    script = prepare + "exec " + shlex.join(command)
    return run(*enter, "sh", "-c", script, stdin=stdin, check=False)


def what_holds(session, made):
    """Everything that keeps the container under its policy, as one value."""
    maps = {name: run("bpftool", "-j", "map", "dump", "pinned", path).out
            for name, path in pinned_maps().items()}
    rules = run("nsenter", f"--net=/proc/{made.pid}/ns/net", "nft", "list", "table", "inet",
                "socklid").out
    listed = {one["id"]: one["state"] for one in json.loads(session.socklid("list", "--json").out)}
    return {"node": take(), "maps": maps, "rules": rules, "listed": listed}


def expect_same(seen, before):
    expect(seen == before, "the running container: " + "; ".join(
        difference(before[part], seen[part]) if part == "node" else f"{part}: {seen[part]}"
        for part in before if seen[part] != before[part]))


def pinned_maps():
    pins = [pin for pin in take()["pins"] if "/programs/" in pin]
    return {pin.rsplit("/", 1)[1]: pin for pin in pins
            if pin.endswith(("policies_by_cgroup", "seals", "prefixes", "ports"))}


@contextmanager
def running(session, name):
    with Made(name) as made:
        outcome = hook("createRuntime", made.state(POLICY))
        expect_equal(outcome.status, 0, outcome.text)
        before = what_holds(session, made)
        expect_equal(before["listed"].get(name), "active", "list")
        try:
            yield made, before
        finally:
            made.end()
            hook("poststop", made.stopped())


def check_refused(view, made):
    enter, prepare, status, said = VIEWS[view]
    with Made("other") as other:
        start = there(enter, prepare, [HOOK, "createRuntime"], json.dumps(other.state(POLICY)))
        expect_equal(start.status, status, f"a start: {start.text}")
        stop = there(enter, prepare, [HOOK, "poststop"], json.dumps(made.stopped()))
        expect_equal(stop.status, 0, f"a late poststop: {stop.text}")
        for verb in (["load", "--hooks", "none"], ["gc"], ["unload"]):
            told = there(enter, prepare, [SOCKLID, *verb])
            expect_equal(told.status, status, f"{verb[0]}: {told.text}")
            expect_in(said, told.text, verb[0])
            expect("mount -t bpf" not in told.text, f"{verb[0]} advises a mount: {told.text}")


@group("views")
def _(session, record):
    _ = session.warm
    with Unchanged():
        with running(session, "seen") as (made, before):
            for view in VIEWS:
                def check(view=view):
                    check_refused(view, made)
                    expect_same(what_holds(session, made), before)
                record(f"views: from {view} nothing is changed", why_not(check))


@test("views: with a /run of its own a start harms nobody, and is collected there")
def _(session):
    _ = session.warm
    prepare = PRIVATE + "mount -t tmpfs -o mode=700 tmpfs /run/socklid && "
    with Unchanged():
        with running(session, "seen") as (made, before):
            with Made("other") as other:
                check_own_run(session, prepare, other)
            expect_same(what_holds(session, made), before)


def check_own_run(session, prepare, other):
    ended = f"until grep -q '^State:.Z' /proc/{other.pid}/status; do :; done"
    script = (f"{prepare} {HOOK} createRuntime <{{0}} && {SOCKLID} gc; kill {other.pid}; "
              f"{ended}; {HOOK} poststop <{{1}}")
    files = [write(f"{session.work}/{name}", json.dumps(document)) for name, document in
             (("start", other.state(POLICY)), ("stop", other.stopped()))]
    done = run("unshare", "--mount", "sh", "-c", script.format(*files), check=False)
    expect_equal(done.status, 0, done.text)


@test("views: a mount over a container's cgroup does not make it gone")
def _(session):
    _ = session.warm
    with Unchanged():
        with running(session, "seen") as (made, before):
            run("mount", "-t", "tmpfs", "tmpfs", made.cgroup)
            try:
                with Made("other") as other:
                    start = hook("createRuntime", other.state(POLICY))
                    expect_equal(start.status, 0, start.text)
                    session.socklid("gc")
                    other.end()
                    hook("poststop", other.stopped())
                expect_equal(what_holds(session, made)["listed"], before["listed"], "list")
            finally:
                run("umount", made.cgroup)
            expect_same(what_holds(session, made), before)


@test("views: load takes a new view once no container of the old one lives")
def _(session):
    _ = session.warm
    prepare = PRIVATE + "mount -t tmpfs -o mode=700 tmpfs /run/socklid && " + \
        'echo \'{"bpffs":1,"cgroup_namespace":2,"pid_namespace":3}\' >/run/socklid/view.json && '
    with Unchanged():
        refused = there(["unshare", "--mount"], prepare, [SOCKLID, "gc"])
        expect_equal(refused.status, Exit.NODE, refused.text)
        expect_in("socklid load", refused.text, "what to do")
        script = f"{prepare} {SOCKLID} load --hooks none && {SOCKLID} gc"
        taken = run("unshare", "--mount", "sh", "-c", script, check=False)
        expect_equal(taken.status, 0, taken.text)
