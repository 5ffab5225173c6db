# SPDX-License-Identifier: Apache-2.0
"""docs/podman.md, as it stands there.

Fails when: a command or a file of the page does not work, or what it starts is not under the policy
that it shows.
"""

import re
from pathlib import Path

from harness.check import compare
from harness.commands import Exit, run, wait_until, write
from harness.pods import probe_image
from harness.recipe import Page
from harness.runner import expect, expect_equal, expect_in, test
from harness.runtimes import parse_probe

CONNECT, BIND, UDP = "connect.tcp4:127.0.0.1:9", "bind.tcp4:81", "create.udp4"
UNIT = Path("/run/systemd/system/socklid-test-web.service")
PROGRAM = ("/probe", "wait.term")


def page():
    return Page("podman", "docs")


def adapted(words, image):
    """The page's command with the tests' image and program, and without a network."""
    kept, options = [], iter(words)
    for word in options:
        if word == "-p":
            next(options)
        elif word.startswith(("localhost/", "docker.io/")):
            kept += [image, *PROGRAM]
        else:
            kept.append(word)
    at = kept.index("--name")
    return kept if "--pod" in kept else [*kept[:at], "--network", "none", *kept[at:]]


def start(container, image):
    run(*adapted(page().command(container), image))


def verdicts(container):
    return parse_probe(run("podman", "exec", container, "/probe", CONNECT, BIND, UDP).out)


@test("docs/podman.md: a container")
def _(session):
    image = probe_image(session)
    try:
        start("web", image)
        compare(verdicts("web"), {CONNECT: "EPERM", BIND: "EPERM", UDP: "ok"})
        expect_in("bind=tcp/80", session.socklid("list").out, "socklid list")
    finally:
        run("podman", "rm", "--force", "--time", "0", "web")


@test("docs/podman.md: a pod")
def _(session):
    image = probe_image(session)
    try:
        for name in ("shop", "shop-web", "shop-db"):
            start(name, image)
        compare(verdicts("shop-web"), {CONNECT: "ECONNREFUSED", BIND: "EPERM", UDP: "ok"})
        compare(verdicts("shop-db"), {CONNECT: "EPERM", BIND: "ok", UDP: "ok"})
    finally:
        run("podman", "pod", "rm", "--force", "--time", "0", "shop")


@test("docs/podman.md: podman kube play")
def _(session):
    text = re.sub(r"image: .*", f"image: {probe_image(session)}\n    imagePullPolicy: Never\n"
                                '    command: ["/probe", "wait.term"]', page().file("pod.yaml"))
    file = write(f"{session.work}/pod.yaml", text)
    try:
        run("podman", "kube", "play", "--network", "none", file)
        for container in ("mail-smtp", "mail-imap"):
            compare(verdicts(container), {CONNECT: "EPERM", BIND: "ok", UDP: "EPERM"})
    finally:
        run("podman", "kube", "play", "--down", file)


def unit_text(image):
    text = page().file("web.service").replace("-d --rm", "-d --network none --rm")
    return text.replace("localhost/web", " ".join([image, *PROGRAM]))


@test("docs/podman.md: a systemd unit, also when it restarts")
def _(session):
    write(UNIT, unit_text(probe_image(session)))
    run("systemctl", "daemon-reload")
    try:
        run("systemctl", "start", UNIT.name)
        compare(verdicts("web-unit"), {CONNECT: "EPERM", BIND: "EPERM"})
        text = session.socklid("list").out
        expect(re.search(rf"/{UNIT.name}/libpod-payload-", text), f"not within its unit: {text}")
        first = session.podman.pid("web-unit")
        run("kill", "-KILL", str(first))
        wait_until(lambda: run("podman", "inspect", "--format", "{{.State.Pid}}", "web-unit",
                               check=False).out.strip() not in ("", "0", str(first)),
                   "systemd started it again", 60)
        compare(verdicts("web-unit"), {CONNECT: "EPERM", BIND: "EPERM"})
    finally:
        run("systemctl", "stop", UNIT.name)
        UNIT.unlink()
        run("systemctl", "daemon-reload")


@test("docs/podman.md: a unit whose container is refused fails, and its journal says with what")
def _(session):
    write(UNIT, unit_text(probe_image(session)).replace("socklid.connect=", "socklid.conect=")
          .replace("Restart=on-failure", "Restart=no"))
    run("systemctl", "daemon-reload")
    try:
        outcome = run("systemctl", "start", UNIT.name, check=False)
        expect(outcome.status != 0, outcome.text)
        told = run("journalctl", "--no-pager", "--unit", UNIT.name).out
        expect_in(f"exit code: {Exit.ANNOTATION}", told, "the unit's journal")
        expect_equal(run("podman", "ps", "--all", "--quiet", "--filter", "name=web-unit").out, "",
                     "containers left")
    finally:
        run("systemctl", "reset-failed", UNIT.name, check=False)
        UNIT.unlink()
        run("systemctl", "daemon-reload")
