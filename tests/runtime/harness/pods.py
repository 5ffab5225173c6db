# SPDX-License-Identifier: Apache-2.0
"""Pods by podman.

    with pod(session.podman, "--network", "none") as name:
        with session.podman.hold(Options(pod=name, annotations={...})) as container: ...

    with played(session.podman, document, session) as (outcome, containers): ...

podman makes the image of the infra container itself, of Debian's catatonit: nothing is pulled.
"""

import json
from contextlib import contextmanager

from harness.commands import IS_SYSTEMD, run, write
from harness.network import OUTSIDE
from harness.runtimes import Podman, next_name
from harness.result_table import ResultTable

IMAGE = "localhost/socklid-probe"
# podman 4.3's cgroupfs manager forbids all devices in a pod's cgroup.
OF_CGROUPFS = () if IS_SYSTEMD else ("--share-parent=false",)
CABLE, CABLE4 = "sl1", "10.97.0.1"


@contextmanager
def pod(podman, *flags):
    """The name of a pod; what is in it goes with it."""
    name = next_name()
    run(*podman.base, "pod", "create", "--name", name, *OF_CGROUPFS, *flags)
    try:
        yield name
    finally:
        run(*podman.base, "pod", "rm", "--force", "--time", "0", name)


@contextmanager
def cabled(session, podman, name):
    """Joins the pod to the neighbour: podman lets pods have no namespace by its path."""
    _ = session.network
    run(*podman.base, "pod", "start", name)
    pid = str(podman.pid(infra_of(podman, name)))
    run("ip", "link", "add", CABLE, "netns", pid, "type", "veth", "peer", "name", CABLE,
        "netns", OUTSIDE)
    run("ip", "-n", OUTSIDE, "addr", "add", f"{CABLE4}/24", "dev", CABLE)
    run("ip", "-n", OUTSIDE, "link", "set", CABLE, "up")
    inside = ("nsenter", "--net", "--target", pid, "ip")
    run(*inside, "addr", "add", "10.97.0.2/24", "dev", CABLE)
    run(*inside, "link", "set", CABLE, "up")
    yield  # the cable goes with the pod's namespace


def infra_of(podman, name):
    told = run(*podman.base, "pod", "inspect", "--format", "{{.InfraContainerID}}", name)
    return told.out.strip()


def probe_image(session):
    """kube play takes no --rootfs: an image of the tests' root file system."""
    if run("podman", "image", "exists", IMAGE, check=False).status != 0:
        archive = f"{session.work}/probe.tar"
        run("tar", "-C", session.rootfs, "-cf", archive, ".")
        run("podman", "import", "--quiet", archive, IMAGE)
    return IMAGE


def manifest(session, names, annotations):
    """A Pod of containers that only wait, as JSON, which is YAML."""
    containers = [{"name": name, "image": probe_image(session), "imagePullPolicy": "Never",
                   "command": ["/probe", "wait.term"]} for name in names]
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": next_name(), "annotations": annotations},
            "spec": {"restartPolicy": "Never", "containers": containers}}


@contextmanager
def played(session, podman, document):
    """What `podman kube play` says of the pod, whose containers are POD-NAME."""
    file = write(f"{session.work}/pod.yaml", json.dumps(document))
    try:
        yield run(*podman.base, "kube", "play", "--network", "none", file, check=False)
    finally:
        run(*podman.base, "kube", "play", "--down", file)


def fill_table(session, record, name, attempts, members, fill):
    """A table of attempts by members, under each runtime: `fill` does it for one pod."""
    runtimes = [Podman(session, "crun"), Podman(session, "runc")]
    table = ResultTable(session, record, name,
                  [f"{runtime.oci}: {attempt}" for runtime in runtimes for attempt in attempts],
                  list(members))
    for runtime in runtimes:
        fill(session, record, table, runtime)
    table.require_full()
