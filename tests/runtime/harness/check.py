# SPDX-License-Identifier: Apache-2.0
"""Attempts under a policy against the same attempts without one."""

from harness.bundle import Options
from harness.runner import Failure, expect

PREFIX = "io.socklid."
# What the kernel answers when nobody hinders it and nobody listens.
UNHINDERED = {"ok", "ECONNREFUSED", "ENOTCONN", "EAGAIN"}


def keys(**annotations):
    """keys(create_tcp="deny") is {"io.socklid.create.tcp": "deny"}"""
    return {PREFIX + key.replace("_", "."): value for key, value in annotations.items()}


def compare(seen, expected):
    """`expected`: {attempt: an answer, or a set of them}"""
    wrong = []
    for attempt, answer in expected.items():
        answers = {answer} if isinstance(answer, str) else set(answer)
        if seen.get(attempt) not in answers:
            wrong.append(f"{attempt} {seen.get(attempt)}, expected {'/'.join(sorted(answers))}")
    if wrong:
        raise Failure(several(wrong))


def several(reasons, limit=4):
    """One line a person can read, however many there are."""
    rest = len(reasons) - limit
    return "; ".join(reasons[:limit]) + (f"; and {rest} more" if rest > 0 else "")


def unhindered(answer):
    return answer in UNHINDERED or answer.startswith("0x")


def check(runtime, annotations, expected, **options):
    """First without a policy, where every attempt must work, so that no denial is an accident."""
    control = runtime.probe(list(expected), Options(**options))
    hindered = {attempt: control.get(attempt) for attempt in expected
                if not unhindered(control.get(attempt, "no answer"))}
    expect(not hindered, f"without a policy: {hindered}")
    compare(runtime.probe(list(expected), Options(annotations=annotations, **options)), expected)
