# SPDX-License-Identifier: Apache-2.0
"""Annotations that an image carries: podman before 4.6 gives them to the container.

Fails when: a key in an image that this version does not have is ignored instead of refused; what
an image's keys do differs from what the reference says; doctor is silent about such a podman.
"""

import re

from harness.commands import run, write
from harness.runner import Skip, expect, expect_equal, test
from harness.runtimes import next_name, parse_probe

BASE = "localhost/socklid-test"
PACKET, CONNECT = "create.packet", "connect.tcp4:127.0.0.1:9"
HELD = {PACKET: "EAFNOSUPPORT", CONNECT: "EPERM"}
# What the container may then do that it could not without; None: it does not start.
LOOSENING = {("io.socklid.mode", "audit"): None,
             ("io.socklid.seal", "manual"): {CONNECT: "ECONNREFUSED"},
             ("io.socklid.families", "inet inet6 netlink packet"): {PACKET: "ok"}}


def podman_version():
    found = re.search(r"(\d+)\.(\d+)", run("podman", "--version").out)
    return int(found[1]), int(found[2])


def annotated_image(session, key, value):
    name = f"localhost/{next_name()}"
    context = write(f"{session.work}/image/Containerfile", f"FROM {BASE}\n").parent
    run("podman", "build", "--quiet", "--pull=never", "--annotation", f"{key}={value}",
        "--tag", name, context)
    return name


def run_image(session, name, annotations):
    flags = [f"--annotation={key}={value}" for key, value in annotations.items()]
    return run("podman", "run", "--rm", "--pull=never", "--network=none", "--log-driver=none",
               "--cap-add=NET_RAW", *flags, "--volume", f"{session.probe}:/probe:ro", name,
               "/probe", PACKET, CONNECT, check=False)


@test("what loosens a policy is refused in an image, or does what the reference says")
def _(session):
    if run("podman", "image", "exists", BASE, check=False).status != 0:
        raise Skip(f"no image {BASE}")
    gets_them = podman_version() < (4, 6)
    for (key, value), loosened in LOOSENING.items():
        image = annotated_image(session, key, value)
        try:
            outcome = run_image(session, image, {"io.socklid.connect": "deny"})
        finally:
            run("podman", "rmi", "--force", image)
        if gets_them and loosened is None:
            expect(outcome.status != 0 and PACKET not in outcome.out, f"{key}: {outcome}")
        else:
            expected = {**HELD, **loosened} if gets_them else HELD
            expect_equal(parse_probe(outcome.out), expected, key)


@test("doctor names a podman that takes annotations from images")
def _(session):
    text = session.socklid("doctor", check=False).text
    expect_equal("RISK image annotations" in text, podman_version() < (4, 6), text)
    plain, strict = (session.socklid("doctor", *flags, check=False).status
                     for flags in ((), ("--strict",)))
    # Something else of the node may be a RISK as well.
    expect(plain == 1 or strict == (1 if "\nRISK " in text else 0), text)
