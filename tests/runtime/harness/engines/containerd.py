# SPDX-License-Identifier: Apache-2.0
"""A containerd of the test's own, configured by `socklid containerd-config`.

    with Containerd(session) as daemon:
        daemon.ctr("run", "--detach", "--config", path, "name")
        pod = daemon.cri.run_pod("web", {"io.socklid.connect": "deny"})
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from harness.commands import IS_SYSTEMD, SOCKLID, run, wait_until, write
from harness.engines.cri import Cri
from harness.image import write_image
from harness.runtimes import next_name, parse_probe
from harness.snapshot import cgroup_root

IMAGE = "localhost/socklid-test:1"
GATEWAY = "10.97.0.1"
BRIDGE = "socklid-test0"
NETWORK = {"cniVersion": "0.4.0", "name": "socklid-test", "plugins": [
    {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipam": {
        "type": "host-local", "dataDir": "DATA", "ranges": [[{"subnet": "10.97.0.0/24"}]],
        "routes": [{"dst": "0.0.0.0/0"}]}}]}
# What kubelet, or nobody, would remove; runc makes parents and leaves them.
CGROUPS = ("kubepods", "k8s.io")

# As an administrator's file may look before, in the version that containerd writes itself; the last
# two tables are those of Debian's.
CONFIG = {2: """# the administrator's own words
version = 2
root = "{root}"
state = "{state}"
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
  address = "{socket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{image}"
  disable_apparmor = true
{runc}  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = {systemd}
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{cni}"
""", 3: """# the administrator's own words
version = 3
root = "{root}"
state = "{state}"
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
  address = "{socket}"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{image}"

[plugins.'io.containerd.cri.v1.runtime']
  disable_apparmor = true
{runc}  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
    SystemdCgroup = {systemd}
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "{cni}"
"""}
PLUGIN = {2: "io.containerd.grpc.v1.cri", 3: "io.containerd.cri.v1.runtime"}
RUNC = """  [plugins."{plugin}".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    pod_annotations = [{patterns}]
"""


def configuration_version():
    """Of the file: containerd 2 has the third, and reads the second too."""
    return 2 if re.search(r" v?1\.", run("containerd", "--version").out) else 3


class Containerd:
    def __init__(self, session, pod_annotations=()):
        """`pod_annotations`: which the administrator lets through besides ours."""
        self.session, self.pod_annotations = session, pod_annotations
        self.directory = Path(session.work) / "containerd"
        self.socket = self.directory / "containerd.sock"
        self.config = self.directory / "config.toml"
        self.spec = self.directory / "socklid-spec.json"
        self.process = self.cri = None

    def configure(self):
        """Twice: the second time there is nothing to do."""
        network = json.loads(json.dumps(NETWORK).replace("DATA", str(self.directory / "ipam")))
        write(self.directory / "cni/10-test.conflist", json.dumps(network))
        version = configuration_version()
        write(self.config, CONFIG[version].format(
            root=self.directory / "root", state=self.directory / "state", socket=self.socket,
            image=IMAGE, cni=self.directory / "cni", systemd=str(IS_SYSTEMD).lower(),
            runc=RUNC.format(plugin=PLUGIN[version],
                             patterns=", ".join(f'"{one}"' for one in self.pod_annotations))
            if self.pod_annotations else ""))
        command = [SOCKLID, "containerd-config", "--config", self.config, "--write"]
        self.first, self.second = run(*command).out, run(*command).out

    def __enter__(self):
        self.configure()
        try:
            self.start()
            image = write_image(self.directory / "image.tar", IMAGE, self.session.rootfs,
                                ["/probe", "wait.term"])
            self.ctr("--namespace", "k8s.io", "images", "import", image)
            wait_until(lambda: self.cri.has_image(IMAGE), "the CRI plugin knows the image")
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        with open(self.directory / "log", "w") as log:
            self.process = subprocess.Popen(["containerd", "--config", self.config], stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL)
        wait_until(self.is_up, "containerd answers", 120)
        self.cri = self.cri or Cri(self.socket)
        wait_until(self.cri.is_up, "the CRI plugin answers", 120)

    def is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"containerd: {self.log()}")
        return self.ctr("version", check=False).status == 0

    def log(self):
        return (self.directory / "log").read_text(errors="replace")[-2000:]

    def ctr(self, *arguments, check=True):
        return run("ctr", "--address", self.socket, *arguments, check=check)

    def probe_by_ctr(self, annotations, attempts):
        """{attempt: answer} of a container of the generated spec, in the test's network."""
        name, spec = next_name(), json.loads(self.spec.read_text())
        spec["annotations"] = annotations
        spec["root"] = {"path": str(self.session.rootfs)}
        spec["process"]["args"] = ["/probe", "wait.term"]
        spec["linux"]["cgroupsPath"] = f"/socklid-test/{name}"
        for namespace in spec["linux"]["namespaces"]:
            if namespace["type"] == "network":
                namespace["path"] = self.session.network.path
        path = write(self.directory / f"{name}.json", json.dumps(spec))
        self.ctr("run", "--detach", "--null-io", "--config", path, name)
        try:
            return parse_probe(self.ctr("task", "exec", "--exec-id", "probe", name, "/probe",
                                        *attempts).out)
        finally:
            self.ctr("task", "delete", "--force", name)
            self.ctr("container", "delete", name)

    def dump(self):
        """The configuration as containerd understands it."""
        return run("containerd", "--config", self.config, "config", "dump").out

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(60)

    def __exit__(self, *_):
        self.stop()
        run("ip", "link", "del", BRIDGE, check=False)
        if IS_SYSTEMD:
            run("systemctl", "stop", "kubepods.slice", check=False)
        for name in CGROUPS:
            remove_empty(cgroup_root() / name)
        shutil.rmtree(self.directory, ignore_errors=True)


def remove_empty(top):
    """A cgroup with those below it."""
    for directory, _, _ in os.walk(top, topdown=False):
        os.rmdir(directory)
