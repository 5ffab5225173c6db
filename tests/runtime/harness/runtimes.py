# SPDX-License-Identifier: Apache-2.0
"""Containers by podman and by bare runtimes, through one interface.

    container = runtime.start(["/probe", "wait.term"], Options(annotations={...}))
    container.exec("/probe", "create.tcp4")
    container.remove()

    runtime.run(["/probe", "create.tcp4"], Options(...)).out
"""

import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
from contextlib import suppress
from itertools import count
from pathlib import Path

from harness.bundle import Options, config, write_bundle
from harness.commands import TIMEOUT, Outcome, run, wait_until
from harness.network import NEIGHBOUR4
from harness.runner import Failure

numbers = count(1)
CAP_ADD = ("NET_ADMIN", "NET_RAW", "SYS_ADMIN", "BPF", "AUDIT_WRITE")


def next_name():
    return f"socklid-test-{os.getpid()}-{next(numbers)}"


def is_of_containerd(annotations):
    """Whether a bare runtime's container is to pass for one of containerd's."""
    return any(key.startswith("io.kubernetes.cri.") for key in annotations)


def name_for(annotations):
    """An engine's id, if an engine is to have made it."""
    if is_of_containerd(annotations):
        return f"{os.getpid():032x}{next(numbers):032x}"
    return next_name()


def cgroup_for(name, options):
    """Where containerd's CRI puts its own, if it is to pass for one of these."""
    if options.systemd:
        return f"system.slice:socklid-test:{name}"
    return f"/socklid-test/{'k8s.io/' if is_of_containerd(options.annotations) else ''}{name}"


class Container:
    """A runtime in the foreground: its output is the container's, its end the container's end."""

    def __init__(self, runtime, name, command, options):
        self.runtime, self.name, self.options = runtime, name, options
        self.lines, self.output = queue.Queue(), []
        self.process = self.spawn(command, options.pass_fds)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    @staticmethod
    def spawn(command, sockets):
        """The sockets become descriptors 3, 4, ... of the runtime, as a service manager does it."""
        numbers_ = [s if isinstance(s, int) else s.fileno() for s in sockets]
        moves = " ".join(f"{3 + i}<&{fd}" for i, fd in enumerate(numbers_))
        if moves:
            high = " ".join(f"{fd}<&-" for fd in numbers_ if fd >= 3 + len(numbers_))
            command = ["bash", "-c", f'exec "$@" {moves} {high}', "bash", *command]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, pass_fds=numbers_)

    def read(self):
        for raw in self.process.stdout:
            line = raw.decode(errors="replace").rstrip()
            self.output.append(line)
            self.lines.put(line)
        self.lines.put(None)

    def wait_for(self, text, seconds=TIMEOUT):
        while True:
            line = self.lines.get(timeout=seconds)
            if line is None:
                raise Failure(f"{self.name} ended before {text!r}: {self.output}")
            if text in line:
                return line

    def finish(self, seconds=TIMEOUT):
        status = self.process.wait(seconds)
        self.reader.join(seconds)
        return Outcome(status, "\n".join(self.output), "")

    def exec(self, *arguments, check=True):
        return run(*self.runtime.exec_command(self.name), *arguments, check=check)

    def enter(self, *command, user="root", stdin=None, check=True):
        """What `podman exec` does, without podman: to start that takes ten times as long."""
        podman = self.runtime
        return run(shutil.which(podman.oci), "exec", "--user", podman.ids_of(self.name, user), self.id,
                   *command, stdin=stdin, check=check)

    @property
    def pid(self):
        return self.runtime.pid(self.name)

    @property
    def id(self):
        return self.runtime.id(self.name)

    def has_ended(self):
        """Ends its first process by a signal: an engine's own command would be another engine to
        start. As often as it takes: there may be none yet."""
        if self.process.poll() is not None:
            return True
        pid = self.runtime.noted(self.name, "pid")
        if pid:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        return False

    def remove(self):
        try:
            wait_until(self.has_ended, f"{self.name} has ended", TIMEOUT)
            self.finish()
        finally:
            self.process.kill()
            self.clean_up()

    def clean_up(self):
        """A runtime takes away itself what it ran to its end, also if a signal was that."""
        if self.process.poll() not in (0, 128 + signal.SIGKILL):
            self.runtime.delete(self.name)
        for what in ("pid", "id"):  # the name may come again
            self.runtime.note(self.name, what).unlink(missing_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


class Runtime:
    """What podman and bare runtimes have in common."""
    session = None

    def note(self, name, what):
        """The file in which the runtime notes a container's `pid` or, if it is an engine, its `id`."""
        return Path(self.session.work, f"{name}.{what}")

    def noted(self, name, what):
        """Nothing, if nothing is noted yet, or somebody else started it."""
        file = self.note(name, what)
        return file.read_text().strip() if file.exists() else ""

    def new_name(self, _options):
        return next_name()

    def start(self, arguments, options=None, ready=None):
        """Returns when the container has printed `ready`, if given."""
        options = options or Options()
        name = self.new_name(options)
        container = Container(self, name, self.command(name, arguments, options), options)
        try:
            if ready:
                container.wait_for(ready)
        except BaseException:
            container.remove()
            raise
        return container

    def hold(self, options=None):
        """A container that only waits, for exec()."""
        return self.start(["/probe", "wait.term"], options, ready="waiting ok")

    def run(self, arguments, options=None, seconds=TIMEOUT):
        container = self.start(arguments, options)
        try:
            return container.finish(seconds)
        finally:
            container.clean_up()

    def probe(self, attempts, options=None):
        """{attempt: answer} of one container that tries them all."""
        outcome = self.run(["/probe", *attempts], options)
        answers = parse_probe(outcome.out)
        if not answers.keys() & set(attempts):
            raise Failure(f"{self.name} did not run the program: {outcome.text.strip()}")
        return answers


def parse_probe(text):
    answers = {}
    for line in text.splitlines():
        name, _, answer = line.partition(" ")
        if answer and " " not in answer:
            answers[name] = answer
    return answers


class BareRuntime(Runtime):
    def __init__(self, session, name):
        self.session, self.name = session, name
        self.binary = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        self.bundles = Path(tempfile.mkdtemp(prefix=f"bundles-{name}-", dir=session.work))

    def new_name(self, options):
        return name_for(options.annotations)

    def bundle(self, name, arguments, options):
        environment = [f"LISTEN_FDS={len(options.pass_fds)}"] if options.pass_fds else []
        options.netns = options.netns or self.session.network.path
        rootfs = options.rootfs or self.session.rootfs
        cgroup = cgroup_for(name, options)
        document = config(arguments, options, rootfs, cgroup, environment)
        return write_bundle(self.bundles / name, document)

    def command(self, name, arguments, options):
        bundle = self.bundle(name, arguments, options)
        flags = ["--preserve-fds", str(len(options.pass_fds))] if options.pass_fds else []
        manager = ["--systemd-cgroup"] if options.systemd else []
        return [self.binary, *manager, "run", *flags, "--pid-file", str(self.note(name, "pid")),
                "--bundle", str(bundle), name]

    def create(self, name, bundle):
        """Only the part before the program starts; its output is of no interest."""
        with open(self.bundles / f"{name}.create", "w+") as log:
            done = subprocess.run([self.binary, "create", "--bundle", str(bundle), name],
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False,
                                  timeout=TIMEOUT)
            log.seek(0)
            return Outcome(done.returncode, "", log.read())

    def exec_command(self, name):
        return [self.binary, "exec", name]

    def state(self, name):
        return json.loads(run(self.binary, "state", name).out)

    def pid(self, name):
        return int(self.noted(name, "pid") or self.state(name)["pid"])

    def id(self, name):
        return name

    def signal(self, name, signal):
        run(self.binary, "kill", name, signal)

    def delete(self, name):
        run(self.binary, "delete", "--force", name, check=False)

    def exists(self, name):
        return run(self.binary, "state", name, check=False).status == 0


class Podman(Runtime):
    def __init__(self, session, oci, manager=None):
        """`manager`: of cgroups, where it is not the one that containers.conf names."""
        self.session, self.oci, self.name = session, oci, f"podman+{oci}"
        binary = shutil.which(oci, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        self.base = ["podman", "--runtime", binary]
        if manager:
            self.base += ["--cgroup-manager", manager]

    def command(self, name, arguments, options):
        base = list(self.base)
        if options.hooks_dir:
            base += ["--hooks-dir", options.hooks_dir]
        flags = [*self.name_flags(name), *self.network_flags(options), "--log-driver", "none",
                 "--pull", "never", "--security-opt", "seccomp=unconfined",
                 "--security-opt", "unmask=/sys/fs/cgroup"]
        flags += [f"--cap-add={capability}" for capability in CAP_ADD]
        for key, value in options.annotations.items():
            flags += ["--annotation", f"{key}={value}"]
        if options.pass_fds:
            flags += ["--preserve-fds", str(len(options.pass_fds))]
        rootfs = options.rootfs or self.session.rootfs
        return [*base, "run", "--rm", *flags, *options.flags, "--rootfs",
                f"{rootfs}{':O' * options.layered}", *arguments]

    def name_flags(self, name):
        return ["--name", name, "--pidfile", str(self.note(name, "pid")),
                "--cidfile", str(self.note(name, "id"))]

    def network_flags(self, options):
        if options.pod:
            return ["--pod", options.pod]
        netns = options.netns or self.session.network.path
        if netns == "bridge" or netns.startswith("container:"):
            return ["--network", netns]
        network = {"new": "none", "host": "host"}.get(netns, f"ns:{netns}")
        dns = [] if network == "none" else ["--dns", NEIGHBOUR4]
        return ["--network", network, "--no-hosts", *dns]

    def exec_command(self, name):
        return [*self.base, "exec", name]

    def inspect(self, name):
        return json.loads(run(*self.base, "container", "inspect", name).out)[0]

    def ids_of(self, name, user):
        """As "UID:GID", by the container's own list."""
        if user == "root":
            return "0:0"  # also where there is no list
        for line in Path(f"/proc/{self.pid(name)}/root/etc/passwd").read_text().splitlines():
            fields = line.split(":")
            if fields[0] == user:
                return f"{fields[2]}:{fields[3]}"
        raise LookupError(f"{name} has no user {user}")

    def pid(self, name):
        return int(self.noted(name, "pid") or
                   wait_until(lambda: self.inspect(name)["State"]["Pid"], f"{name} runs"))

    def id(self, name):
        return self.noted(name, "id") or self.inspect(name)["Id"]

    def delete(self, name):
        run(*self.base, "rm", "--force", "--time", "0", "--ignore", name, check=False)

    def exists(self, name):
        return run(*self.base, "container", "exists", name, check=False).status == 0
