# SPDX-License-Identifier: Apache-2.0
"""Waiting for what a container serves, from the neighbour."""

from harness.commands import wait_until
from harness.runner import Failure
from harness.runtimes import parse_probe


def served(session, container, *knocks):
    """Waits until it listens; its output tells why if it does not."""
    def listens():
        return all(answer == "ok" for answer in parse_probe(session.network.from_neighbour(*knocks)).values())

    try:
        wait_until(listens, "it listens", 60)
    except TimeoutError as error:
        raise Failure(f"{container.options.annotations}: {container.output}") from error
