# SPDX-License-Identifier: Apache-2.0
"""What a run proved of which engine, on which kernel and under which Debian: the table that ends it.

    print("\\n".join(lines({Node("sid", "7.2"): [outcome, ...]}, CI)))

An outcome tells by the lines of its log. A result is of the engine that its case is about (table.py), or of the runtime
in its brackets: [crun], [podman+runc], [runc, systemd]. A cell has the engine's version and how many passed.
"""

import re

from table import (ALL, CASES, DISTRIBUTIONS, FOREIGN_LACKS, FOREIGN_NODES, KERNELS, LACKS, PROVED, SYSTEMD_CASES, WITHOUT,
                   Node)

ENGINE_OF_FILE = {case.file: case.engine for case in CASES + SYSTEMD_CASES if case.engine}
BRACKETS = re.compile(r"\[(podman|crun|runc)\b")


def engine_of(name, file):
    """None: what is proved is of no engine in particular."""
    if file in ENGINE_OF_FILE:
        return ENGINE_OF_FILE[file]
    found = BRACKETS.search(name)
    return found and found[1]


def cell(node, engine, outcomes, level):
    """(text, reason): the one or the other is empty."""
    good = sum(one.engines[engine, True] for one in outcomes)
    bad = sum(one.engines[engine, False] for one in outcomes)
    version = next((one.versions[engine] for one in outcomes if engine in one.versions), "?")
    if good or bad:
        return f"{version}: {bad} of {good + bad} FAILED" if bad else f"{version}: {good}", ""
    if (node.distribution, engine) in LACKS:
        return "", LACKS[node.distribution, engine]
    if node.architecture and outcomes:
        return "", FOREIGN_LACKS
    if node in WITHOUT and not outcomes:
        return "", WITHOUT[node]
    return ("NOT RUN", "") if level == ALL else ("", "left to ./run test --all")


def lines(seen, level):
    """`seen`: the outcomes of the guests of each node."""
    reasons = {}
    rows = [["", "kernel", *PROVED]]
    own = [Node(distribution, kernel) for distribution in DISTRIBUTIONS for kernel in KERNELS]
    for node in (*own, *FOREIGN_NODES):
        row = [f"{node.distribution} {node.architecture}".strip(), node.kernel]
        for engine in PROVED:
            text, reason = cell(node, engine, seen.get(node, ()), level)
            row.append(text or f"({reasons.setdefault(reason, len(reasons) + 1)})")
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows)]
    table = ["  ".join(f"{text:<{width}}" for text, width in zip(row, widths)).rstrip() for row in rows]
    return [*table, *(f"({number}) {reason}" for reason, number in reasons.items())]
