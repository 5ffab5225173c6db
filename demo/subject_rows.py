# SPDX-License-Identifier: Apache-2.0
"""The rows of the table of `demo --subjects`, and what it reads of programs' output."""

from dataclasses import dataclass

from rows import Row, both, result, word


@dataclass
class Sighting:
    """What one run of the host came to."""
    worms: dict         # server: {STEP: RESULT, the worm's own lines, and "door": yes or no}
    beside: dict        # the same of a worm that no server started
    served: dict        # server: whether it answered before the worms
    served_after: dict  # and after them
    change: str         # of the servers' programs: done or refused


def answers(text):
    """{STEP: RESULT}, of the worm's lines."""
    return dict(line.split(" ", 1) for line in text.splitlines() if " " in line)


def rows(free, bound, victims, back_door):
    def add(what, free_expected, bound_expected, look):
        return both(what, free_expected, bound_expected, look, free, bound)

    def step(server, what, name, refused="EPERM"):
        return add(f"{server}: worm {what}", "ok", refused, lambda s: result(s.worms[server].get(name)))

    table: list[Row] = [add(f"{server} serves", "yes", "yes", lambda s, n=server: word(s.served[n]))
                        for server in free.served]
    for server in free.worms:
        table += [
            step(server, f"opens back door on {back_door}", "back-door"),
            add(f"{server}: back door reachable from outside", "yes", "no", lambda s, n=server: s.worms[n]["door"]),
            *[step(server, f"spreads to {victim}", f"spread.{victim}") for victim in victims],
            step(server, "asks the name server", "dns"),
            step(server, "calls the database", "database"),
        ]
    table += [add(f"in no subject: worm spreads to {victim}", "ok", "ok",
                  lambda s, v=victim: result(s.beside.get(f"spread.{v}"))) for victim in victims]
    table.append(add("root makes a file in /usr/sbin", "done", "refused", lambda s: s.change))
    return table + [add(f"{server} serves afterwards", "yes", "yes", lambda s, n=server: word(s.served_after[n]))
                    for server in free.served_after]


def who_is_where(inspection):
    """The part of `socklid inspect` about subjects."""
    lines = inspection.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("subjects:")]
    if not starts:
        return ""
    part = []
    for line in lines[starts[0] + 1:]:
        if line and not line.startswith(" "):
            break
        part.append(line)
    return "\n".join(part)
