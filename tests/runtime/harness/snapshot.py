# SPDX-License-Identifier: Apache-2.0
"""What the node holds that a container could leave behind, as a value that compares.

Programs, maps, anchors and plain LSM links of the node stay once loaded: warm up first, then
everything must be the same before and after a container, ids included.
"""

import json
import os
import re
from collections import Counter
from pathlib import Path

from harness.commands import run, wait_until
from harness.network import INSIDE, in_netns
from harness.runner import Failure

BPFFS = Path("/sys/fs/bpf")
STATE = Path("/run/socklid")
# Not of one container.
NOT_OURS = re.compile(r"^/run/socklid/(lock|refusals)")


def cgroup_root():
    unified = Path("/sys/fs/cgroup/unified")
    return unified if unified.exists() else Path("/sys/fs/cgroup")


def tree(root, skip=None):
    found = []
    for directory, directories, files in os.walk(root):
        if skip:
            directories[:] = [d for d in directories if not skip.match(os.path.join(directory, d))]
        found += [os.path.join(directory, name) for name in directories + files]
    return sorted(path for path in found if not (skip and skip.match(path)))


def bpf_objects(kind):
    """Without systemd's own, which it loads again when its units change."""
    listing = json.loads(run("bpftool", "-j", kind, "list").out or "[]")
    named = [(entry["id"], entry.get("name") or entry.get("type", "")) for entry in listing]
    return sorted(entry for entry in named if not entry[1].startswith("sd_"))


def without_counters(text):
    return re.sub(r"packets \d+ bytes \d+", "", text)


def ruleset(netns=None):
    arguments = ("nft", "list", "ruleset")
    outcome = in_netns(netns, *arguments) if netns else run(*arguments)
    return without_counters(outcome.out)


def cgroups():
    root = cgroup_root()
    return sorted(directory for directory, _, _ in os.walk(root))


def take():
    return {
        "links": bpf_objects("link"),
        "programs": bpf_objects("prog"),
        "maps": bpf_objects("map"),
        "pins": tree(BPFFS),
        "state": tree(STATE, NOT_OURS),
        "cgroups": cgroups(),
        "rules of the host": ruleset(),
        "rules of the container's namespace": ruleset(INSIDE) if netns_exists() else "",
    }


def with_links_counted(state):
    """The same state with the number of links of each type in place of their ids."""
    kinds = Counter(kind for _, kind in state["links"])
    return {**state, "links": sorted(kinds.items())}


def netns_exists():
    return Path(f"/run/netns/{INSIDE}").exists()


def difference(before, after):
    lines = []
    for part, value in before.items():
        if value == after[part]:
            continue
        if isinstance(value, str):
            lines.append(f"{part}: {value!r} became {after[part]!r}")
        else:
            gone = [entry for entry in value if entry not in after[part]]
            new = [entry for entry in after[part] if entry not in value]
            lines.append(f"{part}: gone {gone}, new {new}")
    return "; ".join(lines)


class Unchanged:
    """with Unchanged(): the node must hold the same afterwards. The kernel frees BPF objects a
    moment after their last user is gone, so the comparison waits for it."""

    def __init__(self, what="node", seconds=10):
        self.what = what
        self.seconds = seconds

    def __enter__(self):
        self.before = take()
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            return
        try:
            wait_until(lambda: not difference(self.before, take()), self.what, self.seconds)
        except TimeoutError:
            raise Failure(f"left on the {self.what}: {difference(self.before, take())}") from None
