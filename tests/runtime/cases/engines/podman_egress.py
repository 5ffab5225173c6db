# SPDX-License-Identifier: Apache-2.0
"""A pod of podman's whose containers have an egress each, with a way out to the neighbour.

Fails when: one reaches what only another's policy names, or not what its own names; one without a
policy is hindered, or the others are when one ends.
"""

from harness.bundle import Options
from harness.check import compare, keys
from harness.pods import CABLE4, cabled, fill_table, pod
from harness.runner import group
from harness.runtimes import parse_probe

POLICIES = {"web": keys(egress="tcp/80"), "db": keys(egress="tcp/3306"),
            "dns": keys(egress="udp/53")}
WAYS = {"web": f"exchange.tcp4:{CABLE4}:80", "db": f"exchange.tcp4:{CABLE4}:3306",
        "dns": f"exchange.udp4:{CABLE4}:53"}


def seen_by(member):
    return parse_probe(member.exec("/probe", *WAYS.values(), check=False).out)


def put(table, runtime, name, seen):
    for way, attempt in WAYS.items():
        answer = seen.get(attempt, "none")
        wrong = (answer == "ok") != (way == name) or answer == "none"
        table.put(f"{runtime.oci}: {attempt}", name, answer, "seen: " + answer if wrong else None)


def fill(session, record, table, runtime):
    members = {}
    with pod(runtime, "--network", "none") as pod_name, cabled(session, runtime, pod_name):
        try:
            for name, policy in POLICIES.items():
                members[name] = runtime.hold(Options(pod=pod_name, annotations=dict(policy)))
            for name, member in members.items():
                put(table, runtime, name, seen_by(member))
            members.pop("db").remove()
            members["free"] = runtime.hold(Options(pod=pod_name))
            compare(seen_by(members["free"]), dict.fromkeys(WAYS.values(), "ok"))
            record(f"egress in a pod: one without a policy is free [{runtime.name}]")
            compare({WAYS["web"]: seen_by(members["web"])[WAYS["web"]]}, {WAYS["web"]: "ok"})
            record(f"egress in a pod: the others go on when one ends [{runtime.name}]")
        finally:
            for member in members.values():
                member.remove()


@group("egress in a pod of podman's")
def _(session, record):
    fill_table(session, record, "pod with egress", WAYS.values(), POLICIES, fill)
