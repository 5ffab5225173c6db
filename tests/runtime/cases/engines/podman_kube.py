# SPDX-License-Identifier: Apache-2.0
"""podman kube play: one policy for all containers of a Pod, from its YAML.

Fails when: a container is not under it, or the infra container is; a key for one container is
ignored, or refused without saying why.
"""

from harness.check import compare, keys
from harness.commands import Exit, run
from harness.hook import last_refusal
from harness.pods import infra_of, manifest, played
from harness.runner import expect, expect_equal, expect_in, test
from harness.runtimes import Podman, parse_probe

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
