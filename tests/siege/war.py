# SPDX-License-Identifier: Apache-2.0
"""One policy under siege: rounds, what the model says of each, and the smallest part of the round that broke it.

    war = War(castle, model_of, seed)
    found = war.wage(seconds, kinds=())         # a Found or None
"""

import random
import time
from dataclasses import dataclass, field

from minimise import minimised
from outpost import Prober, Sniffer, listening_ports
from packet import parse

STEPS = 150
MINIMISE_SECONDS = 40
# Reports of multicast groups wait so long, at random, before they leave (RFC 3810, 9.11).
LATE = 1.1
EVERY_PORT = 8       # rounds between two looks for listeners that no round has told of


@dataclass
class Found:
    violation: object
    seed: int
    round: int
    seconds: float
    steps: list = field(default_factory=list)   # the numbers of those that are left; empty: not seen again
    log: list = field(default_factory=list)


DAY = 86400


def seed_of(seed, number):
    """Of the round of that number; the besieger draws everything from it."""
    return seed * 1_000_003 + number


class War:
    """Outside, in the thread that wages it."""

    def __init__(self, castle, model_of, seed, outpost):
        self.castle, self.model_of, self.seed, self.outpost = castle, model_of, seed, outpost
        self.sniffer, self.prober = Sniffer(), Prober()
        self.rounds = self.packets = 0
        self.model = model_of(time.monotonic())
        self.midnight = time.time() // DAY * DAY

    def set_clock(self, number):
        """The node's, forwards or back, by the round's own chance: to where a window begins or ends, to a minute
        before that, or to any minute: a round is shorter. Whether that is outside the hours."""
        policy, chance = self.castle.policy, random.Random(seed_of(self.seed, number))
        if not policy.hours:
            return False
        edge = chance.choice([second for window in policy.hours for second in (window.begin, window.end)])
        second = chance.choice((edge, (edge - 60) % DAY, 60 * chance.randrange(DAY // 60)))
        time.clock_settime(time.CLOCK_REALTIME, self.midnight + DAY * chance.randrange(-1, 2) + second)
        return not policy.is_open(second)

    def wage(self, seconds, kinds=(), closer=True):
        """Until `seconds` are over or something of `kinds`, by default anything, is found. `closer`: and then made small."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            wrong = self.play(self.rounds, kinds)
            self.rounds += 1
            if wrong:
                found = Found(wrong, self.seed, self.rounds - 1, time.monotonic() - begin)
                if closer:
                    self.look_closer(found)
                return found
        wrong = self.listen(LATE, kinds)
        return Found(wrong, self.seed, self.rounds - 1, time.monotonic() - begin) if wrong else None

    def play(self, number, kinds, steps=(), log=None):
        """The first violation of a round, or of some of its steps."""
        self.model.is_closed = self.set_clock(number)
        order = ["round", seed_of(self.seed, number), STEPS, *(["log"] if log is not None else []), *steps]
        reports = self.castle.play(" ".join(map(str, order)), lambda *ports: self.knock(number, *ports))
        self.prober.leave()
        if log is not None:
            log += [line for line in reports if line.startswith("op ")]
        now = time.monotonic()
        told = [self.model.reported(line, now) for line in reports if not line.startswith("op ")]
        files = self.castle.warden.changed() if self.castle.warden else []
        return self.first([*told, *files, *self.judged()], kinds)

    def knock(self, number, streams, datagrams):
        every = listening_ports(self.castle.pid) if number % EVERY_PORT == 0 else []
        self.prober.knock(sorted({*streams, *every}), datagrams)

    def judged(self):
        """What the model says of all packets that have passed by now. All of them are looked at: the model remembers."""
        found = []
        for leaves, frame in self.sniffer.frames():
            self.packets += 1
            packet, now = parse(frame), time.monotonic()
            if not leaves:
                self.model.arrives(packet, now)
            else:
                found.append(self.model.leaves(packet, now))
        return found

    @staticmethod
    def first(violations, kinds):
        return next((one for one in violations if one and (not kinds or one.kind in kinds)), None)

    def listen(self, seconds, kinds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.sniffer.wait(max(0, end - time.monotonic()))
            wrong = self.first(self.judged(), kinds)
            if wrong:
                return wrong
        return None

    # The smallest part ---------------------------------------------------------------------------------

    def look_closer(self, found):
        """Fills in the steps and the log, if the round does it again. A report may come late, a race takes tries."""
        late = LATE if found.violation.kind == "report" else 0.05
        end = time.monotonic() + MINIMISE_SECONDS
        number = found.round

        def breaks(steps):
            self.listen(late, ())
            self.outpost.forget_neighbours()
            self.model = self.model_of(time.monotonic())
            kinds = {found.violation.kind}
            return self.play(number, kinds, steps) or self.listen(late, kinds)

        for number in (found.round, max(0, found.round - 1)):
            log = []
            self.play(number, (), log=log)
            every = [int(line.split()[1]) for line in log]
            if any(breaks(every) for _ in range(3)):
                found.round, found.log = number, log
                found.steps = minimised(every, breaks, lambda: time.monotonic() > end)
                found.log = [line for line in log if int(line.split()[1]) in found.steps]
                return
