# SPDX-License-Identifier: Apache-2.0
"""Debian's containerd with the configuration that `socklid containerd-config` writes: containers by
ctr, and pods by its CRI plugin as a kubelet asks for them.

Fails when: a pod's author passes for another engine or container, or has his text shown raw;
containerd does not start with that configuration, a second run changes it, or a first
one loses what was there; when a container is not under what its pod asks of it by name, or is under
what the pod asks of another; when a container's end touches the pod's others, or the pod's end
leaves anything; when a policy that cannot be had does not reach the kubelet as an error.
"""

import json
from pathlib import Path

from harness.check import compare, keys
from harness.commands import IS_SYSTEMD, run
from harness.engines.containerd import Containerd
from harness.engines.cri import EXITED, NODE, RUNNING, Refused
from harness.hook import last_refusal
from harness.network import NEIGHBOUR4
from harness.pod_table import (COLUMNS, CONTAINERS, EGRESS_COLUMNS, EGRESS_POD, LEAVES, POD,
                               REACHES, SERVES, expect_under, expected, fill, leaving, serving)
from harness.runner import expect, expect_equal, expect_in, group, is_brief, leave, why_not
from harness.runtimes import parse_probe
from harness.result_table import ResultTable
from harness.snapshot import Unchanged

PARENT = "kubepods-burstable-pod7d.slice" if IS_SYSTEMD else "/kubepods/burstable/pod7d"


def listed(session):
    return {line["id"]: line["state"] for line in
            json.loads(session.socklid("list", "--json").out)}


# The configuration ------------------------------------------------------------------------------


def check_configuration(daemon):
    expect_in(f"wrote {daemon.config}", daemon.first, "the first run")
    expect("wrote" not in daemon.second, f"a second run changes something: {daemon.second}")
    text = daemon.config.read_text()
    expect_in("# the administrator's own words\n", text, "config.toml")
    dump = daemon.dump().replace("'", '"')  # containerd 2 quotes so
    for line in (f'base_runtime_spec = "{daemon.spec}"',
                 'pod_annotations = ["io.socklid.*", "io.socklid.*/*"]'):
        expect_in(line, dump, "containerd config dump")
    expect(daemon.spec.stat().st_mode & 0o777 == 0o644, "mode of the spec")


# ctr --------------------------------------------------------------------------------------------


def check_ctr(daemon):
    allowed, other = (f"connect.tcp4:{NEIGHBOUR4}:{port}" for port in (3306, 80))
    free = daemon.probe_by_ctr({}, [allowed, other, "bind.tcp4:81", "mark.tcp4"])
    compare(free, {allowed: "ok", other: "ok", "bind.tcp4:81": "ok", "mark.tcp4": "0x0"})
    policy = keys(mark="3", bind="tcp/80", egress="tcp/3306")
    seen = daemon.probe_by_ctr(policy,
                               [allowed, other, "bind.tcp4:81", "bind.tcp4:80", "mark.tcp4"])
    compare(seen, {allowed: "ok", other: {"ECONNREFUSED", "EPERM"}, "bind.tcp4:81": "EPERM",
                   "bind.tcp4:80": "ok", "mark.tcp4": "0x3"})


# Pods -------------------------------------------------------------------------------------------


def check_table(session, record, daemon):
    table = ResultTable(session, record, "containerd pod", list(CONTAINERS), list(COLUMNS))
    with daemon.cri.run_pod("shop", POD, PARENT) as pod:
        containers = {name: pod.start(name) for name in CONTAINERS}
        expect_equal(listed(session), {one.id: "active" for one in containers.values()}, "list")
        for container in containers.values():
            fill(table, container, COLUMNS, expected(container.name))
        table.require_full()


def check_egress(session, record, daemon):
    """One of them goes, and the others' rules stay."""
    table = ResultTable(session, record, "containerd egress", list(CONTAINERS), list(EGRESS_COLUMNS))
    with serving(session), daemon.cri.run_pod("shop", EGRESS_POD, PARENT) as pod:
        web, *others = [pod.start(name) for name in CONTAINERS]
        for container in (web, *others):
            fill(table, container, EGRESS_COLUMNS, leaving(container.name))
        table.require_full()
        web.stop()
        web.remove()
        for container in others:
            compare(container.probe(*LEAVES.values()), leaving(container.name))


def check_without(daemon):
    """So that no denial of the table is an accident."""
    with daemon.cri.run_pod("free", {}, PARENT) as pod:
        seen = pod.start("web").probe(*SERVES.values(), *REACHES.values())
        compare(seen, {**{attempt: "ok" for attempt in SERVES.values()},
                       **{attempt: "ECONNREFUSED" for attempt in REACHES.values()}})


def check_restart(session, daemon):
    with daemon.cri.run_pod("shop", POD, PARENT) as pod:
        web, old, db = (pod.start(name) for name in CONTAINERS)
        old.stop()
        expect_equal(old.state, EXITED, "state of the old one")
        new = pod.start("app")
        for container in (web, new, db):
            expect_under(container)
        old.remove()
        web.stop()
        web.remove()
        for container in (new, db):
            expect_equal(container.state, RUNNING, container.name)
            expect_under(container)
        expect_equal(listed(session), {one.id: "active" for one in (new, db)}, "list")


def check_refusal(daemon):
    annotations = {**POD, "io.socklid.bind/app": "tcp/eighty"}
    with daemon.cri.run_pod("shop", annotations, PARENT) as pod:
        web = pod.start("web")
        with Unchanged("pod"):
            app = pod.create("app")
            try:
                app.start()
            except Refused as answer:
                expect_in("io.socklid.bind: at byte 5", str(answer), "the kubelet is told")
            else:
                raise AssertionError("a container with a broken annotation was started")
            app.remove()
        expect_under(web)


def check_daemon_restart(session, daemon):
    """Containers do not need the daemon, and their policies no more than they."""
    with daemon.cri.run_pod("shop", POD, PARENT) as pod:
        web = pod.start("web")
        daemon.stop()
        expect_equal(listed(session), {web.id: "active"}, "list without a daemon")
        daemon.start()
        expect_under(web)
        expect_under(pod.start("app"))


def check_host_network(daemon):
    attempt = "connect.tcp4:127.0.0.1:9"
    with daemon.cri.run_pod("host", keys(connect="deny"), PARENT, NODE) as pod:
        compare(pod.start("agent").probe(attempt), {attempt: "EPERM"})
    outside = parse_probe(run(daemon.session.probe, attempt).out)
    compare(outside, {attempt: "ECONNREFUSED"})


def check_host_mark(daemon):
    """On the host a mark is a key to the administrator's rules, and a pod's author writes this one."""
    with daemon.cri.run_pod("host", keys(mark="3"), PARENT, NODE) as pod, Unchanged("pod"):
        agent = pod.create("agent")
        try:
            agent.start()
        except Refused as answer:
            expect_in("io.socklid.mark", str(answer), "the kubelet is told")
        else:
            raise AssertionError("a pod on the host's network got a mark")
        agent.remove()
    expect_in("administrator's own rules", last_refusal()["message"], "the refusal")


BRIEF = ("the configuration is whole", "a pod of three")


@group("containerd")
def _(session, record):
    _ = session.warm, session.network
    with Containerd(session) as daemon:
        check_without(daemon)  # makes the bridge, and loads what containerd needs once
        checks = {"the configuration is whole": lambda: check_configuration(daemon),
                  "containers by ctr": lambda: check_ctr(daemon),
                  "a pod of three": lambda: check_table(session, record, daemon),
                  "a pod of three with egress": lambda: check_egress(session, record, daemon),
                  "restart and removal in a pod": lambda: check_restart(session, daemon),
                  "a refusal reaches the kubelet": lambda: check_refusal(daemon),
                  "the daemon restarts": lambda: check_daemon_restart(session, daemon),
                  "the host's network": lambda: check_host_network(daemon),
                  "a mark on the host's network": lambda: check_host_mark(daemon)}
        if is_brief():
            checks = {name: checks[name] for name in BRIEF}
            leave("containerd: all but its configuration and a pod of three")
        for name, check in checks.items():
            record(f"containerd: {name}", why_not(lambda: unchanged(check)))


# A pod's author --------------------------------------------------------------------------------

ATTEMPT = "connect.tcp4:127.0.0.1:9"
SOMEBODY = "5" * 64
# What he writes beside connect=deny where every annotation is let through, and whether a container
# called web then starts, under that policy. containerd writes its own keys after his.
AUTHOR = {
    "another container's name": ({"io.kubernetes.cri.container-name": "db",
                                  "io.socklid.connect/db": "allow"}, True),
    "the label of a name": ({"io.kubernetes.container.name": "db",
                             "io.socklid.connect/db": "allow"}, True),
    "another sandbox": ({"io.kubernetes.cri.sandbox-id": SOMEBODY}, True),
    "no container, but a sandbox": ({"io.kubernetes.cri.container-type": "sandbox"}, True),
    "CRI-O's manager": ({"io.container.manager": "cri-o"}, False),
    "podman's manager": ({"io.container.manager": "libpod"}, False),
    "CRI-O's metadata": ({"io.kubernetes.cri-o.Metadata": '{"name":"db"}'}, False),
    "CRI-O's sandbox": ({"io.kubernetes.cri-o.SandboxID": SOMEBODY}, False),
    "a file for standard error": ({"run.oci.hooks.stderr": "/root/socklid-test-stderr"}, False),
    "a key that there is not": ({"io.socklid.conect\x1b[2J": "deny"}, False),
    "a value for a terminal": ({"io.socklid.bind": "tcp/80\x1b]0;x\x07\x9b31m"}, False),
}


def check_author(daemon, annotations, starts):
    wide = {**keys(connect="deny"), **annotations}
    try:
        pod = daemon.cri.run_pod("author", wide, PARENT)
    except Refused as answer:
        expect(not starts, str(answer))
        expect_printable(str(answer))
        return
    with pod:
        web = pod.create("web")
        try:
            web.start()
        except Refused as answer:
            expect(not starts, str(answer))
            expect_printable(str(answer))
        else:
            expect(starts, "it started")
            compare(web.probe(ATTEMPT), {ATTEMPT: "EPERM"})
            return
        web.remove()


def expect_printable(text):
    bad = [hex(ord(c)) for c in text if ord(c) < 32 and c not in "\n\t" or 127 <= ord(c) < 160]
    expect(not bad, f"{bad} in {text!r}")


@group("containerd where a pod's author writes what he likes")
def _(session, record):
    _ = session.warm, session.network
    with Containerd(session, ["*", "*/*"]) as daemon:
        check_without(daemon)
        for what, (annotations, starts) in AUTHOR.items():
            record(f"containerd: a pod's author writes {what}", why_not(
                lambda: unchanged(lambda: check_author(daemon, annotations, starts))))
    expect(not Path("/root/socklid-test-stderr").exists(), "a file of the author's choice is there")


def unchanged(check):
    """Whatever it does, nothing of it may stay."""
    with Unchanged():
        check()
