# SPDX-License-Identifier: Apache-2.0
"""Pods as CRI-O makes them: its recorded documents (tests/data/crio-*) with ids of their own.

    with Pod(session, session.crun, Layout.systemd) as pod:     # the sandbox runs, without a hook
        front = pod.start("front")                              # annotations as recorded
        front.probe("bind.tcp4:81")
        front.stop()                                            # its process ends
        front.delete()                                          # poststop

Beside an old crun the documents are an old CRI-O's, beside a newer one a newer CRI-O's. There the
two containers are called otherwise: `front` and `side` stand for these names, in keys of ours too.

What is recorded stays as it is, but for what names things of the recorded node: ids, the root file
system, namespaces, the program of the hook and of the container. Ours are always those of 1.26.4.
"""

import json
import os
import re
import secrets
import signal
import subprocess
import uuid
from functools import cached_property
from pathlib import Path

from harness.commands import HOOK, TIMEOUT, TOP, Outcome, run, wait_until, write
from harness.engines.kubepods import Layout
from harness.network import OUTSIDE
from harness.runner import expect_equal
from harness.runtimes import parse_probe
from harness.snapshot import cgroup_root

DATA = TOP / "tests/data"
RECORDED = {"front": "createRuntime-1", "side": "createRuntime-2"}
CALLED = {"crio-1.26.4": {"front": "front", "side": "side"},
          "crio-1.37.0": {"front": "a", "side": "b"}}
OURS = {"io.socklid.connect": "deny", "io.socklid.bind/front": "tcp/80"}
STAGES = ("createRuntime", "poststop")
CABLE, NEIGHBOUR = "sl1", "10.96.0.1"


def version():
    """Of the documents that go with the node's crun: a directory of tests/data."""
    major, minor = map(int, re.search(r"(\d+)\.(\d+)", run("crun", "--version").out).groups())
    return "crio-1.26.4" if (major, minor) < (1, 20) else "crio-1.37.0"


def recorded(documents, runtime, name):
    """(annotations, environment) of a container's hook."""
    stem = DATA / documents / runtime / RECORDED[name]
    state = json.loads(Path(f"{stem}.state.json").read_text())
    lines = Path(f"{stem}.context.txt").read_text().splitlines()
    variables = (line.partition("=") for line in lines if "=" in line and line[0] != "S")
    return state["annotations"], {name: value for name, _, value in variables}


class PodContainer:
    """One that runs, under an id of its own."""

    def __init__(self, pod, name, annotations, stages):
        self.pod, self.name, self.id = pod, name, secrets.token_hex(32)
        self.annotations = pod.annotations(self, annotations)
        self.bundle = pod.directory / self.id
        self.write_bundle(stages)
        self.created = self.create()

    def write_bundle(self, stages):
        config = json.loads((DATA / self.pod.documents / "config.json").read_text())
        config["annotations"] = self.annotations
        config["root"]["path"] = str(self.pod.session.rootfs)
        config["process"]["args"] = ["/probe", "wait.term"]
        config["linux"]["cgroupsPath"] = self.pod.layout.path(self.id)
        config["hooks"] = {stage: [{"path": HOOK, "args": ["socklid-hook", stage]}]
                           for stage in stages}
        config["linux"]["namespaces"] = [self.pod.namespace(n["type"])
                                         for n in config["linux"]["namespaces"]]
        for mount in config["mounts"]:
            if mount["type"] == "bind":
                mount["source"] = self.pod.source(mount["destination"])
        write(self.bundle / "config.json", json.dumps(config))

    def command(self, verb, *arguments):
        return [self.pod.runtime.binary, *self.pod.layout.flags, verb, *map(str, arguments)]

    def create(self):
        """As conmon does it: in a cgroup beside the container's, the output into a file."""
        monitor = self.pod.layout.monitor(self.id)
        command = self.command("create", "--bundle", self.bundle, self.id)
        if monitor:
            directory = cgroup_root() / monitor[1:]
            directory.mkdir(parents=True, exist_ok=True)
            enter = f'echo 0 >"{directory}/cgroup.procs" && exec "$@"'
            command = ["sh", "-c", enter, "sh", *command]
        with open(self.bundle / "output", "w+") as log:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                  check=False, timeout=TIMEOUT, env=self.pod.environment)
        return Outcome(done.returncode, self.output(), "")

    def output(self):
        return (self.bundle / "output").read_text()

    def start(self):
        expect_equal(self.created.status, 0, self.created.text)
        run(*self.command("start", self.id))
        wait_until(lambda: "waiting ok" in self.output(), f"{self.name} runs: {self.output()}")
        return self

    @property
    def state(self):
        return json.loads(run(*self.command("state", self.id)).out)

    @cached_property
    def pid(self):
        return self.state["pid"]

    def probe(self, *attempts):
        return parse_probe(run(*self.command("exec", self.id, "/probe", *attempts)).out)

    def stop(self):
        """CRI-O's StopContainer: the process ends, and the runtime still knows the container."""
        os.kill(self.pid, signal.SIGKILL)
        wait_until(lambda: self.state["status"] == "stopped", f"{self.name} has stopped")

    def delete(self):
        """CRI-O's RemoveContainer."""
        run(*self.command("delete", "--force", self.id), check=False)
        self.pod.layout.remove_cgroups(self.id)


class Pod:
    """`annotations`: the pod's own, in place of those recorded."""

    def __init__(self, session, runtime, layout, annotations=None):
        self.session, self.runtime = session, runtime
        self.layout = Layout(layout, runtime.name)
        self.given, self.network = annotations, str(uuid.uuid4())
        self.documents = version()
        self.directory = Path(session.work) / f"pod-{self.network}"
        _, variables = recorded(self.documents, runtime.name, "front")
        self.environment = {**variables, "PATH": os.environ["PATH"]}
        self.sandbox, self.members = None, []

    def __enter__(self):
        run("ip", "netns", "add", self.network)
        try:
            run("ip", "-n", self.network, "link", "set", "lo", "up")
            self.sandbox = PodContainer(self, "POD", None, ()).start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def join_neighbour(self):
        """A cable to the neighbour of every test, which serves there; its address."""
        _ = self.session.network
        run("ip", "link", "add", CABLE, "netns", self.network, "type", "veth",
            "peer", "name", CABLE, "netns", OUTSIDE)
        for netns, address in ((self.network, "10.96.0.2/24"), (OUTSIDE, f"{NEIGHBOUR}/24")):
            run("ip", "-n", netns, "addr", "add", address, "dev", CABLE)
            run("ip", "-n", netns, "link", "set", CABLE, "up")
        return NEIGHBOUR

    def __exit__(self, *_):
        """CRI-O's StopPodSandbox and RemovePodSandbox."""
        for container in [*self.members, self.sandbox]:
            if container:
                container.delete()
        run("ip", "netns", "del", self.network, check=False)
        self.layout.remove()

    def create(self, name, annotations=None, stages=STAGES):
        """Whether it succeeded is in `created`."""
        self.members.append(PodContainer(self, name, annotations, stages))
        return self.members[-1]

    def start(self, name, annotations=None, stages=STAGES):
        return self.create(name, annotations, stages).start()

    def annotations(self, container, given):
        """Those of CRI-O as recorded; ours the pod's, or else OURS. The infra container has
        no name of a container (server/sandbox_run_linux.go)."""
        is_sandbox = container.name == "POD"
        kept, _ = recorded(self.documents, self.runtime.name,
                           "front" if is_sandbox else container.name)
        theirs = {key: value for key, value in kept.items() if not key.startswith("io.socklid.")}
        theirs["io.kubernetes.cri-o.SandboxID"] = (self.sandbox or container).id
        if is_sandbox:
            del theirs["io.kubernetes.container.name"]
            theirs["io.kubernetes.cri-o.ContainerType"] = "sandbox"
        else:
            theirs["io.kubernetes.cri-o.ContainerID"] = container.id
        ours = {**(OURS if self.given is None else self.given), **(given or {})}
        return {**theirs, **{self.key(key): value for key, value in ours.items()}}

    def key(self, key):
        """A key of ours, as it is for the container that is meant by front or side."""
        name, slash, container = key.partition("/")
        return name + slash + CALLED[self.documents].get(container, container)

    def namespace(self, kind):
        """As an entry of linux.namespaces: the sandbox makes what all of the pod are in."""
        if kind == "network":
            return {"type": kind, "path": f"/var/run/netns/{self.network}"}
        if self.sandbox and kind in ("pid", "ipc", "uts"):
            return {"type": kind, "path": f"/proc/{self.sandbox.pid}/ns/{kind}"}
        return {"type": kind}

    def source(self, destination):
        """What is mounted there from the sandbox's directory."""
        path = self.directory / "userdata" / Path(destination).name
        if destination == "/dev/shm":
            path.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            write(path, "")
        return str(path)
