# SPDX-License-Identifier: Apache-2.0
"""Ordinary programs under policies as people write them: each does its work or is refused, at once
and with an error of its own. A table at the end of the run has them all; under no policy, its
first column, everything works.

Fails when: a program cannot do what the policy leaves open to it; does what the policy closes; is
refused and does not end at once, is killed by a signal, or says nothing; or when a cell of the
table stays empty.
"""

import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from harness.bundle import Options
from harness.check import keys
from harness.commands import TOP, run, write
from harness.network import CONTAINER4, NEIGHBOUR4
from harness.runner import Skip, group
from harness.table import Table
from harness.neighbour_servers import NeighbourServers

PROGRAMS = TOP / "tests/runtime/software"
MPTCP = ["python3", "-S", "/software/mptcp.py"]
GO = "/usr/local/bin/http"
NAME = "packages.example"
ELSEWHERE = 8080          # a port of the neighbour that no policy names
# For a refusal, in an emulated machine. Only musl's waits for anything, the 2 s of resolv.conf.
PROMPT = 20


@dataclass
class Policy:
    """`port`: what its own server listens on. `peer`: a TCP port it may connect to, if any."""
    name: str
    annotations: dict
    port: int
    peer: int = 0
    dns: bool = True
    ping: bool = False
    restricts: bool = True


POLICIES = [
    Policy("none", {}, 80, peer=ELSEWHERE, ping=True, restricts=False),
    Policy("web, no worm", keys(create="allow", connect="deny", bind="tcp/80"), 80, dns=False),
    Policy("web+database", keys(mark="3", egress="udp/53 tcp/3306", bind="tcp/80"), 80, peer=3306),
    Policy("ftp", keys(connect="deny", bind="tcp/21 tcp/40000-40100"), 40000, dns=False),
    Policy("remote shell", keys(mark="5", egress="tcp/22 udp/53", bind="tcp/22"), 22, peer=22),
    Policy("mail", keys(bind="tcp/25", egress="tcp/25 udp/53"), 25, peer=25),
    Policy("mail+ping", keys(bind="tcp/25", egress="tcp/25 udp/53 icmp"), 25, peer=25, ping=True),
]


@dataclass
class Program:
    """`works`: whether it should, under a policy. `shows`: what its output has if it did.
    `silent`: what it is refused it does not say why, its exit status is all."""
    name: str
    command: list
    works: bool
    shows: str
    silent: bool = False
    ready: str = ""
    served: str = ""


def name_look_ups(policy):
    return [
        Program("getent (glibc)", ["getent", "ahostsv4", NAME], policy.dns, NEIGHBOUR4,
                silent=True),
        Program("resolve (musl)", ["/software/resolve", NAME], policy.dns, NEIGHBOUR4),
    ]


def clients(policy):
    peer = policy.peer or ELSEWHERE
    may = bool(policy.peer)
    source = f"deb [trusted=yes] http://{NAME}:{peer}/packages ./"
    # What it tries again it would wait for.
    apt = "apt-get -q -y -o Acquire::Retries=0"
    apt = (f"echo '{source}' >/etc/apt/sources.list && {apt} update --error-on=any && "
           f"{apt} install socklid-test-package && socklid-test-package")
    return name_look_ups(policy) + [
        Program("ping", ["ping", "-c", "1", "-W", "5", NEIGHBOUR4], policy.ping, "1 received"),
        Program("curl", ["curl", "-sS", f"http://{NEIGHBOUR4}:{peer}/"], may, f"port {peer}"),
        Program("curl elsewhere", ["curl", "-sS", f"http://{NEIGHBOUR4}:{ELSEWHERE}/"],
                not policy.restricts, f"port {ELSEWHERE}"),
        Program("MPTCP or TCP client", [*MPTCP, "get", NEIGHBOUR4, str(peer)], may,
                f"by {protocol(policy)}: HTTP"),
        Program("Go client", [GO, "get", f"http://{NAME}:{peer}/"], may, f"port {peer}"),
        Program("apt", ["sh", "-c", apt], may, "the package works"),
    ]


def root_shell(policy):
    return [
        Program("su, by PAM", ["su", "-", "user", "-c", "id"], True, "uid=1000(user)"),
        Program("login, by PAM", ["script", "-qec", "login -f user", "/dev/null"], True,
                "uid=1000(user)"),
        Program("useradd, with audit", ["useradd", "second"], True, ""),
        Program("ip addr", ["ip", "addr"], True, CONTAINER4),
        Program("ip route", ["ip", "route"], True, f"default via {NEIGHBOUR4}"),
        Program("ss -tln", ["ss", "-tln"], True, f":{policy.port} "),
        Program("hostname", ["hostname"], True, "socklid-test"),
        Program("getent hosts", ["getent", "hosts", "localhost"], True, "localhost"),
        Program("id", ["id"], True, "uid=0(root)"),
    ]


def protocol(policy):
    return "TCP" if policy.restricts else "MPTCP"


def servers(policy):
    port = str(policy.port)
    return [
        Program("Python web server", ["python3", "-u", "-m", "http.server", port], True, "<title>",
                ready="Serving HTTP on", served='"GET / '),
        Program("MPTCP or TCP server", [*MPTCP, "serve", port], True,
                "hello from MPTCP", ready=f"listening by {protocol(policy)}", served="served"),
        Program("Go web server", [GO, "serve", f":{port}"], True, "hello from Go",
                ready="listening", served="served"),
        Program("server elsewhere", [*MPTCP, "serve", str(ELSEWHERE)], not policy.restricts,
                "hello from MPTCP", ready="listening", served="served"),
    ]


def plan(policy):
    return clients(policy) + root_shell(policy), servers(policy)


# The container ------------------------------------------------------------------------------------


def package(work):
    """The pages of a repository with one package in it."""
    tree = Path(work) / "package"
    script = write(tree / "usr/bin/socklid-test-package", "#!/bin/sh\necho the package works\n")
    script.chmod(0o755)
    control = ("Package: socklid-test-package\nVersion: 1\nArchitecture: all\n"
               "Maintainer: nobody <nobody@example.com>\nDescription: a test\n")
    write(tree / "DEBIAN/control", control)
    archive = Path(work) / "package.deb"
    run("dpkg-deb", "--build", "--root-owner-group", "-Znone", tree, archive)
    data = archive.read_bytes()
    index = (f"{control}Filename: ./package.deb\nSize: {len(data)}\n"
             f"SHA256: {sha256(data).hexdigest()}\n\n").encode()
    # Names the one index there is: apt asks for no other kind of it.
    release = ("Date: Sun, 01 Jan 2023 00:00:00 UTC\nSHA256:\n"
               f" {sha256(index).hexdigest()} {len(index)} Packages\n").encode()
    return {"/packages/./Release": release, "/packages/./Packages": index,
            "/packages/./package.deb": data}


def furnish(root, resolver):
    """What the programs need of their machine."""
    for name in ("driver.py", "mptcp.py"):
        target = root / "software" / name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(PROGRAMS / name, target)
    shutil.copy(resolver, root / "software/resolve")
    write(root / "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    write(root / "etc/resolv.conf", f"nameserver {NEIGHBOUR4}\noptions timeout:2 attempts:1\n")
    accounts = {"passwd": "user:x:1000:1000::/home/user:/bin/sh", "group": "user:x:1000:",
                "shadow": "user:*:19000:0:99999:7:::"}
    for name, line in accounts.items():
        with open(root / "etc" / name, "a") as file:
            print(line, file=file)
    write(root / "home/user/.profile", "id\n")


@contextmanager
def machine(session, tree):
    """A writable root over the tree, as good as new."""
    work = Path(session.work) / "software"
    parts = {name: work / name for name in ("upper", "work", "root")}
    for part in parts.values():
        part.mkdir(parents=True)
    run("mount", "-t", "overlay", "-o",
        f"lowerdir={tree},upperdir={parts['upper']},workdir={parts['work']}", "overlay",
        parts["root"])
    try:
        furnish(parts["root"], session.resolver)
        yield parts["root"]
    finally:
        run("umount", parts["root"])
        shutil.rmtree(work)


def entry(program):
    members = {"name": program.name, "command": program.command}
    if program.ready:
        members.update(ready=program.ready, served=program.served)
    return members


def outcomes(container, policy, servers):
    """{program: what the driver says of it}, with the page that a server gave."""
    seen, pages = {}, {}
    while True:
        line = container.lines.get(timeout=120)
        if line is None:
            return seen
        if not line.startswith("{"):
            continue
        said = json.loads(line)
        if "serving" in said:
            port = ELSEWHERE if said["serving"] == "server elsewhere" else policy.port
            pages[said["serving"]] = servers.visit(port)
            servers.visit(port)  # the driver ends the server
        else:
            said["page"] = pages.get(said["name"])
            seen[said["name"]] = said


def run_programs(session, tree, policy, servers):
    first, last = plan(policy)
    document = {"port": policy.port, "clients": list(map(entry, first)),
                "servers": list(map(entry, last))}
    with machine(session, tree) as root:
        options = Options(annotations=policy.annotations, rootfs=root)
        command = ["python3", "-S", "/software/driver.py", json.dumps(document)]
        container = session.crun.start(command, options)
        try:
            seen = outcomes(container, policy, servers)
            return seen, container.finish().text
        finally:
            container.remove()


# What is said of it -------------------------------------------------------------------------------


def judge(program, said):
    """(the table's word, why it is not as it should be)"""
    text = f"exit {said['status']} after {said['seconds']} s: {said['output'] or 'no output'}"
    if said["status"] < 0:
        return "KILLED", text
    shown = said["page"] if program.ready else said["output"]
    works = said["status"] == 0 and program.shows in (shown or "")
    if works != program.works:
        return "WORKS" if works else "REFUSED", text
    if not works and said["seconds"] > PROMPT:
        return "LATE", text
    if not works and not (program.silent or said["output"].strip()):
        return "SILENT", text
    return "works" if works else "refused", None


def rootfs():
    tree = os.environ.get("SOCKLID_ROOTFS")
    if not tree or not Path(tree, "usr/local/bin/http").exists():
        raise Skip("no SOCKLID_ROOTFS with the programs in it (tests/vm/rootfs)")
    return tree


@group("software")
def _(session, record):
    tree = rootfs()
    if session.resolver is None:
        raise Skip("no musl-gcc (Debian: musl-tools)")
    programs = [program.name for part in plan(POLICIES[0]) for program in part]
    table = Table("program", programs, [policy.name for policy in POLICIES])
    session.tables.append(table)
    ports = sorted({policy.peer for policy in POLICIES if policy.peer} | {ELSEWHERE})
    with session.network.quiet(), NeighbourServers(package(session.work), ports) as servers:
        for policy in POLICIES:
            seen, text = run_programs(session, tree, policy, servers)
            for program in (program for part in plan(policy) for program in part):
                name = f"software: {program.name} [{policy.name}]"
                if program.name not in seen:
                    record(name, f"it was not run: {text[-300:]}")
                    continue
                word, why = judge(program, seen[program.name])
                table.set(program.name, policy.name, word)
                record(name, why)
    empty = [f"{row} [{column}]" for row, column in table.empty()]
    record("software: every program under every policy", f"not tried: {empty}" if empty else None)
