# SPDX-License-Identifier: Apache-2.0
"""Quadlet, of podman 4.4 and later: what it makes of the annotations in docs/podman.md's unit.

Fails when: an annotation of the page does not come out whole, or one without quotes does, so that the page asks for too much.
"""

import os
import re
import shlex

from harness.commands import run, write
from harness.recipe import Page
from harness.runner import expect, expect_equal, test

QUADLET = "/usr/libexec/podman/quadlet"


def annotations_of(session, text):
    """As the unit's command for podman has them."""
    write(f"{session.work}/quadlet/web.container", text)
    made = run(QUADLET, "-dryrun", env={**os.environ, "QUADLET_UNIT_DIRS": f"{session.work}/quadlet"}).text
    words = shlex.split(re.search(r"^ExecStart=(.*)$", made, re.MULTILINE)[1])
    return [words[at + 1] if word == "--annotation" else word.removeprefix("--annotation=")
            for at, word in enumerate(words) if word.startswith("--annotation")]


@test("docs/podman.md: Quadlet keeps a list together that is quoted, or has commas")
def _(session):
    page = Page("podman", "docs").file("web.container")
    expect_equal(annotations_of(session, page), ["io.socklid.bind=tcp/80", "io.socklid.egress=dns tcp/3306"], "as on the page")
    commas = page.replace('"io.socklid.egress=dns tcp/3306"', "io.socklid.egress=dns,tcp/3306")
    expect("io.socklid.egress=dns,tcp/3306" in annotations_of(session, commas), "with commas")
    bare = page.replace('"', "")
    expect("io.socklid.egress=dns tcp/3306" not in annotations_of(session, bare), f"without quotes: {bare}")
