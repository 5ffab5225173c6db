# SPDX-License-Identifier: Apache-2.0
"""Policies as docs/annotations.md says them, and the list of those that are besieged. Pure but for the pages of
docs/recipes, which are read so that theirs cannot drift.

    policy = Policy({"io.socklid.egress": "udp/53@10.77.0.9"})
    policy.egress.names(UDP, address, 53)
"""

import ipaddress
import re
import shlex
from pathlib import Path

from packet import ICMP, ICMP6, TCP, UDP

TOP = Path(__file__).resolve().parents[2]
PREFIX = "io.socklid."
CAGE = "/caged"     # the program whose policy is a subject's
SUBJECT = f"{PREFIX}subject."
NUMBERS = {"tcp": (TCP,), "udp": (UDP,), "icmp": (ICMP, ICMP6), "sctp": (132,), "dccp": (33,)}


class Endpoints:
    """A list, in the order it was written."""

    def __init__(self, written):
        items = [item for item in re.split(r"[\s;,]+", written) if item]
        self.items = [self.parsed(one) for item in items for one in self.meant(item)]

    @staticmethod
    def meant(item):
        name, at, where = item.partition("@")
        return [f"{each}{at}{where}" for each in ("udp/53", "tcp/53")] if name == "dns" else [item]

    @staticmethod
    def parsed(item):
        rest, _, where = item.partition("@")
        protocol, _, ports = rest.partition("/")
        first, _, last = ports.partition("-")
        first, last = (int(first), int(last or first)) if ports else (0, 65535)
        return NUMBERS[protocol], first, last, ipaddress.ip_network(where) if where else None

    def names(self, protocol, address, port):
        """Whether it names that port there; `address` None: wherever it is."""
        where = ipaddress.ip_address(address) if address else None
        for protocols, first, last, network in self.items:
            if (protocol in protocols and first <= port <= last
                    and (network is None or where is None or where in network)):
                return True
        return False

    def ports(self, protocol=None):
        """Some of each item, for the program inside to draw from."""
        return sorted({port for protocols, first, last, _ in self.items
                       if (protocol is None or protocol in protocols) and last - first < 65535
                       for port in (first, last)})


class Hours:
    """A window of the day, `22:00-06:00`, in seconds after midnight; its end is not part of it."""

    def __init__(self, written):
        self.begin, self.end = (60 * (60 * int(time[:2]) + int(time[3:])) for time in written.split("-"))

    def has(self, seconds):
        if self.begin <= self.end:
            return self.begin <= seconds < self.end
        return seconds >= self.begin or seconds < self.end


class Policy:
    """`connect`, `bind` and `egress` are Endpoints, or None where all is allowed: of the container or, where that is all of
    it, of a subject. `hands_over`: the subject is handed sockets that it has not made."""

    def __init__(self, annotations, hands_over=False):
        self.annotations, self.hands_over = dict(annotations), hands_over
        self.is_caged = any(key.startswith(SUBJECT) for key in annotations)
        if self.is_caged:
            annotations = {own: value for key, written in annotations.items()
                           for own, value in (of_subject(written) if key.startswith(SUBJECT) else {key: written}).items()}
        known = {"create", "create.tcp", "create.udp", "connect", "bind", "listen", "accept", "shutdown", "mark",
                 "egress", "otherwise", "seal", "options", "deputies", "inherit", "hours", "readonly"}
        self.values = {key.removeprefix(PREFIX): value for key, value in annotations.items()}
        unknown = set(self.values) - known
        if unknown:
            raise ValueError(f"the model does not know {', '.join(sorted(unknown))}")
        self.hours = [Hours(window) for window in self.values.get("hours", "").split()]
        self.connect, self.bind, self.egress = map(self.list, ("connect", "bind", "egress"))
        seal = self.values.get("seal", "start")
        # Only what the besieger can bring about.
        if seal != "start" and not seal.startswith("listen "):
            raise ValueError(f"the model does not know the seal {seal!r}")
        self.kept = Endpoints(seal.removeprefix("listen ")).ports(TCP) if seal != "start" else []

    def is_open(self, seconds):
        """Whether it is in its hours so many seconds after a midnight of UTC."""
        return not self.hours or any(window.has(seconds) for window in self.hours)

    def list(self, key):
        value = self.values.get(key, "allow")
        return None if value == "allow" else Endpoints("" if value == "deny" else value)

    def denies(self, verb):
        return self.values.get(verb) == "deny"

    def may_open(self, protocol):
        """Whether sockets of TCP or UDP can get a peer at all."""
        return not (self.denies("create") or self.denies({TCP: "create.tcp", UDP: "create.udp"}[protocol]))

    def is_served(self, protocol, port):
        """Whether `bind` names it, so that egress has it answered."""
        return self.bind is not None and self.bind.names(protocol, None, port)

    def restricts(self):
        return any(key not in ("mark", "seal", "listen", "accept", "shutdown", "inherit", "readonly") for key in self.values)


def of_subject(written):
    """What a subject of CAGE says, as keys of a container."""
    program, *members = written.split(" ")
    if program != CAGE:
        raise ValueError(f"the model does not know the subject of {program}")
    return {PREFIX + name: value.replace("+", " ") for name, value in (member.split("=", 1) for member in members)}


def caged(**values):
    """The same policy as keys(), of a subject."""
    members = [f"{name.removeprefix(PREFIX)}={value.replace(' ', '+')}" for name, value in keys(**values).items()]
    return {f"{SUBJECT}caged": " ".join([CAGE, *members])}


def of_recipes():
    """{container: annotations} of every `podman run` of docs/recipes, but of those whose programs have policies of
    their own: the model knows of one program."""
    found = {}
    for page in sorted((TOP / "docs/recipes").glob("*.md")):
        for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            for line in re.sub(r"\\\n\s*", "", block).splitlines():
                words = shlex.split(line.removeprefix("$ ")) if line.startswith("$ podman run ") else []
                pairs = [words[i + 1].split("=", 1) for i, word in enumerate(words) if word == "--annotation"]
                if any(key.startswith(f"{PREFIX}subject.") for key, _ in pairs):
                    continue
                if pairs and "--name" in words:
                    found[words[words.index("--name") + 1]] = dict(pairs)
    return found


def keys(**values):
    return {PREFIX + key.replace("_", "."): value for key, value in values.items()}


def endpoints(*addresses):
    return " ".join(f"tcp/80@{address} udp/53@{address}" for address in addresses)


def left_by_levels(named4, named6):
    """A policy that does not hold, for the siege to find: in most rounds the program becomes another one, and this
    subject ends with that. Judged as if it did not."""
    return Policy(caged(egress=endpoints(named4, named6), bind="tcp/8443 udp/53", inherit="none"))


def besieged(named4, named6):
    """{name: Policy}"""
    named = endpoints(named4, named6)
    container = {
        "verbs": keys(create_udp="deny", listen="deny", accept="deny", shutdown="deny"),
        "lists": keys(connect=named, bind="tcp/8443 udp/53"),
        # With sysctls, by which ways are armed that what stands behind has to stop.
        "served": keys(bind="tcp/8443", deputies="sysctl"),
        "egress": keys(egress=named, bind="tcp/8443 udp/53",
                       deputies="sysctl"),
        "resolver": keys(egress="udp/53", bind="udp/53", deputies="sysctl"),
        "nothing": keys(egress="", bind="deny"),
        "seals": keys(create="deny", connect="deny", bind="deny", shutdown="deny", seal="listen tcp/8443"),
        **of_recipes(),
    }
    subject = caged(egress=named, bind="tcp/8443 udp/53")
    return {
        **{name: Policy(annotations) for name, annotations in container.items()},
        "subject": Policy(subject),
        # The program inside becomes another one once at most.
        "levels": Policy(caged(egress=named, bind="tcp/8443 udp/53", inherit="1")),
        "hours": Policy(caged(egress=named, bind="tcp/8443 udp/53", hours="02:00-06:00 22:00-00:30")),
        "files": Policy({**caged(bind="tcp/8443 udp/53"), **keys(readonly="/safe !/safe/open")}),
        "handed": Policy(subject, hands_over=True),
        "run": Policy(caged(create="deny", connect="deny", bind="deny", shutdown="deny", seal="listen tcp/8443")),
    }
