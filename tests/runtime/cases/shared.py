# SPDX-License-Identifier: Apache-2.0
"""Network namespaces that are not one container's own, where rules would reach others.

Fails when: egress is accepted there without being enforced, a container that is there already
loses its rules or gets foreign ones, or the keys that need no rules do not work.
"""

import re

from harness.bundle import Options
from harness.check import compare, keys
from harness.commands import Exit
from harness.network import INSIDE
from harness.runner import expect, expect_equal, test
from harness.runtimes import parse_probe
from harness.snapshot import ruleset

EGRESS = keys(mark="3", egress="udp/53")
ATTEMPT = "connect.tcp4:127.0.0.1:9"
REFUSALS = {Exit.UNSUPPORTED, Exit.NETNS}


def expect_refused(outcome):
    found = re.search(r"(?:exit code:|exit status) (\d+)", outcome.text)
    expect(outcome.status != 0 and found and int(found[1]) in REFUSALS, outcome)


@test("egress in a namespace with another container's rules is refused, and those rules stay")
def _(session):
    with session.crun.hold(Options(annotations=EGRESS)):
        before = ruleset(INSIDE)
        options = Options(annotations=keys(mark="4", egress="tcp/80"))
        expect_refused(session.runc.run(["/probe", "create.unix"], options))
        expect_equal(ruleset(INSIDE), before, "rules of the first container")


@test("egress in a pod's namespace is refused")
def _(session):
    annotations = {**EGRESS, "io.kubernetes.cri.sandbox-id": "0123456789ab",
                   "io.kubernetes.cri.container-type": "container"}
    expect_refused(session.crun.run(["/probe", "create.unix"], Options(annotations=annotations)))


@test("the other keys work beside another container's rules")
def _(session):
    with session.crun.hold(Options(annotations=EGRESS)):
        annotations = keys(connect="deny", bind="tcp/80", mark="4")
        with session.runc.hold(Options(annotations=annotations)) as second:
            seen = parse_probe(second.exec("/probe", ATTEMPT, "mark.tcp4", "bind.tcp4:81").out)
            compare(seen, {ATTEMPT: "EPERM", "mark.tcp4": "0x4", "bind.tcp4:81": "EPERM"})
