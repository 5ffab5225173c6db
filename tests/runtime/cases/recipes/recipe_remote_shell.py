# SPDX-License-Identifier: Apache-2.0
"""docs/recipes/remote-shell.md: sshd and telnetd with a worm in their users' sessions, and in
root's, under the page's policy and under none.

Fails when: a user cannot log in by ssh with a key or by telnet with a password, or from there go on
by ssh to a host in the neighbourhood; without the policy a step of the worm does not work, or the
neighbour does not see it; under it a step works that the page says is refused; or a visitor's
forwarding leads elsewhere than to port 22.
"""

import socket
from contextlib import contextmanager

from harness.bundle import Options
from harness.commands import TIMEOUT, wait_until
from harness.network import CONTAINER4, NEIGHBOUR4, NEIGHBOUR6, OUTSIDE
from harness.observer import Observer, observe
from harness.recipe import Page, as_run, from_outside, image, release, serving
from harness.runner import expect, expect_equal, expect_in, group
from harness.runtimes import Container, next_name
from harness.result_table import ResultTable
from harness.telnet import Telnet

PAGE, CONTAINER = "remote-shell", "shell"
OK, DENIED, RESET = "ok", "EPERM", "ECONNREFUSED"
FAMILY, PROTOCOL = "EAFNOSUPPORT", "EPROTONOSUPPORT"
PASSWORD = "a password"
READY = "Server listening on :: port 22"
# Nobody is asked anything. An exchange of keys that post-quantum computers cannot undo takes seconds in an emulated machine.
CONFIG = ("Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  BatchMode yes\n"
          "  KexAlgorithms curve25519-sha256\n")
HOME = "/home/user/.ssh"
MOVE_IN = (f"umask 77; mkdir {HOME}; cat >{HOME}/id_ed25519; echo '{CONFIG}' >{HOME}/config; "
           f"ssh-keygen -y -f {HOME}/id_ed25519 >{HOME}/authorized_keys")

# step: what comes of it without a policy, and with the page's. Each door is a session more, so that
# users try one.
ROOT_STEPS = {
    "create.raw4": (OK, PROTOCOL),
    "create.raw6": (OK, PROTOCOL),
    "create.packet": (OK, FAMILY),
    "raw.udp4:1434": (OK, PROTOCOL),
    "packet.udp4:1434": (OK, FAMILY),
    "connect.udp4:1434": (OK, DENIED),
    "send.udp6:1434": (OK, DENIED),
    "door.tcp6:10999": (OK, DENIED),
    "door.unbound": (OK, DENIED),
}
STEPS = {
    "connect.tcp4:80": (OK, RESET),
    "connect.tcp4:25": (OK, RESET),
    "connect.tcp6:80": (OK, RESET),
    "connect.mapped:80": (OK, RESET),
    "fastopen.tcp4:80": (OK, RESET),
    "send.udp4:53": (OK, DENIED),
    "bind.udp4:10999": (OK, OK),  # nothing comes to it
    "door.tcp4:10999": (OK, DENIED),
}
POLICIES = ("none", CONTAINER)


def as_user(container, *command, check=True, stdin=None):
    return container.enter(*command, user="user", check=check, stdin=stdin)


def furnish(container, key):
    """The user has a password, and one key for all hosts."""
    container.enter("chpasswd", stdin=f"user:{PASSWORD}\n")
    as_user(container, "sh", "-ec", MOVE_IN, stdin=key)


@contextmanager
def neighbour(session):
    """A host of the same kind in the neighbour's namespace, without a policy."""
    page, name = Page(PAGE), next_name()
    with image(page, {}, []) as (root, command):
        words = as_run(page.command(CONTAINER), session.podman.name_flags(name), root, command,
                       f"/run/netns/{OUTSIDE}", False)
        with Container(session.podman, name, words, Options()) as host:
            host.wait_for(READY)
            yield host


class Shells:
    """The container, its visitors' ways in, and the host that they come from and go on to."""

    def __init__(self, server, elsewhere):
        self.server, self.elsewhere = server, elsewhere

    def ssh(self, *arguments, check=True):
        return as_user(self.elsewhere, "ssh", *arguments, check=check)

    def by_ssh(self, *command):
        return self.ssh(CONTAINER4, *command).out

    def log_in_by_ssh(self):
        expect_equal(self.by_ssh("id", "-un"), "user\n", "who that is")

    def log_in_by_telnet(self):
        with Telnet("user", PASSWORD) as session:
            expect_equal(session.run("id", "-un"), "user\n", "who that is")

    def go_on_from_ssh(self):
        where = self.by_ssh("ssh", "-q", NEIGHBOUR4, "hostname")
        expect_equal(where, as_user(self.elsewhere, "hostname").out, "where that is")

    def go_on_from_telnet(self):
        with Telnet("user", PASSWORD) as session:
            where = session.run("ssh", "-q", NEIGHBOUR6, "hostname")
        expect_equal(where, as_user(self.elsewhere, "hostname").out, "where that is")

    def forward(self, port, shows, works):
        """`ssh -W` to the neighbour's own port."""
        done = self.ssh("-W", f"{NEIGHBOUR4}:{port}", CONTAINER4, check=False)
        if works:
            expect_in(shows, done.text, "what the port says")
            return "works"
        expect(done.status != 0 and not done.out, f"it is forwarded: {done}")
        expect_in("Connection refused", done.err, "why not")
        return "refused"

    def listen(self, works):
        done = self.ssh("-o", "ExitOnForwardFailure=yes", "-R", "10999:localhost:22", CONTAINER4,
                        "true", check=False)
        if works:
            expect_equal(done.status, 0, f"ssh -R: {done.err}")
            return "works"
        expect_in("remote port forwarding failed", done.err, "ssh -R")
        return "refused"

    def services(self, free):
        """{row: what must not fail}"""
        return {
            "login by ssh": self.log_in_by_ssh,
            "login by telnet": self.log_in_by_telnet,
            "ssh on from ssh": self.go_on_from_ssh,
            "ssh on from telnet": self.go_on_from_telnet,
            "ssh -W to port 22": lambda: self.forward(22, "SSH-2.0", True),
            "ssh -W to port 23": lambda: self.forward(23, "\N{REPLACEMENT CHARACTER}", free),
            "ssh -R": lambda: self.listen(free),
        }

    def ways(self):
        """{who: how it makes the worm try steps}"""
        worm = ["/worm", "--victim4", NEIGHBOUR4, "--victim6", NEIGHBOUR6, "--own", CONTAINER4]

        def by_telnet(steps):
            with Telnet("user", PASSWORD) as session:
                return session.run(*worm, *steps)

        return {
            "root": lambda steps: release(self.server, steps),
            "ssh": lambda steps: answers(self.by_ssh(*worm, *steps)),
            "telnet": lambda steps: answers(by_telnet(steps)),
        }


def answers(text):
    return dict(line.split(" ", 1) for line in text.splitlines() if " " in line)


def answers_on(port):
    def visit():
        try:
            socket.create_connection((CONTAINER4, port), TIMEOUT).close()
            return True
        except ConnectionRefusedError:
            return False

    return from_outside(visit)


def go(session, table, policy, elsewhere, key):
    which = POLICIES.index(policy)
    with serving(session, Page(PAGE), CONTAINER, policy=bool(which)) as server:
        server.wait_for(READY)
        wait_until(lambda: answers_on(23), "inetd listens", TIMEOUT)
        furnish(server, key)
        shells = Shells(server, elsewhere)
        for row, function in shells.services(free=not which).items():
            table.call(row, f"{policy}, root", function)
        for who, attempt in shells.ways().items():
            column = f"{policy}, {who}"
            steps = STEPS | (ROOT_STEPS if who == "root" else {})
            expected = {step: wanted[which] for step, wanted in steps.items()}
            # The neighbour's own sshd and telnetd have the other ports.
            with Observer(tcp=(25, 80, 3306)) as observer:
                table.put_all(column, observe(observer, expected, attempt))
        table.call("ssh on, after the worm", f"{policy}, root", shells.go_on_from_telnet)


@group("recipe remote-shell")
def _(session, record):
    columns = [f"{policy}, {who}" for policy in POLICIES for who in ("root", "ssh", "telnet")]
    users = [column for column in columns if not column.endswith("root")]
    services = [*Shells(None, None).services(True), "ssh on, after the worm"]
    rows = [*services, *ROOT_STEPS, *STEPS, "nothing else left"]
    table = ResultTable(session, record, PAGE, rows, columns)
    table.does_not_apply([*services, *ROOT_STEPS], users)
    with session.network.quiet(), neighbour(session) as elsewhere:
        elsewhere.enter("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/key")
        key = elsewhere.enter("cat", "/key").out
        furnish(elsewhere, key)
        for policy in POLICIES:
            go(session, table, policy, elsewhere, key)
    table.require_full()
