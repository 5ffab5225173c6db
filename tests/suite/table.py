# SPDX-License-Identifier: Apache-2.0
"""What there is to test: one row for each step on this machine and for each file of tests/runtime/cases. A row
says what it needs, how often it runs, and what it takes.

How often: `quick` (no virtual machine), `ci` (what every landing waits for), `all` (everything on every kernel).
A case that is about programs and engines runs in `ci` on ONE kernel, one that is about the kernel on EACH.
"""

from dataclasses import dataclass

QUICK, CI, ALL = LEVELS = ("quick", "ci", "all")
# Debian 12's, its backport, and sid's. On the newest `ci` runs what is about the kernel alone.
KERNELS = ("6.1", "6.12", "7.2")
NEWEST = "7.2"
ONE, EACH, LATER = "on one kernel", "on each kernel", "in `all` only"

# In `ci` this kernel's guests have one processor, which is emulated faster: another kind of node, too. In `all` all have two.
ONE_PROCESSOR, FASTER = "6.12", 0.85

# In `ci` each engine runs the matrix of verbs on one of the kernels; in `all` every engine on all.
ENGINES = {"6.1": "crun podman+runc", "6.12": "runc podman+crun", "7.2": "crun"}
ALL_ENGINES = "crun runc podman+crun podman+runc"


@dataclass(frozen=True)
class Step:
    """On this machine. `often`: the first level that has it. `beside`: while the first guests run; the guest of the
    package waits for it."""
    name: str
    command: tuple
    often: str
    beside: bool = False


@dataclass(frozen=True)
class Case:
    """A file of tests/runtime/cases. `seconds`: in an emulated guest and in `ci`, to share out the work; no limit.
    `ci`: on which kernels; LATER: only in `all`. `newest`: in `ci` on the newest kernel as well."""
    file: str
    seconds: int
    ci: str = ONE
    newest: bool = False


STEPS = (
    # In `all` with the unit tests, which are not built else.
    Step("host", ("tests/vm/ctest", "release", "-LE", "kernel|tidy", "--parallel"), QUICK),
    Step("asan", ("tests/vm/ctest", "asan", "-LE", "kernel|tidy|deploy|check", "--parallel"), QUICK),
    Step("fuzz", ("tests/vm/ctest", "fuzz", "-L", "fuzz", "--parallel"), ALL),
    # The packages that a guest with systemd upgrades between.
    Step("packages", ("tests/packaging/prepare",), CI, beside=True),
    Step("tidy", ("tests/vm/ctest", "release", "-C", "tidy", "-L", "tidy"), ALL),
)

# Cheap and telling first: a broken product should show within seconds.
CASES = (
    Case("control", 6, EACH, newest=True),
    Case("verbs", 50, EACH, newest=True),
    Case("semantics", 38),
    Case("deputies", 60, EACH, newest=True),
    Case("seal", 96),
    Case("inherited", 22),
    Case("marks", 33),
    Case("egress", 54, newest=True),
    Case("names", 6),
    Case("pods", 90),
    Case("host_network", 55),
    Case("bad_state", 14),
    Case("bad_annotations", 17),
    Case("hostile_output", 35),
    Case("refusal", 23),
    Case("busy", 140),
    Case("views", 50),
    Case("faults", 110),
    Case("lifecycle", 66),
    # Both also with systemd's cgroups, below.
    Case("crio", 40, LATER),
    Case("containerd", 100, LATER),
    Case("restored", 63),
    Case("truth", 100),
    Case("podman_run", 110),
    Case("podman_rootless", 13),
    Case("podman_pods", 40, LATER),
    Case("podman_egress", 30, LATER),
    Case("software", 102),
    Case("recipe_http_worm", 150),
    Case("recipe_ftp_passive", 60),
    Case("recipe_pop3", 110),
    Case("recipe_mail_relay", 65),
    Case("recipe_remote_shell", 160),
    Case("install", 14),
    Case("images", 20),
    Case("who_may_say", 75),
    Case("first_start", 45),
    Case("modules", 20),
    Case("node_facts", 10),
    Case("selftest", 260),
    Case("siege", 165),
    # Guards switched off one after the other, and a hole found again by five seeds each.
    Case("siege_teeth", 900, LATER),
)
# What only systemd does: scopes and slices, units, timers. And what is to be tried with both managers of cgroups.
# (podman 4.3's kube play starts no pod with its cgroupfs manager.)
SYSTEMD_CASES = (
    Case("cgroups", 130),
    Case("podman_pods", 70),
    Case("crio", 150),
    Case("podman_egress", 40),
    Case("podman_page", 80),
    Case("podman_kube", 60),
    Case("containerd", 170),
)

# Guest seconds that are not in a case: the boot and the first container of each engine; ctest's kernel tests; each
# guard with all others off, all of them; the package's life.
BOOT, KERNEL_TESTS, MUTANTS, PACKAGE = 45, 150, 160, 275
