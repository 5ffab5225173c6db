# SPDX-License-Identifier: Apache-2.0
"""A siege of containers under every policy of tests/siege/policy.py: random sequences inside, a sniffer and a prober
outside, and a model that says what may leave.

Fails when: something leaves or is done that the documents do not allow; a siege saw no packet at all; or something of
it is left on the node.
"""

import os
import time

from harness.commands import TOP, run
from harness.runner import Failure, group
from harness.snapshot import Unchanged

SECONDS = 120


@group("siege")
def _(session, record):
    """A seed of its own each time; it is in the outcome, and ./run siege --seed repeats it."""
    _ = session.warm
    seed = os.environ.get("SOCKLID_SIEGE_SEED", str(int(time.time()) % 1_000_000))
    with Unchanged("node"):
        outcome = run(TOP / "tests/siege/siege", SECONDS, "--seed", seed, check=False, timeout=20 * SECONDS)
    lines = outcome.out.splitlines()
    results = [line for line in lines if line.startswith(("ok ", "not ok "))]
    if not results or (outcome.status != 0) != any(line.startswith("not") for line in results):
        raise Failure(f"exit {outcome.status}: {outcome.text}")
    for line in lines:
        if line not in results:
            print(f"#{line}", flush=True)  # the steps that do it again
    for line in results:
        name, _, what = line.removeprefix("not ").removeprefix("ok ").partition(": ")
        record(name, what if line.startswith("not ") else None)
