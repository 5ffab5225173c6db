# SPDX-License-Identifier: Apache-2.0
"""docs/recipes/ftp-passive.md: vsftpd with a worm in it, under the page's two policies and none.

Fails when: without a policy a step of the worm does not work, or the neighbour does not see it;
under a policy a step works that the page says is refused, or the other way round; anything else
leaves the container; a user cannot log in; a passive transfer fails where the page says it works,
or works where it says it fails.
"""

import ftplib
import io

from harness.commands import TIMEOUT, wait_until
from harness.network import CONTAINER4
from harness.observer import Observer, observe
from harness.recipe import Page, from_outside, release, serving
from harness.runner import expect, expect_equal, group
from harness.result_table import ResultTable

PAGE = "ftp-passive"
USER, PASSWORD = "alice", "wonderland"  # the page's
DATA = bytes(range(256)) * 1024
OK, DENIED, FAMILY, PROTOCOL = "ok", "EPERM", "EAFNOSUPPORT", "EPROTONOSUPPORT"

CONTAINERS = ("none", "ftp", "ftp-control-only")
# step: what comes of it without a policy, in `ftp`, in `ftp-control-only`.
STEPS = {
    "create.tcp4": (OK, OK, DENIED),
    "create.udp6": (OK, OK, DENIED),
    "create.raw4": (OK, PROTOCOL, PROTOCOL),
    "create.raw6": (OK, PROTOCOL, PROTOCOL),
    "create.packet": (OK, FAMILY, FAMILY),
    "connect.tcp4:80": (OK, DENIED, DENIED),
    "connect.tcp4:22": (OK, DENIED, DENIED),
    "connect.tcp4:25": (OK, DENIED, DENIED),
    "connect.tcp6:80": (OK, DENIED, DENIED),
    "connect.tcp6:25": (OK, DENIED, DENIED),
    "connect.mapped:80": (OK, DENIED, DENIED),
    "fastopen.tcp4:80": (OK, DENIED, DENIED),
    "connect.udp4:1434": (OK, DENIED, DENIED),
    "send.udp4:53": (OK, DENIED, DENIED),
    "send.udp4:1434": (OK, DENIED, DENIED),
    "send.udp6:1434": (OK, DENIED, DENIED),
    "raw.udp4:1434": (OK, PROTOCOL, PROTOCOL),
    "packet.udp4:1434": (OK, FAMILY, FAMILY),
    "bind.udp4:10999": (OK, DENIED, DENIED),
    "door.tcp4:10999": (OK, DENIED, DENIED),
    "door.tcp6:10999": (OK, DENIED, DENIED),
    "door.unbound": (OK, DENIED, DENIED),
    # What passive mode leaves open.
    "door.tcp4:40100": (OK, OK, DENIED),
}
TRANSFERS = ("upload", "list", "download")
# What `ftp-control-only` is there to show.
TRANSFERRED = (OK, OK, "refused")


class Client(ftplib.FTP):
    """Logged in, to be used in the neighbour's namespace."""

    def __init__(self):
        super().__init__(timeout=TIMEOUT)
        self.connect(CONTAINER4, 21)
        self.login(USER, PASSWORD)

    def upload(self):
        self.storbinary("STOR file", io.BytesIO(DATA))

    def list(self):
        lines = []
        self.retrlines("LIST", lines.append)
        expect(any(line.endswith(" file") for line in lines), f"the list is {lines}")

    def download(self):
        data = io.BytesIO()
        self.retrbinary("RETR file", data.write)
        expect(data.getvalue() == DATA, f"{len(data.getvalue())} of {len(DATA)} bytes are the same")


def transfer(kind):
    """`ok`, or `refused` if vsftpd gives the session up, as it does when it cannot listen."""
    def work():
        client = Client()
        try:
            getattr(client, kind)()
            return OK, ""
        except ftplib.Error as error:
            return ("refused" if "500 OOPS" in str(error) else "other"), str(error)
        finally:
            client.close()
    return from_outside(work)


def is_up():
    def connects():
        with ftplib.FTP(timeout=TIMEOUT) as client:
            return client.connect(CONTAINER4, 21).startswith("220")
    try:
        return from_outside(connects)
    except ConnectionError:
        return False


def log_in():
    """One who may, and one who has the wrong password."""
    def work():
        with Client() as client:
            expect_equal(client.pwd(), f"/home/{USER}", "the directory after the login")
        with ftplib.FTP(timeout=TIMEOUT) as client:
            client.connect(CONTAINER4, 21)
            try:
                client.login(USER, PASSWORD + "?")
            except ftplib.error_perm:
                return
            expect(False, "any password opens")
    from_outside(work)


def serve(table, column, wanted, when):
    table.call(f"login {when}", column, log_in)
    for kind in TRANSFERS:
        word, said = transfer(kind)
        why = None if word == wanted else f"expected {wanted}: {word} {said}"
        table.put(f"{kind} {when}", column, word.upper() if why else word, why)


def go(session, table, container):
    which = CONTAINERS.index(container)
    with serving(session, Page(PAGE), container if which else "ftp", policy=bool(which)) as server:
        wait_until(is_up, "vsftpd greets", TIMEOUT)
        serve(table, container, TRANSFERRED[which], "before the worm")
        with Observer() as observer:
            expected = {step: wanted[which] for step, wanted in STEPS.items()}
            table.put_all(container,
                          observe(observer, expected, lambda steps: release(server, steps)))
        serve(table, container, TRANSFERRED[which], "after the worm")


@group("recipe ftp-passive")
def _(session, record):
    service = [f"{what} %s the worm" % when for when in ("before", "after")
               for what in ("login", *TRANSFERS)]
    rows = [*service[:4], *STEPS, "nothing else left", *service[4:]]
    table = ResultTable(session, record, PAGE, rows, CONTAINERS)
    with session.network.quiet():
        for container in CONTAINERS:
            go(session, table, container)
    table.require_full()
