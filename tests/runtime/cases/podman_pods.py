# SPDX-License-Identifier: Apache-2.0
"""podman's pods: containers that share a network namespace and have a policy each, or one policy
for all from the Pod's YAML.

Fails when: a container of a pod is not under its own policy, or under another's; the infra
container gets one; the end of one container, or its restart, changes what holds for the others; a
key for one container of a kube play is ignored, or refused without saying why.
"""

from harness.bundle import Options
from harness.check import compare, keys
from harness.commands import Exit, run
from harness.pods import infra_of, manifest, played, pod
from harness.runner import expect, expect_equal, expect_in, group, test
from harness.runtimes import Podman, parse_probe
from harness.sheet import Sheet

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


def put(sheet, runtime, name, seen):
    for attempt, answer in expected(name).items():
        why = None if seen.get(attempt) == answer else f"{seen.get(attempt)}, expected {answer}"
        sheet.put(f"{runtime.oci}: {attempt}", name, seen.get(attempt, "none"), why)


def start(runtime, name, members, pod_name):
    options = Options(pod=pod_name, annotations=dict(POLICIES[name]))
    members[name] = runtime.start(["/probe", *ATTEMPTS, "wait.term"], options, ready="waiting ok")
    first = parse_probe("\n".join(members[name].output))
    compare(first, expected(name))


def exec_in(member):
    return parse_probe(member.exec("/probe", *ATTEMPTS).out)


def fill(session, record, sheet, runtime):
    members = {}
    with pod(runtime, "--network", "none") as pod_name:
        try:
            for name in POLICIES:
                start(runtime, name, members, pod_name)
            for name, member in members.items():
                put(sheet, runtime, name, exec_in(member))
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
    runtimes = [Podman(session, "crun"), Podman(session, "runc")]
    sheet = Sheet(session, record, "pod",
                  [f"{runtime.oci}: {attempt}" for runtime in runtimes for attempt in ATTEMPTS],
                  list(POLICIES))
    for runtime in runtimes:
        fill(session, record, sheet, runtime)
    sheet.require_full()


@test("podman kube play: the annotations of the Pod are for each of its containers")
def _(session):
    podman = session.podman
    document = manifest(session, ["web", "db"], keys(connect="deny", bind="tcp/80"))
    name = document["metadata"]["name"]
    with played(session, podman, document) as outcome:
        expect_equal(outcome.status, 0, outcome.text)
        for container in (f"{name}-web", f"{name}-db"):
            seen = parse_probe(run(*podman.exec_command(container), "/probe", *ATTEMPTS[:3]).out)
            compare(seen, {"bind.tcp4:81": "EPERM", CONNECT: "EPERM", "create.udp4": "ok"})
        infra = podman.inspect(infra_of(podman, name))
        expect(infra["Id"] not in session.socklid("list", "--no-trunc").out, "infra has a policy")


@test("podman kube play: a key for one container is refused, and the reason said")
def _(session):
    document = manifest(session, ["web", "db"], {**keys(connect="deny"),
                                                 "io.socklid.bind/web": "tcp/80"})
    reason = "io.socklid.bind/web: podman gives hooks no container name"
    with played(session, session.podman, document) as outcome:
        expect(outcome.status != 0, outcome.text)
        expect_in(f"exit code: {Exit.ANNOTATION}", outcome.text, "podman with crun")
        expect_in(reason, session.socklid("doctor", check=False).text, "doctor")
    with played(session, Podman(session, "runc"), document) as outcome:
        expect(outcome.status != 0, outcome.text)
        expect_in(reason, outcome.text, "podman with runc")
