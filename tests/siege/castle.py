# SPDX-License-Identifier: Apache-2.0
"""The container under siege: started by crun, as root with every capability that matters, with the besieger in it.

    with Castle(session, policy, hook) as castle:
        reports = castle.play("round 7 150", knock)      # knock: called with the ports that wait
"""

import queue
import subprocess
import tempfile
import threading
from pathlib import Path

from harness.bundle import Options, make_rootfs
from harness.commands import TIMEOUT
from harness.runtimes import BareRuntime
from outpost import INSIDE, LINK, NAMED, NEXT, OWN, VICTIM
from policy import CAGE
from warden import Warden, furnish

# Beside those that the policy names.
PORTS = (80, 53, 9, 44444)


class Work:
    """What BareRuntime asks of a session."""

    def __init__(self, besieger):
        self.directory = tempfile.TemporaryDirectory(prefix="socklid-siege.")
        self.work = self.directory.name
        self.rootfs = make_rootfs(Path(self.work) / "rootfs", besieger, None)
        self.besieger = besieger
        self.crun = BareRuntime(self, "crun")

    def close(self):
        self.directory.cleanup()


def words(policy):
    """What the besieger is told of where it is (tests/siege/engine/places.hpp)."""
    places = {"own": OWN, "victim": VICTIM, "named": NAMED, "next": NEXT}
    told = [f"{role}={address}" for role, addresses in places.items() for address in addresses]
    served = policy.bind.ports() if policy.bind else policy.kept
    lists = [names for names in (policy.connect, policy.egress) if names]
    named = sorted({port for names in lists for port in names.ports()})
    told += [f"served={port}" for port in served] + [f"reachable={port}" for port in named]
    told += [f"other={port}" for port in sorted(set(PORTS) - set(named))]
    told += [f"cage={CAGE}"] * policy.is_caged + ["hand=1"] * policy.hands_over
    told += ["files=1"] * ("readonly" in policy.values)
    return [*told, f"link={LINK}", *(f"keep={port}" for port in policy.kept)]


class Castle:
    def __init__(self, work, policy, hook=None):
        self.work, self.policy = work, policy
        self.options = Options(annotations=policy.annotations, netns=f"/run/netns/{INSIDE}",
                               **({"hook": hook} if hook else {}))
        self.lines = queue.Queue()

    def __enter__(self):
        crun = self.work.crun
        furnish(self.work.rootfs, self.work.besieger)
        self.name = crun.new_name(self.options)
        command = crun.command(self.name, ["/probe", *words(self.policy)], self.options)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, bufsize=1)
        threading.Thread(target=self.read, daemon=True).start()
        self.until("ready")
        self.pid = crun.pid(self.name)
        self.warden = Warden(self.work.rootfs, self.pid) if "readonly" in self.policy.values else None
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(TIMEOUT)
        finally:
            self.process.kill()
            self.work.crun.delete(self.name)

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def until(self, last):
        """The lines before the one that is `last`."""
        before = []
        while True:
            line = self.lines.get(timeout=TIMEOUT)
            if line == last:
                return before
            if line is None:
                raise RuntimeError(f"the container ended: {before[-3:]}")
            before.append(line)

    def say(self, line):
        self.process.stdin.write(line + "\n")

    def play(self, order, knock):
        """The reports of a round, in order. `knock` gets the ports of listeners and of datagram sockets."""
        self.say(order)
        first = self.until("settled")
        waiting = {kind: sorted({int(line.split()[1]) for line in first if line.startswith(kind + " ")})
                   for kind in ("listening", "datagram")}
        knock(waiting["listening"], waiting["datagram"])
        self.say("probed")
        return first + self.until("done")
