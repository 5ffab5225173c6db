# SPDX-License-Identifier: Apache-2.0
"""Proxies that ask with their client's address (`transparent` of nginx, `usesrc clientip` of haproxy), of Debian's packages.

The client is behind the neighbour, the server with it. The server's way back to the client leads through the container, as
where the proxy is its gateway, and the container's namespace has the operator's rule that hands what comes for such a socket
to it.

What `egress` does not name goes unanswered here: the answer would go to the client.

Fails when: the server does not see the client's address where `options` opens `transparent`, or sees it where the policy does
not; or when a server that `egress` does not name is asked.
"""

import http.client
import http.server
import socketserver
from contextlib import contextmanager
from pathlib import Path

from harness.bundle import Options
from harness.check import keys
from harness.commands import run
from harness.network import CONTAINER4, INSIDE, LINK, OUTSIDE, in_netns
from harness.network import NEIGHBOUR4 as N4
from harness.neighbour_servers import start
from harness.recipe import machine
from harness.runner import group
from harness.served import served
from harness.sockets import call_in

CLIENT, CABLE, CLIENT4, ROUTER4 = "socklid-test-p", "sl2", "10.96.1.2", "10.96.1.1"
PORT, TABLE, MARK = 8080, 100, "0x100"

NGINX = f"""
daemon off; user root; error_log stderr; pid /tmp/nginx.pid; events {{ }}
http {{ access_log off; server {{ listen 80; location / {{
  proxy_bind $remote_addr transparent; proxy_connect_timeout 3s; proxy_pass http://{N4}:{PORT}; }} }} }}
"""
HAPROXY = f"""
global
  maxconn 100
defaults
  mode http
  retries 0
  timeout connect 3s
  timeout client 10s
  timeout server 10s
frontend all
  bind :80
  default_backend server
backend server
  source 0.0.0.0 usesrc clientip
  server one {N4}:{PORT}
"""
PROXIES = (("nginx", ["nginx", "-c", "/nginx.conf"], {"/nginx.conf": NGINX}),
           ("haproxy", ["haproxy", "-db", "-f", "/haproxy.cfg"], {"/haproxy.cfg": HAPROXY}))
# Debian's haproxy has an instruction that guests of Linux 6 lack (tests/vm/boot); those of Linux 7 try it.
NEEDS = {"haproxy": "cx16"}
# The operator's, as nginx and haproxy document it: nobody in the container may write that.
DIVERT = f"""
table inet divert {{
  chain arriving {{
    type filter hook prerouting priority mangle;
    iifname "{LINK}" meta l4proto tcp socket transparent 1 meta mark set {MARK}
  }}
}}
"""


@contextmanager
def client():
    """Behind the neighbour, which forwards what it says to the container, and the server's answers to it as well."""
    try:
        run("ip", "netns", "add", CLIENT)
        run("ip", "link", "add", CABLE, "netns", CLIENT, "type", "veth", "peer", "name", CABLE, "netns", OUTSIDE)
        for name, address in ((CLIENT, CLIENT4), (OUTSIDE, ROUTER4)):
            run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", CABLE)
            run("ip", "-n", name, "link", "set", CABLE, "up")
        run("ip", "-n", CLIENT, "route", "add", "default", "via", ROUTER4)
        in_netns(OUTSIDE, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        run("ip", "-n", OUTSIDE, "rule", "add", "ipproto", "tcp", "sport", str(PORT), "lookup", str(TABLE))
        run("ip", "-n", OUTSIDE, "route", "add", "default", "via", CONTAINER4, "table", str(TABLE))
        yield
    finally:
        run("ip", "-n", OUTSIDE, "rule", "del", "lookup", str(TABLE), check=False)
        run("ip", "-n", OUTSIDE, "route", "flush", "table", str(TABLE), check=False)
        in_netns(OUTSIDE, "sysctl", "-qw", "net.ipv4.ip_forward=0")
        run("ip", "netns", "del", CLIENT, check=False)


@contextmanager
def diverting():
    try:
        in_netns(INSIDE, "nft", "-f", "-", stdin=DIVERT)
        run("ip", "-n", INSIDE, "rule", "add", "fwmark", MARK, "lookup", str(TABLE))
        run("ip", "-n", INSIDE, "route", "add", "local", "default", "dev", "lo", "table", str(TABLE))
        yield
    finally:
        run("ip", "-n", INSIDE, "route", "flush", "table", str(TABLE), check=False)
        run("ip", "-n", INSIDE, "rule", "del", "lookup", str(TABLE), check=False)
        in_netns(INSIDE, "nft", "delete", "table", "inet", "divert", check=False)


class WhoAsks(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append(self.client_address[0])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"asked by {self.client_address[0]}".encode())

    def log_message(self, *_):
        pass


@contextmanager
def server():
    made = start(socketserver.ThreadingTCPServer, WhoAsks, PORT)
    made.seen = []
    try:
        yield made
    finally:
        made.shutdown()
        made.server_close()


def page():
    """(status, text) of what the client is given by the container."""
    def get():
        asking = http.client.HTTPConnection(CONTAINER4, 80, timeout=30)
        asking.request("GET", "/")
        answer = asking.getresponse()
        return answer.status, answer.read().decode()

    return call_in(CLIENT, get)


@group("proxies that ask with their client's address")
def _(session, record):
    _ = session.network
    named, elsewhere = (keys(bind="tcp/80", egress=f"tcp/{port}") for port in (PORT, PORT + 1))
    opened = keys(options="transparent")
    with client(), diverting(), server() as asked:
        for name, command, files in PROXIES:
            if NEEDS.get(name, "") not in Path("/proc/cpuinfo").read_text():
                print(f"# {name} is not tried: this processor has no {NEEDS[name]}", flush=True)
                continue
            for policy, works in (({}, True), ({**named, **opened}, True), (named, False), ({**elsewhere, **opened}, False)):
                asked.seen.clear()
                with machine(files) as root, \
                        session.crun.start(command, Options(annotations=policy, rootfs=root)) as container:
                    served(session, container, f"connect.tcp4:{CONTAINER4}:80")
                    status, text = page()
                said = ", ".join(f"{key}={value}" for key, value in policy.items()) or "no policy"
                right = (text, asked.seen) == (f"asked by {CLIENT4}", [CLIENT4]) if works else status >= 500 and not asked.seen
                record(f"{name} under {said}", None if right else f"{status} {text!r}, {asked.seen}: {container.output}")
