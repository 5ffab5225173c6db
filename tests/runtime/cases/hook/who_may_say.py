# SPDX-License-Identifier: Apache-2.0
"""Who may say what, with hostile images under podman and hostile bundles under bare runtimes.

Fails when: an image's author overrides a key of the operator's, passes for another engine, names his
container or its pod, or has the policy put on a cgroup that is not his container's; a container
starts in a cgroup where others are; an honest container is refused.
"""

import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

from cases.hook.images import BASE, CONNECT, PACKET, podman_version, run_image
from harness.bundle import Options
from harness.check import keys
from harness.commands import run
from harness.hook import last_refusal
from harness.runner import Skip, expect, expect_equal, expect_in, group, test, why_not
from harness.runtimes import parse_probe

POLICY = keys(connect="deny")
HELD = {PACKET: "EAFNOSUPPORT", CONNECT: "EPERM"}
SOMEBODY = "5" * 64
VICTIM = Path("/sys/fs/cgroup/socklid-test-victim")

# What an image writes, and what comes of it beside the operator's connect=deny: None: refused.
IMAGES = {
    "a name, and nothing else": ({"io.kubernetes.container.name": "x"}, HELD),
    "a name and a key for it": ({"io.kubernetes.container.name": "x",
                                 "io.socklid.connect/x": "allow"}, None),
    "the operator's key": ({"io.socklid.connect": "allow"}, HELD),
    "podman's own name": ({"io.container.manager": "libpod"}, HELD),
    "CRI-O's name": ({"io.container.manager": "cri-o"}, None),
    "CRI-O's metadata": ({"io.kubernetes.cri-o.Metadata": '{"name":"x"}'}, None),
    "containerd's name of a container": ({"io.kubernetes.cri.container-name": "x"}, None),
    "containerd's sandbox": ({"io.kubernetes.cri.sandbox-id": SOMEBODY}, None),
    "a delegated cgroup that climbs": (
        {"run.oci.delegate-cgroup": "../../../socklid-test-victim"}, None),
    "a subgroup that climbs": ({"run.oci.systemd.subgroup": "../socklid-test-victim"}, None),
    "a delegated cgroup below": ({"run.oci.delegate-cgroup": "below"}, HELD),
}


@contextmanager
def image_with(session, annotations):
    name = None
    try:
        context = Path(session.work) / "image"
        context.mkdir(exist_ok=True)
        (context / "Containerfile").write_text(f"FROM {BASE}\n")
        flags = [f"--annotation={key}={value}" for key, value in annotations.items()]
        name = f"localhost/socklid-test-{os.getpid()}-hostile"
        run("podman", "build", "--quiet", "--pull=never", *flags, "--tag", name, context)
        yield name
    finally:
        run("podman", "rmi", "--force", name, check=False)


def require_base():
    if run("podman", "image", "exists", BASE, check=False).status != 0:
        raise Skip(f"no image {BASE}")


def check_image(session, annotations, expected):
    if podman_version() >= (4, 6):
        expected = HELD  # it takes no annotation from an image
    with image_with(session, annotations) as name:
        outcome = run_image(session, name, POLICY)
    if expected is None:
        expect(outcome.status != 0 and PACKET not in outcome.out, f"it started: {outcome}")
    else:
        expect_equal(parse_probe(outcome.out), expected, outcome.text)


@contextmanager
def victim():
    """A service of the host's in a cgroup of its own. When a start fails, crun kills what is in the
    container's cgroup and removes it, without us as well."""
    VICTIM.mkdir()
    process = subprocess.Popen(["sleep", "infinity"])
    try:
        (VICTIM / "cgroup.procs").write_text(str(process.pid))
        yield process
    finally:
        process.kill()
        process.wait()
        if VICTIM.exists():
            VICTIM.rmdir()


@group("what an image writes")
def _(session, record):
    require_base()
    with victim():
        for what, (annotations, expected) in IMAGES.items():
            record(f"an image with {what}",
                   why_not(lambda: check_image(session, annotations, expected)))


@test("an image that names a sandbox does not make its namespace a shared one")
def _(session):
    require_base()
    with image_with(session, {"io.kubernetes.cri-o.SandboxID": SOMEBODY}) as image:
        name = run("podman", "run", "--detach", "--pull=never", "--network=none",
                   "--annotation=io.socklid.egress=udp/53", "--volume",
                   f"{session.probe}:/probe:ro", image, "/probe", "wait.term").out.strip()
        try:
            told = json.loads(session.socklid("inspect", "--json", name).out)
            expect_equal(told["network"], "own", "whose network namespace")
        finally:
            run("podman", "rm", "--force", "--time", "0", name)


def is_crun(runtime):
    return runtime.name == "crun"


@group("a cgroup with others in it")
def _(session, record):
    def check_refused(runtime):
        with victim() as process:
            options = Options(annotations=dict(POLICY), cgroup=f"/{VICTIM.name}")
            outcome = runtime.run(["/probe", CONNECT], options)
            expect(outcome.status != 0 and CONNECT not in outcome.out, f"it started: {outcome}")
            # runc 1.2 and later look for themselves, before they call the hook.
            if "is not empty" not in outcome.text:
                told = session.socklid("doctor", check=False).text
                expect_in(f"also holds process {process.pid}", told, "doctor")
            expect(is_crun(runtime) or process.poll() is None, "the victim was hurt")
            expect_equal(json.loads(session.socklid("list", "--json").out), [], "listed")

    def check_first_without(runtime):
        shared = "/socklid-test/shared"
        with runtime.hold(Options(annotations={}, stages=(), cgroup=shared)) as first:
            options = Options(annotations=dict(POLICY), cgroup=shared)
            outcome = runtime.run(["/probe", CONNECT], options)
            expect(outcome.status != 0 and CONNECT not in outcome.out, f"it started: {outcome}")
            if is_crun(runtime):
                return  # the one that was there first is dead, or will be at once
            seen = parse_probe(first.exec("/probe", CONNECT).out)
            expect_equal(seen[CONNECT], "ECONNREFUSED", "the one without a policy")

    for runtime in (session.crun, session.runc):
        record(f"is refused [{runtime.name}]", why_not(lambda: check_refused(runtime)))
        record(f"is refused to the second of two containers [{runtime.name}]",
               why_not(lambda: check_first_without(runtime)))


@test("a bundle's own words about engines count for nothing")
def _(session):
    lies = {"io.kubernetes.container.name": "x", "io.kubernetes.cri-o.SandboxID": SOMEBODY}
    for runtime in (session.crun, session.runc):
        with runtime.hold(Options(annotations={**lies, **keys(egress="udp/53")},
                                  netns="new")) as container:
            told = json.loads(session.socklid("inspect", "--json", container.id).out)
            expect_equal(told["network"], "own", runtime.name)
        outcome = runtime.run(["/probe", CONNECT], Options(
            annotations={**lies, "io.socklid.connect/x": "deny"}))
        expect(outcome.status != 0 and CONNECT not in outcome.out, f"{runtime.name}: {outcome}")


# runc's state of a container is made of labels KEY=VALUE, and takes them apart at the first "=". So
# whoever writes such a key writes the operator's; which of the two stands in the state is chance.
SUBJECT = "io.socklid.subject.probe"
DOCUMENT = '{"subjects": {"probe": {"create.tcp": "deny", "exec": ["/probe"]}}}'
SPLIT = {
    SUBJECT: ("/probe create.tcp=deny", f"{SUBJECT}=/bin/busybox create.tcp", "deny"),
    "io.socklid.policy": (DOCUMENT, "io.socklid.policy=" + DOCUMENT.replace("/probe", '/bin/busybox", "/a')
                          .removesuffix('"]}}}'), 'b"]}}}'),
}
TCP = "create.tcp4"


@group("a key that holds an equals sign stands in nobody else's place")
def _(session, record):
    def check(runtime, key, ours, half, rest):
        for _ in range(8):
            outcome = runtime.run(["/probe", TCP], Options(annotations={key: ours, half: rest}))
            if outcome.status == 0:
                expect_equal(parse_probe(outcome.out), {TCP: "EPERM"}, "under the operator's")
            else:
                expect_in(key, last_refusal()["message"], "refusal")

    def check_honest(runtime, key, ours):
        outcome = runtime.run(["/probe", TCP], Options(annotations={key: ours}))
        expect_equal(parse_probe(outcome.out), {TCP: "EPERM"}, outcome.text)

    for runtime in (session.crun, session.runc):
        for key, (ours, half, rest) in SPLIT.items():
            record(f"{key} [{runtime.name}]", why_not(lambda: check(runtime, key, ours, half, rest)))
            record(f"{key} alone [{runtime.name}]", why_not(lambda: check_honest(runtime, key, ours)))
