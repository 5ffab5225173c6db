# SPDX-License-Identifier: Apache-2.0
"""A siege of one container: its namespaces, the container, and the war around it. As root, on a node with socklid.

    with Campaign() as campaign:
        waged = campaign.wage(policy, seed=7, seconds=60, kinds=())
        waged.found, waged.rounds
"""

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Optional

from castle import Castle, Work
from harness.commands import HOOK, run
from harness.session import built
from harness.sockets import call_in
from model import Model
from outpost import OUTSIDE, Outpost
from war import Found, War


@dataclass
class Waged:
    found: Optional[Found]
    rounds: int
    packets: int
    lost: int           # frames that came too fast for the sniffer


@contextmanager
def clock_kept():
    """Afterwards the node's clock goes on as if nobody had set it."""
    ahead = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    try:
        yield
    finally:
        time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_BOOTTIME) + ahead)


class Campaign:
    """`off`: the guards that the hook leaves out (tests/siege/open_hook.cpp)."""

    def __init__(self, off=()):
        self.besieger, self.off = built("socklid-besieger", "siege"), tuple(off)
        if not self.besieger:
            raise RuntimeError("the program socklid-besieger is not built")
        self.hook = f"{self.besieger.parent}/socklid-open-hook" if self.off else HOOK

    def __enter__(self):
        if self.off:
            run(self.hook, "off", *self.off)
        self.work = Work(self.besieger)
        return self

    def __exit__(self, *_):
        self.work.close()
        if self.off:
            run(self.hook, "unload")

    def wage(self, policy, seed, seconds, kinds=(), closer=True):
        return self.with_war(policy, seed, lambda war: war.wage(seconds, kinds, closer))[1]

    def again(self, policy, seed, number):
        """(what the round did, a Violation or None)"""
        log = []

        def play(war):
            return war.play(number, (), log=log) or war.listen(1.5, ())

        return log, self.with_war(policy, seed, play)[0]

    def with_war(self, policy, seed, function):
        with clock_kept(), Outpost(self.besieger) as outpost:
            own = outpost.own_addresses()
            with Castle(self.work, policy, self.hook) as castle:
                def wage():
                    war = War(castle, lambda now: Model(policy, own, now), seed, outpost)
                    result = function(war)
                    return result, Waged(result if isinstance(result, Found) else None, war.rounds, war.packets,
                                         war.sniffer.lost())

                return call_in(OUTSIDE, wage)
