# SPDX-License-Identifier: Apache-2.0
"""The node that a package comes on, its containers, and everything of the product that could stay there."""

import json
from pathlib import Path

from harness.bundle import Options
from harness.check import keys
from harness.commands import HOOK, SOCKLID, TOP, run, wait_until
from harness.runner import expect, expect_equal
from harness.runtimes import parse_probe
from harness.snapshot import BPFFS, STATE, cgroup_root, tree

POLICY = keys(connect="deny", bind="tcp/80", egress="udp/53")
ATTEMPT = "connect.tcp4:127.0.0.1:9"
# A shell that tries for ever, a few times in a second: the machine has other things to do.
TRY_ON = ["/bin/sh", "-c", f"while :; do /probe {ATTEMPT}; busybox sleep 0.3; done"]
UNIT = "socklid.service"
PACKAGED = ("/lib/systemd/system/socklid.service", "/usr/lib/tmpfiles.d/socklid.conf")
PROGRAMS = BPFFS / "socklid/programs"
DOCUMENTS = Path("/usr/share/containers/oci/hooks.d")


class Node:
    """What the steps hand on: containers, and the node as it was before."""

    def __init__(self, session):
        self.session, self.podman, self.held = session, session.podman, []

    def __enter__(self):
        # Where this machine was made from a container's image, its packages may not start services.
        Path("/usr/sbin/policy-rc.d").unlink(missing_ok=True)
        put_aside()
        outcome = self.podman.run(["/probe", "create.unix"])  # what podman makes once
        expect_equal(outcome.status, 0, outcome.text)
        self.before = self.traces()
        return self

    def __exit__(self, *_):
        for container in self.held:
            container.remove()

    @staticmethod
    def traces():
        """Everything of ours that could stay."""
        kinds = ("lsm", "syscall", "sock_ops")  # the others are systemd's, which come and go
        return {
            "programs": sorted(entry.get("name", "") for entry in programs() if entry["type"] in kinds),
            "pins": tree(BPFFS),
            "state": tree(STATE),
            "state's directory": STATE.exists(),
            "anchors": (cgroup_root() / "socklid.anchor").exists(),
            "files": [path for path in (HOOK, SOCKLID, *PACKAGED) if Path(path).exists()],
            "hooks.d": sorted(path.name for path in DOCUMENTS.glob("socklid*")),
        }

    def expect_as_before(self, seconds=30):
        def difference():
            now = self.traces()
            return {part: now[part] for part in now if now[part] != self.before[part]}
        try:
            wait_until(lambda: not difference(), "nothing of socklid is left", seconds)
        except TimeoutError:
            raise AssertionError(f"left: {difference()}") from None

    def hold(self, arguments=None, netns="new"):
        options = Options(annotations=dict(POLICY), netns=netns)
        container = self.podman.hold(options) if arguments is None else self.podman.start(arguments, options)
        self.held.append(container)
        return container

    def stop(self, container):
        self.held.remove(container)
        container.remove()


def programs():
    """What the kernel has loaded, of whomever: bpftool's rows."""
    return json.loads(run("bpftool", "--json", "--bpffs", "prog", "list").out)


def programs_pinned():
    """Numbers of the programs that are pinned below ours."""
    return {entry["id"] for entry in programs()
            if any(Path(pin).is_relative_to(PROGRAMS) for pin in entry.get("pinned", ()))}


def put_aside():
    """What was laid over the guest's root: the package is for a node that has not had it."""
    if run("dpkg-query", "--status", "socklid", check=False).status == 0 or not Path(SOCKLID).exists():
        return
    ours = programs_pinned()
    run(SOCKLID, "unload")
    wait_until(lambda: not ours & {entry["id"] for entry in programs()}, "the kernel has let go of the programs")
    for path in (*Path(HOOK).parent.glob("socklid-hook*"), *DOCUMENTS.glob("socklid-*.json"), Path(SOCKLID),
                 *Path("/usr/share/man").glob("man[78]/socklid*")):
        path.unlink()
    run("rm", "-rf", STATE)


def apt(*arguments):
    """Without the triggers: none is ours, and indexing all manual pages takes its time."""
    return run("apt-get", "--yes", "--no-install-recommends", "--allow-downgrades",
               "-o", "DPkg::Options::=--no-triggers", *arguments, timeout=300)


def dpkg(*arguments):
    """What apt-get does in the end; in an emulated machine that is most of the time saved."""
    return run("dpkg", "--no-triggers", "--force-downgrade", *arguments, timeout=300)


def package(which):
    return TOP / f"build/package-test/{which}.deb"


def install(which):
    return dpkg("--install", package(which))


def systemctl(*arguments, check=True):
    return run("systemctl", *arguments, check=check)


def builds():
    return {path.name for path in PROGRAMS.iterdir()} if PROGRAMS.exists() else set()


def expect_enforced(container):
    answers = parse_probe(container.enter("/probe", ATTEMPT, "bind.tcp4:81").out)
    expect_equal(answers, {ATTEMPT: "EPERM", "bind.tcp4:81": "EPERM"}, container.name)


def become_0_1_0():
    """Writes down what is known of containers as version 0.1.0 did: one document each, and nothing that finds them."""
    for path in (STATE / "containers").iterdir():
        record, details = json.loads(path.read_text()), json.loads((STATE / "details" / path.name).read_text())
        for later in ("start_time", "view"):
            del record[later]
        path.write_text(json.dumps({**details, **record}, indent=2) + "\n")
    for later in ("details", "index", "new", "view.json", "cursor"):
        run("rm", "-rf", STATE / later)


def record_of(container):
    found = [path for path in (STATE / "containers").iterdir() if path.name.startswith(container.id)]
    expect(len(found) == 1, f"records of {container.id}: {found}")
    return json.loads(found[0].read_text())
