# SPDX-License-Identifier: Apache-2.0
"""The few steps of a round that matter (delta debugging). Pure.

    minimised(list(range(150)), lambda steps: breaks(steps), enough=lambda: time.monotonic() > end)
"""


def minimised(steps, breaks, enough=lambda: False):
    """A part of `steps` of which `breaks` still holds, and of no part with one fewer, as far as tries tell. `enough`
    ends it early. `breaks` of all the steps is taken for granted."""
    parts = 2
    while len(steps) >= 2 and not enough():
        size = max(1, len(steps) // parts)
        for start in range(0, len(steps), size):
            rest = steps[:start] + steps[start + size:]
            if enough():
                return steps
            if rest and breaks(rest):
                steps, parts = rest, max(parts - 1, 2)
                break
        else:
            if size == 1:
                return steps
            parts = min(len(steps), parts * 2)
    return steps
