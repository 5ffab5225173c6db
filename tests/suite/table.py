# SPDX-License-Identifier: Apache-2.0
"""What there is to test: one row for each step on this machine and for each file of tests/runtime/cases. A row
says what it needs, how often it runs, and what it takes.

How often: `quick` (no virtual machine), `ci` (what every landing waits for), `all` (everything on every node).
A case that is about programs and engines runs in `ci` on ONE kernel, one that is about the kernel on EACH; of a
later Debian, whose engines are others, it runs what is cheapest of each engine.
"""

from dataclasses import dataclass

QUICK, CI, ALL = LEVELS = ("quick", "ci", "all")
BRIEF = "brief"  # what `ci` makes of a case on a later Debian
KERNELS = ("6.1", "6.12", "7.2")
DISTRIBUTIONS = ("bookworm", "trixie", "sid")


@dataclass(frozen=True)
class Node:
    """A guest's Debian and the kernel over it. `architecture`: of a machine that is another than this one."""
    distribution: str
    kernel: str
    architecture: str = ""


# In `ci`: Debian 12 with its own kernel and its backport, and what comes after it with what it came with. The rest is in
# `all`, or not at all, and then has a reason.
NODES = (Node("bookworm", "6.1"), Node("bookworm", "6.12"), Node("trixie", "6.12"), Node("sid", "7.2"))
FURTHER_NODES = (Node("bookworm", "7.2"),)
WITHOUT = {Node("trixie", "6.1"): "trixie comes with 6.12; 6.1 runs under bookworm",
           Node("trixie", "7.2"): "trixie comes with 6.12; 7.2 runs under bookworm and sid",
           Node("sid", "6.1"): "sid comes with 7.2; 6.1 runs under bookworm",
           Node("sid", "6.12"): "sid comes with 7.2; 6.12 runs under bookworm and trixie"}
# In `all`, beside them: what is cross-built, and its package.
FOREIGN_NODES = (Node("trixie", "6.12", "arm64"),)
FOREIGN_CASES = ("control", "verbs", "subjects", "recipe_http_worm", "selftest")
# Columns of the table that ends a run, in which no cell is empty without a reason.
PROVED = ("crun", "runc", "podman", "containerd", "CRI-O", "Docker")
LACKS = {("bookworm", "Docker"): "bookworm's Docker, 20.10, hands no annotation on"}
FOREIGN_LACKS = "of another architecture what is the kernel's, and the runtimes'"


def nodes(host, level):
    """On a machine of Debian `host`: what is built there runs under no older Debian."""
    chosen = NODES + (FURTHER_NODES if level == ALL else ())
    oldest = DISTRIBUTIONS.index(host)
    own = [Node(max(node.distribution, host, key=DISTRIBUTIONS.index), node.kernel) for node in chosen]
    return tuple(sorted(dict.fromkeys(own), key=lambda node: DISTRIBUTIONS.index(node.distribution))) if oldest else chosen


ONE, EACH, LATER = "on one kernel", "on each kernel", "in `all` only"
EVERYTHING = "*"

# In `ci` these kernels' guests have one processor, which is emulated faster: another kind of node, too. In `all` all have two.
ONE_PROCESSOR, FASTER = ("6.12", "7.2"), 0.85

# In `ci` each engine runs the matrix of verbs on one of the nodes of a Debian; in `all` every engine on all.
ENGINES = {Node("bookworm", "6.1"): "crun podman+runc", Node("bookworm", "6.12"): "runc podman+crun",
           Node("trixie", "6.12"): "runc podman+crun", Node("sid", "7.2"): "crun"}
ALL_ENGINES = "crun runc podman+crun podman+runc"


@dataclass(frozen=True)
class Step:
    """On this machine. `often`: the first level that has it. `beside`: while the first guests run; the guests of
    packages wait for it."""
    name: str
    command: tuple
    often: str
    beside: bool = False


@dataclass(frozen=True)
class Case:
    """A file of tests/runtime/cases. `seconds`: in an emulated guest and in `ci`, to share out the work; no limit.
    `ci`: on which kernels; LATER: only in `all`. `later`: what of it `ci` runs on the later Debians as well, from
    `later_from` on: EVERYTHING, or the name of one of its tests, which takes `later_seconds` there. `since`: the first Debian
    that has what it needs. `engine`: of which engine its results are, if all are of one."""
    file: str
    seconds: int
    ci: str = ONE
    later: str = ""
    later_seconds: int = 0
    later_from: str = "trixie"
    since: str = "bookworm"
    engine: str = ""

    def is_for(self, node, first=None):
        return DISTRIBUTIONS.index(node.distribution) >= DISTRIBUTIONS.index(first or self.since)


STEPS = (
    # With the tests of every policy, in `all` with all unit tests, which are not built else.
    Step("host", ("tests/vm/ctest", "release", "-LE", "kernel|tidy", "--parallel"), QUICK),
    Step("asan", ("tests/vm/ctest", "asan", "-LE", "kernel|tidy|deploy|check", "--parallel"), QUICK),
    Step("fuzz", ("tests/vm/ctest", "fuzz", "-L", "fuzz", "--parallel"), ALL),
    # The packages that a guest with systemd upgrades between.
    Step("packages", ("tests/packaging/prepare",), CI, beside=True),
    *(Step(f"packages-{node.architecture}", ("tests/packaging/foreign", node.architecture), ALL, beside=True)
      for node in FOREIGN_NODES),
    # Of a build that compiles each file alone.
    Step("tidy", ("tests/vm/ctest", "fuzz", "-C", "tidy", "-L", "tidy"), ALL),
)

# Cheap and telling first: a broken product should show within seconds.
CASES = (
    Case("control", 6, EACH, EVERYTHING, 6),
    Case("verbs", 50, EACH, EVERYTHING, 40),
    Case("semantics", 38),
    Case("deputies", 60, ONE, EVERYTHING, 60, "sid"),
    Case("behalf", 65),
    Case("ordinary", 230, LATER),
    Case("subjects", 75, ONE, "each subject's packets have its own mark", 10),
    Case("subject_life", 70),
    Case("readonly", 40, ONE, "ways to change a protected file", 20),
    Case("seal", 96),
    Case("inherited", 22),
    Case("marks", 33),
    Case("egress", 62),
    Case("names", 6),
    Case("pods", 90, later="a pod of three", later_seconds=11),
    Case("host_network", 55),
    Case("bad_state", 14),
    Case("bad_annotations", 17),
    Case("hostile_output", 35),
    Case("refusal", 23),
    Case("busy", 140),
    Case("starved", 60),
    Case("views", 50),
    Case("faults", 140),
    Case("lifecycle", 66),
    # Both also with systemd's cgroups, below.
    Case("crio", 40, LATER, "cri-o", 15, engine="CRI-O"),
    Case("containerd", 100, LATER, "containerd", 75, engine="containerd"),
    # Docker before 24 hands no annotation on.
    Case("docker", 80, LATER, since="trixie", engine="Docker"),
    Case("restored", 71),
    Case("truth", 130),
    Case("podman_run", 110, ONE, "podman create, start, stop and start again", 25, engine="podman"),
    Case("podman_rootless", 13, engine="podman"),
    Case("podman_pods", 40, LATER, engine="podman"),
    Case("podman_egress", 60, LATER, engine="podman"),
    Case("podman_quadlet", 5, LATER, since="trixie", engine="podman"),
    Case("software", 102),
    Case("programs", 240, LATER),
    Case("discovery", 90, LATER),
    Case("proxies", 30, LATER),
    Case("tunnels", 35, LATER),
    Case("services", 75, LATER),
    Case("recipe_http_worm", 75, later="recipe http-worm", later_seconds=75),
    Case("recipe_ftp_passive", 60),
    Case("recipe_pop3", 90),
    Case("recipe_mail_relay", 65),
    Case("recipe_remote_shell", 105),
    Case("recipe_one_host", 260, LATER),
    Case("install", 14),
    Case("images", 20),
    Case("who_may_say", 75),
    Case("first_start", 45),
    Case("modules", 20),
    Case("node_facts", 10),
    Case("selftest", 230),
    Case("siege", 165),
    # Guards switched off one after the other, and a hole found again by five seeds each.
    Case("siege_teeth", 900, LATER),
)
# What only systemd does: scopes and slices, units, timers. And what is to be tried with both managers of cgroups.
# (podman 4.3's kube play starts no pod with its cgroupfs manager.)
SYSTEMD_CASES = (
    Case("nspawn", 12),
    Case("cgroups", 130),
    Case("podman_pods", 70, engine="podman"),
    Case("crio", 100, engine="CRI-O"),
    Case("podman_egress", 40, engine="podman"),
    Case("podman_page", 80, engine="podman"),
    Case("podman_kube", 75, engine="podman"),
    Case("containerd", 170, engine="containerd"),
)

# Guest seconds that are not in a case: the boot and the first container of each engine; ctest's kernel tests; each
# guard with all others off, all of them; the package's life.
BOOT, KERNEL_TESTS, MUTANTS, PACKAGE = 45, 110, 130, 275
