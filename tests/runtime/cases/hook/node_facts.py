# SPDX-License-Identifier: Apache-2.0
"""What the operator's command says about the node and its containers.

Fails when: doctor finds fault with a good node; list or inspect do not show a running container,
its policy or its denials, or show one that is gone.
"""

import json

from harness.bundle import Options
from harness.check import keys
from harness.commands import write
from harness.runner import expect, expect_equal, expect_in, test

POLICY = keys(connect="deny", bind="tcp/80", mark="3", egress="udp/53")


@test("socklid doctor is content with this node")
def _(session):
    _ = session.warm
    outcome = session.socklid("doctor", check=False)
    expect_equal(outcome.status, 0, outcome.text)


@test("socklid list and inspect show a running container and its denials")
def _(session):
    with session.crun.hold(Options(annotations=POLICY)) as container:
        container.exec("/probe", "connect.tcp4:127.0.0.1:9", "bind.tcp4:81", "bind.tcp4:82")
        expect_in(container.id, session.socklid("list").out, "socklid list")
        text = session.socklid("inspect", container.id).out
        expect_in("connect", text, "socklid inspect")
        document = json.loads(session.socklid("inspect", "--json", container.id).out)
        expect(container.id in json.dumps(document), document)
        denials = find(document, "denials")
        expect(denials, f"no denials in {document}")
        expect_in("2", json.dumps(denials), "two denied binds")
        identifier = container.id
    expect(identifier not in session.socklid("list").out, "listed after its removal")
    expect(session.socklid("inspect", identifier, check=False).status != 0, "inspect of nothing")


def find(value, key):
    """The first value of this key, wherever it is."""
    if isinstance(value, dict):
        if key in value:
            return value[key]
        value = list(value.values())
    if isinstance(value, list):
        return next((found for found in (find(item, key) for item in value) if found), None)
    return None


@test("socklid explain says what a policy will do, without a container")
def _(session):
    arguments = [f"{key}={value}" for key, value in POLICY.items()]
    text = session.socklid("explain", *arguments).out
    for expected in ("io.socklid.connect", "table inet socklid", "udp"):
        expect_in(expected, text, "socklid explain")
    closed = session.socklid("explain", "io.socklid.egress=udp/53").text
    expect_in("add io.socklid.bind", closed, "egress without bind")


@test("socklid explain refuses what the hook would refuse, with the same status")
def _(session):
    outcome = session.socklid("explain", "io.socklid.conect=deny", check=False)
    expect_equal(outcome.status, 13, outcome.text)
    expect_in("did you mean io.socklid.connect", outcome.text, "socklid explain")


@test("socklid explain reads a config.json")
def _(session):
    document = {"ociVersion": "1.0.2", "annotations": POLICY}
    path = write(f"{session.work}/explain/config.json", json.dumps(document))
    text = session.socklid("explain", "--file", path).out
    expect_in("table inet socklid", text, "explain --file")
