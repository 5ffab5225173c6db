# SPDX-License-Identifier: Apache-2.0
"""What a log of a suite says, and the end of a run made of it. The lines that count:

    ok NAME | not ok NAME: WHY | skip NAME: WHY
    # time SECONDS FILE NAME
    # left to --all: WHAT
    # engine NAME VERSION
    # tables ... # end of tables

A skipped test is a failure: what could not run did not pass.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

from proved import engine_of

RESULT = re.compile(r"(ok|not ok|skip) ")
TIME = re.compile(r"# time ([0-9.]+) (\S+) (.*)")
ENGINE = re.compile(r"# engine (\S+) (\S+)")
LEFT = re.compile(r"# left to --all: (.*)")
SLOWEST = 20


@dataclass
class Outcome:
    """One log's."""
    suite: str
    counts: Counter = field(default_factory=Counter)
    bad: list = field(default_factory=list)       # lines that are not ok
    times: list = field(default_factory=list)     # (seconds, file, name)
    left: list = field(default_factory=list)
    tables: list = field(default_factory=list)
    in_tables: bool = False
    versions: dict = field(default_factory=dict)     # of engines
    engines: Counter = field(default_factory=Counter)  # (engine, whether it passed): results
    untold: list = field(default_factory=list)    # results since the last time of a file

    def add(self, line):
        """One line of the log; says whether it is a result."""
        if line in ("# tables", "# end of tables"):
            self.in_tables = line == "# tables"
        elif self.in_tables:
            self.tables.append(line)
        elif result := RESULT.match(line):
            self.counts[result[1]] += 1
            if result[1] != "ok":
                self.bad.append(line)
            self.untold.append((line, result[1] == "ok"))
            return True
        elif time := TIME.match(line):
            self.times.append((float(time[1]), time[2], time[3]))
            self.tell_engines(time[2])
        elif engine := ENGINE.match(line):
            self.versions[engine[1]] = engine[2]
        elif left := LEFT.match(line):
            self.left.append(left[1])
        return False

    def tell_engines(self, file):
        """Of the results before the time of their file."""
        for name, passed in self.untold:
            if engine := engine_of(name, file):
                self.engines[engine, passed] += 1
        self.untold = []

    def fail(self, why):
        self.add(f"not ok {self.suite}: {why}")


def slowest(outcomes):
    times = sorted(((seconds, f"[{one.suite}] {file}: {name}") for one in outcomes
                    for seconds, file, name in one.times), reverse=True)
    return [f"{seconds:7.1f} s  {what}" for seconds, what in times[:SLOWEST]]


def by_file(outcomes):
    """The seconds of each file, a column for each suite that has times."""
    suites = [one.suite for one in outcomes if one.times]
    sums = Counter()
    for one in outcomes:
        for seconds, file, _ in one.times:
            sums[file, one.suite] += seconds
    files = sorted({file for file, _ in sums}, key=lambda file: -sum(sums[file, suite] for suite in suites))
    width = max([len(file) for file in files], default=4)
    head = " ".join([f"{'file':<{width}}", *(f"{suite:>13}" for suite in suites)])
    cells = [[f"{sums[file, suite]:.0f}" if sums[file, suite] else "" for suite in suites] for file in files]
    return [head, *(" ".join([f"{file:<{width}}", *(f"{cell:>13}" for cell in row)]).rstrip()
                    for file, row in zip(files, cells))]


def summary(outcomes, left, proved=()):
    """The lines that end a run, and whether it passed. `proved`: the table of what ran where (proved.py)."""
    total = sum((one.counts for one in outcomes), Counter())
    lines = []
    for one in outcomes:
        if one.tables:
            lines += [f"{one.suite}:", *one.tables, ""]
    if any(one.times for one in outcomes):
        lines += ["The slowest, in seconds:", *slowest(outcomes), "", "Seconds by file:", *by_file(outcomes), ""]
    if proved:
        lines += ["What passed, by Debian, kernel and engine:", *proved, ""]
    if left:
        lines += ["Left to ./run test --all:", *left, ""]
    lines += [f"{line}  (build/logs/{one.suite}.log)" for one in outcomes for line in one.bad]
    lines.append(f"{total['ok']} passed, {total['not ok']} failed, {total['skip']} skipped")
    return lines, total["ok"] > 0 and total["not ok"] == 0 and total["skip"] == 0
