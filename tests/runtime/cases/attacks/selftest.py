# SPDX-License-Identifier: Apache-2.0
"""`socklid selftest`, which tries every known way round a policy: here it must try all, and all must hold.

Fails when: a way round is open, is stopped by another guard than the one meant for it, or cannot be tried on
this kernel, though it has what they take; rows are left out; or something of the run is left on the node.
"""

import json

from harness.commands import SOCKLID, TOP, Exit, run
from harness.runner import Failure, expect_equal, group, is_thorough, leave, one_line, test
from harness.snapshot import Unchanged

# Every way is tried four times, and the machine is emulated.
SECONDS = 3000


def rows_of(runs):
    """The runs by row: the same path and version of IP."""
    rows = {}
    for run in runs:
        rows.setdefault((run["path"], run.get("ip", "-")), []).append(run)
    return rows


def complaint(runs):
    bad = [f"{run['policy']}: {run['seen']} (expected: {run['stopped_by']}), {run.get('detail', '')}"
           for run in runs if run["seen"] not in ("holds", "not there")]
    return one_line("; ".join(bad)) or None


@group("selftest")
def _(session, record):
    _ = session.warm
    options = [] if is_thorough() else ["--policy", "both"]
    if options:
        leave("the self-test under verbs alone, and under egress alone")
    with Unchanged("node"):
        outcome = run(SOCKLID, "selftest", "--strict", "--json", *options, check=False, timeout=SECONDS)
    if not outcome.out:
        raise Failure(outcome.err)
    report = json.loads(outcome.out)
    rows = rows_of(report["runs"])
    for (path, ip), runs in rows.items():
        record(f"selftest.{path} [{ip}]", complaint(runs))
    listed = (TOP / "tests/data/selftest-rows.txt").read_text().splitlines()
    record("selftest: every row of the list was tried",
           None if listed == ["\t".join(row) for row in rows] else f"{len(rows)} of {len(listed)}")
    bad = any(complaint([run]) for run in report["runs"])
    record("selftest: the exit status says the same",
           None if outcome.status == (1 if bad else 0) else f"exit {outcome.status}")


@test("socklid selftest needs root and says so in one line")
def _(_):
    outcome = run("setpriv", "--reuid=65534", "--clear-groups", SOCKLID, "selftest", check=False)
    expect_equal(len(outcome.err.splitlines()), 1, outcome.text)
    expect_equal(outcome.status, Exit.PRIVILEGE, outcome.text)
