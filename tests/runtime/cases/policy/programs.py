# SPDX-License-Identifier: Apache-2.0
"""Real programs of docs/programs.md under the policy that is to begin with, of Debian's packages, each beside a control.

Fails when: one of them does not do its work under its policy; or when a policy without what the page says it needs lets it work
all the same, so that the page asks for too much.
"""

import socket
import struct
import threading
import time
from contextlib import ExitStack, suppress

from harness.bundle import POD, Options
from harness.check import keys
from harness.neighbour_servers import NeighbourServers, in_the_neighbourhood
from harness.network import CONTAINER4, CONTAINER6, INSIDE, LINK, OUTSIDE, in_netns
from harness.network import NEIGHBOUR4 as N4
from harness.recipe import machine, tree
from harness.runner import expect, expect_equal, expect_in, group, test
from harness.served import served
from harness.sockets import inside

VRRP, VRRP_GROUP, ROUTER = 112, "224.0.0.18", 51


# Resolvers ----------------------------------------------------------------------------------------

UNBOUND = f"""
server:
  do-daemonize: no
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  verbosity: 1
  interface: 0.0.0.0
  access-control: 0.0.0.0/0 allow
  module-config: "iterator"
forward-zone:
  name: "."
  forward-addr: {N4}
"""
BIND = f"""
options {{
  directory "/tmp"; pid-file none; session-keyfile none; forwarders {{ {N4}; }}; forward only; dnssec-validation no;
  listen-on {{ any; }}; listen-on-v6 {{ none; }}; allow-query {{ any; }}; allow-recursion {{ any; }};
}};
controls {{ }};
"""
RESOLVERS = (
    ("unbound", ["unbound", "-d", "-c", "/unbound.conf"], {"/unbound.conf": UNBOUND}, "start of service"),
    ("BIND", ["named", "-g", "-c", "/named.conf"], {"/named.conf": BIND}, "all zones loaded"),
    ("dnsmasq", ["dnsmasq", "--no-daemon", "--user=root", "--no-resolv", "--no-hosts", f"--server={N4}", "--conf-file=/dev/null"],
     {}, "started"),
)
QUESTION = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\x08packages\x07example\0\0\1\0\1"


def knows_the_name(patience, address=CONTAINER4):
    """Whether the container's resolver answers somebody outside."""
    def make():
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.settimeout(patience)
        made.connect((address, 53))
        return made

    with inside(make, OUTSIDE) as connection, suppress(OSError):
        connection.send(QUESTION)
        return socket.inet_aton(N4) in connection.recv(512)
    return False


@group("resolvers that ask from random ports")
def _(session, record):
    _ = session.network
    with session.network.quiet(), NeighbourServers({}, ()):
        for name, command, files, ready in RESOLVERS:
            for policy, works in (({}, True), (keys(bind="dns", egress="dns"), True), (keys(bind="dns", egress="tcp/53"), False)):
                with machine(files) as root, session.crun.start(command, Options(annotations=policy, rootfs=root),
                                                                ready=ready) as container:
                    answered = knows_the_name(20 if works else 3)
                    said = ", ".join(f"{key}={value}" for key, value in policy.items()) or "no policy"
                    record(f"{name} under {said}", None if answered == works else container.output)


LATER4 = "10.99.0.77"  # an address that the container gets when the program has it already


@test("unbound with ip-freebind: an address that is not there yet")
def _(session):
    dns = keys(bind="dns", egress="dns")
    conf = UNBOUND.replace("interface: 0.0.0.0", f"interface: {LATER4}\n  ip-freebind: yes")
    command = ["unbound", "-d", "-c", "/unbound.conf"]
    _ = session.network
    with session.network.quiet(), NeighbourServers({}, ()), machine({"/unbound.conf": conf}) as root:
        for policy in ({}, {**dns, **keys(options="transparent")}):
            with session.crun.start(command, Options(annotations=policy, rootfs=root), ready="start of service") as container:
                in_netns(INSIDE, "ip", "addr", "add", f"{LATER4}/24", "dev", LINK)
                try:
                    expect(knows_the_name(20, LATER4), f"{policy}: {container.output}")
                finally:
                    in_netns(INSIDE, "ip", "addr", "del", f"{LATER4}/24", "dev", LINK)
        done = session.crun.run(command, Options(annotations=dns, rootfs=root))
        expect_in("Operation not permitted", done.text, "without the key")
        expect_in(f"can't bind socket: Cannot assign requested address for {LATER4}", done.text, "without the key")


# Servers ------------------------------------------------------------------------------------------

NGINX = """
daemon off; user root; error_log stderr; pid /tmp/nginx.pid; events { }
http { access_log off; server { listen 80; listen [::]:80; location / { return 200 "hello from nginx\\n"; } } }
"""


@test("nginx with a listener for each version of IP: the seal that waits for both, and what is said of the other")
def _(session):
    with session.network.quiet():
        both = keys(bind="tcp/80", create="deny", seal="listen tcp/80@0.0.0.0 tcp/80@::")
        for policy in ({}, both):
            with machine({"/nginx.conf": NGINX}) as root, session.crun.start(
                    ["nginx", "-c", "/nginx.conf"], Options(annotations=policy, rootfs=root)) as container:
                served(session, container, f"connect.tcp4:{CONTAINER4}:80", f"connect.tcp6:{CONTAINER6}:80")
                expect_in("hello from nginx", NeighbourServers.visit(80), str(policy))
        first = keys(bind="tcp/80", create="deny", seal="listen tcp/80")
        with machine({"/nginx.conf": NGINX}) as root:
            done = session.crun.run(["nginx", "-c", "/nginx.conf"], Options(annotations=first, rootfs=root))
        expect_in("socket() [::]:80 failed (1: Operation not permitted)", done.text, "sealed by the first listener")
        explained = session.socklid("explain", *(f"{key}={value}" for key, value in first.items())).out
        expect_in("io.socklid.seal=listen tcp/80@0.0.0.0 tcp/80@::", explained, "explain")


PAUSE = 125  # seconds; what is remembered of a peer otherwise is two minutes old at most
PATIENT = """
import signal, socket, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
port, closes = int(sys.argv[1]), sys.argv[2] == "closes"
def made():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("", port))
    return made
server = made()
print("listening", flush=True)
peer = server.recvfrom(100)[1]
if closes:
    server.close()
    server = made()
print("heard", flush=True)
signal.sigwait({signal.SIGUSR1})
try:
    server.sendto(b"pushed", peer)
    print("sent", flush=True)
except OSError as error:
    print("refused", error.errno, flush=True)
"""


@test("a server that speaks first after minutes reaches whom its socket has heard of, and another socket does not")
def _(session):
    _ = session.network
    with ExitStack() as stack:
        waiting = []
        for port, annotations, works in ((5060, {}, True), (5061, POD, True), (5062, POD, False)):
            policy = {**annotations, **keys(bind=f"udp/{port}", egress="dns")}
            command = ["python3", "-S", "-c", PATIENT, str(port), "waits" if works else "closes"]
            container = stack.enter_context(
                session.crun.start(command, Options(annotations=policy, rootfs=tree()), ready="listening"))
            asking = stack.enter_context(in_the_neighbourhood(socket.SOCK_DGRAM, 0))
            asking.settimeout(20)
            asking.sendto(b"here", (CONTAINER4, port))
            container.wait_for("heard")
            waiting.append((container, asking, works))
        time.sleep(PAUSE)
        for container, asking, works in waiting:
            session.crun.signal(container.name, "USR1")
            container.wait_for("sent" if works else "refused 1")
            if works:
                expect_equal(asking.recv(100), b"pushed", container.options.annotations)


# Routers ------------------------------------------------------------------------------------------

KEEPALIVED = f"""
global_defs {{
  router_id test
}}
vrrp_instance one {{
  state BACKUP
  interface {LINK}
  virtual_router_id {ROUTER}
  priority 100
  advert_int 1
  virtual_ipaddress {{
    10.99.0.50/24
  }}
}}
"""
OPENED = "inet inet6 netlink-route packet raw"


def routers_socket():
    made = socket.socket(socket.AF_INET, socket.SOCK_RAW, VRRP)
    made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(VRRP_GROUP) + socket.inet_aton(N4))
    made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(N4))
    made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    made.settimeout(12)
    return made


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    return ~((total & 0xffff) + (total >> 16)) & 0xffff


def advert(priority):
    """RFC 3768, 5.1."""
    def with_sum(value):
        return struct.pack("!BBBBBBH", 0x21, ROUTER, priority, 1, 0, 1, value) + socket.inet_aton("10.99.0.50") + bytes(8)

    return with_sum(checksum(with_sum(0)))


def hears_advert(router):
    with suppress(TimeoutError):
        return router.recv(200)[20:22] == bytes((0x21, ROUTER))
    return False


@test("keepalived: VRRP is named by its number and its group, and other routers are heard there")
def _(session):
    _ = session.network
    named = keys(families=OPENED, egress=f"proto/{VRRP}@{VRRP_GROUP}")
    command = ["keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp", "-f", "/keepalived.conf"]
    for policy, works in (({}, True), (named, True), (keys(families=OPENED, egress="tcp/25"), False)):
        with inside(routers_socket, OUTSIDE) as router, machine({"/keepalived.conf": KEEPALIVED}) as root:
            try:
                with session.crun.start(command, Options(annotations=policy, rootfs=root),
                                        ready="Entering MASTER STATE") as container:
                    expect_equal(hears_advert(router), works, f"{policy}: {container.output}")
                    if works:
                        router.sendto(advert(200), (VRRP_GROUP, 0))
                        container.wait_for("Entering BACKUP STATE", 20)
            finally:
                in_netns(INSIDE, "ip", "addr", "del", "10.99.0.50/24", "dev", LINK, check=False)


# Clients ------------------------------------------------------------------------------------------


@test("tftp-hpa: the answer comes from another port")
def _(session):
    for policy, works in (({}, True), (keys(egress="udp/69"), False), (keys(egress="udp/69", answers="host"), True)):
        with session.network.quiet():
            asked, answering = (in_the_neighbourhood(socket.SOCK_DGRAM, port) for port in (69, 0))
            thread = threading.Thread(target=lambda: answering.sendto(b"\0\3\0\1the file", asked.recvfrom(1000)[1]), daemon=True)
            thread.start()
            with asked, answering:
                get = f"timeout 8 tftp -m octet {N4} -c get f /tmp/f; cat /tmp/f"
                done = session.crun.run(["sh", "-c", get], Options(annotations=policy, rootfs=tree()))
                thread.join(20)
            expect_equal("the file" in done.text, works, f"{policy}: {done.text}")


GATEWAY = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"


def gateway():
    """Answers searches, each from an address of its own."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the one before goes when its thread does
    made.bind(("", 1900))
    made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.255.255.250") + socket.inet_aton(N4))
    return made


@test("miniupnpc: whoever is there answers a search")
def _(session):
    tight = {"egress": f"udp/1900@239.255.255.250 tcp/8080@{N4}"}
    for policy, works in (({}, True), (keys(**tight), False), (keys(**tight, answers="any"), True)):
        with session.network.quiet(), NeighbourServers({}, (8080,)), inside(gateway, OUTSIDE) as searched:
            answer = (f"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: {GATEWAY}\r\nUSN: uuid:1::{GATEWAY}\r\nEXT:\r\n"
                      f"SERVER: test\r\nLOCATION: http://{N4}:8080/desc.xml\r\n\r\n").encode()

            def serve():
                with suppress(OSError):
                    while True:
                        searched.sendto(answer, searched.recvfrom(1000)[1])

            threading.Thread(target=serve, daemon=True).start()
            done = session.crun.run(["upnpc", "-l"], Options(annotations=policy, rootfs=tree()))
            expect_equal(f"http://{N4}:8080/desc.xml" in done.text, works, f"{policy}: {done.text}")


# What is about the kernel -------------------------------------------------------------------------


@test("bubblewrap: a sandbox without a network is set up")
def _(session):
    _ = session.network
    sandbox = ["bwrap", "--unshare-net", "--ro-bind", "/", "/", "ip", "addr", "show", "lo"]
    as_user = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]  # who has a user namespace of his own for it
    for policy in ({}, keys(egress="dns tcp/443")):
        for user in ([], as_user):
            done = session.crun.run([*user, *sandbox], Options(annotations=policy, rootfs=tree()))
            expect_in("inet 127.0.0.1/8", done.text, f"{user} under {policy}")


@test("bpftool needs bpf=allow")
def _(session):
    _ = session.network
    for policy, works in (({}, True), (keys(connect="deny"), False), (keys(connect="deny", bpf="allow"), True)):
        done = session.crun.run(["bpftool", "prog", "show"], Options(annotations=policy, rootfs=tree()))
        expect_equal(done.status == 0, works, f"{policy}: {done.text[-300:]}")
