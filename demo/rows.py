# SPDX-License-Identifier: Apache-2.0
"""The rows of the demo's table: what is expected and what was seen, without and with a policy."""

from dataclasses import dataclass


@dataclass
class Sighting:
    """What one run of the worm came to."""
    worm: dict           # STEP: RESULT, the worm's own lines
    page_before: bool    # what the neighbour saw
    page_after: bool
    door: bool
    visits: dict         # victim: how many came


@dataclass
class Row:
    what: str
    free: tuple          # (expected, seen) without annotations
    bound: tuple         # (expected, seen) with them

    @property
    def is_as_expected(self):
        return self.free[0] == self.free[1] and self.bound[0] == self.bound[1]


def word(good):
    return "yes" if good else "no"


def result(text):
    return "no answer" if text is None else text


def both(what, free_expected, bound_expected, look, free, bound):
    return Row(what, (free_expected, look(free)), (bound_expected, look(bound)))


def rows(free, bound, victims, back_door, spread_port):
    def add(*arguments):
        return both(*arguments, free, bound)

    table = [
        add("web page served", "yes", "yes", lambda s: word(s.page_before)),
        add(f"worm opens back door on {back_door}", "ok", "EPERM",
            lambda s: result(s.worm.get("back-door"))),
        add("back door reachable from outside", "yes", "no", lambda s: word(s.door)),
    ]
    for victim in victims:
        table.append(add(f"worm spreads to {victim}:{spread_port}", "ok", "ECONNREFUSED",
                         lambda s, v=victim: result(s.worm.get(f"spread.{v}"))))
        table.append(add(f"{victim} was visited", "yes", "no",
                         lambda s, v=victim: word(s.visits[v] > 0)))
    return table + [
        add("name server answers (udp/53)", "ok", "ok", lambda s: result(s.worm.get("dns"))),
        add("database reachable (tcp/3306)", "ok", "ok", lambda s: result(s.worm.get("database"))),
        add("web page served afterwards", "yes", "yes", lambda s: word(s.page_after)),
    ]


def format_table(table):
    head = [("", "without annotations", "", "with annotations", "", ""),
            ("", "expected", "seen", "expected", "seen", "")]
    body = [(row.what, *row.free, *row.bound, "" if row.is_as_expected else "<-- not as expected")
            for row in table]
    widths = [max(len(line[i]) for line in body + head[1:]) for i in range(5)]
    # The first heading spans two columns.
    top = f"{'':{widths[0]}}  {head[0][1]:{widths[1] + widths[2] + 2}}  {head[0][3]}"
    lines = [top.rstrip()]
    for line in [head[1], *body]:
        cells = [f"{cell:{width}}" for cell, width in zip(line, widths)]
        lines.append("  ".join([*cells, line[5]]).rstrip())
    return "\n".join(lines)
