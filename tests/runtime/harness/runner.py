# SPDX-License-Identifier: Apache-2.0
"""Tests by name, their outcomes as lines, and the matrix of verbs.

    @test("a container without annotations is left alone")
    def _(session): ...                       # an exception is a failure, Skip a skip

    @group("verbs")
    def _(session, record):                   # many results out of one costly set-up
        record("verbs.connect.denied[crun]", None, Cell("connect", "denied", "crun"))
"""

import os
import sys
import time
import traceback
from dataclasses import dataclass, field
from typing import Callable, NamedTuple, Optional


def is_thorough():
    """Whether all is to be tried that `./run test --all` tries, or enough of it for each landing."""
    return os.environ.get("SOCKLID_LEVEL", "all") == "all"


def is_brief():
    """Whether it is to be seen that an engine works on this node, no more: on a later Debian, in ci."""
    return os.environ.get("SOCKLID_LEVEL") == "brief"


def leave(what):
    """Said by a test that left something to `./run test --all`."""
    print(f"# left to --all: {what}", flush=True)


class Skip(Exception):
    """What the test needs cannot be had here."""


class Failure(AssertionError):
    """Something was not as it must be."""


class Cell(NamedTuple):
    verb: str
    verdict: str
    runtime: str


@dataclass
class Entry:
    name: str
    function: Callable
    is_group: bool

    @property
    def file(self):
        return self.function.__module__.rpartition(".")[2]


entries: list[Entry] = []


def test(name):
    def register(function):
        entries.append(Entry(name, function, False))
        return function
    return register


def group(name):
    def register(function):
        entries.append(Entry(name, function, True))
        return function
    return register


def expect(condition, why):
    if not condition:
        raise Failure(why)


def expect_equal(seen, expected, what):
    if seen != expected:
        raise Failure(f"{what}: expected {expected!r}, seen {seen!r}")


def expect_in(needle, text, what):
    if needle not in text:
        raise Failure(f"{what}: {needle!r} is not in {text!r}")


def why_not(check):
    """Why it failed, or nothing: for one of several in a group, where the others count too."""
    try:
        check()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def one_line(text):
    return " | ".join(line.strip() for line in str(text).splitlines() if line.strip())


@dataclass
class Report:
    """Prints each outcome as it comes and keeps the count."""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    cells: dict = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def record(self, name, why: Optional[str] = None, cell: Optional[Cell] = None):
        if why is None:
            self.passed += 1
            print(f"ok {name}", flush=True)
        else:
            self.failed += 1
            print(f"not ok {name}: {one_line(why)}", flush=True)
        if cell:
            self.cells[cell] = self.cells.get(cell, True) and why is None

    def skip(self, name, why):
        self.skipped += 1
        print(f"skip {name}: {one_line(why)}", flush=True)

    def run(self, entry, session):
        begin = time.monotonic()
        self.call(entry, session)
        self.look_for_remains(entry, session)
        print(f"# time {time.monotonic() - begin:.1f} {entry.file} {entry.name}", flush=True)

    def look_for_remains(self, entry, session):
        """The node must be as it was before the first case; what one case leaves is told once."""
        remains = session.remains()
        if remains:
            self.record(f"{entry.name}: the node is as before", remains)

    def call(self, entry, session):
        try:
            if entry.is_group:
                entry.function(session, self.record)
            else:
                entry.function(session)
                self.record(entry.name)
        except Skip as reason:
            self.skip(entry.name, reason)
        except Exception as error:  # a broken test must not hide the others
            if not isinstance(error, Failure):
                traceback.print_exc(file=sys.stdout)
            self.record(entry.name, f"{type(error).__name__}: {error}")

    def matrix(self):
        """Rows: verb and verdict. Columns: runtimes. An empty cell was not tested."""
        if not self.cells:
            return
        runtimes = list(dict.fromkeys(cell.runtime for cell in self.cells))
        verbs = list(dict.fromkeys(cell.verb for cell in self.cells))
        rows = sorted({(cell.verb, cell.verdict) for cell in self.cells},
                      key=lambda row: (verbs.index(row[0]), row[1]))
        width = 2 + max(len(runtime) for runtime in runtimes)
        print("\n" + f"{'verb':<12}{'verdict':<10}" + "".join(f"{r:>{width}}" for r in runtimes))
        for verb, verdict in rows:
            marks = (self.mark(Cell(verb, verdict, runtime)) for runtime in runtimes)
            print(f"{verb:<12}{verdict:<10}" + "".join(f"{m:>{width}}" for m in marks))

    def mark(self, cell):
        return {True: "ok", False: "FAILED", None: ""}[self.cells.get(cell)]

    def finish(self, tables=()):
        """`tables`: what tests have to show besides, printed as they are."""
        print("# tables")
        self.matrix()
        for table in tables:
            print(f"\n{table}")
        print("# end of tables")
        print(f"\n# {time.monotonic() - self.started:.0f} s")
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return 1 if self.failed else 0
