# SPDX-License-Identifier: Apache-2.0
"""podman as a user: no policy can be put in force, so no container that asks for one may run.

Fails when: such a container runs, or is refused without saying why and what to do instead; one
that asks for none does not run.
"""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

from harness.commands import Exit, run, write
from harness.runner import expect, expect_in, test

USER, HOME = "socklid-test", Path("/tmp/socklid-test-home")
RAN = "create.unix ok"


@contextmanager
def user(rootfs):
    """A user that podman takes, and a root file system of theirs."""
    run("useradd", "--create-home", "--home-dir", HOME, "--shell", "/bin/bash", USER)
    number = run("id", "--user", USER).out.strip()
    try:
        shutil.copytree(rootfs, HOME / "rootfs", symlinks=True)
        write(HOME / ".config/containers/storage.conf", '[storage]\ndriver = "vfs"\n')
        (HOME / "run").mkdir()
        run("chown", "-R", f"{USER}:", HOME)
        yield
    finally:
        run("loginctl", "terminate-user", USER, check=False)
        run("pkill", "-KILL", "-U", number, check=False)
        run("userdel", "--force", USER, check=False)
        # Files of the user's subordinate ids.
        shutil.rmtree(HOME, ignore_errors=True)


def podman_run(runtime, *flags):
    environment = {"HOME": str(HOME), "XDG_RUNTIME_DIR": str(HOME / "run"),
                   "PATH": os.environ["PATH"]}
    return run("setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", "podman",
               "--runtime", runtime, "--cgroup-manager", "cgroupfs", "run", "--rm",
               "--network", "none", "--log-driver", "none", *flags, "--rootfs", HOME / "rootfs",
               "/probe", "create.unix", check=False, env=environment, cwd="/")


@test("a user's podman is refused, and the reason said")
def _(session):
    with user(session.rootfs):
        outcome = podman_run("crun")
        expect_in(RAN, outcome.out, f"without a policy: {outcome.text}")
        for runtime in ("crun", "runc"):
            outcome = podman_run(runtime, "--annotation=io.socklid.connect=deny")
            expect(outcome.status != 0 and RAN not in outcome.out, f"{runtime}: {outcome.text}")
            code = f"exit code: {Exit.PRIVILEGE}" if runtime == "crun" else \
                   f"exit status {Exit.PRIVILEGE}"
            expect_in(code, outcome.text, runtime)
        expect_in("rootless container engine", outcome.text, "runc")
        expect_in("run the container as root", outcome.text, "runc")
