# SPDX-License-Identifier: Apache-2.0
"""cmake --install into an empty prefix, and a container with the hook from there.

Fails when: something is missing from the prefix, a file in it points outside, or the hook there
does not enforce a policy.
"""

import json
import shutil
from pathlib import Path

from harness.bundle import Options
from harness.check import compare, keys
from harness.commands import TOP, run
from harness.runner import Skip, expect, test

ATTEMPT = "connect.tcp4:127.0.0.1:9"


@test("cmake --install into an empty prefix gives a hook that works")
def _(session):
    build = TOP / "build" / "release"
    if not (build / "cmake_install.cmake").exists() or not shutil.which("cmake"):
        raise Skip("no build/release, or no cmake")
    prefix = Path(session.work) / "prefix"
    run("cmake", "--install", build, "--prefix", prefix)
    hook = prefix / "libexec/oci/hooks.d/socklid-hook"
    for path in (hook, prefix / "bin/socklid"):
        expect(path.exists(), f"no {path.relative_to(prefix)} in the prefix")
    run(prefix / "bin/socklid", "--version")
    for policy in (keys(connect="deny"), keys(connect="deny", egress="tcp/443")):
        for runtime in (session.crun, session.runc):
            options = Options(annotations=policy, hook=str(hook))
            compare(runtime.probe([ATTEMPT], options), {ATTEMPT: "EPERM"})
    check_with_podman(session, prefix, hook)


def check_with_podman(session, prefix, hook):
    directory = prefix / "share/containers/oci/hooks.d"
    documents = sorted(directory.glob("socklid*.json"))
    expect(documents, f"no hook description in {directory}")
    for document in documents:
        path = json.loads(document.read_text())["hook"]["path"]
        expect(path == str(hook), f"{document.name} names {path}, not {hook}")
    options = Options(annotations=keys(connect="deny"), hooks_dir=str(directory))
    compare(session.podman.probe([ATTEMPT], options), {ATTEMPT: "EPERM"})
