# SPDX-License-Identifier: Apache-2.0
"""A table for the end of a run.

    table = Table("program", rows=["curl"], columns=["web", "mail"])
    table.set("curl", "web", "works")
    table.empty()                       # [("curl", "mail")]: what was not tried
"""


class Table:
    def __init__(self, corner, rows, columns):
        self.corner, self.rows, self.columns = corner, list(rows), list(columns)
        self.cells = {}

    def set(self, row, column, text):
        self.cells[row, column] = text

    def empty(self):
        return [(row, column) for row in self.rows for column in self.columns
                if not self.cells.get((row, column))]

    def __str__(self):
        lines = [[self.corner, *self.columns]]
        lines += [[row, *(self.cells.get((row, column), "") for column in self.columns)]
                  for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*lines)]
        return "\n".join("  ".join(f"{cell:{width}}" for cell, width in zip(line, widths)).rstrip()
                         for line in lines)
