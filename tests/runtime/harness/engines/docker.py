# SPDX-License-Identifier: Apache-2.0
"""A dockerd of the test's own, with socklid-runc among its runtimes, and no network of its own.

    with Docker(session) as docker:
        name = docker.run({"io.socklid.bind": "tcp/80"})
        docker.probe(name, "bind.tcp4:81")
"""

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

from harness.commands import run, wait_until, write
from harness.engines.containerd import remove_empty
from harness.runtimes import next_name, parse_probe
from harness.snapshot import cgroup_root

IMAGE = "socklid-test:1"
RUNTIME = "socklid"
# Where it is by default: there runc's state is looked for.
EXEC_ROOT = Path("/run/docker")
# The default is left alone, so that what does not ask for the runtime is seen as well.
CONFIG = {"runtimes": {RUNTIME: {"path": "/usr/bin/socklid-runc"}}, "bridge": "none",
          "iptables": False, "ip6tables": False, "ip-forward": False, "features": {"buildkit": False}}


class Docker:
    def __init__(self, session):
        self.session = session
        self.directory = Path(session.work) / "docker"
        self.socket = self.directory / "docker.sock"
        self.process = None

    def __enter__(self):
        config = {**CONFIG, "data-root": str(self.directory / "data"),
                  "exec-root": str(EXEC_ROOT), "pidfile": str(self.directory / "pid"),
                  "hosts": [f"unix://{self.socket}"]}
        path = write(self.directory / "daemon.json", json.dumps(config))
        try:
            with open(self.directory / "log", "w") as log:
                self.process = subprocess.Popen(["dockerd", "--config-file", path], stdout=log,
                                                stderr=log, stdin=subprocess.DEVNULL)
            wait_until(self.is_up, "dockerd answers", 120)
            self.import_image()
        except BaseException:
            self.__exit__()
            raise
        return self

    def is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"dockerd: {self.log()}")
        return self.docker("version", check=False).status == 0

    def import_image(self):
        archive = self.directory / "image.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(self.session.rootfs, arcname=".")
        self.docker("import", "--change", 'CMD ["/probe", "wait.term"]', archive, IMAGE)

    def log(self):
        return (self.directory / "log").read_text(errors="replace")[-2000:]

    def docker(self, *arguments, check=True):
        return run("docker", "--host", f"unix://{self.socket}", *arguments, check=check)

    def run(self, annotations, *options, runtime=RUNTIME, check=True):
        """(name, what came of `docker run`)"""
        name = next_name()
        words = [word for key, value in annotations.items()
                 for word in ("--annotation", f"{key}={value}")]
        return name, self.docker("run", "--detach", "--runtime", runtime, "--network", "none",
                                 "--name", name, *words, *options, IMAGE, check=check)

    def probe(self, name, *attempts):
        return parse_probe(self.docker("exec", name, "/probe", *attempts).out)

    def remove(self, name):
        self.docker("rm", "--force", name, check=False)

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.process.wait(60)
        for name in ("docker", "system.slice/docker"):
            if (cgroup_root() / name).is_dir():
                remove_empty(cgroup_root() / name)
        for directory in (self.directory, EXEC_ROOT):
            shutil.rmtree(directory, ignore_errors=True)
