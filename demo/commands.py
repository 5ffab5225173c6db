# SPDX-License-Identifier: Apache-2.0
"""Running programs, where socklid is, and what the machine looked like before."""

import os
import subprocess
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]


def run(*arguments, check=True, timeout=180, env=None):
    done = subprocess.run([str(word) for word in arguments], capture_output=True, text=True,
                          check=False, timeout=timeout, stdin=subprocess.DEVNULL, env=env)
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise RuntimeError(f"{' '.join(map(str, arguments[:4]))} ...: {said}")
    return done


def wait_until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def rootfs():
    """A Debian tree with apache2 and python3; built on first use."""
    given = os.environ.get("SOCKLID_ROOTFS")
    if given:
        return Path(given)
    return Path(run(TOP / "tests/vm/rootfs", timeout=1800).stdout.strip()) / "tree"


class Product:
    """socklid as installed, or as staged below $SOCKLID_STAGE: then with a hooks directory of the
    demo's own, because the staged description names the place it will be installed to."""

    def __init__(self, work):
        stage = os.environ.get("SOCKLID_STAGE", "")
        self.command = f"{stage}/usr/bin/socklid"
        self.hook = f"{stage}/usr/libexec/oci/hooks.d/socklid-hook"
        described = Path(f"{stage}/usr/share/containers/oci/hooks.d")
        self.hooks_dir = Path(work) / "hooks.d"
        self.hooks_dir.mkdir()
        for path in (self.command, self.hook):
            if not os.access(path, os.X_OK):
                raise RuntimeError(f"{path} is not there: install socklid, or use ./run demo")
        for description in described.glob("socklid-*.json"):
            text = description.read_text()
            text = text.replace("/usr/libexec/oci/hooks.d/socklid-hook", self.hook)
            (self.hooks_dir / description.name).write_text(text)
        self.was_loaded = Path("/sys/fs/bpf/socklid").exists()

    def unload(self):
        """What a first container loads stays on the node by design; the demo takes it away again
        where there was nothing before."""
        if not self.was_loaded:
            run(self.command, "unload", check=False)


def machine():
    """What a demo could leave behind, as text that compares."""
    looks = {
        "nft rules": ("nft", "list", "ruleset"),
        "interfaces": ("ip", "-br", "link"),
        "namespaces": ("ip", "netns", "list"),
        "podman networks": ("podman", "network", "ls", "-q"),
        "containers": ("podman", "ps", "-aq"),
        "forwarding": ("sysctl", "-n", "net.ipv4.ip_forward"),
    }
    found = {name: run(*command, check=False).stdout for name, command in looks.items()}
    pins = Path("/sys/fs/bpf/socklid")
    found["pins"] = "\n".join(sorted(map(str, pins.rglob("*")))) if pins.exists() else ""
    return found
