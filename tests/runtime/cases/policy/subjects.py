# SPDX-License-Identifier: Apache-2.0
"""Programs of a container that have policies of their own.

Fails when: what a subject takes away is there for it or for what it starts; it is taken from anybody else; the set is
entered by an exec that fails, or left by one that succeeds; a subject is another program than the one named; what the
container had is not gone with it; one container's subjects are felt in another; the tools say otherwise.
"""

import json
import os
import shutil
from datetime import datetime, timedelta, timezone

from harness.bundle import Options, write_bundle
from harness.check import compare, keys
from harness.commands import Exit, run
from harness.hook import hook, last_refusal
from harness.made import Made
from harness.network import NEIGHBOUR4, MarkWitness
from harness.programs import Forgotten, bare_runtimes, shell, tried, with_programs
from harness.runner import expect, expect_equal, expect_in, group, test
from harness.snapshot import BPFFS, Unchanged

BIND = "bind.tcp4:8025"
CONNECT = "connect.tcp4:127.0.0.1:9"
FREE = {BIND: "ok", CONNECT: "ECONNREFUSED", "create.udp4": "ok"}
CAGED = {BIND: "EPERM", CONNECT: "ECONNREFUSED", "create.udp4": "EPERM"}
MAIL = "/usr/sbin/mail"
TASKS_OF_ONE = 4096  # bpf/subject_abi.h
SUBJECT = {"io.socklid.subject.mail": f"{MAIL} bind=deny create.udp=deny"}


def options(root, annotations, **more):
    return Options(annotations=annotations, rootfs=root, **more)


def refused(session, root, annotations, exit_status, *words):
    outcome = session.crun.run(["/probe", "create.unix"], options(root, annotations))
    expect(outcome.status != 0, f"started: {outcome.text}")
    refusal = last_refusal()
    expect_equal(refusal["exit"], exit_status, refusal["message"])
    for word in words:
        expect_in(word, refusal["message"], "refusal")


@group("a subject's verbs are taken from it and from what it starts, and from nobody else")
def _(session, record):
    for runtime in bare_runtimes(session):
        name = f"a subject's verbs[{runtime.name}]"
        root = with_programs(session, MAIL[1:], "usr/bin/worm")
        try:
            with Unchanged(), Forgotten(), runtime.hold(options(root, SUBJECT)) as container:
                compare(tried(container, "/probe", *FREE), FREE)
                compare(tried(container, MAIL, *CAGED), CAGED)
                inside = [f"{place}/{BIND}" for place in ("child", "grandchild", "orphan", "exec", "thread", "uring",
                                                          "nested", "userns", "netns", "nobody")]
                compare(tried(container, MAIL, *inside), {attempt: "EPERM" for attempt in inside})
                compare(shell(container, f"{MAIL} {BIND}; /usr/bin/worm create.udp4"),
                        {BIND: "EPERM", "create.udp4": "ok"})
            record(name)
        except AssertionError as error:
            record(name, str(error))


@test("a subject holds for every program that it starts, by whatever name it was started")
def _(session):
    copy_shell = {"usr/sbin/server": "#!/bin/sh\nexec /usr/bin/worm bind.tcp4:8025\n"}
    root = with_programs(session, "usr/bin/worm", MAIL[1:], scripts=copy_shell)
    os.symlink("../sbin/mail", root / "usr/bin/link")
    os.link(root / MAIL[1:], root / "usr/bin/hard")
    shutil.copy(root / "bin/busybox", root / "usr/sbin/sh")
    annotations = {**SUBJECT, "io.socklid.subject.script": "/usr/sbin/server bind=deny",
                   "io.socklid.subject.shell": "/usr/sbin/sh bind=deny"}
    with session.crun.hold(options(root, annotations)) as container:
        for program in ("/usr/bin/link", "/usr/bin/hard", "/usr/sbin/../sbin/mail"):
            compare(tried(container, program, BIND), {BIND: "EPERM"})
        compare(tried(container, "/usr/sbin/server"), {BIND: "EPERM"})
        told = container.exec("/usr/sbin/sh", "-c", f"/usr/bin/worm {BIND}; exec /probe {CONNECT}", check=False).out
        expect_equal(told.split(), [BIND, "EPERM", CONNECT, "ECONNREFUSED"], "what the shell started")
        # A copy that nobody of the subject starts is another program.
        compare(tried(container, "/usr/bin/worm", BIND), {BIND: "ok"})


@test("an exec that fails changes nothing")
def _(session):
    root = with_programs(session, MAIL[1:])
    # No program at all: the kernel says ENOEXEC, and the shell goes on with it itself.
    (root / MAIL[1:]).write_bytes(b"\x7fELF" + bytes(60))
    with session.crun.hold(options(root, SUBJECT)) as container:
        told = container.exec("/bin/sh", "-c", f"{MAIL}; /probe {BIND}", check=False)
        expect_in(f"{BIND} ok", told.text, "after the exec that failed")


@test("who is in two subjects is held to both, and to the container's policy")
def _(session):
    root = with_programs(session, "usr/bin/a", "usr/bin/b", scripts={
        "usr/bin/sh-a": "#!/bin/busybox sh\nexec /usr/bin/b \"$@\"\n"})
    annotations = {**keys(listen="deny"), "io.socklid.subject.a": "/usr/bin/sh-a bind=deny",
                   "io.socklid.subject.b": "/usr/bin/b connect=deny"}
    attempts = [BIND, CONNECT, "listen.tcp4:8026"]
    with session.crun.hold(options(root, annotations)) as container:
        compare(tried(container, "/usr/bin/b", *attempts),
                {BIND: "ok", CONNECT: "EPERM", "listen.tcp4:8026": "EPERM"})
        compare(tried(container, "/usr/bin/sh-a", *attempts),
                {BIND: "EPERM", CONNECT: "EPERM", "listen.tcp4:8026": {"EPERM", "bind:EPERM"}})


@test("levels: a subject ends with the program that many execs away")
def _(session):
    root = with_programs(session, scripts={
        "usr/bin/one": f"#!/bin/busybox sh\n/probe {BIND}; exec /usr/bin/two\n",
        "usr/bin/two": "#!/usr/bin/busybox2 sh\n/probe2 bind.tcp4:8027\n"})
    for source, target in (("bin/busybox", "usr/bin/busybox2"), ("probe", "probe2")):
        shutil.copy(root / source, root / target)
    for inherit, first, second in (("none", "ok", "ok"), ("1", "EPERM", "ok"), ("all", "EPERM", "EPERM")):
        annotations = {"io.socklid.subject.one": f"/usr/bin/one bind=deny inherit={inherit}"}
        with session.crun.hold(options(root, annotations)) as container:
            compare(tried(container, "/usr/bin/one"), {BIND: first, "bind.tcp4:8027": second})


@test("hours: outside them a subject may do nothing")
def _(session):
    root = with_programs(session, "usr/bin/late", "usr/bin/now")
    now = datetime.now(timezone.utc)
    hour = timedelta(hours=1)

    def window(begin, end):
        return f"{begin:%H:%M}-{end:%H:%M}"
    annotations = {"io.socklid.subject.now": f"/usr/bin/now hours={window(now - 2 * hour, now + 2 * hour)}",
                   "io.socklid.subject.late": f"/usr/bin/late hours={window(now + 2 * hour, now + 4 * hour)}"}
    with session.crun.hold(options(root, annotations)) as container:
        compare(tried(container, "/usr/bin/now", *FREE), FREE)
        compare(tried(container, "/usr/bin/late", *FREE),
                {BIND: {"EPERM", "create:EPERM"}, CONNECT: {"EPERM", "create:EPERM"}, "create.udp4": "EPERM"})
        compare(tried(container, "/probe", *FREE), FREE)


@test("hours by the clock of a zone")
def _(session):
    root = with_programs(session, "usr/bin/now")
    east = datetime.now(timezone(timedelta(hours=5, minutes=30)))
    hours = f"{east - timedelta(hours=1):%H:%M}-{east + timedelta(hours=1):%H:%M}"
    for zone, answer in (("Asia/Kolkata", "ok"), ("+05:30", "ok"), ("-05:30", "create:EPERM")):
        annotations = {"io.socklid.subject.now": f"/usr/bin/now hours={hours} zone={zone}"}
        with session.crun.hold(options(root, annotations)) as container:
            seen = tried(container, "/usr/bin/now", BIND)
            compare(seen, {BIND: answer if answer == "ok" else {"EPERM", "create:EPERM"}})


@test("each subject's packets have its own mark")
def _(session):
    root = with_programs(session, "usr/bin/five")
    annotations = {**keys(mark="3"), "io.socklid.subject.five": "/usr/bin/five mark=5"}
    attempt = f"exchange.tcp4:{NEIGHBOUR4}:80"
    with session.crun.hold(options(root, annotations)) as container:
        for program, mark in (("/probe", 3), ("/usr/bin/five", 5)):
            with MarkWitness(mark) as witness:
                compare(tried(container, program, attempt, "mark.udp4"), {attempt: "ok", "mark.udp4": hex(mark)})
                marked, other, _, _ = witness.counts()
                expect(marked > 0 and other == 0, f"{program}: {witness.counts()}")


@test("a subject's own egress is judged on its packets, and on nobody else's")
def _(session):
    root = with_programs(session, "usr/bin/web")
    annotations = {"io.socklid.subject.web": f"/usr/bin/web egress=tcp/80@{NEIGHBOUR4}"}
    named, other, datagram = (f"exchange.tcp4:{NEIGHBOUR4}:80", f"exchange.tcp4:{NEIGHBOUR4}:3306",
                              f"exchange.udp4:{NEIGHBOUR4}:53")
    with session.crun.hold(options(root, annotations)) as container:
        compare(tried(container, "/probe", named, other, datagram), {named: "ok", other: "ok", datagram: "ok"})
        compare(tried(container, "/usr/bin/web", named, other), {named: "ok", other: "connect:ECONNREFUSED"})
        expect(tried(container, "/usr/bin/web", datagram)[datagram] != "ok", "a datagram left")


@test("a subject's mark leaves by the container's rules, and goes nowhere else")
def _(session):
    root = with_programs(session, "usr/bin/five")
    annotations = {**keys(egress=f"tcp/80@{NEIGHBOUR4}"), "io.socklid.subject.five": "/usr/bin/five mark=5"}
    named, other = f"exchange.tcp4:{NEIGHBOUR4}:80", f"exchange.tcp4:{NEIGHBOUR4}:3306"
    with session.crun.hold(options(root, annotations)) as container:
        for program, mark in (("/probe", 1), ("/usr/bin/five", 5)):
            with MarkWitness(mark) as witness:
                compare(tried(container, program, named, other), {named: "ok", other: "connect:ECONNREFUSED"})
                marked, unmarked, _, _ = witness.counts()
                expect(marked > 0 and unmarked == 0, f"{program}: {witness.counts()}")


@test("everyone else is a subject too, and who enters another is not of it")
def _(session):
    root = with_programs(session, MAIL[1:])
    annotations = {**SUBJECT, "io.socklid.subject.others": "* connect=deny"}
    with session.crun.hold(options(root, annotations)) as container:
        compare(tried(container, "/probe", BIND, CONNECT), {BIND: "ok", CONNECT: "EPERM"})
        compare(tried(container, MAIL, BIND, CONNECT), {BIND: "EPERM", CONNECT: "ECONNREFUSED"})


@test("a container that has as many tasks as it may harms itself alone")
def _(session):
    root = with_programs(session, MAIL[1:])
    with Forgotten(), session.crun.hold(options(root, SUBJECT)) as full, \
            session.crun.hold(options(root, SUBJECT)) as other:
        told = json.loads(session.socklid("inspect", full.id, "--json").out)
        counts = BPFFS / "socklid/programs" / told["programs"]["hash"] / "map_task_counts"
        key = [str(byte) for byte in told["cgroup_id"].to_bytes(8, "little")]

        def change(by):
            seen = json.loads(run("bpftool", "-j", "map", "lookup", "pinned", counts, "key", *key).out)
            value = int.from_bytes(bytes(int(byte, 16) for byte in seen["value"]), "little") + by
            run("bpftool", "map", "update", "pinned", counts, "key", *key, "value",
                *[str(byte) for byte in value.to_bytes(8, "little")])
        change(TASKS_OF_ONE)
        expect_equal(tried(full, "/probe", "create.unix"), {}, "the full container")
        compare(tried(other, MAIL, BIND, "create.unix"), {BIND: "EPERM", "create.unix": "ok"})
        change(-TASKS_OF_ONE)
        compare(tried(full, MAIL, BIND), {BIND: "EPERM"})


@test("a subject is the program that the host has put in its place")
def _(session):
    root = with_programs(session, MAIL[1:])
    with session.crun.hold(options(root, SUBJECT)) as container:
        shutil.copy(root / "probe", root / "usr/sbin/new")
        os.rename(root / "usr/sbin/new", root / MAIL[1:])
        compare(tried(container, MAIL, BIND), {BIND: "EPERM"})


@test("two containers have nothing of each other's subjects")
def _(session):
    root = with_programs(session, MAIL[1:])
    others = {"io.socklid.subject.other": f"{MAIL} connect=deny"}
    with Forgotten(), session.crun.hold(options(root, SUBJECT)) as one, \
            session.crun.hold(options(root, others)) as other:
        compare(tried(one, MAIL, BIND, CONNECT), {BIND: "EPERM", CONNECT: "ECONNREFUSED"})
        compare(tried(other, MAIL, BIND, CONNECT), {BIND: "ok", CONNECT: "EPERM"})
        one.remove()
        compare(tried(other, MAIL, BIND, CONNECT), {BIND: "ok", CONNECT: "EPERM"})


@test("subjects that are no programs of the container refuse it")
def _(session):
    root = with_programs(session, MAIL[1:])
    os.symlink("/usr/sbin/mail", root / "usr/sbin/again")
    os.symlink("loop", root / "usr/sbin/loop")
    (root / "usr/sbin/text").write_text("x")
    os.mkfifo(root / "usr/sbin/pipe", 0o755)
    unsupported = Exit.UNSUPPORTED

    def one(path):
        return {"io.socklid.subject.mail": f"{path} bind=deny"}
    with Unchanged(), Forgotten():
        refused(session, root, one("/usr/sbin/none"), unsupported, "io.socklid.subject.mail", "is not in the container")
        refused(session, root, one("/usr/sbin/pipe"), unsupported, "is no regular file")
        refused(session, root, one("/usr/sbin"), unsupported, "is no regular file")
        refused(session, root, one("/usr/sbin/text"), unsupported, "has no execute bit")
        refused(session, root, one("/usr/sbin/loop"), unsupported, "more than 40 links")
        refused(session, root, {**SUBJECT, "io.socklid.subject.x": "/usr/sbin/again bind=deny"}, unsupported,
                "the same file")
        zone = {"io.socklid.subject.mail": f"{MAIL} hours=10:00-11:00 zone=Europe/Nowhere"}
        refused(session, root, zone, unsupported, "Europe/Nowhere")


SERVER = """#!/bin/sh
[ "$1" = again ] && exec /probe create.tcp4
echo $$ >/pid
/probe create.udp4 bind.tcp4:8025 listen.tcp4:8080 create.tcp4
/usr/bin/worm create.udp4
/usr/sbin/server again
/bin/sh /usr/sbin/server again
exec /probe wait.term
"""
SERVED = ["create.udp4 ok", f"{BIND} ok", "listen.tcp4:8080 ok", "create.tcp4 EPERM", "create.udp4 EPERM",
          "create.tcp4 EPERM", "create.tcp4 EPERM", "waiting ok"]


@test("a server that is started again sets itself up again, and the worm in its run does not")
def _(session):
    root = with_programs(session, "usr/bin/worm", scripts={"usr/sbin/server": SERVER})
    for runtime in bare_runtimes(session):
        session.socklid("events")
        supervise = ["/bin/sh", "-c", "while :; do /usr/sbin/server; done"]
        annotations = {"io.socklid.subject.server": "/usr/sbin/server create=deny seal=listen"}
        with Unchanged(), Forgotten(), runtime.start(supervise, options(root, annotations),
                                                     ready="waiting ok") as container:
            expect_equal(container.output, SERVED, "the first run")
            server, = json.loads(session.socklid("inspect", container.id, "--json").out)["subjects"]
            expect_equal([(one["tasks"], one["seal"]["by"]) for one in server["runs"]], [(1, "listen")], "its runs")
            shell(container, "kill $(cat /pid)")
            container.wait_for("waiting ok")
            expect_equal(container.output, SERVED * 2, "the second run")
            # Who comes from outside begins a run, too.
            expect_equal(tried(container, "/usr/sbin/server", "again"), {"create.tcp4": "ok"}, "podman exec")
            told = [json.loads(line) for line in session.socklid("events", "--json").out.splitlines()]
            expect_equal([(one["container"], one["subject"], one["by"]) for one in told],
                         [(container.id, "server", "listen")] * 2, "events")


@test("socklid seal seals the runs that there are of a subject, or of all, and those after wait for it again")
def _(session):
    root = with_programs(session, MAIL[1:], "usr/sbin/web")
    annotations = {"io.socklid.subject.mail": f"{MAIL} bind=deny seal=manual",
                   "io.socklid.subject.web": "/usr/sbin/web bind=deny seal=listen"}
    program = f"{MAIL} {BIND} wait.term & /usr/sbin/web wait.term & wait"
    with session.crun.start(["/bin/sh", "-c", program], options(root, annotations), ready="waiting ok") as container:
        container.wait_for("waiting ok")

        def open_runs():
            lines = {line["id"]: line for line in json.loads(session.socklid("list", "--json").out)}
            return lines[container.id]["open_runs"]
        expect_equal(open_runs(), 2, "at first")
        expect_in("start, 2 runs open", session.socklid("list").out, "list")
        expect_in("open, waits for socklid seal", session.socklid("inspect", container.id).out, "inspect")
        said = session.socklid("seal", container.id, "--subject", "mail").out
        expect_equal(said, f"{container.id}: subject mail: sealed 1 run\n", "seal of one subject")
        expect_equal(open_runs(), 1, "after it")
        said = session.socklid("seal", container.id, "--subject", "mail").out
        expect_equal(said, f"{container.id}: subject mail: no run was open\n", "the second time")
        expect_equal(session.socklid("seal", container.id).out,
                     f"{container.id}: from the start\n{container.id}: subjects: sealed 1 run\n", "seal of all")
        expect_equal(open_runs(), 0, "after that")
        outcome = session.socklid("seal", container.id, "--subject", "none", check=False)
        expect_equal(outcome.status, 1, outcome.text)
        told = [json.loads(line) for line in session.socklid("events", "--json").out.splitlines()]
        expect_equal([(one["subject"], one["by"]) for one in told if one["container"] == container.id],
                     [("mail", "hand"), ("web", "hand")], "events")
        expect_equal(tried(container, MAIL, BIND), {BIND: "ok"}, "a run that begins later")


@test("a container within one that has subjects gets none of its own")
def _(session):
    root = with_programs(session, MAIL[1:])
    bundle = write_bundle(root.parent, {"root": {"path": "root"}})
    with Forgotten(), Made("outer", bundle=bundle) as outer:
        expect_equal(hook("createRuntime", outer.state(SUBJECT)).status, 0, "the outer one")
        with Made("outer/inner", bundle=bundle) as inner:
            inner.name = "inner"
            outcome = hook("createRuntime", inner.state(SUBJECT))
            expect_equal(outcome.status, Exit.UNSUPPORTED, outcome.text)
            expect_in("runs within another", last_refusal()["message"], "refusal")
        outer.end()
        hook("poststop", outer.stopped())


@test("an overlay whose directories have no lasting numbers refuses subjects by name")
def _(session):
    root = with_programs(session, MAIL[1:])
    outcome = session.podman.run(["/probe", "create.unix"], options(root, SUBJECT))
    expect(outcome.status != 0, f"started: {outcome.text}")
    refusal = last_refusal()
    expect_equal(refusal["exit"], Exit.UNSUPPORTED, refusal["message"])
    expect_in("xino=on", refusal["message"], "refusal")


@test("inspect and list show subjects, their tasks and what they refused")
def _(session):
    root = with_programs(session, MAIL[1:])
    with session.crun.start(["/bin/sh", "-c", f"{MAIL} {BIND}; {MAIL} wait.term"], options(root, SUBJECT),
                            ready="waiting ok") as container:
        told = json.loads(session.socklid("inspect", container.id, "--json").out)
        subject, = told["subjects"]
        expect_equal((subject["name"], subject["tasks"]), ("mail", 1), "inspect")
        expect_equal(subject["programs"][0]["inode"], str(os.stat(root / MAIL[1:]).st_ino), "its program")
        expect_equal([(one["denied"], one["count"]) for one in subject["denials"]], [("bind", 1)], "denials")
        expect_in("program:  /usr/sbin/mail", session.socklid("inspect", container.id).out, "inspect")
        lines = {line["id"]: line for line in json.loads(session.socklid("list", "--json").out)}
        expect_equal((lines[container.id]["subjects"], lines[container.id]["denied"]), (1, 1), "list")
        expect_in("subjects 1", session.socklid("list").out, "list")
