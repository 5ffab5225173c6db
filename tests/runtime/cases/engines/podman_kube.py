# SPDX-License-Identifier: Apache-2.0
"""podman kube play: one policy for all containers of a Pod, from its YAML.

Fails when: a container is not under it, or the infra container is; a key for one container is
ignored, or refused without saying why; what `podman generate kube` writes is lost, or cannot be played as the page says.
"""

from pathlib import Path

from harness.check import compare, keys
from harness.commands import Exit, run, write
from harness.hook import last_refusal
from harness.pods import infra_of, manifest, played, probe_image
from harness.runner import expect, expect_equal, expect_in, test
from harness.runtimes import Podman, next_name, parse_probe

CONNECT = "connect.tcp4:127.0.0.1:9"
ATTEMPTS = ["bind.tcp4:81", CONNECT, "create.udp4"]


@test("podman kube play: the annotations of the Pod are for each of its containers")
def _(session):
    podman = session.podman
    document = manifest(session, ["web", "db"], keys(connect="deny", bind="tcp/80"))
    name = document["metadata"]["name"]
    with played(session, podman, document) as outcome:
        expect_equal(outcome.status, 0, outcome.text)
        for container in (f"{name}-web", f"{name}-db"):
            seen = parse_probe(run(*podman.exec_command(container), "/probe", *ATTEMPTS).out)
            compare(seen, {"bind.tcp4:81": "EPERM", CONNECT: "EPERM", "create.udp4": "ok"})
        infra = podman.inspect(infra_of(podman, name))
        expect(infra["Id"] not in session.socklid("list", "--no-trunc").out, "infra has a policy")


@test("podman kube play: a list of many lines, with comments, is the same list")
def _(session):
    lists = keys(bind="# the web\ntcp/80\ntcp/81\n", connect="deny\n")
    document = manifest(session, ["web"], lists)
    name = document["metadata"]["name"]
    with played(session, session.podman, document) as outcome:
        expect_equal(outcome.status, 0, outcome.text)
        seen = parse_probe(run(*session.podman.exec_command(f"{name}-web"), "/probe", "bind.tcp4:80",
                               "bind.tcp4:81", "bind.tcp4:82", CONNECT).out)
        compare(seen, {"bind.tcp4:80": "ok", "bind.tcp4:81": "ok", "bind.tcp4:82": "EPERM",
                       CONNECT: "EPERM"})


@test("podman kube play: a key that nearly is ours stops the container")
def _(session):
    for key in ("io.socklid/connect", "socklid.io/connect"):
        with played(session, session.podman, manifest(session, ["web"], {key: "deny"})) as outcome:
            expect(outcome.status != 0, outcome.text)
            expect_in("nearly an annotation of socklid's", last_refusal()["message"], key)


@test("podman kube play: a key for one container is refused, and the reason said")
def _(session):
    document = manifest(session, ["web", "db"], {**keys(connect="deny"),
                                                 "io.socklid.bind/web": "tcp/80"})
    reason = "io.socklid.bind/web: this engine does not say what the container is called"
    with played(session, session.podman, document) as outcome:
        expect(outcome.status != 0, outcome.text)
        expect_in(f"exit code: {Exit.ANNOTATION}", outcome.text, "podman with crun")
        expect_in(reason, session.socklid("doctor", check=False).text, "doctor")
    with played(session, Podman(session, "runc"), document) as outcome:
        expect(outcome.status != 0, outcome.text)
        expect_in("io.socklid.bind: ", outcome.text, "podman with runc")
        expect_in(reason, last_refusal()["message"], "the refusal")


@test("podman generate kube: what it writes of a container is refused, and played as the error says")
def _(session):
    podman, name = session.podman, next_name()
    annotations = keys(connect="deny", bind="tcp/80")
    given = [word for key, value in annotations.items() for word in ("--annotation", f"{key}={value}")]
    run(*podman.base, "run", "-d", "--name", name, "--network", "none", *given, probe_image(session), "/probe", "wait.term")
    try:
        spec = Path(podman.inspect(name)["OCIConfigPath"]).read_text()
        expect(name not in spec, "podman says now what a container is called: such keys could be taken")
        text = run(*podman.base, "generate", "kube", name).out
    finally:
        podman.delete(name)
    for key in annotations:
        expect_in(f"{key}/{name}:", text, "podman generate kube")
    file = write(f"{session.work}/generated.yaml", text)
    play = [*podman.base, "kube", "play", "--network", "none", file]
    try:
        outcome = run(*play, check=False)
        expect(outcome.status != 0, outcome.text)
        expect_in(f"/{name}: this engine does not say what the container is called", last_refusal()["message"], "the refusal")
        expect_in("podman generate kube writes such keys): use io.socklid.", last_refusal()["message"], "the refusal")
        run(*play, "--down")
        write(file, text.replace(f"/{name}:", ":"))
        run(*play)
        seen = parse_probe(run(*podman.exec_command(f"{name}-pod-{name}"), "/probe", *ATTEMPTS).out)
        compare(seen, {"bind.tcp4:81": "EPERM", CONNECT: "EPERM", "create.udp4": "ok"})
    finally:
        run(*play, "--down", check=False)
