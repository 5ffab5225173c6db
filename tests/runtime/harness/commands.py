# SPDX-License-Identifier: Apache-2.0
"""Running programs, waiting for conditions, and where the product is installed."""

import os
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

TOP = Path(__file__).resolve().parents[3]
IS_SYSTEMD = Path("/run/systemd/system").exists()  # and with it podman's cgroup manager
HOOK = os.environ.get("SOCKLID_HOOK", "/usr/libexec/oci/hooks.d/socklid-hook")
SOCKLID = os.environ.get("SOCKLID", "/usr/bin/socklid")
# An emulated machine is slow; nothing here takes long on a real one.
TIMEOUT = float(os.environ.get("SOCKLID_TEST_TIMEOUT", "120"))


class Exit:
    """Exit status of the hook, base/result.hpp."""
    INTERNAL = 10
    USAGE = 11
    STATE = 12
    ANNOTATION = 13
    UNSUPPORTED = 14
    NODE = 15
    PRIVILEGE = 16
    PROCESS = 17
    CGROUP = 18
    NETNS = 19
    BPF = 20
    NFT = 21
    STORE = 22
    BUSY = 23


class Outcome(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def text(self):
        return self.out + self.err


def run(*arguments, stdin=None, check=True, env=None, pass_fds=(), cwd=None, timeout=TIMEOUT):
    """Runs to the end; a failure is an exception unless `check` is off."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    source = {"input": data} if data is not None else {"stdin": subprocess.DEVNULL}
    done = subprocess.run([str(a) for a in arguments], capture_output=True, env=env, cwd=cwd,
                          pass_fds=pass_fds, timeout=timeout, check=False, **source)
    outcome = Outcome(done.returncode, done.stdout.decode(errors="replace"),
                      done.stderr.decode(errors="replace"))
    if check and outcome.status != 0:
        command = " ".join(map(str, arguments))
        raise RuntimeError(f"{command}: exit {outcome.status}: {outcome.text}")
    return outcome


def wait_until(condition, what, seconds=30):
    """For what nobody announces: asks until it is so."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def write(path, text):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
