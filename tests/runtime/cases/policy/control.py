# SPDX-License-Identifier: Apache-2.0
"""A container without annotations of ours.

Fails when: the hook does anything to it, or refuses it.
"""

from harness import snapshot
from harness.bundle import Options
from harness.hook import hook, state
from harness.runner import expect, expect_equal, test


@test("a container without annotations is left alone")
def _(session):
    for runtime in (session.crun, session.runc):
        options = Options(annotations={"org.example": "io.socklid.connect"})
        with runtime.hold(options) as container:
            before = snapshot.take()
            answers = container.exec("/probe", "create.tcp4", "create.packet", "mark.tcp4").out
            expect("create.tcp4 ok" in answers and "create.packet ok" in answers, answers)
            expect("mark.tcp4 0x0" in answers, answers)
            expect(not any("containers/" in pin for pin in before["pins"]), before["pins"])
            expect(not any("containers/" in path for path in before["state"]), before["state"])


@test("the hook without annotations reads its state and succeeds, with any pid")
def _(session):
    for document in (state(), state(annotations={}), state(annotations={"a": "b"}, pid=1)):
        outcome = hook("createRuntime", document)
        expect_equal((outcome.status, outcome.err), (0, ""), "exit status and message")
