# SPDX-License-Identifier: Apache-2.0
"""What ordinary programs need of a policy: the table of docs/programs.md, which tests/golden/programs_test writes, compares
and explains. Of each program the annotations that its user would write, without `io.socklid.`, what there is to know, and
the file that runs it under them, or only its calls; "" where nothing here does."""

from dataclasses import dataclass

CASES = "tests/runtime/cases"


@dataclass
class Need:
    program: str
    policy: dict
    why: str
    tried: str = ""
    calls_alone: bool = False


NEEDS = [
    Need("name look-ups (glibc, musl)", {"egress": "dns"},
         "by TCP too, when an answer is large; UDP sockets that only sort addresses may be connected to anybody",
         f"{CASES}/attacks/software.py"),
    Need("unbound, BIND, dnsmasq", {"bind": "dns", "egress": "dns"},
         "each question is sent from a random port, which is free in a network namespace of its own; in a pod or on the host "
         "add `udp/1024-65535` to `bind`", f"{CASES}/policy/programs.py"),
    Need("ping (iputils, busybox)", {"egress": "icmp"},
         "ping uses ping sockets, which `net.ipv4.ping_group_range` has to allow; raw sockets are refused with `EPERM`",
         f"{CASES}/policy/egress.py"),
    Need("traceroute", {"egress": "udp/33434-33534"}, "with `-I` it is `icmp`; with `-T` it takes raw sockets, which are refused",
         f"{CASES}/policy/discovery.py"),
    Need("curl, apt, Go and Python clients", {"egress": "dns tcp/80 tcp/443"}, "MPTCP is refused, and they go on by TCP",
         f"{CASES}/attacks/software.py"),
    Need("Apache", {"bind": "tcp/80 tcp/443", "create": "deny", "seal": "listen tcp/80 tcp/443"},
         "it has one listener for both versions of IP", f"{CASES}/recipes/recipe_http_worm.py"),
    Need("nginx", {"bind": "tcp/80", "create": "deny", "seal": "listen tcp/80@0.0.0.0 tcp/80@::"},
         "`listen 80; listen [::]:80` is a listener for each version of IP: the seal waits for both",
         f"{CASES}/policy/programs.py"),
    Need("Envoy, nginx with `reuseport`", {"bind": "tcp/80", "create": "deny", "seal": "30s"},
         "they have a listener for each thread, so the seal is a time, or `accept`"),
    Need("vsftpd, passive", {"connect": "deny", "bind": "tcp/21 tcp/40000-40100"}, "`bind` names the passive range",
         f"{CASES}/recipes/recipe_ftp_passive.py"),
    Need("Dovecot", {"create": "deny", "seal": "listen tcp/110@0.0.0.0 tcp/110@::"}, "it has a listener for each version of IP",
         f"{CASES}/recipes/recipe_pop3.py"),
    Need("sshd, telnetd", {"bind": "tcp/22 tcp/23", "egress": "tcp/22"}, "what they start is under the same policy",
         f"{CASES}/recipes/recipe_remote_shell.py"),
    Need("sendmail", {"bind": "deny", "connect": "tcp/25 dns", "seal": "listen tcp/25"}, "it binds before the seal",
         f"{CASES}/recipes/recipe_mail_relay.py"),
    Need("TFTP clients (tftp-hpa, busybox)", {"egress": "udp/69", "answers": "host"}, "the answer comes from another port",
         f"{CASES}/policy/programs.py"),
    Need("miniupnpc and others by SSDP", {"egress": "udp/1900@239.255.255.250", "answers": "any"},
         "whichever device is there answers; name in `egress` also what the program then asks of that device",
         f"{CASES}/policy/programs.py"),
    Need("WS-Discovery (wsdd)", {"families": "inet inet6 netlink-route", "egress": "udp/3702@239.255.255.250", "answers": "any"},
         "as with SSDP; wsdd asks the kernel for the interfaces by netlink", f"{CASES}/policy/discovery.py"),
    Need("SIP, QUIC, pushes over UDP", {"bind": "udp/5060", "egress": "dns"},
         "a peer is remembered as long as the socket lives that heard of it", f"{CASES}/policy/programs.py", True),
    Need("bwrap, `unshare -n`, systemd's `PrivateNetwork=`", {"egress": "dns tcp/443"},
         "`lo` may be set up in a namespace that has nothing else", f"{CASES}/policy/programs.py"),
    Need("systemd as a container's first process", {"bind": "tcp/80", "egress": "dns tcp/443"},
         "devices, networks, files and keyrings of its services are theirs; `IPAddressDeny=` takes bpf(2), and does "
         "nothing; in version 262 (not in 257) `DevicePolicy=` does nothing either", f"{CASES}/policy/ordinary.py"),
    Need("podman in a container, its containers with `--network host` or `none`", {"bind": "tcp/80", "egress": "dns tcp/443"},
         "images by the vfs driver; devices and sysctls of what runs inside are its own", f"{CASES}/policy/ordinary.py"),
    Need("Jupyter, debuggers", {"bind": "tcp/8888 tcp@127.0.0.1"}, "they listen on loopback ports of the kernel's choice",
         f"{CASES}/policy/semantics.py", True),
    Need("haproxy with `usesrc clientip`, nginx with `proxy_bind ... transparent`",
         {"bind": "tcp/80", "egress": "tcp/8080", "options": "transparent"},
         "packets may leave with a source that is not the container's; the rule that hands the answers to the proxy is the "
         "operator's, in the container's network namespace", f"{CASES}/policy/proxies.py"),
    Need("unbound with `ip-freebind`, servers with `IP_FREEBIND`", {"bind": "dns", "egress": "dns", "options": "transparent"},
         "an address is bound before the container has it", f"{CASES}/policy/programs.py"),
    Need("keepalived", {"families": "inet inet6 netlink-route packet raw", "egress": "proto/112@224.0.0.18"},
         "VRRP has a protocol of its own, named by its number; keepalived sets addresses and announces them to neighbours",
         f"{CASES}/policy/programs.py"),
    Need("OSPF (BIRD)", {"families": "inet inet6 netlink-route raw",
                  "egress": "proto/89@224.0.0.5 proto/89@224.0.0.6 proto/89@10.0.0.0/24"},
         "`egress` names the groups, and the routers themselves", f"{CASES}/policy/discovery.py"),
    Need("falco, bpftool", {"connect": "deny", "bpf": "allow"},
         "with `CAP_BPF` and `CAP_SYS_ADMIN` of the host such a container can take every policy away",
         f"{CASES}/policy/programs.py"),
]


TOP = """\
<!-- SPDX-License-Identifier: Apache-2.0 -->
# What your program needs

Each row has a policy to begin with, for a program that needs something of its own. The keys are those of `docs/annotations.md`,
without `io.socklid.`. `tests/golden/programs_test --write` writes this page from the table `tests/runtime/software/needs.py`:
edit the table.
"""
ROWS = ["| program | policy | what there is to know | tried by |", "|---|---|---|---|"]
END = """
**Tunnels of the kernel** (WireGuard, VXLAN) send without a mark, and `egress` lets no such packet out. A WireGuard tunnel can
have the container's mark:

- Somebody on the node makes the tunnel in the container's network namespace. The policy has `mark=3` and `egress=udp/51820@PEER`,
  and `wg set wg0 fwmark 3` gives the tunnel that mark.
- A packet is then judged twice: by its address behind the tunnel, and by the peer (`tests/runtime/cases/policy/tunnels.py`).
- Nothing is forwarded. The container itself makes no tunnels, unless `families` has `netlink-route` and `netlink-generic`.

**In a pod** the kernel's WireGuard is no way out for a neighbour under `egress`. The tunnel's packets still belong to the socket
whose data they carry, and lack that socket's mark. A VPN that is a program with a tun device (wireguard-go, OpenVPN) sends by a
socket of its own. So the VPN is a neighbour in the pod, and each of the two has a policy:

| container | policy | what else |
|---|---|---|
| the VPN | `families=inet inet6 netlink-route`<br>`egress=udp/51820@PEER` | it has `CAP_NET_ADMIN` and `/dev/net/tun` |
| the program | `egress=tcp/3306@ADDRESS` | the address is behind the tunnel; no packet for it goes round the tunnel |

`tests/runtime/cases/policy/tunnels.py` does so with wireguard-go. The VPN sees what it carries, and `netlink-route` lets it
change the routes of the whole pod. Where the program's packets may go is judged before they are in the tunnel.

There is no word such as `wireguard/51820` for what the kernel sends without a mark. Whoever can send an unmarked packet could use
it: a neighbour, or a process of the host's.

**An engine within a container** (podman in podman) that gives its containers networks makes devices and rules. That needs
`families` with `netlink-route` and `netlink-netfilter`, and a container that has those can take its own rules away. Run its
containers beside it.

MPTCP, SMC, raw and packet sockets are closed unless `families` names them."""


def tried_by(need):
    return f"{'its calls: ' if need.calls_alone else ''}`{need.tried}`" if need.tried else ""


def annotations(need):
    return {f"io.socklid.{key}": value for key, value in need.policy.items()}


def page():
    lines = [TOP, *ROWS]
    for need in NEEDS:
        policy = "<br>".join(f"`{key}={value}`" for key, value in need.policy.items())
        lines.append(f"| {need.program} | {policy} | {need.why} | {tried_by(need)} |")
    lines.append(END)
    return "\n".join(lines) + "\n"
