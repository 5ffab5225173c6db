# SPDX-License-Identifier: Apache-2.0
"""Every verb, allowed and denied, under every runtime: one container per policy tries everything.

Fails when: a denied attempt succeeds or fails with another errno than the documented one; an
attempt that the policy does not name is hindered; a container without annotations differs from
what the kernel does anyway (then no denial would prove anything).
"""

from harness import attempts as a
from harness.bundle import Options
from harness.check import several
from harness.runner import Cell, Failure, group

CREATE_STEP = "create:EPERM"


def without(create_attempts, kinds):
    """Expectations where these kinds of sockets cannot be created at all."""
    answers = {attempt: a.DENIED for attempt in create_attempts}
    for attempt in a.EVERY:
        kind = attempt.partition(".")[2].split(":")[0]
        if not attempt.startswith("create.") and kind in kinds:
            answers[attempt] = CREATE_STEP
    return answers


TCP_KINDS = {"tcp4", "tcp6", "dual", "mapped", "fastopen", "fastopen6", "nodelay", "reuseaddr",
             "v6only", "mark", "transparent", "transparent6", "repair"}
UDP_KINDS = {"udp4", "udp6", "mappedudp", "unspec", "inet-on-6", "mark6", "rthdr", "options"}


class Policy:
    """`denies`: verbs whose denied cell it shows. `answers`: what is not as without a policy."""

    def __init__(self, name, annotations, denies, answers, restricts=True):
        self.name, self.denies = name, denies
        self.annotations = {f"io.socklid.{key}": value for key, value in annotations.items()}
        self.answers = {**(a.closed() if restricts else {}), **answers}

    def expected(self, attempt, control):
        answer = self.answers.get(attempt)
        # What this kernel does not have stays away whatever the policy says.
        if answer in (a.FAMILY, a.PROTOCOL) and control[attempt] != "ok":
            return {answer, control[attempt]}
        return {answer or control[attempt]}


POLICIES = [
    Policy("connect and listen denied", {"connect": "deny", "listen": "deny"},
           ["connect", "listen"],
           {**a.all_of(a.CONNECT, "EPERM"), **a.all_of(a.LISTEN, "EPERM"),
            **a.all_of(a.SHUTDOWN, "connect:EPERM"), **a.all_of(a.ACCEPT, "listen:EPERM")}),
    Policy("bind to one port, accept and shutdown denied",
           {"bind": "tcp/80", "accept": "deny", "shutdown": "deny"},
           ["bind", "accept", "shutdown"],
           {**a.all_of(a.BIND, "EPERM"), **a.all_of(a.ACCEPT, "EPERM"),
            **a.all_of(a.SHUTDOWN, "EPERM")}),
    Policy("create.tcp denied", {"create.tcp": "deny"}, ["create.tcp"],
           without(a.CREATE_TCP, TCP_KINDS)),
    Policy("create.udp denied", {"create.udp": "deny"}, ["create.udp"],
           without(a.CREATE_UDP, UDP_KINDS)),
    Policy("create denied", {"create": "deny"}, ["create"],
           without(a.CREATE_TCP + a.CREATE_UDP, TCP_KINDS | UDP_KINDS)),
    Policy("only a mark", {"mark": "0x3"}, [],
           {"mark.tcp4": "0x3", "mark.udp6": "0x3", "sockopt.mark": "EPERM",
            "sockopt.mark6": "EPERM", "bpf": "EPERM"}, restricts=False),
]


def control_errors(control):
    wrong = {attempt: control.get(attempt) for attempt in a.EVERY
             if a.is_certain(attempt) and control.get(attempt) != a.unrestricted(attempt)}
    missing = [attempt for attempt in a.EVERY if attempt not in control]
    return f"without a policy: {wrong}, no answer: {missing}" if wrong or missing else None


def differences(attempts, seen, policy, control):
    wrong = []
    for attempt in attempts:
        expected = policy.expected(attempt, control)
        if seen.get(attempt) not in expected:
            wrong.append(f"{attempt} {seen.get(attempt)}, expected {'/'.join(sorted(expected))}")
    return several(wrong) if wrong else None


def judge_verb(verb, policy, seen, control, runtime, record):
    attempts = a.BY_VERB[verb]
    touched = any(attempt in policy.answers for attempt in attempts)
    if touched and verb not in policy.denies:
        return  # another verb's denial keeps this one from being reached
    verdict = "denied" if verb in policy.denies else "allowed"
    why = differences(attempts, seen, policy, control)
    record(f"verbs: {verb} is {verdict} [{runtime.name}: {policy.name}]", why,
           Cell(verb, verdict, runtime.name))


def judge(policy, seen, control, runtime, record):
    for verb in a.BY_VERB:
        judge_verb(verb, policy, seen, control, runtime, record)
    why = differences(a.CLOSED_FAMILIES + a.CLOSED_PROTOCOLS, seen, policy, control)
    restricted = policy.name != "only a mark"
    record(f"verbs: families and protocols [{runtime.name}: {policy.name}]", why,
           Cell("families", "denied" if restricted else "allowed", runtime.name))
    rest = a.ALWAYS + a.LOOSENING + ["mark.tcp4", "mark.udp6"]
    why = differences(rest, seen, policy_of_rest(policy), control)
    record(f"verbs: the rest [{runtime.name}: {policy.name}]", why)


def policy_of_rest(policy):
    """Reading SO_MARK needs a socket; where none can be made that is the answer."""
    answers = dict(policy.answers)
    if "create.tcp4" in answers:
        answers["mark.tcp4"] = CREATE_STEP
    if "create.udp6" in answers:
        answers["mark.udp6"] = CREATE_STEP
    copy = Policy(policy.name, {}, policy.denies, {}, restricts=False)
    copy.answers = answers
    return copy


@group("verbs")
def _(session, record):
    for runtime in session.runtimes:
        control = runtime.probe(a.EVERY)
        why = control_errors(control)
        record(f"verbs: without annotations everything works [{runtime.name}]", why)
        if why:
            continue
        for policy in POLICIES:
            try:
                seen = runtime.probe(a.EVERY, Options(annotations=policy.annotations))
            except Failure as error:  # every verb counts as failed
                record(f"verbs: a container runs [{runtime.name}: {policy.name}]", str(error))
                seen = {}
            judge(policy, seen, control, runtime, record)
