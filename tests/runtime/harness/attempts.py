# SPDX-License-Identifier: Apache-2.0
"""The attempts of the matrix, by verb, and how an unrestricted kernel answers them."""

from harness.network import NEIGHBOUR4 as N4
from harness.network import NEIGHBOUR6 as N6

FAMILY, PROTOCOL, DENIED = "EAFNOSUPPORT", "EPROTONOSUPPORT", "EPERM"

CREATE_TCP = ["create.tcp4", "create.tcp6"]
CREATE_UDP = ["create.udp4", "create.udp6"]
BIND = ["bind.tcp4:81", "bind.tcp6:81", "bind.dual:81", "bind.udp4:81", "bind.udp6:81"]
LISTEN = ["listen.tcp4:80", "listen.tcp6:80", "listen.dual:80"]
ACCEPT = ["accept.tcp4:80", "accept.tcp6:80"]
CONNECT = [f"connect.tcp4:{N4}:80", f"connect.tcp6:{N6}:80", f"connect.mapped:{N4}:80",
           f"connect.udp4:{N4}:53", f"connect.udp6:{N6}:53", f"connect.fastopen:{N4}:80",
           f"send.udp4:{N4}:53", f"send.udp6:{N6}:53", f"send.unspec:{N4}:53",
           f"send.mappedudp:{N4}:53", f"send.inet-on-6:{N4}:53", f"send.fastopen:{N4}:80",
           f"send.fastopen6:{N6}:80", "connect.tcp4:127.0.0.1:80"]
SHUTDOWN = [f"shutdown.tcp4:{N4}:80", f"shutdown.tcp6:{N6}:80", "shutdown.udp4:127.0.0.1:9"]

# What a restricting policy closes, if nothing names it.
CLOSED_PROTOCOLS = ["create.mptcp", "create.mptcp6", "create.ping", "create.ping6", "create.raw",
                    "create.rawtcp", "create.raw6", "create.sctp", "create.sctp6", "create.dccp",
                    "create.l2tp", "create.smcproto", "create.netlink-netfilter",
                    "create.netlink-audit", "create.netlink-xfrm", "create.netlink-generic",
                    "create.netlink-uevent", "create.netlink-diag"]
CLOSED_FAMILIES = ["create.packet", "create.packetall", "create.oldpacket", "create.vsock",
                   "create.alg", "create.key", "create.tipc", "create.can", "create.bluetooth",
                   "create.qipcrtr", "create.rds", "create.kcm", "create.xdp", "create.smc"]
# Debian's cloud kernels have at least these, so closing them can be shown.
SURELY_OPEN = ["create.mptcp", "create.ping", "create.raw", "create.netlink-netfilter",
               "create.netlink-audit", "create.packet"]

# What no policy may touch.
ALWAYS = ["unix", "create.unix", "create.unixdgram", "create.unixseq", "create.netlink-route",
          "netlink.read", "sockopt.nodelay", "sockopt.reuseaddr", "sockopt.v6only"]
# Socket options and calls that would loosen a policy; open to this root without one.
LOOSENING = ["sockopt.mark", "sockopt.mark6", "sockopt.transparent", "sockopt.transparent6",
             "sockopt.repair", "sockopt.rthdr", "sockopt.options", "bpf", "netlink.write"]

BY_VERB = {
    "create": CREATE_TCP + CREATE_UDP,
    "create.tcp": CREATE_TCP,
    "create.udp": CREATE_UDP,
    "connect": CONNECT,
    "bind": BIND,
    "listen": LISTEN,
    "accept": ACCEPT,
    "shutdown": SHUTDOWN,
}
EVERY = (list(dict.fromkeys(a for attempts in BY_VERB.values() for a in attempts))
         + CLOSED_PROTOCOLS + CLOSED_FAMILIES + ALWAYS + LOOSENING + ["mark.tcp4", "mark.udp6"])
# An unrestricted kernel's answers that are not `ok`.
ODD = {"connect.tcp4:127.0.0.1:80": "ECONNREFUSED", "mark.tcp4": "0x0", "mark.udp6": "0x0"}


def unrestricted(attempt):
    return ODD.get(attempt, "ok")


def is_certain(attempt):
    """Whether the kernel is known to have it; the rest is measured without a policy."""
    uncertain = set(CLOSED_FAMILIES + CLOSED_PROTOCOLS) - set(SURELY_OPEN)
    return attempt not in uncertain


def closed():
    """Expectations for every restricting policy."""
    return {**{a: PROTOCOL for a in CLOSED_PROTOCOLS}, **{a: FAMILY for a in CLOSED_FAMILIES},
            **{a: DENIED for a in LOOSENING}}


def all_of(attempts, answer):
    return {attempt: answer for attempt in attempts}
