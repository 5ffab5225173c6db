# SPDX-License-Identifier: Apache-2.0
"""systemd-nspawn, which reads the hooks of an OCI bundle and runs none of them.

Fails when: a container of its that asks for a policy is not called UNGUARDED by `socklid list` and `socklid doctor`, or still is
when it has ended.
"""

import json
import subprocess
from pathlib import Path

from harness.bundle import Options, hooks, write_bundle
from harness.check import keys
from harness.commands import TIMEOUT
from harness.runner import expect, expect_equal, expect_in, test

NAME = "nspawned"


def listed(session):
    return {line["id"]: (line["state"], line["pid"]) for line in json.loads(session.socklid("list", "--json").out)}


@test("a bundle that systemd-nspawn runs is called unguarded")
def _(session):
    bundle = Path(session.work) / NAME
    bundle.mkdir()
    write_bundle(bundle, {"ociVersion": "1.0.0", "root": {"path": str(session.rootfs)}, "hooks": hooks(Options()),
                          "annotations": keys(connect="deny"),
                          "process": {"args": ["/probe", "connect.tcp4:127.0.0.1:9", "wait.term"], "cwd": "/"}})
    command = ["systemd-nspawn", "--quiet", "--pipe", "--register=no", "--private-network", f"--oci-bundle={bundle}"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as nspawn:
        try:
            said = []
            for line in nspawn.stdout:
                said.append(line)
                if line.startswith("waiting ok"):
                    break
            expect_in("connect.tcp4:127.0.0.1:9 ECONNREFUSED", "".join(said), "no policy")
            state, pid = listed(session).get(NAME, ("not there", 0))
            expect_equal(state, "UNGUARDED", "list")
            expect_equal(Path(f"/proc/{pid}/comm").read_text(), "probe\n", "its first process")
            told = session.socklid("doctor", check=False)
            expect(told.status != 0, f"doctor is content: {told.text}")
            expect_in(NAME, told.text, "doctor")
        finally:
            nspawn.kill()
            nspawn.wait(TIMEOUT)
    expect_equal(listed(session), {}, "list afterwards")
