# SPDX-License-Identifier: Apache-2.0
"""docs/recipes/http-worm.md: Apache with a worm in it, under the page's two policies and under
none, with its event workers, and sealed with its prefork workers too.

Fails when: without a policy a step of the worm does not work, or the neighbour does not see it;
under a policy a step works that the page says is refused, or the other way round; anything else
leaves the container; a request is not answered, by HTTP or HTTPS; or a graceful reload does not
replace every worker.
"""

import http.client
import os
import re
import select
import signal
import ssl
import threading
from pathlib import Path

from harness.commands import TIMEOUT, wait_until
from harness.network import CONTAINER4
from harness.observer import Observer, observe
from harness.recipe import Page, from_outside, release, serving
from harness.runner import expect, expect_equal, group, is_thorough, leave, test
from harness.result_table import ResultTable

PAGE = "http-worm"
TEXT = "hello from the recipe\n"
PREFORK = "a2dismod -q mpm_event && a2enmod -q mpm_prefork"
SETTING = "sed -i 's/{0}.*/{0} {1}/' /etc/apache2/mods-available/mpm_prefork.conf"
SPARES = SETTING.format("MaxSpareServers", 150)  # as the page says
MPM = {"event": [], "prefork": [PREFORK, SPARES]}
CANNOT_WAKE = "AH00054"  # a worker that is to end, by a connection to the server itself
REQUESTS = 50 if is_thorough() else 10  # by each visitor
OK, DENIED, RESET = "ok", "EPERM", "ECONNREFUSED"
FAMILY, PROTOCOL = "EAFNOSUPPORT", "EPROTONOSUPPORT"

# step: what comes of it without a policy, in `web-sealed`, in `web-marked`.
STEPS = {
    "create.tcp4": (OK, DENIED, OK),
    "create.tcp6": (OK, DENIED, OK),
    "create.udp4": (OK, DENIED, OK),
    "create.udp6": (OK, DENIED, OK),
    "create.raw4": (OK, PROTOCOL, PROTOCOL),
    "create.raw6": (OK, PROTOCOL, PROTOCOL),
    "create.packet": (OK, FAMILY, FAMILY),
    "connect.tcp4:80": (OK, DENIED, RESET),
    "connect.tcp4:22": (OK, DENIED, RESET),
    "connect.tcp4:25": (OK, DENIED, RESET),
    "connect.tcp6:80": (OK, DENIED, RESET),
    "connect.tcp6:25": (OK, DENIED, RESET),
    "connect.mapped:80": (OK, DENIED, RESET),
    "connect.tcp4:3306": (OK, DENIED, OK),
    "fastopen.tcp4:80": (OK, DENIED, RESET),
    "connect.udp4:1434": (OK, DENIED, DENIED),
    "send.udp4:1434": (OK, DENIED, DENIED),
    "send.udp6:1434": (OK, DENIED, DENIED),
    "send.udp4:53": (OK, DENIED, OK),
    "raw.udp4:1434": (OK, PROTOCOL, PROTOCOL),
    "packet.udp4:1434": (OK, FAMILY, FAMILY),
    "bind.udp4:10999": (OK, DENIED, OK),
    "door.tcp4:10999": (OK, DENIED, DENIED),
    "door.tcp6:10999": (OK, DENIED, DENIED),
    "door.unbound": (OK, DENIED, DENIED),
    # By a program that was in the container before the server, and made its sockets then.
    "early.connect.tcp4:80": (OK, DENIED, RESET),
    "early.connect.tcp6:80": (OK, DENIED, RESET),
    "early.again.tcp4:80": (OK, DENIED, DENIED),
    "early.send.udp4:1434": (OK, DENIED, DENIED),
    "early.door.tcp4:10999": (OK, DENIED, DENIED),
}
CONTAINERS = ("none", "web-sealed", "web-marked")


def fetch(visitors, scheme):
    """The answers to so many visitors' requests, made side by side."""
    def work(answers):
        if scheme == "https":
            connection = http.client.HTTPSConnection(CONTAINER4, timeout=TIMEOUT,
                                                     context=trusting())
        else:
            connection = http.client.HTTPConnection(CONTAINER4, timeout=TIMEOUT)
        while len(answers) < REQUESTS:
            try:
                connection.request("GET", "/")
                answer = connection.getresponse()
                answers.append((answer.status, answer.read().decode()))
            except http.client.RemoteDisconnected:
                pass  # a server may end what it keeps alive; the next request connects again
        connection.close()

    lists = [[] for _ in range(visitors)]
    threads = [threading.Thread(target=from_outside, args=(lambda a=a: work(a),)) for a in lists]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answer for answers in lists for answer in answers]


def trusting():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def visit():
    """Ten visitors, three times in each container: five hundred requests, or a hundred for each landing."""
    for scheme, visitors in (("http", 8), ("https", 2)):
        answers = fetch(visitors, scheme)
        expect_equal(answers.count((200, TEXT)), visitors * REQUESTS,
                     f"pages by {scheme}, of {set(answers)}")


def name_of(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "gone"


def workers(pid):
    """The server's own children; orphans of the worm's may be there too."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    pids = {int(child) for task in tasks for child in task.read_text().split()}
    return {child for child in pids if name_of(child) == "apache2"}


def ends_of(pids):
    """Descriptors that become readable when the processes end; of those that have not yet."""
    ends = {}
    for pid in pids:
        try:
            ends[pid] = os.pidfd_open(pid)
        except ProcessLookupError:
            pass
    return ends


def reload(server):
    """Every old worker ends, and there are new ones."""
    server_pid = server.pid
    old = workers(server_pid)
    ends = ends_of(old)
    expect(ends, f"there are no workers, of {old}")
    os.kill(server_pid, signal.SIGUSR1)
    server.wait_for("resuming normal operations")
    try:
        for pid, end in ends.items():
            expect(select.select([end], [], [], TIMEOUT)[0], f"worker {pid} of {old} goes on")
    finally:
        for end in ends.values():
            os.close(end)
    wait_until(lambda: workers(server_pid) - old, "there are new workers", TIMEOUT)


def serve(server):
    visit()
    reload(server)
    visit()


def go(session, table, container, mpm):
    column = f"{container}, {mpm}"
    which = CONTAINERS.index(container)
    with serving(session, Page(PAGE), container if which else "web-marked", policy=bool(which),
                 early=True, lay_over={"/var/www/html/index.html": TEXT}, also=MPM[mpm]) as server:
        server.wait_for("resuming normal operations")
        table.call("requests and a reload", column, lambda: serve(server))
        with Observer() as observer:
            for user in ("www-data", "root"):
                # Raw and packet sockets are root's anyway.
                expected = {step: wanted[which] for step, wanted in STEPS.items()
                            if user == "root" or not re.search("raw|packet", step)}
                table.put_all(column, observe(observer, expected,
                                              lambda s, u=user: release(server, s, u)), user)
        table.call("requests after the worm", column, visit)
        waking = [line for line in server.output if CANNOT_WAKE in line]
        table.record(f"{PAGE}: Apache complains of nothing [{column}]", "; ".join(waking) or None)


@test("recipe http-worm: prefork ends spare workers by connections to itself")
def _(session):
    """Why the page wants no spare worker ended: sealed, they stay, and Apache complains. It serves
    and reloads all the same."""
    if not is_thorough():
        leave("Apache's prefork, sealed: a container of its own, and its spare workers")
        return
    few = [PREFORK, SETTING.format("StartServers", 12)]  # of which Debian keeps 10
    with session.network.quiet():
        for policy in (False, True):
            with serving(session, Page(PAGE), "web-sealed", policy=policy, also=few,
                         lay_over={"/var/www/html/index.html": TEXT}) as server:
                server.wait_for("resuming normal operations")
                if policy:
                    server.wait_for(CANNOT_WAKE)
                    serve(server)
                else:
                    ends = ends_of(workers(server.pid))
                    expect(select.select(list(ends.values()), [], [], TIMEOUT)[0], "none ends")


@group("recipe http-worm")
def _(session, record):
    columns = [(container, "event") for container in CONTAINERS]
    if is_thorough():  # what prefork needs is a matter of the seal alone
        columns.append(("web-sealed", "prefork"))
    rows = ["requests and a reload", *STEPS, "nothing else left", "requests after the worm"]
    table = ResultTable(session, record, PAGE, rows, [", ".join(column) for column in columns])
    if not is_thorough():
        leave(f"five hundred requests to Apache at a time, not {10 * REQUESTS}")
    with session.network.quiet():
        for container, mpm in columns:
            go(session, table, container, mpm)
    table.require_full()
