# SPDX-License-Identifier: Apache-2.0
"""A table of which every cell is the outcome of a test of its own.

    table = ResultTable(session, record, "pop3", rows=["mail is read"], columns=["none", "sealed"])
    table.call("mail is read", "none", read_mail)     # an exception is why it fails
    table.put("door.tcp4:10999", "sealed", "EPERM", None)
    table.require_full()
"""

from harness.runner import Failure
from harness.table import Table


class ResultTable:
    def __init__(self, session, record, name, rows, columns):
        self.name, self.record = name, record
        self.table = Table(name, rows, columns)
        session.tables.append(self.table)

    def put(self, row, column, word, why, who=None):
        """`who`: of several that fill the same cell."""
        self.table.set(row, column, word)
        self.record(f"{self.name}: {row} [{f'{column}, {who}' if who else column}]", why)

    def put_all(self, column, verdicts, who=None):
        """`verdicts`: {row: (word, why)}, as `observe` returns them."""
        for row, (word, why) in verdicts.items():
            self.put(row, column, word, why, who)

    def call(self, row, column, function):
        """Once for each cell; `function` says what came of it, or nothing."""
        try:
            self.put(row, column, function() or "works", None)
        except Exception as error:  # the other cells are to be filled all the same
            self.put(row, column, "FAILS", f"{type(error).__name__}: {error}")

    def does_not_apply(self, rows, columns):
        for row in rows:
            for column in columns:
                self.table.set(row, column, "-")

    def require_full(self):
        empty = self.table.empty()
        if empty:
            raise Failure(f"not tried: {empty}")
