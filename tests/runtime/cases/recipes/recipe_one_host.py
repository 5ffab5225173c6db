# SPDX-License-Identifier: Apache-2.0
"""docs/recipes/one-host.md: five servers under one script, each a subject with a worm in it, under the
page's policy and under none.

Fails when: a client is not served before the worm, after it, or after the server was killed and started
again; mail that a CGI program sends does not leave; without the policy a step of a worm does not work, or
the neighbour does not see it; under it a worm in one of the servers can do what the page says is refused,
in the first run of the server or in its second; or somebody in the container changes /usr/sbin.
"""

import ftplib
import http.client
import io
import os
import poplib
import socket
from contextlib import closing
from pathlib import Path

from harness.commands import TIMEOUT, wait_until
from harness.network import CONTAINER4, NEIGHBOUR4, NEIGHBOUR6
from harness.observer import Observer, observe
from harness.recipe import Page, from_outside, serving
from harness.runner import expect, expect_equal, expect_in, group
from harness.result_table import ResultTable
from harness.neighbour_servers import mail_server
from harness.telnet import Telnet

PAGE, CONTAINER = "one-host", "one-host"
OK, DENIED, RESET = "ok", "EPERM", "ECONNREFUSED"
USER, PASSWORD = "alice", "wonderland"  # the page's
POLICIES = ("none", CONTAINER)
WORM = ["/worm", "--victim4", NEIGHBOUR4, "--victim6", NEIGHBOUR6, "--own", CONTAINER4]
PORTS = (21, 22, 23, 80, 110, 443)
# What podman would write; the tests' podman writes none.
HOSTS = f"127.0.0.1 localhost\n{CONTAINER4} one-host.example one-host\n"
PAGE_TEXT = "a page of ours\n"

# What a server starts when it is told to. Those that run no program of a visitor's run one of PAM's.
STEPS_FILE, SAID_FILE = "/tmp/worm-steps", "/tmp/worm-said"
RELEASE = f"""#!/bin/sh
exec 2>&1
{' '.join(WORM)} $(cat {STEPS_FILE}) >{SAID_FILE}.new
mv {SAID_FILE}.new {SAID_FILE}
"""
CGI_WORM = f"""#!/bin/sh
echo Content-Type: text/plain
echo
exec {' '.join(WORM)} $(echo "$QUERY_STRING" | tr , ' ') 2>&1
"""
CGI_MAIL = """#!/bin/sh
echo Content-Type: text/plain
echo
printf 'Subject: %s\\n\\n%s\\n' "$QUERY_STRING" "$QUERY_STRING" |
    /usr/sbin/sendmail somebody@elsewhere.example 2>&1 && echo sent
"""
LAY_OVER = {
    "/etc/hosts": HOSTS,
    "/var/www/html/index.html": PAGE_TEXT,
    "/usr/lib/cgi-bin/worm": CGI_WORM,
    "/usr/lib/cgi-bin/mail": CGI_MAIL,
    "/release": RELEASE,
    "/worm-aliases": "worm: |/release\n",
}
ALSO = (
    # PAM closes all descriptors that a program may have, one by one.
    "sed -i '1a ulimit -n 1024' /usr/local/bin/supervise",
)
PAM = "\naccount optional pam_exec.so seteuid quiet /release\n"

# step: what comes of it in each server; without a policy all work.
SERVERS = ("apache", "vsftpd", "dovecot", "sshd", "telnet", "sendmail")
STEPS = {
    "create.tcp4": (DENIED, OK, DENIED, OK, OK, OK),
    "connect.tcp4:80": (DENIED, DENIED, DENIED, RESET, RESET, OK),
    "connect.tcp6:3306": (DENIED, DENIED, DENIED, RESET, RESET, OK),
    "connect.tcp4:22": (DENIED, DENIED, DENIED, OK, OK, OK),
    "send.udp4:1434": (DENIED, DENIED, DENIED, DENIED, DENIED, OK),
    "door.tcp4:10999": (DENIED, DENIED, DENIED, DENIED, DENIED, DENIED),
    "door.unbound": (DENIED, DENIED, DENIED, DENIED, DENIED, DENIED),
    "door.tcp4:40100": (DENIED, OK, DENIED, DENIED, DENIED, DENIED),
}
KINDS = ("web", "files", "mailboxes", "shells")
SERVICES = [*(f"{what} before the worm" for what in KINDS), "mail of a CGI", "changing /usr/sbin"]
LATER = [*(f"{what} {when}" for when in ("after the worm", "by the second run") for what in KINDS),
         "mail of a CGI, second run"]
AGAIN = ("create.tcp4", "connect.tcp4:80", "door.tcp4:10999")


def fetch(path):
    def visit():
        connection = http.client.HTTPConnection(CONTAINER4, timeout=TIMEOUT)
        with closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
    return from_outside(visit)


def answers(text):
    return dict(line.split(" ", 1) for line in text.splitlines() if " " in line)


class Host:
    """The container, what its clients get, and the worm in each of its servers."""

    def __init__(self, server):
        self.server = server
        self.root = Path(f"/proc/{server.pid}/root")

    # What clients get ---------------------------------------------------------------------------

    def web(self):
        expect_equal(fetch("/"), (200, PAGE_TEXT), "the page")

    def files(self):
        def work():
            with ftplib.FTP(CONTAINER4, timeout=TIMEOUT) as client:
                client.login(USER, PASSWORD)
                client.storbinary("STOR file", io.BytesIO(b"some bytes"))
                data = io.BytesIO()
                client.retrbinary("RETR file", data.write)
                expect_equal(data.getvalue(), b"some bytes", "the file that was stored")
        from_outside(work)

    def log_in(self):
        def work():
            with ftplib.FTP(CONTAINER4, timeout=TIMEOUT) as client:
                client.login(USER, PASSWORD)
        from_outside(work)

    def mailboxes(self):
        def work():
            with closing(poplib.POP3(CONTAINER4, timeout=TIMEOUT)) as session:
                session.user(USER)
                session.pass_(PASSWORD)
                expect_equal(session.stat(), (0, 0), "messages")
                session.quit()
        from_outside(work)

    def by_ssh(self, *command):
        return self.server.enter("ssh", "-q", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
                                 f"{USER}@127.0.0.1", *command, user=USER).out

    def shells(self):
        expect_equal(self.by_ssh("id", "-un"), f"{USER}\n", "who that is by ssh")
        with Telnet(USER, PASSWORD) as session:
            expect_equal(session.run("id", "-un"), f"{USER}\n", "who that is by telnet")

    def mail(self, word):
        with mail_server() as mail:
            status, said = fetch(f"/cgi-bin/mail?{word}")
            expect_equal((status, said.splitlines()[-1:]), (200, ["sent"]), f"what the CGI says: {said}")
            expect_in(word, mail.get(timeout=TIMEOUT), "the mail that came")

    def services(self):
        return {"web": self.web, "files": self.files, "mailboxes": self.mailboxes, "shells": self.shells}

    # The worm -----------------------------------------------------------------------------------

    def put_down(self, steps):
        """For the next one who calls RELEASE."""
        (self.root / SAID_FILE.lstrip("/")).unlink(missing_ok=True)
        (self.root / STEPS_FILE.lstrip("/")).write_text(" ".join(steps))

    def pick_up(self):
        said = self.root / SAID_FILE.lstrip("/")
        wait_until(said.exists, "the worm has ended", TIMEOUT)
        return answers(said.read_text())

    def at_login(self, service, log_in):
        """By a program that PAM starts. Not at other times: vsftpd transfers no files after that."""
        def attempt(steps):
            pam = self.root / "etc/pam.d" / service
            before = pam.read_text()
            self.put_down(steps)
            pam.write_text(before + PAM)
            try:
                log_in()
            finally:
                pam.write_text(before)
            return self.pick_up()
        return attempt

    def by_alias(self, steps):
        self.put_down(steps)
        self.server.enter("sendmail", "-Am", "-oA/worm-aliases", "worm", stdin="Subject: worm\n\n.\n")
        return self.pick_up()

    def by_telnet(self, steps):
        with Telnet(USER, PASSWORD) as session:
            return answers(session.run(*WORM, *steps))

    def ways(self):
        return {
            "apache": lambda steps: answers(fetch(f"/cgi-bin/worm?{','.join(steps)}")[1]),
            "vsftpd": self.at_login("vsftpd", self.log_in),
            "dovecot": self.at_login("dovecot", self.mailboxes),
            "sshd": lambda steps: answers(self.by_ssh(*WORM, *steps)),
            "telnet": self.by_telnet,
            "sendmail": self.by_alias,
        }

    # Its life -----------------------------------------------------------------------------------

    def furnish(self):
        home = f"/home/{USER}/.ssh"
        self.server.enter("sh", "-ec", f"umask 77; mkdir {home}; ssh-keygen -q -t ed25519 -N '' -f {home}/id_ed25519; "
                          f"cp {home}/id_ed25519.pub {home}/authorized_keys", user=USER)
        self.server.enter("sh", "-ec", "newaliases -oA/worm-aliases")

    def main_process(self, name):
        """The server itself, not one of its children."""
        found = self.server.enter("pgrep", "-o", "-x", name).out.split()
        expect(found, f"{name} runs")
        return int(found[0])

    def kill(self, name):
        before = self.main_process(name)
        self.server.enter("kill", "-KILL", str(before))
        wait_until(lambda: self.is_another(name, before), f"{name} is started again", TIMEOUT)

    def is_another(self, name, before):
        found = self.server.enter("pgrep", "-o", "-x", name, check=False).out.split()
        return bool(found) and int(found[0]) != before


def all_listen():
    def visit():
        for port in PORTS:
            socket.create_connection((CONTAINER4, port), TIMEOUT).close()
        return True

    try:
        return from_outside(visit)
    except ConnectionRefusedError:
        return False


def change_programs(host, free):
    """By root, with the capabilities that a container has."""
    for command in ("cp /bin/true /usr/sbin/apache2.new", "mv /usr/sbin/vsftpd /usr/sbin/vsftpd.old",
                    "chmod u+s /usr/sbin/dovecot", "ln -sf /bin/sh /usr/sbin/sendmail"):
        done = host.server.enter("sh", "-c", command, check=False)
        expect_equal(done.status == 0, free, f"{command}: {done.text}")
        if not free:
            expect_in("Operation not permitted", done.text, command)
    return "works" if free else "refused"


def infect(table, host, policy, name, steps, when):
    which = SERVERS.index(name)
    expected = {step: OK if policy == "none" else STEPS[step][which] for step in steps}
    with Observer(noise=("udp4:53",)) as observer:  # sendmail asks for names
        seen = observe(observer, expected, host.ways()[name])
    table.put_all(f"{policy}, {name}", {f"{step}{when}": verdict for step, verdict in seen.items()})


def serve(table, host, policy, when):
    for what, function in host.services().items():
        table.call(f"{what} {when}", f"{policy}, apache", function)


def go(session, table, policy):
    with serving(session, Page(PAGE), CONTAINER, policy=policy != "none", lay_over=LAY_OVER, also=ALSO,
                 copied=True) as server:
        server.wait_for("Server listening on :: port 22")
        host = Host(server)
        os.chmod(host.root / "release", 0o755)
        for name in ("worm", "mail"):
            os.chmod(host.root / "usr/lib/cgi-bin" / name, 0o755)
        host.furnish()
        wait_until(all_listen, "all servers listen", TIMEOUT)
        serve(table, host, policy, "before the worm")
        table.call("mail of a CGI", f"{policy}, apache", lambda: host.mail("first"))
        for name in SERVERS:
            infect(table, host, policy, name, STEPS, "")
        table.call("changing /usr/sbin", f"{policy}, apache", lambda: change_programs(host, policy == "none"))
        if policy != "none":
            go_on(table, host, policy)


def go_on(table, host, policy):
    """After the worm, and in the second run of each server."""
    serve(table, host, policy, "after the worm")
    for name in ("apache2", "vsftpd", "dovecot", "sshd", "inetd"):
        host.kill(name)
    wait_until(all_listen, "all servers listen again", TIMEOUT)
    serve(table, host, policy, "by the second run")
    for name in SERVERS:
        infect(table, host, policy, name, AGAIN, ", second run")
    table.call("mail of a CGI, second run", f"{policy}, apache", lambda: host.mail("second"))


@group("recipe one-host")
def _(session, record):
    columns = [f"{policy}, {name}" for policy in POLICIES for name in SERVERS]
    again = [f"{step}, second run" for step in (*AGAIN, "nothing else left")]
    rows = [*SERVICES, *LATER, *STEPS, "nothing else left", *again]
    table = ResultTable(session, record, PAGE, rows, columns)
    table.does_not_apply([*SERVICES, *LATER], [column for column in columns if not column.endswith("apache")])
    table.does_not_apply([*LATER, *again], [column for column in columns if column.startswith("none")])
    with session.network.quiet():
        for policy in POLICIES:
            go(session, table, policy)
    table.require_full()
