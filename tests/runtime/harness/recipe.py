# SPDX-License-Identifier: Apache-2.0
"""A recipe of docs/recipes, run as its page says, with a worm in it.

    page = Page("http-worm")
    with serving(session, page, "web") as server:      # the page's `podman run ... --name web ...`
        server.wait_for("resuming normal operations")
        said = release(server, ["connect.tcp4:80"])    # {"connect.tcp4:80": "EPERM"}

A page has one block that begins with `# Containerfile`: that image is made over the tests' root
file system, which has its packages. A block that begins with `# NAME` is the file NAME that a COPY
of it names. Commands are told apart by the --name they give.
"""

import atexit
import json
import os
import re
import shlex
import shutil
import tempfile
from contextlib import contextmanager, nullcontext
from pathlib import Path

from harness.bundle import Options
from harness.commands import TOP, run, write
from harness.network import CONTAINER4, NEIGHBOUR4, NEIGHBOUR6, OUTSIDE
from harness.runner import Skip
from harness.runtimes import Container, next_name
from harness.sockets import call_in

WORM = TOP / "tests/runtime/recipes/worm"


class Page:
    def __init__(self, name, directory="docs/recipes"):
        self.name = name
        text = (TOP / directory / f"{name}.md").read_text()
        self.blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)

    def file(self, name):
        """The block of that name, its first line included: to programs it is a comment."""
        return next(block for block in self.blocks if block.startswith(f"# {name}\n"))

    def commands(self):
        """The words of each podman command that names a container."""
        for block in self.blocks:
            for line in re.sub(r"\\\n\s*", "", block).splitlines():
                words = shlex.split(line.removeprefix("$ ")) if "$ podman " in line else []
                if "--name" in words:
                    yield words

    def command(self, container):
        """The words of the command that names the container."""
        for words in self.commands():
            if words[words.index("--name") + 1] == container:
                return words
        raise LookupError(f"{self.name}.md runs no container {container}")

    def annotations(self, container):
        words = self.command(container)
        pairs = [words[i + 1] for i, word in enumerate(words) if word == "--annotation"]
        return dict(pair.split("=", 1) for pair in pairs)


# The image ----------------------------------------------------------------------------------------

layers = {}  # what `layer` made

def tree():
    directory = os.environ.get("SOCKLID_ROOTFS")
    if not directory:
        raise Skip("no SOCKLID_ROOTFS (tests/vm/rootfs)")
    return Path(directory)


def require_packages(command):
    for package in re.findall(r"^[a-z][\w.+-]*$", command.replace(" ", "\n"), re.MULTILINE):
        found = list((tree() / "var/lib/dpkg/info").glob(f"{package}*.list"))
        names = {path.name.removesuffix(".list").split(":")[0] for path in found}
        if package not in names:
            raise LookupError(f"the tests' root file system lacks {package}: tests/vm/rootfs")


def build(root, page, also):
    """Follows the page's Containerfile, and `also`, and returns its CMD."""
    text = re.sub(r"\\\n\s*", "", page.file("Containerfile"))
    steps, command = [], None
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "RUN" and "apt-get install" in rest:
            require_packages(rest.partition("apt-get install")[2])
        elif word == "RUN":
            steps.append(rest)
        elif word == "COPY":
            name, target = rest.split()
            write(root / target.lstrip("/"), page.file(name))
        elif word == "CMD":
            command = json.loads(rest)
    if steps + also:
        run("podman", "run", "--rm", "--network", "none", "--log-driver", "none", "--rootfs", root,
            "sh", "-ec", "\n".join(steps + also))
    return command


def mount_over(lower, parts):
    run("mount", "-t", "overlay", "-o",
        f"lowerdir={lower},upperdir={parts['upper']},workdir={parts['work']}", "overlay", parts["root"])


@contextmanager
def directories():
    work = Path(tempfile.mkdtemp(prefix="socklid-recipe."))
    parts = {name: work / name for name in ("upper", "work", "root")}
    for part in parts.values():
        part.mkdir(mode=0o755)
    try:
        yield parts
    finally:
        if os.path.ismount(parts["root"]):
            run("umount", parts["root"])
        shutil.rmtree(work)


@contextmanager
def machine(files):
    """A writable root with {path: text} over the tests' tree."""
    with directories() as parts:
        mount_over(tree(), parts)
        for path, text in files.items():
            write(parts["root"] / path.lstrip("/"), text)
        yield parts["root"]


def layer(page, also):
    """What the page's Containerfile and `also` make of the tree, as a directory to lay over it, and
    its CMD. Containers that come after the first one find it there."""
    key = (page.name, tuple(also))
    if key not in layers:
        with directories() as parts:
            mount_over(tree(), parts)
            command = build(parts["root"], page, also)
            run("umount", parts["root"])
            kept = Path(tempfile.mkdtemp(prefix="socklid-recipe-layer."))
            atexit.register(shutil.rmtree, kept, ignore_errors=True)
            layers[key] = (shutil.move(parts["upper"], kept / "upper"), command)
    return layers[key]


@contextmanager
def copy_of(root):
    """On a file system of its own: an overlay of several has no lasting numbers, which subjects need."""
    with tempfile.TemporaryDirectory(prefix="socklid-recipe.") as directory:
        run("mount", "-t", "tmpfs", "-o", "mode=755", "image", directory)
        try:
            run("cp", "-a", f"{root}/.", directory, timeout=600)
            yield Path(directory)
        finally:
            run("umount", directory)


@contextmanager
def image(page, lay_over, also, copied=False):
    """(a writable root, its command), as good as new, with {path: text} of the test's own and its
    own commands besides those of the page. `copied`: see copy_of()."""
    upper, command = layer(page, also)
    with directories() as parts:
        mount_over(f"{upper}:{tree()}", parts)
        for path, text in lay_over.items():
            write(parts["root"] / path.lstrip("/"), text)
        shutil.copy(WORM, parts["root"] / "worm")
        with copy_of(parts["root"]) if copied else nullcontext(parts["root"]) as root:
            yield root, command


# The container ------------------------------------------------------------------------------------


def as_run(words, name_flags, root, command, network, policy):
    """The page's command as the test runs it. This is all that differs: it stays in the foreground,
    has a name of its own, is in the test's network namespace, runs the image's root and command,
    and gives the worm the capabilities it would like. Without a policy the annotations go."""
    kept, options = [], iter(words[2:-1])
    for word in options:
        if word == "-d":
            continue
        value = next(options) if word in ("--name", "-p", "--annotation") else None
        if word == "--annotation" and policy:
            kept += [word, value]
        elif value is None:
            kept.append(word)
    return ["podman", "run", "--rm", *name_flags, "--network", f"ns:{network}",
            "--log-driver", "none", "--no-hosts", "--dns", NEIGHBOUR4,
            "--cap-add", "NET_ADMIN", "--cap-add", "NET_RAW", *kept,
            "--rootfs", str(root), *command]


@contextmanager
def serving(session, page, container, policy=True, early=False, lay_over=None, also=(), copied=False):
    """The page's container, a `Container`. `early`: the worm is there before the server, and
    keeps sockets. `lay_over`, `also`: files and RUN commands of the test's own. `copied`: see copy_of()."""
    with image(page, lay_over or {}, list(also), copied) as (root, command):
        program = ["/worm", "early", *command] if early else command
        name = next_name()
        words = as_run(page.command(container), session.podman.name_flags(name), root, program,
                       session.network.path, policy)
        with Container(session.podman, name, words, Options()) as server:
            yield server


def release(server, steps, user="root"):
    """{step: what came of it, as the worm tells it}; of a back door with its port."""
    outcome = server.enter("/worm", "--victim4", NEIGHBOUR4, "--victim6", NEIGHBOUR6,
                           "--own", CONTAINER4, *steps, user=user)
    return dict(line.split(" ", 1) for line in outcome.out.splitlines())


def from_outside(function):
    """What `function` returns, called in a thread that is in the neighbour's namespace."""
    return call_in(OUTSIDE, function)
