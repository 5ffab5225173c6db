# SPDX-License-Identifier: Apache-2.0
"""Which guests a run starts and what each of them does, as values.

    for job in jobs("ci", KERNELS): print(job.name, job.seconds, job.command)
"""

from dataclasses import dataclass, field

from table import (ALL, ALL_ENGINES, BOOT, CASES, EACH, ENGINES, FASTER, KERNEL_TESTS, KERNELS, MUTANTS, NEWEST, ONE,
                   ONE_PROCESSOR, PACKAGE, SYSTEMD_CASES)


@dataclass
class Job:
    """One guest. `share`: which part of the mutants, as "1/2"; None: none of them."""
    kernel: str
    level: str
    systemd: bool = False
    package: bool = False
    kernel_tests: bool = False
    share: str = None
    cases: list = field(default_factory=list)

    @property
    def name(self):
        return self.kernel + ("-package" if self.package else "-systemd" if self.systemd else "")

    @property
    def processors(self):
        return 1 if self.level != ALL and self.kernel == ONE_PROCESSOR else 2

    @property
    def seconds(self):
        fraction = 1 / int(self.share.split("/")[1]) if self.share else 0
        total = (BOOT + KERNEL_TESTS * self.kernel_tests + MUTANTS * fraction + PACKAGE * self.package
                 + sum(case.seconds for case in self.cases))
        return total * FASTER if self.processors == 1 else total

    def settings(self):
        engines = ALL_ENGINES if self.level == ALL else ENGINES[self.kernel]
        # Cases with systemd choose their engines themselves: no other has to be warmed up.
        return {"SOCKLID_RUNTIMES": "crun" if self.systemd else engines, "SOCKLID_LEVEL": self.level,
                "SOCKLID_REQUIRE_KERNEL": "1"}

    def options(self):
        return ["--kernel", self.kernel, "--cpus", str(self.processors), *(["--systemd"] if self.systemd else [])]

    def command(self):
        command = ["tests/suite/in_guest"]
        if self.kernel_tests:
            command += ["--kernel-tests"]
        if self.share:
            command += ["--mutants", self.share]
        if self.cases:
            command += ["--cases", ",".join(case.file for case in self.cases)]
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


def of_everything(kernels):
    plain = [Job(kernel, ALL, kernel_tests=True, share="1/1", cases=list(CASES)) for kernel in kernels]
    systemd = [Job(kernel, ALL, systemd=True, cases=list(SYSTEMD_CASES)) for kernel in kernels]
    return plain + systemd + [Job(kernel, ALL, systemd=True, package=True) for kernel in kernels]


def of_ci(level, kernels):
    plain = [Job(kernel, level, kernel_tests=True) for kernel in kernels]
    # What is not about the kernel: not on the newest, unless there is no other.
    wide = [job for job in plain if job.kernel != NEWEST] or plain
    for number, job in enumerate(wide, 1):
        job.share = f"{number}/{len(wide)}"
    for job in plain:
        job.cases = [case for case in CASES if (case.ci == EACH and job in wide) or (case.newest and job not in wide)]
    share_out([case for case in CASES if case.ci == ONE], wide)
    in_order(plain, CASES)
    last = wide[-1].kernel
    return plain + [Job(last, level, systemd=True, cases=list(SYSTEMD_CASES)),
                    Job(last, level, systemd=True, package=True)]


def jobs(level, kernels=KERNELS):
    """The longest first: two run at a time, and the short ones fill what is left."""
    made = of_everything(kernels) if level == ALL else of_ci(level, kernels)
    return sorted(made, key=lambda job: -job.seconds)


def left_out(kernels=KERNELS):
    """What `ci` leaves to `all`, a line each."""
    ran = {}
    for job in jobs("ci", kernels):
        for case in job.cases:
            ran.setdefault((case.file, job.systemd), set()).add(job.kernel)
    lines = {}
    for job in jobs(ALL, kernels):
        for case in job.cases:
            if job.kernel not in ran.get((case.file, job.systemd), ()):
                lines.setdefault(job.name, []).append(case.file)
    return ["the unit tests of an optimized build; libFuzzer's own replay; clang-tidy",
            "a guard alone, under every policy under which it stops a row",
            *(f"on {name}: {', '.join(files)}" for name, files in sorted(lines.items()))]
