# SPDX-License-Identifier: Apache-2.0
"""A hook that fails stops the container, whatever it failed on, and leaves nothing behind.

Fails when: a container's program runs although its policy could not be installed; the documented
exit status or the line that says why does not reach a person; something stays.
"""

import json
import re
import subprocess

from harness.bundle import Options
from harness.check import keys
from harness.commands import HOOK, Exit, run
from harness.hook import last_refusal, state
from harness.runner import Cell, expect, expect_in, group, test, why_not
from harness.runtimes import next_name
from harness.snapshot import Unchanged

MISSPELT = {"io.socklid.conect": "deny"}
POLICY = keys(connect="deny", egress="udp/53", mark="3")
RAN = "create.unix ok"


def refused(session, runtime, annotations, status):
    """What the runtime says about a container that must not run."""
    outcome = runtime.run(["/probe", "create.unix"], Options(annotations=annotations))
    expect(outcome.status != 0, f"the runtime succeeded: {outcome.text}")
    expect(RAN not in outcome.out, f"the program ran: {outcome.out}")
    pattern = rf"(exit code:|exit status) {status}\b"
    expect(re.search(pattern, outcome.text), f"exit status {status} is not in {outcome.text!r}")
    return outcome


@group("refusal")
def _(session, record):
    _ = session.warm
    for runtime in session.runtimes:
        record(f"a misspelt annotation stops the container, nothing is left [{runtime.name}]",
               why_not(lambda: check_refusal(session, runtime)),
               Cell("refusal", "stops it", runtime.name))


def check_refusal(session, runtime):
    with Unchanged():
        refused(session, runtime, MISSPELT, Exit.ANNOTATION)


@test("runc shows a line that names the nearest key, and nothing of the container's")
def _(session):
    outcome = refused(session, session.runc, MISSPELT, Exit.ANNOTATION)
    expect_in("exit 13 (annotation): ", outcome.text, "runc's message")
    expect_in("did you mean io.socklid.connect?", outcome.text, "runc's message")
    expect("conect" not in outcome.text, outcome.text)
    expect_in("io.socklid.conect: unknown annotation", last_refusal()["message"], "the record")


@test("crun shows the exit status, and socklid doctor the line")
def _(session):
    outcome = refused(session, session.crun, MISSPELT, Exit.ANNOTATION)
    expect_in("socklid-hook", outcome.text, "crun's message")
    doctor = session.socklid("doctor", check=False)
    expect_in("io.socklid.conect", doctor.text, "socklid doctor")
    expect_in("did you mean io.socklid.connect", doctor.text, "socklid doctor")


def in_own_mounts(session, runtime, preparation, annotations):
    """Runs a container where `preparation` has changed the mounts, for it and its hook only."""
    name = next_name()
    command = runtime.command(name, ["/probe", "create.unix"], Options(annotations=annotations))
    script = f"mount --make-rprivate / && {preparation} && exec \"$@\""
    return subprocess.run(["unshare", "--mount", "bash", "-c", script, "bash", *command],
                          capture_output=True, text=True, check=False, timeout=120,
                          stdin=subprocess.DEVNULL)


def check_broken_node(session, preparation, statuses):
    _ = session.warm
    for runtime in (session.crun, session.runc):
        with Unchanged():
            done = in_own_mounts(session, runtime, preparation, POLICY)
            text = done.stdout + done.stderr
            expect(done.returncode != 0 and RAN not in text, f"{runtime.name}: {text!r}")
            found = re.search(r"(?:exit code:|exit status) (\d+)", text)
            expect(found and int(found[1]) in statuses, f"{runtime.name}: {text!r}")


@test("without a bpffs no container with a policy starts")
def _(session):
    check_broken_node(session, "umount -l /sys/fs/bpf", {Exit.NODE, Exit.STORE})


@test("where state cannot be written no container with a policy starts")
def _(session):
    check_broken_node(session, "mount -t tmpfs -o ro none /run/socklid", {Exit.STORE})


@test("without a cgroup2 mount no container with a policy starts")
def _(session):
    with Unchanged():
        with session.crun.hold() as container:
            document = state(pid=container.pid, id=container.id, annotations=POLICY)
            script = "mount --make-rprivate / && umount -l /sys/fs/cgroup && exec \"$@\""
            outcome = run("unshare", "--mount", "bash", "-c", script, "bash", HOOK,
                          "createRuntime", stdin=json.dumps(document), check=False)
            expect(outcome.status in (Exit.NODE, Exit.CGROUP), outcome)


@test("a hook without privileges refuses")
def _(session):
    with session.crun.hold() as container, Unchanged():
        document = state(pid=container.pid, id=container.id, annotations=POLICY)
        outcome = run("setpriv", "--bounding-set=-all", "--inh-caps=-all", HOOK, "createRuntime",
                      stdin=json.dumps(document), check=False)
        expect(outcome.status in (Exit.PRIVILEGE, Exit.STORE), outcome)
