# SPDX-License-Identifier: Apache-2.0
"""docs/recipes/pop3.md: Dovecot with a worm in its container, sealed as on the page and without a
policy.

Fails when: a user cannot read mail, in sessions one after the other, side by side, after a reload
of the configuration, or after the worm; without the policy a step of the worm does not work, or the
neighbour does not see it; or sealed a step works that the page says is refused, with a new socket
or with one from before the seal.
"""

import poplib
import threading
from contextlib import closing

from harness.commands import TIMEOUT, wait_until
from harness.network import CONTAINER4, CONTAINER6
from harness.observer import Observer, observe
from harness.recipe import Page, from_outside, release, serving
from harness.runner import expect_equal, group
from harness.sheet import Sheet

PAGE, CONTAINER = "pop3", "pop3"
OK, DENIED, FAMILY, PROTOCOL = "ok", "EPERM", "EAFNOSUPPORT", "EPROTONOSUPPORT"
PASSWORD = "a password"
MAIL = ("From sender@example Sun Nov 22 00:00:00 2026\nFrom: sender@example\nSubject: {0}\n\n"
        "This is number {0}.\n\n")
NUMBER = 3  # of messages
SIDE_BY_SIDE = 4
MOVE_IN = ("useradd --create-home user && cat >/var/mail/user && chown user:mail /var/mail/user && "
           "chmod 660 /var/mail/user")

# step: what comes of it without a policy, and sealed.
STEPS = {
    "create.tcp4": (OK, DENIED),
    "create.tcp6": (OK, DENIED),
    "create.udp4": (OK, DENIED),
    "create.udp6": (OK, DENIED),
    "create.raw4": (OK, PROTOCOL),
    "create.raw6": (OK, PROTOCOL),
    "create.packet": (OK, FAMILY),
    "connect.tcp4:80": (OK, DENIED),
    "connect.tcp6:80": (OK, DENIED),
    "connect.mapped:80": (OK, DENIED),
    "fastopen.tcp4:80": (OK, DENIED),
    "connect.udp4:1434": (OK, DENIED),
    "send.udp4:53": (OK, DENIED),
    "send.udp6:1434": (OK, DENIED),
    "raw.udp4:1434": (OK, PROTOCOL),
    "packet.udp4:1434": (OK, FAMILY),
    "door.tcp4:10999": (OK, DENIED),
    "door.tcp6:10999": (OK, DENIED),
    "door.unbound": (OK, DENIED),
    "early.connect.tcp4:80": (OK, DENIED),
    "early.connect.tcp6:80": (OK, DENIED),
    "early.fastopen.tcp4:80": (OK, DENIED),
    "early.again.tcp4:80": (OK, DENIED),
    "early.send.udp4:1434": (OK, DENIED),
    "early.connect.udp6:1434": (OK, DENIED),
    "early.bind.udp4:10999": (OK, DENIED),
    "early.door.tcp4:10999": (OK, DENIED),
    "early.door.tcp6:10999": (OK, DENIED),
    "early.door.unbound": (OK, DENIED),
}
# Dovecot's processes that talk to strangers are this user's.
USER = "dovenull"
USER_STEPS = ["create.tcp4", "create.udp6", "connect.tcp4:80", "connect.tcp6:80", "send.udp4:53",
              "door.tcp4:10999"]
POLICIES = ("none", CONTAINER)
COLUMNS = [f"{policy}, {who}" for policy in POLICIES for who in ("root", USER)]


def read_mail(address=CONTAINER4):
    """One session. Its TCP port is the client's own."""
    session = from_outside(lambda: poplib.POP3(address, timeout=TIMEOUT))
    with closing(session):
        session.user("user")
        session.pass_(PASSWORD)
        expect_equal(session.stat()[0], NUMBER, "messages")
        for number in range(1, NUMBER + 1):
            lines = session.retr(number)[1]
            expect_equal(lines[-1].decode(), f"This is number {number}.", "what a message says")
        session.quit()


def one_after_the_other():
    for address in (CONTAINER4, CONTAINER6, CONTAINER4):
        read_mail(address)


def side_by_side():
    """All are logged in before the first goes on."""
    errors, everybody = [], threading.Barrier(SIDE_BY_SIDE)

    def work():
        try:
            session = from_outside(lambda: poplib.POP3(CONTAINER4, timeout=TIMEOUT))
            with closing(session):
                session.user("user")
                session.pass_(PASSWORD)
                everybody.wait(TIMEOUT)
                expect_equal(session.stat()[0], NUMBER, "messages")
                session.quit()
        except Exception as error:  # the caller's to tell
            everybody.abort()
            errors.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=work) for _ in range(SIDE_BY_SIDE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect_equal(errors, [], "errors")


def after_a_reload(server):
    server.enter("doveadm", "reload")
    server.wait_for("SIGHUP received - reloading configuration")
    one_after_the_other()
    side_by_side()


def greets():
    """Whether there is Dovecot's greeting, on both listeners."""
    def visit():
        for address in (CONTAINER4, CONTAINER6):
            poplib.POP3(address, timeout=TIMEOUT).close()
        return True

    try:
        return from_outside(visit)
    except ConnectionRefusedError:
        return False


def furnish(server):
    mailbox = "".join(MAIL.format(number) for number in range(1, NUMBER + 1))
    server.enter("sh", "-ec", MOVE_IN, stdin=mailbox)
    server.enter("chpasswd", stdin=f"user:{PASSWORD}\n")


def go(session, sheet, policy):
    which = POLICIES.index(policy)
    with serving(session, Page(PAGE), CONTAINER, policy=bool(which), early=True) as server:
        wait_until(greets, "dovecot greets", TIMEOUT)
        furnish(server)
        sheet.call("one after the other", f"{policy}, root", one_after_the_other)
        sheet.call("side by side", f"{policy}, root", side_by_side)
        sheet.call("after a reload", f"{policy}, root", lambda: after_a_reload(server))
        for who, steps in (("root", STEPS), (USER, USER_STEPS)):
            expected = {step: STEPS[step][which] for step in steps}
            with Observer() as observer:
                sheet.put_all(f"{policy}, {who}", observe(
                    observer, expected, lambda steps, who=who: release(server, steps, who)))
        sheet.call("after the worm", f"{policy}, root", one_after_the_other)


@group("recipe pop3")
def _(session, record):
    services = ["one after the other", "side by side", "after a reload", "after the worm"]
    rows = [*services, *STEPS, "nothing else left"]
    sheet = Sheet(session, record, PAGE, rows, COLUMNS)
    sheet.does_not_apply(set(rows[:-1]) - set(USER_STEPS), COLUMNS[1::2])
    with session.network.quiet():
        for policy in POLICIES:
            go(session, sheet, policy)
    sheet.require_full()
