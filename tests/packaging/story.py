# SPDX-License-Identifier: Apache-2.0
"""The life of the package on one node, step by step; each goes on from where the last one ended."""

import json
import shutil
from pathlib import Path

from harness.commands import HOOK, SOCKLID, TOP, run, wait_until
from harness.runner import expect, expect_equal, expect_in, is_thorough, leave
from harness.snapshot import tree
from node import (ATTEMPT, DOCUMENTS, PROGRAMS, TRY_ON, UNIT, apt, become_0_1_0, builds, dpkg, expect_enforced, install, package,
                  record_of, systemctl)

# With which unloading fails; the package's script makes no difference between them.
STATUSES = (10, 15, 16, 22, 23)
steps = []


def step(name):
    return lambda function: steps.append((name, function))


@step("the programs are loaded by the service when it is installed, and at every boot")
def _(node):
    expect(not Path(HOOK).exists(), "the node has the package already")
    apt("install", package("old"))
    expect_equal(systemctl("is-active", UNIT).out.strip(), "active", "the service")
    expect_equal(systemctl("is-enabled", UNIT).out.strip(), "enabled", "the service")
    expect_in(UNIT, systemctl("list-dependencies", "--plain", "multi-user.target").out, "what is started at boot")
    expect_in("loaded ", systemctl("status", UNIT).out, "systemctl status")
    expect_equal(run("systemd-tmpfiles", "--cat-config").out.count("\nd /run/socklid 0700 root root -\n"), 1, "tmpfiles")
    expect_equal(len(builds()), 1, "loaded builds")
    node.old = builds().pop()


@step("doctor finds nothing missing on the node")
def _(node):
    outcome = run(SOCKLID, "doctor", check=False)
    expect_equal(outcome.status, 0, outcome.text)
    expect_in("they were loaded already", outcome.out, "socklid doctor")


@step("the first container finds programs and anchors there")
def _(node):
    pins = tree(PROGRAMS)
    node.first = node.hold()
    expect_enforced(node.first)
    expect_equal(tree(PROGRAMS), pins, "what is pinned for the node")


@step("loading again, and stopping the service, change nothing")
def _(node):
    before = json.loads(run("bpftool", "-j", "link", "list").out)
    run(SOCKLID, "load")
    systemctl("restart", UNIT)
    systemctl("stop", UNIT)
    expect_equal(json.loads(run("bpftool", "-j", "link", "list").out), before, "BPF links")
    expect_enforced(node.first)
    systemctl("start", UNIT)


@step("load attaches to what it is told, and says what it does not know")
def _(node):
    expect_in("attached to 0 hooks", run(SOCKLID, "load", "--hooks", "none").out, "load --hooks none")
    run(SOCKLID, "load", "--hooks", "socket_shutdown")
    expect((PROGRAMS / node.old / "anchor_socket_shutdown").exists(), "no anchor")
    outcome = run(SOCKLID, "load", "--hooks", "socket_shut", check=False)
    expect_equal(outcome.status, 11, outcome.text)


@step("a container stays under its policy all through an upgrade")
def _(node):
    node.second = node.hold(TRY_ON)
    node.second.wait_for(ATTEMPT)
    node.beside = [node.hold(netns=f"container:{node.first.name}"), node.hold(netns="host")]
    # As if the version before had had fewer maps.
    for name in ("map_seals", "map_events", "program_seal_by_hand"):
        (PROGRAMS / node.old / name).unlink()
    become_0_1_0()
    install("new")
    for container in node.beside:
        expect_enforced(container)
    seen = len(node.second.output)
    wait_until(lambda: len(node.second.output) > seen + 5, "it goes on trying")
    expect_equal(set(node.second.output), {f"{ATTEMPT} EPERM"}, "what it was answered")
    expect_enforced(node.first)
    expect_equal(systemctl("is-active", UNIT).out.strip(), "active", "the service")


@step("after the upgrade new containers are under the new version")
def _(node):
    expect_equal(len(builds()), 2, "loaded builds")
    node.new = (builds() - {node.old}).pop()
    node.third = node.hold()
    expect_enforced(node.third)
    expect_equal(record_of(node.third)["object_hash"], node.new, "the new container's programs")
    expect_equal(record_of(node.first)["object_hash"], node.old, "the old container's programs")


@step("the new version knows the old one's containers")
def _(node):
    listed = {one["id"]: one for one in json.loads(run(SOCKLID, "list", "--json").out)}
    kinds = [json.loads(run(SOCKLID, "inspect", "--json", one.id).out)["network"] for one in (node.first, *node.beside)]
    expect_equal(kinds, ["own", "shared", "host"], "namespaces")
    for container in (node.first, node.second, node.third, *node.beside):
        expect_equal(listed[container.id]["state"], "active", container.name)
        expect(listed[container.id]["denied"] > 0, f"no denials of {container.name}")
    expect_in("io.socklid.connect", run(SOCKLID, "inspect", node.first.id).out, "socklid inspect")
    outcome = run(SOCKLID, "unload", check=False)
    expect_equal(outcome.status, 1, outcome.text)
    expect_in(node.first.id, outcome.text, "why it refuses")
    outcome = run(SOCKLID, "doctor", check=False)
    expect_equal(outcome.status, 0, outcome.text)
    expect_in(f"{node.old} (4 containers)", outcome.out, "socklid doctor")
    run(SOCKLID, "events")


@step("the old version's programs go when their last container is gone")
def _(node):
    for container in (node.second, *node.beside):
        identity = container.id  # podman knows it no longer once it is removed
        node.stop(container)
        expect(identity not in run(SOCKLID, "list", "--no-trunc").out, f"{container.name} is still listed")
    run(SOCKLID, "load")
    expect_equal(builds(), {node.old, node.new}, "builds while the first container runs")
    node.stop(node.first)
    expect_in(f"unloaded {node.old}", run(SOCKLID, "load").out, "socklid load")
    expect_equal(builds(), {node.new}, "loaded builds")
    expect_enforced(node.third)


@step("going back to the old version works like an upgrade")
def _(node):
    install("old")
    expect_enforced(node.third)
    node.fourth = node.hold()
    expect_enforced(node.fourth)
    expect_equal(record_of(node.fourth)["object_hash"], node.old, "the new container's programs")
    node.stop(node.fourth)
    install("new")


@step("a container stays under its policy when the package is removed")
def _(node):
    outcome = dpkg("--remove", "socklid")
    expect_in("stay under policy until they stop", outcome.text, "dpkg --remove")
    expect(not Path(SOCKLID).exists() and not Path(HOOK).exists(), "programs of the package")
    expect_equal(list(DOCUMENTS.glob("socklid*")), [], "hooks.d files")
    expect_enforced(node.third)
    expect(systemctl("is-active", "socklid-unload.scope", check=False).status == 0, "nobody waits for its end")


@step("nothing is left once that container has stopped")
def _(node):
    node.stop(node.third)
    node.expect_as_before()
    wait_until(lambda: systemctl("is-active", "socklid-unload.scope", check=False).status != 0, "the wait is over")


@step("it can be installed again, and removed while a container runs, and installed while that is waited for")
def _(node):
    install("new")
    container = node.hold()
    dpkg("--remove", "socklid")
    install("new")
    expect_enforced(container)
    expect_in(container.id[:12], run(SOCKLID, "list").out, "socklid list")
    expect(systemctl("is-active", "socklid-unload.scope", check=False).status != 0, "somebody waits to unload")
    node.stop(container)
    expect_enforced(another := node.hold())
    node.stop(another)


@step("whatever keeps the removal from unloading, nothing stays pinned")
def _(node):
    real = Path("/root/socklid.real")
    if not is_thorough():
        leave("the package's removal for each status with which unloading fails, not the first and the last alone")
    for status in STATUSES if is_thorough() else (STATUSES[0], STATUSES[-1]):
        install("new")
        shutil.copy(SOCKLID, real)
        Path(SOCKLID).unlink()  # another file: the service may run the old one
        Path(SOCKLID).write_text(f'#!/bin/sh\n[ "$*" != "unload --purge" ] || exit {status}\n'
                                 f'exec {real} "$@"\n')
        Path(SOCKLID).chmod(0o755)
        outcome = dpkg("--remove", "socklid")
        expect_in(f"exit {status}", outcome.text, "dpkg --remove")
        wait_until(lambda: systemctl("is-active", "socklid-unload.scope", check=False).status != 0,
                   "the wait is over", 60)
        node.expect_as_before()
    real.unlink()
    install("new")


@step("purged, it leaves nothing at all")
def _(node):
    dpkg("--purge", "socklid")
    node.expect_as_before()
    contents = [line.split()[5].lstrip(".") for line in run("dpkg-deb", "-c", package("new")).out.splitlines()]
    left = [path for path in contents if not path.endswith("/") and Path(path).exists()]
    for top in ("/etc/systemd", "/var/lib/systemd", "/run/systemd/system"):
        left += [str(path) for path in Path(top).rglob("socklid*")]
    expect_equal(left, [], "files")
    expect(run("dpkg-query", "--status", "socklid", check=False).status != 0, "dpkg knows it still")
