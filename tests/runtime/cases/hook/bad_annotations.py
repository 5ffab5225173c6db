# SPDX-License-Identifier: Apache-2.0
"""Annotation values with every kind of error, given to the hook for a container that is there.

Fails when: the hook accepts one, does not name the annotation, tells everybody of its value, or
leaves anything behind.
"""

from harness.bundle import Options
from harness.commands import Exit
from harness.hook import hook, last_refusal, state
from harness.runner import group
from harness.snapshot import Unchanged

P = "io.socklid."
A, U = Exit.ANNOTATION, Exit.UNSUPPORTED

# (annotations, exit status); the first key must be named in what is kept.
CASES = {
    "an unknown key": ({P + "conect": "deny"}, A),
    "an unknown key below a known one": ({P + "create.icmp": "deny"}, A),
    "the prefix alone": ({P: "deny"}, A),
    "a key in capitals": ({P + "Connect": "deny"}, A),
    "a key with a slash for a dot": ({"io.socklid/egress": "udp/53"}, A),
    "a key with a capital": ({"io.Socklid.egress": "udp/53"}, A),
    "a key of our domain the right way round": ({"socklid.io/egress": "udp/53"}, A),
    "a key with underscores": ({"io_socklid_egress": "udp/53"}, A),
    "a key for a container without a name": ({P + "connect/": "deny"}, A),
    "a key for a container of an unnamed pod": ({P + "connect/web": "deny"}, A),
    "a key with two slashes": ({P + "connect/web/x": "deny"}, A),
    "an empty verdict": ({P + "connect": ""}, A),
    "an unknown verdict": ({P + "connect": "maybe"}, A),
    "a verdict in capitals": ({P + "connect": "Deny"}, A),
    "two verdicts": ({P + "connect": "deny\nallow"}, A),
    "a verdict of nothing but a comment": ({P + "connect": "# deny\n"}, A),
    "an egress of nothing but comments": ({P + "egress": "# udp/53\n# tcp/80\n"}, A),
    "a comment behind an item": ({P + "egress": "udp/53 # names"}, A),
    "a verdict with a NUL": ({P + "connect": "deny\0"}, Exit.STATE),  # no string can hold one
    "a verdict that is not ASCII": ({P + "connect": "d\u00e9ny"}, A),
    "a terminal's escape sequence": ({P + "connect": "\x1b[2J"}, A),
    "a port out of range": ({P + "bind": "tcp/65536"}, A),
    "a negative port": ({P + "bind": "tcp/-1"}, A),
    "a port that is no number": ({P + "bind": "tcp/http"}, A),
    "a port with a leading plus": ({P + "bind": "tcp/+80"}, A),
    "a range upside down": ({P + "bind": "tcp/90-80"}, A),
    "an unknown protocol": ({P + "bind": "quic/443"}, A),
    "a port without a protocol": ({P + "bind": "80"}, A),
    "bind of icmp": ({P + "bind": "icmp"}, A),
    "deny among ports": ({P + "bind": "tcp/80 deny"}, A),
    "an egress without a protocol": ({P + "egress": "53"}, A),
    "an egress to a name": ({P + "egress": "tcp/80@example.org"}, A),
    "an egress to half an address": ({P + "egress": "tcp/80@10.0.0"}, A),
    "an egress to a prefix too long": ({P + "egress": "tcp/80@10.0.0.0/33"}, A),
    "an egress to an IPv6 prefix too long": ({P + "egress": "tcp/80@fd00::/129"}, A),
    "an egress with host bits": ({P + "egress": "tcp/80@10.0.0.1/8"}, A),
    "an egress with a zone": ({P + "egress": "tcp/80@fe80::1%eth0"}, A),
    "a port of icmp": ({P + "egress": "icmp/8"}, A),
    "mark 0": ({P + "mark": "0"}, A),
    "a mark that is no number": ({P + "mark": "three"}, A),
    "a negative mark": ({P + "mark": "-3"}, A),
    "a mark beyond 32 bits": ({P + "mark": "4294967296"}, A),
    "a mark beyond its mask": ({P + "mark": "0x100/0xff"}, A),
    "a large mark without a mask": ({P + "mark": "0x1000000"}, A),
    "an empty mask": ({P + "mark": "3/"}, A),
    "mask 0": ({P + "mark": "3/0"}, A),
    "an unknown otherwise": ({P + "otherwise": "ignore", P + "egress": "udp/53"}, A),
    "otherwise without egress": ({P + "otherwise": "drop"}, A),
    "an unknown family": ({P + "families": "inet appletalks"}, A),
    "a policy that is no JSON": ({P + "policy": "{"}, A),
    "a policy that is an array": ({P + "policy": "[]"}, A),
    "a policy with an unknown key": ({P + "policy": '{"conect": "deny"}'}, A),
    "a policy with a wrong type": ({P + "policy": '{"connect": 1}'}, A),
    "a policy with a key twice": ({P + "policy": '{"connect":"deny","connect":"allow"}'}, A),
    "a policy in a policy": ({P + "policy": '{"policy": {}}'}, A),
    "a policy that contradicts a key": ({P + "policy": '{"connect": "deny"}',
                                         P + "connect": "allow"}, A),
    "a value beyond its limit": ({P + "bind": "tcp/80 " * 1000}, A),
    "a policy beyond its limit": ({P + "policy": '{"bind": ["' + "x" * 210_000 + '"]}'}, A),
    "an endpoint of connect that is none": ({P + "connect": "tcp/443@300.1.1.1"}, A),
    "an endpoint of connect with host bits": ({P + "connect": "tcp/443@10.0.0.1/8"}, A),
    "too many endpoints": ({P + "policy": '{"egress": ['
                            + ",".join(f'"tcp/{i % 60000}@10.{i >> 8 & 255}.{i & 255}.1"'
                                       for i in range(10_001)) + "]}"}, A),
    "audit mode": ({P + "mode": "audit"}, U),
    "a seal of another kind": ({P + "seal": "later", P + "create": "deny"}, A),
    "a seal that waits for what is not seen": ({P + "seal": "listen udp/53", P + "create": "deny"}, A),
    "a seal with nothing to hold back": ({P + "seal": "listen", P + "egress": ""}, A),
    "a profile": ({P + "profile": "web"}, U),
}


def complaint(outcome, status, key):
    lines = outcome.err.splitlines()
    if outcome.status != status:
        return f"exit status {outcome.status}, expected {status}: {outcome.text[:300]!r}"
    if status == Exit.STATE:
        return None if not lines else f"told of a state that cannot be read: {lines!r}"
    if len(lines) != 1 or len(lines[0]) > 1000 or not lines[0].isprintable():
        return f"expected one printable line: {outcome.err[:300]!r}"
    if not lines[0].isascii() or len(lines[0]) > 400:
        return f"a line that is not only ours: {lines[0]!r}"
    story = last_refusal()["message"]
    if key not in story or not story.isprintable():
        return f"what is kept does not name {key}: {story!r}"
    return None


@group("bad input: annotations")
def _(session, record):
    _ = session.warm
    with session.crun.hold(Options()) as container, Unchanged():
        for name, (annotations, status) in CASES.items():
            document = state(pid=container.pid, id=container.id, annotations=annotations)
            outcome = hook("createRuntime", document)
            record(f"bad input: {name}", complaint(outcome, status, next(iter(annotations))))
            if outcome.status == 0:  # accepted: keep the damage to this case
                hook("poststop", state(id=container.id, status="stopped", pid=0))
