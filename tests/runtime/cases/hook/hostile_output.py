# SPDX-License-Identifier: Apache-2.0
"""What an image, a pod's author or a container wrote leaves socklid but into places of its own.

crun appends what hooks print, as root, to the host's file that an annotation names, and podman
before 4.6 takes annotations from images. Each test has a control: another hook of the same
container, whose words are in that file afterwards.

Fails when: a byte of the hook's is in such a file; the container is started all the same; nobody is
told why; the hook's standard error holds something of the state, or is written to a file; a tool
prints what a terminal obeys.
"""

import json
import os
import pty
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from harness.bundle import Options
from harness.check import keys
from harness.commands import HOOK, SOCKLID, Exit, run, write
from harness.hook import last_refusal, state
from harness.runner import expect, expect_equal, expect_in, group, test, why_not
from harness.runtimes import next_name
from harness.snapshot import Unchanged

OUTLET = "run.oci.hooks.stderr"
WORD = "/var/lib/evil.so"
CRAFTED = f"tcp/80 {WORD} tcp/x"
OTHERS = "another hook was here\n"
RAN = "create.unix ok"
HOOKS_DIR = "/usr/share/containers/oci/hooks.d"


@contextmanager
def place(session):
    """A file that a container names, and another hook, which prints to it."""
    with tempfile.TemporaryDirectory(dir=session.work) as directory:
        script = write(f"{directory}/other-hook",
                       f"#!/bin/sh\ncat >/dev/null\necho {OTHERS.strip()} >&2\n")
        script.chmod(0o755)
        yield Path(directory) / "preload", script


def content(path):
    return path.read_text() if path.exists() else ""


# crun -------------------------------------------------------------------------------------------

def run_bundle(session, annotations, others):
    """With the script's hook before ours."""
    crun, name = session.crun, next_name()
    bundle = crun.bundle(name, ["/probe", "create.unix"], Options(annotations=annotations))
    document = json.loads((bundle / "config.json").read_text())
    document["hooks"]["createRuntime"].insert(0, {"path": str(others), "args": ["other-hook"]})
    write(bundle / "config.json", json.dumps(document))
    try:
        return run(crun.binary, "run", "--bundle", bundle, name, check=False)
    finally:
        crun.delete(name)


# name: (annotations beside the outlet, the hook's exit status; None: the container runs)
BESIDE = {
    "a value that does not parse": ({"io.socklid.bind": CRAFTED}, Exit.ANNOTATION),
    "a policy that is right": (keys(connect="deny", egress="udp/53"), Exit.ANNOTATION),
    "an unknown key": ({f"io.socklid.{WORD}": "deny"}, Exit.ANNOTATION),
    "a key for another container": ({f"io.socklid.bind/{WORD}": "deny"}, Exit.ANNOTATION),
    "a state that cannot be read": ({"io.socklid.bind": CRAFTED, "padding": "x" * (1 << 20)},
                                    Exit.STATE),
    "nothing of ours": ({"org.example.team": WORD}, None),
}


def check_crun(session, outlet, annotations, status):
    with place(session) as (target, others), Unchanged():
        outcome = run_bundle(session, {outlet: str(target), **annotations}, others)
        expect_equal(RAN in outcome.out, status is None, outcome)
        if status is not None:
            expect_in(f"exit code: {status}", outcome.text, "crun")
            expect_equal(last_refusal()["exit"], status, "the refusal that is kept")
        if status == Exit.ANNOTATION:
            expect_in(f"{outlet}: ", last_refusal()["message"], "the refusal that is kept")
        expect_equal(content(target), OTHERS if outlet == OUTLET else "", "the file")


@group("hostile: crun appends nothing of ours to the file that it is told")
def _(session, record):
    _ = session.warm
    for name, (annotations, status) in BESIDE.items():
        record(f"hostile: {OUTLET} beside {name}",
               why_not(lambda: check_crun(session, OUTLET, annotations, status)))
    record("hostile: run.oci.hooks.stdout beside a policy", why_not(
        lambda: check_crun(session, "run.oci.hooks.stdout", keys(connect="deny"), Exit.ANNOTATION)))


@test("hostile: after poststop the file is as it was")
def _(session):
    with place(session) as (target, _others), Unchanged():
        document = state(id="socklid-test-gone", status="stopped", pid=0,
                         annotations={OUTLET: str(target), "io.socklid.bind": CRAFTED})
        with open(target, "w") as file:
            done = subprocess.run([HOOK, "poststop"], input=json.dumps(document).encode(),
                                  stdout=file, stderr=file, check=False, timeout=60)
        expect_equal((done.returncode, content(target)), (0, ""), "poststop")


# podman -----------------------------------------------------------------------------------------

def hostile_image(session, target):
    name = f"localhost/{next_name()}"
    context = Path(tempfile.mkdtemp(dir=session.work))
    write(context / "Containerfile", "FROM scratch\nCOPY probe /probe\n")
    (context / "probe").write_bytes(Path(session.probe).read_bytes())
    (context / "probe").chmod(0o755)
    run("podman", "build", "--quiet", "--annotation", f"{OUTLET}={target}",
        "--annotation", f"io.socklid.bind={CRAFTED}", "--label", f"{OUTLET}={target}",
        "--label", f"io.socklid.bind={CRAFTED}", "--tag", name, context)
    return name


def takes_annotations_from_images():
    text = run("podman", "--version").out.split()[2]
    return tuple(map(int, text.split(".")[:2])) < (4, 6)


def describe(directory, others):
    """So that podman calls it, and before ours."""
    write(f"{directory}/00-other.json", json.dumps(
        {"version": "1.0.0", "hook": {"path": str(others), "args": ["other-hook"]},
         "when": {"always": True}, "stages": ["createRuntime"]}))
    return directory


@test("hostile: an image writes nothing to the host by way of the hook")
def _(session):
    _ = session.warm
    with place(session) as (target, others):
        hooks = describe(others.parent / "hooks.d", others)
        image = hostile_image(session, target)
        try:
            outcome = run("podman", "--hooks-dir", HOOKS_DIR, "--hooks-dir", hooks, "run", "--rm",
                          "--pull=never", "--network=none", "--log-driver=none", image, "/probe",
                          "create.unix", check=False)
        finally:
            run("podman", "rmi", "--force", image)
        if not takes_annotations_from_images():
            expect_in(RAN, outcome.out, "a podman that leaves images' annotations alone")
            return
        expect(outcome.status != 0 and RAN not in outcome.out, outcome)
        expect_equal(content(target), OTHERS, "the file that the image names")
        expect_in(f"exit code: {Exit.ANNOTATION}", outcome.text, "podman")
        expect(WORD not in outcome.text, outcome.text)
        expect_in(f"{OUTLET}: ", session.socklid("doctor", check=False).out, "doctor")


# The hook alone ---------------------------------------------------------------------------------

BAD = {"io.socklid.bind": CRAFTED}


def call(document, stderr, stage="createRuntime"):
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    done = subprocess.run([HOOK, stage], input=data, stdout=subprocess.PIPE, stderr=stderr,
                          check=False, timeout=60)
    expect_equal(done.stdout, b"", "standard output")
    return done


def by_pipe(document, stage="createRuntime"):
    return call(document, subprocess.PIPE, stage).stderr.decode()


def by_socket(document):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        call(document, theirs)
        ours.setblocking(False)
        return ours.recv(4096).decode()


def by_terminal(document):
    ours, theirs = pty.openpty()
    try:
        call(document, theirs)
        os.set_blocking(ours, False)
        return os.read(ours, 4096).decode().replace("\r\n", "\n")
    finally:
        os.close(ours)
        os.close(theirs)


@test("hostile: the hook's line goes to who reads, and holds nothing of the state")
def _(_session):
    with Unchanged():
        lines = {way(state(annotations=BAD)) for way in (by_pipe, by_socket, by_terminal)}
        expect_equal(len(lines), 1, lines)
        line = lines.pop()
        expect(line.startswith("socklid-hook: exit 13 (annotation): io.socklid.bind: at byte 8 "),
               line)
        expect(line.count("\n") == 1 and line.endswith("\n") and line.isascii(), line)
        expect(WORD not in line and "tcp" not in line, line)
        expect_in(CRAFTED, last_refusal()["message"], "the refusal that is kept")


@test("hostile: a file gets nothing of the hook")
def _(session):
    with Unchanged(), tempfile.TemporaryFile(dir=session.work) as file:
        for stage in ("createRuntime", "poststop"):
            done = call(state(annotations=BAD), file, stage)
            expect_equal(done.returncode, Exit.ANNOTATION if stage == "createRuntime" else 0, stage)
        expect_equal(os.fstat(file.fileno()).st_size, 0, "its size")


@test("hostile: nobody is told of a state that names an outlet, or cannot be read")
def _(_session):
    cut = json.dumps(state(annotations=BAD)).encode()[:-1]
    with Unchanged():
        expect(by_pipe(state(annotations=BAD)) != "", "the control")
        for document in (cut, b"", b"\xff", state(annotations={**BAD, OUTLET: "/x"}),
                         state(annotations={**BAD, "run.oci.hooks.x": ""}),
                         state(annotations={**BAD, "x": 1})):
            expect_equal(by_pipe(document), "", document)
        expect_equal(by_pipe(state(annotations=BAD), "poststop"), "", "poststop")
        expect_equal(by_pipe(state(annotations=BAD), "startContainer"), "", "an unknown stage")


# The tools --------------------------------------------------------------------------------------

HOSTILE = "\x1b\x9b\x7f\r\u061c\u202e\u2028\u2066\ufeff"
OBEYED = f"{HOSTILE}\nFORGED"


def check_harmless(data, what):
    text = data.decode()  # raises if it is not UTF-8
    expect_equal([c for c in text if c in HOSTILE], [], what)
    expect(not any(line.startswith("FORGED") for line in text.splitlines()), f"{what}: {text}")
    return text


@test("hostile: list and doctor show what others wrote, and no terminal obeys it")
def _(session):
    _ = session.warm
    hostile = {"io.socklid.bind": OBEYED, f"io.socklid.{OBEYED}": "deny"}
    with session.crun.hold(Options(annotations=hostile, stages=())) as container:
        for words in (["list"], ["list", "--no-trunc"], ["doctor"], ["list", "--json"],
                      ["doctor", "--json"]):
            done = subprocess.run([SOCKLID, *words], capture_output=True, check=False, timeout=120)
            text = check_harmless(done.stdout, words)
            check_harmless(done.stderr, words)
            expect_in(container.id[:12], text, words)
            if words == ["list", "--json"]:
                mine = [one for one in json.loads(text) if one["id"] == container.id]
                expect_equal(mine[0]["annotations"], hostile, "what the document says")
        failed = subprocess.run([SOCKLID, "inspect", OBEYED], capture_output=True, check=False,
                                timeout=120)
        expect_equal(failed.returncode, 1, failed)
        expect_equal(len(check_harmless(failed.stderr, "inspect").splitlines()), 1, failed)
