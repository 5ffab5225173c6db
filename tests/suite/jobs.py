# SPDX-License-Identifier: Apache-2.0
"""Which guests a run starts and what each of them does, as values.

    for job in jobs("ci", nodes("bookworm", "ci")): print(job.name, job.seconds, job.command)
"""

from dataclasses import dataclass, field

from table import (ALL, ALL_ENGINES, BOOT, BRIEF, CASES, CI, EACH, ENGINES, EVERYTHING, FASTER, FOREIGN_CASES, FOREIGN_NODES,
                   KERNEL_TESTS, MUTANTS, NODES, ONE, ONE_PROCESSOR, PACKAGE, SYSTEMD_CASES, Node, nodes)


@dataclass
class Job:
    """One guest. `share`: which part of the mutants, as "1/2"; None: none of them. `later`: of a Debian after the first, of
    whose cases `ci` runs a part. `preempts`: a kernel that takes the processor away from itself anywhere, and of its tests
    those that race, three times."""
    node: Node
    level: str
    later: bool = False
    systemd: bool = False
    package: bool = False
    kernel_tests: bool = False
    preempts: bool = False
    share: str = None
    cases: list = field(default_factory=list)

    @property
    def kernel(self):
        return self.node.kernel

    @property
    def name(self):
        debian = "" if self.node.distribution == NODES[0].distribution else f"{self.node.distribution}-"
        kind = f"-{self.node.architecture}" if self.node.architecture else ""
        kind += ("-systemd" if self.systemd and self.cases else "-package" if self.package
                 else "-preempt" if self.preempts else "")
        return debian + self.kernel + kind

    @property
    def waits(self):
        """For the packages."""
        return self.package or bool(self.node.architecture)

    @property
    def processors(self):
        return 1 if self.level != ALL and self.kernel in ONE_PROCESSOR else 2

    @property
    def seconds(self):
        fraction = 1 / int(self.share.split("/")[1]) if self.share else 0
        total = (BOOT + KERNEL_TESTS * (self.kernel_tests + 3 * self.preempts) + MUTANTS * fraction + PACKAGE * self.package
                 + sum(case.later_seconds if self.later else case.seconds for case in self.cases))
        return total * FASTER if self.processors == 1 else total

    def settings(self):
        engines = ALL_ENGINES if self.level == ALL else ENGINES.get(self.node, "crun podman+crun")
        # Cases with systemd choose their engines themselves: no other has to be warmed up.
        return {"SOCKLID_RUNTIMES": "crun" if self.systemd else engines, "SOCKLID_LEVEL": BRIEF if self.later else self.level,
                "SOCKLID_REQUIRE_KERNEL": "1"}

    def options(self):
        return ["--root", self.node.distribution, "--kernel", self.kernel, "--cpus", str(self.processors),
                *(["--architecture", self.node.architecture] if self.node.architecture else []),
                *(["--systemd"] if self.systemd else []),
                *(["--append", "preempt=full"] if self.preempts else [])]

    def part(self, case):
        """As run_all takes it: FILE, or FILE=NAME for one test of it."""
        return f"{case.file}={case.later}" if self.later and case.later != EVERYTHING else case.file

    def command(self):
        if self.preempts:
            return ["tests/vm/ctest", "release", "-R", "^kernel.(Subject|Protected|Tasks)", "--repeat", "until-fail:3"]
        command = ["tests/suite/in_guest"]
        if self.node.architecture:
            command += ["--package-of", self.node.architecture]
        if self.kernel_tests:
            command += ["--kernel-tests"]
        if self.share:
            command += ["--mutants", self.share]
        for case in self.cases:
            command += ["--case", self.part(case)]
        if self.package:
            command += ["--package"]
        return command


def share_out(cases, guests):
    """Each case to the guest that has least to do, the long ones first; in a guest in the table's order."""
    for case in sorted(cases, key=lambda case: -case.seconds):
        min(guests, key=lambda guest: guest.seconds).cases.append(case)


def in_order(guests, cases):
    for guest in guests:
        guest.cases.sort(key=cases.index)


def of_everything(chosen):
    def of(node, cases):
        return [case for case in cases if case.is_for(node)]
    plain = [Job(node, ALL, kernel_tests=True, share="1/1", cases=of(node, CASES)) for node in chosen]
    systemd = [Job(node, ALL, systemd=True, cases=of(node, SYSTEMD_CASES)) for node in chosen]
    kernels = {node.kernel for node in chosen}
    foreign = [Job(node, ALL, cases=[case for case in CASES if case.file in FOREIGN_CASES])
               for node in FOREIGN_NODES if node.kernel in kernels]
    # The package is that of the Debian that it was built on.
    first = [node for node in chosen if node.distribution == chosen[0].distribution]
    return plain + systemd + foreign + [Job(node, ALL, systemd=True, package=True) for node in first] + [
        Job(first[0], ALL, preempts=True)]


def of_ci(level, chosen):
    # A kernel's own tests once, under the newest of its Debians, whose libbpf loads the programs.
    newest = {node.kernel: node for node in chosen}
    plain = [Job(node, level, kernel_tests=newest[node.kernel] == node,
                 later=node.distribution != chosen[0].distribution) for node in chosen]
    # What is not about the kernel, nor about an engine's version: not on the later ones, unless there are no others.
    wide = [job for job in plain if not job.later]
    for number, job in enumerate(wide, 1):
        job.share = f"{number}/{len(wide)}"
        job.cases = [case for case in CASES if case.ci == EACH]
    for job in plain:
        if job.later:
            job.cases = [case for case in CASES if case.later and case.is_for(job.node, case.later_from)]
    share_out([case for case in CASES if case.ci == ONE], wide)
    in_order(plain, CASES)
    # The package's life is the last that a guest sees, which saves it a boot of its own.
    return plain + [Job(wide[-1].node, level, systemd=True, package=True, cases=list(SYSTEMD_CASES))]


def jobs(level, chosen=None):
    """The longest first: two run at a time, and the short ones fill what is left."""
    chosen = chosen or nodes(NODES[0].distribution, level)
    made = of_everything(chosen) if level == ALL else of_ci(level, chosen)
    return sorted(made, key=lambda job: -job.seconds)


def left_out(chosen=None, everything=None):
    """What `ci` leaves to `all`, a line each."""
    ran = {}
    for job in jobs(CI, chosen):
        for case in job.cases:
            ran.setdefault((job.part(case), job.systemd), set()).add(job.node)
    lines = {}
    for job in jobs(ALL, everything):
        for case in job.cases:
            if job.node not in ran.get((case.file, job.systemd), ()):
                lines.setdefault(job.name, []).append(case.file)
    return ["the unit tests of an optimized build; libFuzzer's own replay; clang-tidy",
            "a guard alone, under every policy under which it stops a row, and of more than 8 rows the others",
            "of the rules and elements of a table that are changed one by one three of four; a list of a thousand by nft itself",
            *(f"on {name}: {', '.join(files)}" for name, files in sorted(lines.items()))]
