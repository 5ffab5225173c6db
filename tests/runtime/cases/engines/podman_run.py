# SPDX-License-Identifier: Apache-2.0
"""podman's ways to start a container, and the configuration that says where its hooks are.

Fails when: a container that is started again, by hand or by its restart policy, is not under its
policy, or one that ended is still listed; a network or a user namespace takes the policy away;
containers.conf leads podman to other hooks than doctor says.
"""

import json
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

from harness.bundle import Options
from harness.check import compare, keys
from harness.commands import run, wait_until, write
from harness.pods import probe_image
from harness.runner import expect, expect_equal, expect_in, group, test, why_not
from harness.runtimes import next_name, parse_probe

POLICY = keys(connect="deny")
ATTEMPT = "connect.tcp4:127.0.0.1:9"
HOOKS = Path("/usr/share/containers/oci/hooks.d")
DROP_IN = Path("/etc/containers/containers.conf.d/socklid-test.conf")


def verdict(session, name):
    return parse_probe(run(*session.podman.exec_command(name), "/probe", ATTEMPT).out)[ATTEMPT]


def state_of(session, name):
    """As `socklid list` has it; None: it is not listed."""
    lines = json.loads(session.socklid("list", "--json").out)
    identifier = session.podman.id(name)
    return next((line["state"] for line in lines if line["id"] == identifier), None)


@contextmanager
def created(session, *flags, base=()):
    """A container that `podman create` has made, with the policy."""
    podman, name = session.podman, next_name()
    policy = [f"--annotation={key}={value}" for key, value in POLICY.items()]
    run(*podman.base, *base, "create", "--name", name, "--network", "none", *policy, *flags,
        "--rootfs", f"{session.rootfs}:O", "/probe", "wait.term")
    try:
        yield name
    finally:
        podman.delete(name)


@test("podman create, start, stop and start again")
def _(session):
    podman = session.podman
    with created(session) as name:
        expect_equal(state_of(session, name), None, "before it starts")
        for _ in range(2):
            run(*podman.base, "start", name)
            expect_equal(verdict(session, name), "EPERM", "started")
            run(*podman.base, "stop", "--time", "1", name)
            expect_equal(state_of(session, name), None, "stopped")


def restarted(session, name):
    """Ends the program and returns when podman's restart policy has started it again."""
    podman = session.podman
    pid = podman.pid(name)
    run("kill", "-KILL", str(pid))
    wait_until(lambda: podman.inspect(name)["State"]["Pid"] not in (0, pid), "it runs again", 60)


@contextmanager
def hooks_in(directory):
    """containers.conf names this directory, and only this one."""
    write(DROP_IN, f'[engine]\nhooks_dir = ["{directory}"]\n')
    try:
        yield
    finally:
        DROP_IN.unlink()


def copied_hooks(session):
    directory = Path(session.work) / "hooks.d"
    shutil.copytree(HOOKS, directory, dirs_exist_ok=True)
    return directory


@test("a container that podman restarts by itself is under its policy again")
def _(session):
    podman = session.podman
    with hooks_in(copied_hooks(session)), created(session, "--restart=always") as name:
        run(*podman.base, "start", name)
        for _ in range(2):
            restarted(session, name)
            expect_equal(verdict(session, name), "EPERM", "restarted")
            expect_equal(state_of(session, name), "active", "restarted")


def podman_version():
    found = re.search(r"(\d+)\.(\d+)", run("podman", "--version").out)
    return int(found[1]), int(found[2])


@test("a restart loses hooks of the option --hooks-dir, as documented, and list shows it")
def _(session):
    masked = Path(session.work) / "no-hooks.d"
    masked.mkdir()
    base = ("--hooks-dir", str(copied_hooks(session)))
    with hooks_in(masked), created(session, "--restart=always", base=base) as name:
        run(*session.podman.base, *base, "start", name)
        expect_equal(state_of(session, name), "active", "started")
        restarted(session, name)
        expected = "UNGUARDED" if podman_version() < (5, 6) else "active"
        expect_equal(state_of(session, name), expected, "restarted")
        told = session.socklid("doctor", check=False)
        expect(told.status != 0, told.text)
        expect_in(str(masked), told.text, "doctor says where podman looks")


@group("podman's networks")
def _(session, record):
    policy = keys(connect="deny", create_udp="deny", mark="3")
    expected = {ATTEMPT: "EPERM", "create.udp4": "EPERM", "mark.tcp4": "0x3"}
    bridged = Options(netns="bridge")
    session.used_once(lambda: session.podman.run(["/probe", "create.unix"], bridged))
    with session.podman.hold(Options(netns="new")) as other:
        for netns in ("host", "new", "bridge", f"container:{other.name}"):
            options = Options(netns=netns, annotations=dict(policy))
            record(f"verbs and marks hold in podman's network {netns.partition(':')[0]}", why_not(
                lambda: compare(session.podman.probe(list(expected), options), expected)))
        seen = parse_probe(other.exec("/probe", ATTEMPT, "create.udp4", "mark.tcp4").out)
        record("a container whose network another one joins stays without a policy",
               None if seen == {ATTEMPT: "ECONNREFUSED", "create.udp4": "ok", "mark.tcp4": "0x0"}
               else str(seen))


@test("a container of root's podman in a user namespace is under its policy")
def _(session):
    for runtime in ("crun", "runc"):
        outcome = run("podman", "--runtime", runtime, "run", "--rm", "--network", "none",
                      "--uidmap", "0:200000:5000", "--annotation=io.socklid.connect=deny",
                      probe_image(session), "/probe", ATTEMPT)
        compare(parse_probe(outcome.out), {ATTEMPT: "EPERM"})
