# SPDX-License-Identifier: Apache-2.0
"""Containers that run without the policy they ask for, as after a restore by a runtime that calls
no hooks then (crun), or under an engine that does not know the hook; and a real restore by runc,
which does call it. Debian's crun is built without CRIU, so what it would restore is started here
without hooks: the state it leaves is the same.

Fails when: list or doctor do not show such a container, or show one that has its policy or asks
for none; a container that runc restored is not under its policy.
"""

import json
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

from harness.bundle import Options
from harness.check import keys
from harness.commands import TIMEOUT, Exit, run, wait_until, write
from harness.hook import hook, last_refusal, state
from harness.runner import Skip, expect, expect_equal, expect_in, test
from harness.runtimes import next_name, parse_probe

POLICY = keys(connect="deny", bind="tcp/80")
DENIED = "bind.tcp4:81"
HOOKS_DIRECTORY = Path("/usr/share/containers/oci/hooks.d")


def listed(session):
    """{id: state}, by the JSON and by the table, which must agree."""
    lines = json.loads(session.socklid("list", "--json").out)
    table = session.socklid("list", "--no-trunc").out.splitlines()[1:]
    states = {line["id"]: line["state"] for line in lines}
    expect_equal({line.split()[0]: line.split()[1] for line in table}, states, "list and its JSON")
    return states


def verdict(session):
    """What doctor says of running containers."""
    checks = json.loads(session.socklid("doctor", "--json", check=False).out)["checks"]
    return next(check for check in checks if check["name"] == "running containers")


def expect_unguarded(session, identifier, what):
    expect_equal(listed(session).get(identifier), "UNGUARDED", what)
    check = verdict(session)
    expect(not check["ok"] and identifier[:12] in check["detail"] and check["remedy"], check)


def expect_content(session, what):
    expect("UNGUARDED" not in listed(session).values(), f"{what}: {listed(session)}")
    expect(verdict(session)["ok"], f"{what}: {verdict(session)}")


@test("a container that runs without hooks is shown by list and doctor")
def _(session):
    for runtime in (session.crun, session.runc):
        options = Options(annotations=POLICY, stages=())
        with runtime.hold(options) as container:
            expect_unguarded(session, container.id, runtime.name)
            text = session.socklid("list").out
            expect_in("connect=deny", text, "list")
        expect_content(session, f"after {runtime.name}")


@test("a container whose hook is masked in hooks.d is shown by list and doctor")
def _(session):
    directory = Path(session.work) / "masked"
    for document in HOOKS_DIRECTORY.glob("socklid*.json"):
        masking = json.loads(document.read_text())
        masking["when"] = {"annotations": {"^somebody\\.else$": "."}}
        write(directory / document.name, json.dumps(masking))
    with session.podman.hold(Options(annotations=POLICY, hooks_dir=str(directory))) as container:
        expect_unguarded(session, container.id, "podman")
    expect_content(session, "after podman")


@test("annotations that the hook would have refused are shown with the reason")
def _(session):
    options = Options(annotations=keys(conect="deny"), stages=())
    with session.crun.hold(options) as container:
        expect_unguarded(session, container.id, "a misspelt key")
        expect_in("io.socklid.conect", verdict(session)["detail"], "doctor")


@test("containers with their policy, and those that ask for none, are not called unguarded")
def _(session):
    for runtime in session.runtimes:
        with runtime.hold(Options(annotations=POLICY)) as container:
            expect_content(session, runtime.name)
            expect_equal(listed(session).get(container.id), "active", runtime.name)
    for annotations in (keys(connect="allow", bind="allow"), {"io.somebody.else": "deny"}, {}):
        with session.crun.hold(Options(annotations=annotations, stages=())):
            expect_content(session, str(annotations))


# A real checkpoint and restore -------------------------------------------------------------------


def quietly(*arguments):
    """CRIU cannot dump a standard output that leads out of the container."""
    done = subprocess.run([str(a) for a in arguments], stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=TIMEOUT)
    return done.returncode


def last_lines(log):
    return log.read_text(errors="replace").splitlines()[-5:] if log.exists() else "no log"


class Checkpoint:
    """A container of runc's that is checkpointed once and restored as often as one likes."""

    def __init__(self, session, options, program):
        self.session, self.runc, self.name = session, session.runc, next_name()
        self.images = Path(session.work) / f"{self.name}.images"
        self.images.mkdir()
        self.bundle = self.runc.bundle(self.name, program, options)
        self.flags = ["--image-path", self.images, "--work-path", self.images]

    def start(self):
        status = quietly(self.runc.binary, "run", "--detach", "--bundle", self.bundle, self.name)
        expect_equal(status, 0, "runc run")

    def take(self):
        status = quietly(self.runc.binary, "checkpoint", *self.flags, self.name)
        expect_equal(status, 0, f"runc checkpoint: {last_lines(self.images / 'dump.log')}")
        wait_until(lambda: not self.runc.exists(self.name), f"{self.name} is gone")

    def restore(self):
        return quietly(self.runc.binary, "restore", "--detach", "--bundle", self.bundle,
                       *self.flags, self.name)

    @contextmanager
    def restored(self):
        status = self.restore()
        try:
            expect_equal(status, 0, f"runc restore: {last_lines(self.images / 'restore.log')}")
            yield self
        finally:
            self.runc.delete(self.name)

    def probe(self, *attempts):
        return parse_probe(run(*self.runc.exec_command(self.name), "/probe", *attempts).out)

    def change(self, **members):
        path = Path(self.bundle) / "config.json"
        write(path, json.dumps({**json.loads(path.read_text()), **members}))


@test("a container that runc restores is under its policy, refused, or shown")
def _(session):
    if not shutil.which("criu"):
        raise Skip("no criu")
    options = Options(annotations=keys(listen="deny", mark="3"), netns="new")
    checkpoint = Checkpoint(session, options, ["/probe", "wait.term"])
    in_force = {"listen.tcp4:80": "EPERM", "mark.tcp4": "0x3"}
    checkpoint.start()
    expect_equal(checkpoint.probe(*in_force), in_force, "before the checkpoint")
    checkpoint.take()
    expect(checkpoint.name not in listed(session), listed(session))
    with checkpoint.restored():
        expect_equal(checkpoint.probe(*in_force), in_force, "after the restore")
        expect_equal(listed(session).get(checkpoint.name), "active", "after the restore")
        expect_content(session, "after the restore")
    # CRIU works in the container's cgroup, and this policy closes the netlink that it needs.
    checkpoint.change(annotations=POLICY)
    expect(checkpoint.restore() != 0, "restored under a policy that CRIU cannot work under")
    expect(not checkpoint.runc.exists(checkpoint.name), "it is there after a failed restore")
    checkpoint.change(hooks={})
    with checkpoint.restored():
        expect_equal(checkpoint.probe(DENIED), {DENIED: "ok"}, "without the hook")
        expect_unguarded(session, checkpoint.name, "without the hook")


@test("a container with subjects or protected files that runc restores is refused by name, and starts anew")
def _(session):
    if not shutil.which("criu"):
        raise Skip("no criu")
    for own in ({"io.socklid.subject.probe": "/probe listen=deny"}, keys(readonly="/etc")):
        checkpoint = Checkpoint(session, Options(annotations=own, netns="new"), ["/probe", "wait.term"])
        checkpoint.start()
        checkpoint.take()
        expect(checkpoint.restore() != 0, f"restored: {own}")
        expect(not checkpoint.runc.exists(checkpoint.name), "it is there after a refusal")
        refusal = last_refusal()
        expect_equal((refusal["id"], refusal["exit"]), (checkpoint.name, Exit.UNSUPPORTED), refusal["message"])
        for word in ("io.socklid.subject and io.socklid.readonly", "restored", "start it anew"):
            expect_in(word, refusal["message"], "the refusal")
        checkpoint.start()
        try:
            expect_equal(listed(session).get(checkpoint.name), "active", "started anew")
            held = checkpoint.probe("listen.tcp4:80")["listen.tcp4:80"]
            expect_equal(held == "EPERM", "io.socklid.subject.probe" in own, f"listen: {held}")
        finally:
            checkpoint.runc.delete(checkpoint.name)


@test("a label that should be an annotation is named by list and doctor")
def _(session):
    options = Options(flags=("--label", "io.socklid.connect=deny"))
    with session.podman.hold(options) as container:
        expect_in("io.socklid.connect", session.socklid("list").text, "list")
        check = next(one for one in json.loads(session.socklid("doctor", "--json", check=False).out)["checks"]
                     if one["name"] == "labels")
        expect(container.id[:12] in check["detail"] and check["level"] == "risk", check)
    expect("io.socklid.connect" not in session.socklid("list").text, "list after it")


@test("a container whose sockets are another kernel's is refused")
def _(session):
    sandbox = Path(session.work) / "runsc-sandbox"
    shutil.copy("/bin/sleep", sandbox)
    with subprocess.Popen([sandbox, "600"]) as process:
        try:
            document = state(pid=process.pid, id="socklid-test-gvisor", annotations=POLICY)
            outcome = hook("createRuntime", document)
            expect_equal(outcome.status, Exit.UNSUPPORTED, outcome.text)
            expect_in("sockets of its own kernel", last_refusal()["message"], "the refusal")
        finally:
            process.kill()
