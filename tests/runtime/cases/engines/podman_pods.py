# SPDX-License-Identifier: Apache-2.0
"""podman's pods: containers that share a network namespace and have a policy each, with the manager
of cgroups that podman has here.

Fails when: a container of a pod is not under its own policy, or under another's; the infra
container gets one; the end of one container, or its restart, changes what holds for the others.
"""

from harness.bundle import Options
from harness.check import compare, keys
from harness.pods import fill_table, infra_of, pod
from harness.runner import expect, expect_equal, group
from harness.runtimes import parse_probe

CONNECT = "connect.tcp4:127.0.0.1:9"
POLICIES = {"web": keys(bind="tcp/80", mark="3"), "db": keys(connect="deny", mark="4"),
            "job": keys(create_udp="deny", mark="5")}
# Each is denied to one of them; to the others the kernel answers.
DENIED = {"web": "bind.tcp4:81", "db": CONNECT, "job": "create.udp4"}
OTHERWISE = {"bind.tcp4:81": "ok", CONNECT: "ECONNREFUSED", "create.udp4": "ok"}
MARKS = {"web": "0x3", "db": "0x4", "job": "0x5"}
ATTEMPTS = [*OTHERWISE, "mark.tcp4"]


def expected(container):
    return {**OTHERWISE, DENIED[container]: "EPERM", "mark.tcp4": MARKS[container]}


def put(table, runtime, name, seen):
    for attempt, answer in expected(name).items():
        why = None if seen.get(attempt) == answer else f"{seen.get(attempt)}, expected {answer}"
        table.put(f"{runtime.oci}: {attempt}", name, seen.get(attempt, "none"), why)


def start(runtime, name, members, pod_name):
    options = Options(pod=pod_name, annotations=dict(POLICIES[name]))
    members[name] = runtime.start(["/probe", *ATTEMPTS, "wait.term"], options, ready="waiting ok")
    first = parse_probe("\n".join(members[name].output))
    compare(first, expected(name))


def exec_in(member):
    return parse_probe(member.exec("/probe", *ATTEMPTS).out)


def fill(session, record, table, runtime):
    members = {}
    with pod(runtime, "--network", "none") as pod_name:
        try:
            for name in POLICIES:
                start(runtime, name, members, pod_name)
            for name, member in members.items():
                put(table, runtime, name, exec_in(member))
            infra = runtime.inspect(infra_of(runtime, pod_name))
            ours = [key for key in infra["Config"]["Annotations"] if "socklid" in key]
            expect_equal(ours, [], "annotations of the infra container")
            listed = session.socklid("list", "--no-trunc").out
            expect(infra["Id"] not in listed, f"the infra container has a policy: {listed}")
            record(f"pods: the infra container has no policy [{runtime.name}]")
            members.pop("job").remove()
            for name in ("web", "db"):
                compare(exec_in(members[name]), expected(name))
            record(f"pods: the others keep theirs when one ends [{runtime.name}]")
            start(runtime, "job", members, pod_name)
            record(f"pods: one that comes back is under its own [{runtime.name}]")
        finally:
            for member in members.values():
                member.remove()


@group("pods")
def _(session, record):
    fill_table(session, record, "pod", ATTEMPTS, POLICIES, fill)
