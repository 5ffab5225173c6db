# SPDX-License-Identifier: Apache-2.0
"""systemd-nspawn, which runs OCI bundles without their hooks.

Fails when: a container of its that asks for a policy is not called UNGUARDED by `socklid list` and `socklid doctor`, or still is
when it has ended.
"""

import json
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

from harness.bundle import Options, hooks, write_bundle
from harness.check import keys
from harness.commands import TIMEOUT
from harness.runner import expect, expect_equal, expect_in, test

NAME = "nspawned"
LOOK = "connect.tcp4:127.0.0.1:9 ECONNREFUSED"


def listed(session):
    return {line["id"]: (line["state"], line["pid"]) for line in json.loads(session.socklid("list", "--json").out)}


@contextmanager
def nspawn(session, **more):
    bundle = Path(session.work) / NAME
    try:
        shutil.copytree(session.rootfs, bundle / "rootfs", symlinks=True)
        (bundle / "rootfs/usr").mkdir()  # without it nothing is a system's root to it
        write_bundle(bundle, {"ociVersion": "1.0.0", "root": {"path": "rootfs"}, "annotations": keys(connect="deny"),
                              "process": {"args": ["/probe", LOOK.split()[0], "wait.term"], "cwd": "/"}, **more})
        command = ["systemd-nspawn", "--pipe", "--register=no", "--private-network", f"--oci-bundle={bundle}"]
        # Version 252 takes a root without systemd for one that wants cgroup v1, and gives the node that hierarchy, for good.
        settings = ["SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1", "SYSTEMD_LOG_TARGET=console", "SYSTEMD_LOG_LEVEL=debug"]
        with subprocess.Popen(["env", *settings, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as process:
            try:
                yield process
            finally:
                process.terminate()  # and what it runs, with the scope
                process.wait(TIMEOUT)
    finally:
        shutil.rmtree(bundle)


@test("a bundle that systemd-nspawn runs is called unguarded; one with hooks it may refuse")
def _(session):
    for stages in ((), ("prestart", "poststop"), ("createRuntime", "poststop")):
        with nspawn(session, **({"hooks": hooks(Options(stages=stages))} if stages else {})) as process:
            said = ""
            for line in process.stdout:
                said += line
                if line.startswith("waiting ok"):
                    break
            else:  # Debian 12's, whose reason is its debug output's only
                expect(stages, f"it starts nothing: {said}")
                expect_in(stages[0], said, "why it starts nothing")
                continue
            expect_in(LOOK, said, "no policy")
            state, pid = listed(session).get(NAME, ("not there", 0))
            expect_equal(state, "UNGUARDED", f"list, hooks {stages}")
            expect_equal(Path(f"/proc/{pid}/comm").read_text(), "probe\n", "its first process")
            told = session.socklid("doctor", check=False)
            expect(told.status != 0, f"doctor is content: {told.text}")
            expect_in(NAME, told.text, "doctor")
        expect_equal(listed(session), {}, "list afterwards")
