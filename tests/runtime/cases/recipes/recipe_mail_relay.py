# SPDX-License-Identifier: Apache-2.0
"""docs/recipes/mail-relay.md: sendmail with a worm in its container, sealed as on the page and
without a policy.

Fails when: mail from the neighbour does not come to a local user's mailbox, or mail submitted
inside does not come to the neighbour's mail server, before the worm or after it; without the policy
a step of the worm does not work, or the neighbour does not see it; or sealed a step works that the
page says is refused, with a new socket or with one from before the seal; or SIGHUP does not end a
sealed sendmail.
"""

import os
import signal
import smtplib
from pathlib import Path

from harness.commands import TIMEOUT, wait_until
from harness.network import CONTAINER4
from harness.observer import Observer, observe
from harness.recipe import Page, from_outside, release, serving
from harness.runner import expect_in, group
from harness.result_table import ResultTable
from harness.neighbour_servers import mail_server

PAGE, CONTAINER = "mail-relay", "mail"
OK, DENIED, FAMILY, PROTOCOL = "ok", "EPERM", "EAFNOSUPPORT", "EPROTONOSUPPORT"
# What podman would write; the tests' podman writes none.
HOSTS = f"127.0.0.1 localhost\n{CONTAINER4} mail.example mail\n"

# step: what comes of it without a policy, and sealed.
STEPS = {
    "create.raw4": (OK, PROTOCOL),
    "create.raw6": (OK, PROTOCOL),
    "create.packet": (OK, FAMILY),
    "connect.tcp4:25": (OK, OK),
    "connect.tcp4:80": (OK, DENIED),
    "connect.tcp4:22": (OK, DENIED),
    "connect.tcp6:80": (OK, DENIED),
    "connect.mapped:80": (OK, DENIED),
    "fastopen.tcp4:80": (OK, DENIED),
    "send.udp4:53": (OK, OK),
    "connect.udp4:1434": (OK, DENIED),
    "send.udp6:1434": (OK, DENIED),
    "raw.udp4:1434": (OK, PROTOCOL),
    "packet.udp4:1434": (OK, FAMILY),
    "bind.udp4:10999": (OK, DENIED),
    "door.tcp4:10999": (OK, DENIED),
    "door.tcp6:10999": (OK, DENIED),
    "door.unbound": (OK, DENIED),
    "early.connect.tcp4:80": (OK, DENIED),
    "early.fastopen.tcp4:80": (OK, DENIED),
    "early.again.tcp4:80": (OK, DENIED),
    "early.send.udp4:1434": (OK, DENIED),
    "early.bind.udp4:10999": (OK, DENIED),
    "early.door.tcp4:10999": (OK, DENIED),
    "early.door.tcp6:10999": (OK, DENIED),
    "early.door.unbound": (OK, DENIED),
}
# A local user, as whom programs run that mail is given to.
USER = "user"
USER_STEPS = ["connect.tcp4:80", "connect.tcp6:80", "send.udp4:53", "send.udp6:1434",
              "bind.udp4:10999", "door.tcp4:10999"]
POLICIES = ("none", CONTAINER)
COLUMNS = [f"{policy}, {who}" for policy in POLICIES for who in ("root", USER)]


def greets():
    try:
        return from_outside(lambda: smtplib.SMTP(CONTAINER4, timeout=TIMEOUT)).close() is None
    except ConnectionRefusedError:
        return False


class Relay:
    def __init__(self, server):
        self.server = server
        self.mailbox = Path(f"/proc/{server.pid}/root/var/mail/user")
        self.pid_file = Path(f"/proc/{server.pid}/root/run/sendmail/mta/sendmail.pid")

    def take_in(self, text):
        """From the neighbour, for a local user."""
        client = from_outside(lambda: smtplib.SMTP(CONTAINER4, timeout=TIMEOUT))
        client.sendmail("sender@elsewhere.example", ["user@mail.example"],
                        f"Subject: in\n\n{text}\n")
        client.quit()
        wait_until(lambda: self.mailbox.exists() and text in self.mailbox.read_text(),
                   "the user has the mail", TIMEOUT)

    def give_out(self, text, mail):
        """From a user of the container, for somebody elsewhere."""
        self.server.enter("sendmail", "somebody@elsewhere.example", user="user",
                          stdin=f"Subject: out\n\n{text}\n")
        expect_in(text, mail.get(timeout=TIMEOUT), "the mail that came")

    def start_again(self, free):
        """In place, by SIGHUP: with new listeners, which come too late in a sealed container."""
        before = self.pid_file.stat().st_mtime_ns
        os.kill(self.server.pid, signal.SIGHUP)
        if not free:
            expect_in("cannot bind: Operation not permitted", self.server.finish().text, "its end")
            return "ends"
        wait_until(lambda: self.pid_file.stat().st_mtime_ns != before, "it starts again", TIMEOUT)
        wait_until(greets, "it greets again", TIMEOUT)
        return "works"


def serve(table, policy, relay, when):
    with mail_server() as mail:
        column = f"{policy}, root"
        table.call(f"mail in, {when}", column, lambda: relay.take_in(f"in, {when}"))
        table.call(f"mail out, {when}", column, lambda: relay.give_out(f"out, {when}", mail))


def go(session, table, policy):
    which = POLICIES.index(policy)
    with serving(session, Page(PAGE), CONTAINER, policy=bool(which), early=True,
                 lay_over={"/etc/hosts": HOSTS}) as server:
        wait_until(greets, "sendmail greets", TIMEOUT)
        relay = Relay(server)
        serve(table, policy, relay, "first")
        for who, steps in (("root", STEPS), (USER, USER_STEPS)):
            expected = {step: STEPS[step][which] for step in steps}
            with Observer() as observer:
                table.put_all(f"{policy}, {who}", observe(
                    observer, expected, lambda steps, who=who: release(server, steps, who)))
        serve(table, policy, relay, "after the worm")
        table.call("SIGHUP", f"{policy}, root", lambda: relay.start_again(free=not which))


@group("recipe mail-relay")
def _(session, record):
    services = [f"mail {way}, {when}" for when in ("first", "after the worm")
                for way in ("in", "out")] + ["SIGHUP"]
    rows = [*services, *STEPS, "nothing else left"]
    table = ResultTable(session, record, PAGE, rows, COLUMNS)
    table.does_not_apply(set(rows[:-1]) - set(USER_STEPS), COLUMNS[1::2])
    with session.network.quiet():
        for policy in POLICIES:
            go(session, table, policy)
    table.require_full()
