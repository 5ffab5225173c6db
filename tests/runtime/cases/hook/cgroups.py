# SPDX-License-Identifier: Apache-2.0
"""Where engines and runtimes put a container's processes: every cgroup driver, and the options that
move them about.

Fails when: the first process, a child of it or an exec is not under the policy; the policy is
attached to a cgroup that holds others or not all of the container; a container without a cgroup of
its own is started, or is refused without saying why.
"""

import json
import re
from pathlib import Path

from harness.bundle import Options
from harness.check import keys
from harness.commands import Exit, wait_until
from harness.pods import pod
from harness.runner import expect, expect_equal, expect_in, group, test, why_not
from harness.runtimes import Podman, parse_probe

POLICY = keys(connect="deny")
ATTEMPT = "connect.tcp4:127.0.0.1:9"
OTHERS = "/socklid-test.scope"
FIRST, EXEC = (ATTEMPT, f"child/{ATTEMPT}"), (f"exec/{ATTEMPT}", f"orphan/{ATTEMPT}")


class InUnit(Podman):
    """podman as a service runs it; --cgroups=split then divides the unit's cgroup."""

    def command(self, name, arguments, options):
        return ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", f"--unit={name}",
                "--property=Delegate=yes", *super().command(name, arguments, options)]


def attached_to(session, container):
    return json.loads(session.socklid("inspect", "--json", container.id).out)["cgroup"]


def cgroup_of(pid):
    return Path(f"/proc/{pid}/cgroup").read_text().strip().removeprefix("0::")


def expect_denied(container):
    """Its first process, which ran FIRST, and an exec."""
    seen = parse_probe("\n".join(container.output))
    seen.update(parse_probe(container.exec("/probe", *EXEC).out))
    seen.pop("waiting")
    expect_equal(seen, dict.fromkeys(FIRST + EXEC, "EPERM"), "verdicts")


def places(session, runtime, options):
    """(where the policy is attached, where the first process is below that), if all are denied."""
    options.annotations = {**POLICY, **options.annotations}
    arguments = ["/probe", *FIRST, "wait.term"]
    with runtime.start(arguments, options, ready="waiting ok") as container:
        expect_denied(container)
        attached, now = attached_to(session, container), cgroup_of(container.pid)
        expect(f"{now}/".startswith(f"{attached}/"), f"attached to {attached}, it runs in {now}")
        name = container.id
    return attached.replace(name, "ID"), now.removeprefix(attached)


# (what, runtime, options, where the policy is attached, the first process below that)
def bare_rows(session):
    crun, runc = session.crun, session.runc
    scope, directory = "/system.slice/socklid-test-ID.scope", "/socklid-test/ID"
    subgroup, delegate = "run.oci.systemd.subgroup", "run.oci.delegate-cgroup"

    def asks(key, value, systemd=True, cgroup=None):
        return Options(systemd=systemd, annotations={key: value}, cgroup=cgroup)

    return [
        ("crun, cgroupfs", crun, Options(), directory, ""),
        ("runc, cgroupfs", runc, Options(), directory, ""),
        ("crun, systemd", crun, Options(systemd=True), scope, "/container"),
        ("runc, systemd", runc, Options(systemd=True), scope, ""),
        ("crun, a subgroup of another name", crun, asks(subgroup, "inner"), scope, "/inner"),
        ("crun, no subgroup", crun, asks(subgroup, ""), scope, ""),
        ("crun, systemd, a delegated cgroup", crun, asks(delegate, "deep"), scope,
         "/container/deep"),
        ("crun, cgroupfs, a delegated cgroup", crun, asks(delegate, "deep", False), directory,
         "/deep"),
        ("crun, cgroupfs, a delegated cgroup, a name of its own", crun,
         asks(delegate, "deep", False, "/socklid-test/seven"), "/socklid-test/seven", "/deep"),
        ("crun, systemd, a delegated cgroup, a name of its own", crun,
         asks(delegate, "deep", True, "system.slice:socklid-test:seven"),
         "/system.slice/socklid-test-seven.scope", "/container/deep"),
        ("runc, below a scope that others may be in", runc, Options(cgroup=f"{OTHERS}/seven"),
         f"{OTHERS}/seven", ""),
    ]


def podman_rows(session):
    scope = "/machine.slice/libpod-ID.scope"

    def podman(oci, manager="systemd"):
        return Podman(session, oci, manager)

    return [
        ("podman+crun, systemd", podman("crun"), (), scope, "/container"),
        ("podman+runc, systemd", podman("runc"), (), scope, ""),
        ("podman+crun, cgroupfs", podman("crun", "cgroupfs"), (), "/libpod_parent/libpod-ID", ""),
        ("podman+runc, cgroupfs", podman("runc", "cgroupfs"), (), "/libpod_parent/libpod-ID", ""),
        ("podman, --cgroups=no-conmon, --cgroupns=host", podman("crun"),
         ("--cgroups=no-conmon", "--cgroupns=host"), scope, "/container"),
        ("podman, --cgroup-parent, --cgroupns=private", podman("runc"),
         ("--cgroup-parent=system.slice", "--cgroupns=private"), "/system.slice/libpod-ID.scope",
         ""),
        ("podman, --cgroups=split", InUnit(session, "crun", "systemd"), ("--cgroups=split",),
         "/system.slice/UNIT.service/libpod-payload-ID", ""),
    ]


def check_places(session, runtime, options, expected):
    attached, below = places(session, runtime, options)
    attached = re.sub(r"socklid-test-\d+-\d+(?=\.service)", "UNIT", attached)
    expect_equal((attached, below), expected, "places")


@group("cgroups of bare runtimes")
def _(session, record):
    for what, runtime, options, attached, below in bare_rows(session):
        record(f"cgroups: {what}", why_not(
            lambda: check_places(session, runtime, options, (attached, below))))
    Path(f"/sys/fs/cgroup{OTHERS}").rmdir()


@group("cgroups of podman")
def _(session, record):
    for what, runtime, flags, attached, below in podman_rows(session):
        record(f"cgroups: {what}", why_not(
            lambda: check_places(session, runtime, Options(flags=flags), (attached, below))))
    # podman's own, for all containers of its cgroupfs driver.
    Path("/sys/fs/cgroup/libpod_parent").rmdir()


@test("an exec that crun puts into a cgroup of its own is under the policy")
def _(session):
    with session.crun.hold(Options(systemd=True, annotations=dict(POLICY))) as container:
        own = Path("/sys/fs/cgroup" + cgroup_of(container.pid))
        other = own.parent / "other"
        for directory in (other, own / "crun-exec"):
            directory.mkdir()
        (other / "cgroup.procs").write_text(str(container.pid))
        (own / "cgroup.subtree_control").write_text("+memory")  # now no process may be in there
        script = f"cat /proc/self/cgroup; /probe {ATTEMPT}"
        told = container.exec("/bin/sh", "-c", script).out
        expect_in("/crun-exec\n", told, "where the exec is")
        expect_in(f"{ATTEMPT} EPERM\n", told, "what it may")


@test("a container in a pod's slice is under its policy there")
def _(session):
    with pod(session.podman, "--network", "none", "--cgroup-parent", "machine.slice") as name:
        attached, below = places(session, session.podman, Options(pod=name))
    expect(re.fullmatch(r"/machine.slice/machine-libpod_pod_\w+.slice/libpod-ID.scope", attached),
           attached)
    expect_equal(below, "/container", "below that")


@test("a container without a cgroup of its own is refused, and doctor says why")
def _(session):
    outcome = session.podman.run(["/probe", ATTEMPT],
                                 Options(annotations=POLICY, flags=("--cgroups=disabled",)))
    expect(outcome.status != 0 and ATTEMPT not in outcome.out, outcome.text)
    expect_in(f"exit code: {Exit.CGROUP}", outcome.text, "podman")
    told = session.socklid("doctor", check=False).text
    for expected in ("also holds the container runtime", "not --cgroups=disabled"):
        expect_in(expected, told, "doctor")


@test("without a policy a container needs no cgroup of its own")
def _(session):
    outcome = session.podman.run(["/probe", "create.unix"], Options(flags=("--cgroups=disabled",)))
    expect_in("create.unix ok", outcome.out, "podman")


# The first process moves below, so that the cgroup may have controllers, and an exec finds no room
# where it would go.
DIVIDES = """
set -e
mkdir /sys/fs/cgroup/inner
for process in $(cat /sys/fs/cgroup/cgroup.procs); do
    echo $process >/sys/fs/cgroup/inner/cgroup.procs || :
done
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
exec /probe "$@" wait.term
"""


def check_divided(runtime, options):
    options.annotations = dict(POLICY)
    arguments = ["/bin/sh", "-c", DIVIDES, "sh", *FIRST]
    with runtime.start(arguments, options, ready="waiting ok") as container:
        expect_denied(container)
        expect(cgroup_of(container.pid).endswith("/inner"), "it did not divide anything")


@group("containers with cgroups of their own making")
def _(session, record):
    rows = {"crun, cgroupfs": (session.crun, Options()),
            "crun, systemd": (session.crun, Options(systemd=True)),
            "runc, systemd": (session.runc, Options(systemd=True)),
            "podman+crun": (Podman(session, "crun"), Options(flags=("--privileged",)))}
    for what, (runtime, options) in rows.items():
        record(f"cgroups: a container divides its own [{what}]",
               why_not(lambda: check_divided(runtime, options)))


@test("a health check is under the policy")
def _(session):
    podman, flags = session.podman, ("--health-cmd=/probe " + ATTEMPT, "--health-interval=1s")
    options = Options(annotations=POLICY, flags=flags)
    with podman.hold(options) as container:
        def log():
            return podman.inspect(container.name)["State"].get("Health", {}).get("Log")
        first = wait_until(log, "a health check by systemd's timer", 60)[0]
        expect_equal(first["Output"].split(), [ATTEMPT, "EPERM"], "what the check saw")
