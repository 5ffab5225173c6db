# SPDX-License-Identifier: Apache-2.0
"""Pods made from what a real CRI-O wrote, by real runtimes, with the cgroups of both its drivers.

Fails when: a container of a pod is not under what the pod's annotations ask of it, is under what
they ask of another one, or takes its neighbours' policies or rules away when it goes, late, twice
or without a poststop; when the sandbox is under a policy, or is called unguarded for having none.
"""

import json

from harness.check import compare, keys
from harness.engines.crio import Layout, Pod, version
from harness.hook import hook, last_refusal, state
from harness.runner import Cell, expect, expect_equal, expect_in, group, is_brief, is_thorough, leave, why_not
from harness.snapshot import BPFFS, Unchanged, tree

CONNECT, OTHER, WEB = "connect.tcp4:127.0.0.1:9", "bind.tcp4:81", "bind.tcp4:80"
# io.socklid.connect is everyone's, io.socklid.bind/front only front's.
FRONT = {CONNECT: "EPERM", OTHER: "EPERM", WEB: "ok"}
SIDE = {CONNECT: "EPERM", OTHER: "ok", WEB: "ok"}
REFUSED = {f"connect:{error}" for error in ("ECONNREFUSED", "EPERM", "EACCES", "EHOSTUNREACH")}
FREE = {CONNECT: "ECONNREFUSED", OTHER: "ok", WEB: "ok"}


def expect_under(container, expected):
    compare(container.probe(*expected), expected)


def listed(session):
    return {line["id"]: line["state"] for line in
            json.loads(session.socklid("list", "--json").out)}


def expect_listed(session, *containers):
    expect_equal(listed(session), {container.id: "active" for container in containers}, "list")


def late_poststop(container):
    document = state(id=container.id, status="stopped", pid=0, annotations=container.annotations)
    outcome = hook("poststop", document)
    expect_equal(outcome.status, 0, outcome.text)


def pins_of(container):
    return [pin for pin in tree(BPFFS) if container.id in pin]


def comes_and_goes(session, pod_of):
    with pod_of() as pod:
        front, side = pod.start("front"), pod.start("side")
        expect_under(front, FRONT)
        expect_under(side, SIDE)
        expect_under(pod.sandbox, FREE)
        expect_listed(session, front, side)
        side.stop()
        side.delete()
        expect_under(front, FRONT)
        expect_listed(session, front)


def restarts(session, pod_of):
    """The kubelet starts the new one, and removes the old one when it pleases."""
    with pod_of() as pod:
        side, old = pod.start("side"), pod.start("front")
        old.stop()
        new = pod.start("front")
        expect_under(new, FRONT)
        old.delete()
        for _ in range(2):
            late_poststop(old)
        expect_under(new, FRONT)
        expect_under(side, SIDE)
        expect_listed(session, new, side)


def never_stops(session, pod_of):
    with pod_of() as pod:
        old = pod.start("front", stages=("createRuntime",))
        old.stop()
        old.delete()
        expect(pins_of(old), "its pins went without a poststop")
        new = pod.start("front")
        expect(not pins_of(old), f"the next container left {pins_of(old)}")
        expect_under(new, FRONT)


def has_keys_of_its_own(session, pod_of):
    """KEY/CONTAINER wins over KEY, and another one's value is not looked at."""
    annotations = {**keys(bind="tcp/80"), "io.socklid.bind/front": "tcp/81",
                   "io.socklid.connect/side": "deny", "io.socklid.listen/elsewhere": "nonsense"}
    with pod_of(annotations) as pod:
        expect_under(pod.start("front"), {CONNECT: "ECONNREFUSED", OTHER: "ok", WEB: "EPERM"})
        expect_under(pod.start("side"), {CONNECT: "EPERM", OTHER: "EPERM", WEB: "ok"})


def has_a_way_out_of_its_own(session, pod_of):
    annotations = {"io.socklid.egress/front": "tcp/80", "io.socklid.egress/side": "tcp/3306"}
    with pod_of(annotations) as pod:
        neighbour = pod.join_neighbour()
        web, sql = (f"exchange.tcp4:{neighbour}:{port}" for port in (80, 3306))
        compare(pod.start("side", {"io.socklid.egress/side": "tcp/80 tcp/3306"}).probe(web, sql),
                {web: "ok", sql: "ok"})
        old, side = pod.start("front"), pod.start("side")
        old.stop()
        new = pod.start("front")
        old.delete()
        expect_under(new, {web: "ok", sql: REFUSED})
        expect_under(side, {web: REFUSED, sql: "ok"})
        new.stop()
        new.delete()
        expect_under(side, {web: REFUSED, sql: "ok"})


def is_refused(session, pod_of):
    with pod_of() as pod:
        side = pod.start("side")
        with Unchanged("pod"):
            front = pod.create("front", {"io.socklid.bind/front": "tcp/eighty"})
            expect(front.created.status != 0, "it was started")
            if not pod.layout.crun:  # crun says nothing of a hook but its exit status
                expect_in("io.socklid.bind: at byte 5", front.created.text, "runc")
            expect_in(pod.key("io.socklid.bind/front"), last_refusal()["message"], "the refusal")
            front.delete()
            pod.members.remove(front)
        expect_under(side, SIDE)


BOTH = (Layout.cgroupfs, Layout.systemd)
STORIES = [("comes and goes", comes_and_goes, BOTH),
           ("restarts, and its old poststop is late", restarts, BOTH),
           ("has no poststop, and the next one sweeps", never_stops, [Layout.systemd]),
           ("has keys of its own", has_keys_of_its_own, [Layout.cgroupfs]),
           ("has a way out of its own", has_a_way_out_of_its_own, [Layout.systemd]),
           ("is refused, its pod goes on", is_refused, [Layout.cgroupfs])]
# Where there is no time for all: each runtime and each layout once.
PAIRS = (("crun", Layout.systemd), ("runc", Layout.cgroupfs))


@group("cri-o")
def _(session, record):
    _ = session.warm
    print(f"# engine CRI-O {version().removeprefix('crio-')}", flush=True)
    if is_brief():
        leave("cri-o: all but a container that comes and goes")
    if not is_thorough():
        leave("cri-o: crun with cgroupfs, runc with systemd")
    for runtime in (session.crun, session.runc):
        for name, story, layouts in STORIES[:1] if is_brief() else STORIES:
            for layout in layouts:
                if not is_thorough() and (runtime.name, layout) not in PAIRS:
                    continue
                def pod_of(annotations=None):
                    return Pod(session, runtime, layout, annotations)
                record(f"cri-o: a container {name} [{runtime.name}, {layout}]",
                       why_not(lambda: check_story(story, session, pod_of)),
                       Cell("cri-o", layout, runtime.name))


def check_story(story, session, pod_of):
    with Unchanged():
        story(session, pod_of)
