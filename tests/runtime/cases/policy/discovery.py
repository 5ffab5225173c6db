# SPDX-License-Identifier: Apache-2.0
"""Real programs that find out who is there, or which way a packet goes: traceroute, OSPF, WS-Discovery. Each does its work
under the policy of docs/programs.md, beside a control.

Fails when: one of them does not do its work under its policy; or when a policy without what the page says it needs lets it work
all the same.
"""

import re
import socket
import subprocess
import threading
from contextlib import contextmanager, suppress

from harness.bundle import Options
from harness.check import keys
from harness.network import CONTAINER4, LINK, OUTSIDE
from harness.network import NEIGHBOUR4 as N4
from harness.recipe import machine, tree
from harness.runner import expect_equal, test
from harness.sockets import inside

OSPF, ROUTERS = 89, "224.0.0.5"
DISCOVERY = ("239.255.255.250", 3702)


@test("traceroute: its datagrams go out, and the errors that answer them come in")
def _(session):
    _ = session.network
    for how, egress in (([], "udp/33434-33534"), (["-I"], "icmp")):
        for policy, works in (({}, True), (keys(egress=egress), True), (keys(egress="dns"), False)):
            done = session.crun.run(["traceroute", "-n", "-m", "1", "-q", "1", "-w", "3", *how, N4],
                                    Options(annotations=policy, rootfs=tree()))
            expect_equal(bool(re.search(rf"^ 1  {re.escape(N4)}  [\d.]+ ms", done.out, re.MULTILINE)), works,
                         f"{how} under {policy}: {done.text}")


# OSPF ---------------------------------------------------------------------------------------------

BIRD = """
router id {};
log stderr all;
debug protocols all;
protocol device {{ }}
protocol ospf v2 {{
  ipv4 {{ import none; export none; }};
  area 0 {{ interface "{}" {{ type broadcast; hello 1; wait 2; dead count 4; }}; }};
}}
"""
BIRD_COMMAND = ["bird", "-f", "-c", "/bird.conf", "-s", "/tmp/bird.ctl", "-P", "/tmp/bird.pid"]


@contextmanager
def router_outside():
    with machine({"/bird.conf": BIRD.format(N4, LINK)}) as root:
        router = subprocess.Popen(["ip", "netns", "exec", OUTSIDE, "chroot", root, *BIRD_COMMAND],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            router.terminate()
            router.wait()


@test("BIRD: two routers of OSPF tell each other all they know, where egress names the groups and the routers")
def _(session):
    with session.network.quiet():
        named = f"proto/{OSPF}@224.0.0.5 proto/{OSPF}@224.0.0.6 proto/{OSPF}@10.99.0.0/24"
        opened = "inet inet6 netlink-route raw"
        for policy, told in (({}, "to Full"), (keys(families=opened, egress=named), "to Full"),
                             (keys(families=opened, egress="dns"), "Socket error on " + LINK)):
            with machine({"/bird.conf": BIRD.format(CONTAINER4, LINK)}) as root, router_outside(), \
                    session.crun.start(BIRD_COMMAND, Options(annotations=policy, rootfs=root)) as container:
                container.wait_for(told, 60)
                expect_equal("to Full" in "\n".join(container.output), told == "to Full", f"{policy}: {container.output}")


# WS-Discovery -------------------------------------------------------------------------------------

MATCH = """<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope"
 xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsd="http://schemas.xmlsoap.org/ws/2005/04/discovery"
 xmlns:wsdp="http://schemas.xmlsoap.org/ws/2006/02/devprof"><soap:Header>
<wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To>
<wsa:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</wsa:Action>
<wsa:MessageID>urn:uuid:00000000-0000-0000-0000-000000000001</wsa:MessageID><wsa:RelatesTo>{}</wsa:RelatesTo></soap:Header>
<soap:Body><wsd:ProbeMatches><wsd:ProbeMatch><wsa:EndpointReference>
<wsa:Address>urn:uuid:00000000-0000-0000-0000-000000000002</wsa:Address></wsa:EndpointReference><wsd:Types>wsdp:Device</wsd:Types>
<wsd:MetadataVersion>1</wsd:MetadataVersion></wsd:ProbeMatch></wsd:ProbeMatches></soap:Body></soap:Envelope>"""


def device():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the one before goes when its thread does
    made.bind(("", DISCOVERY[1]))
    made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(DISCOVERY[0]) + socket.inet_aton(N4))
    return made


def answer_probes(asked):
    with suppress(OSError):
        while True:
            text, who = asked.recvfrom(10000)
            number = re.search(rb"MessageID>([^<]+)<", text)
            if b"/Probe<" in text and number:
                asked.sendto(MATCH.format(number[1].decode()).encode(), who)


@test("wsdd: whichever host is there answers a search by WS-Discovery")
def _(session):
    named = f"udp/{DISCOVERY[1]}@{DISCOVERY[0]}"
    command = ["timeout", "15", "wsdd", "--discovery", "--no-host", "--no-http", "-4", "-vv", "-i", LINK]
    with session.network.quiet(), inside(device, OUTSIDE) as asked:
        threading.Thread(target=answer_probes, args=(asked,), daemon=True).start()
        for policy, works in (({}, True), (keys(families="inet inet6 netlink-route", egress=named, answers="any"), True),
                              (keys(families="inet inet6 netlink-route", egress=named), False)):
            done = session.crun.run(command, Options(annotations=policy, rootfs=tree()))
            expect_equal("ProbeMatches" in done.text, works, f"{policy}: {done.text[-2000:]}")
