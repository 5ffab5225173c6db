# SPDX-License-Identifier: Apache-2.0
"""Two hooks at once, of which one never ends.

Fails when: the other waits for it longer than the engine waits for a hook, or lets its container
run.
"""

import fcntl
import os

from harness.bundle import Options
from harness.check import keys
from harness.commands import Exit
from harness.runner import expect, expect_in, test
from harness.snapshot import Unchanged


@test("a lock that another run holds is waited for, then refused")
def _(session):
    _ = session.warm
    lock = "/run/socklid/lock"
    expect(os.path.exists(lock), f"no {lock}")
    with Unchanged(), open(lock, "r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        outcome = session.crun.run(["/probe", "create.unix"],
                                   Options(annotations=keys(connect="deny")))
        expect(outcome.status != 0, f"the runtime succeeded: {outcome.text}")
        expect("create.unix ok" not in outcome.out, f"the program ran: {outcome.out}")
        expect_in(f"exit code: {Exit.BUSY}", outcome.text, "crun")
