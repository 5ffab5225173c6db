# SPDX-License-Identifier: Apache-2.0
"""Containers that share a network namespace, each with an egress of its own.

Fails when: one may use what only another's policy names, with equal marks too; one that comes or
goes costs another a packet; a neighbour without a policy is hindered; rules outlive their
container; what cannot be had there is accepted.
"""

import re

from harness.bundle import POD, Options
from harness.check import compare, keys
from harness.commands import Exit
from harness.hook import last_refusal
from harness.network import CONTAINER4, CONTAINER6, INSIDE, in_netns
from harness.network import NEIGHBOUR4 as N4
from harness.network import NEIGHBOUR6 as N6
from harness.programs import tried
from harness.runner import expect, expect_equal, expect_in, group, test
from harness.runtimes import parse_probe
from harness.snapshot import ruleset

# By what each names: no other may have it.
WAYS = {"dns": [f"exchange.udp4:{N4}:53", f"exchange.udp6:{N6}:53"],
        "sql": [f"exchange.tcp4:{N4}:3306", f"exchange.tcp6:{N6}:3306",
                f"exchange.mapped:{N4}:3306"],
        "web": [f"exchange.tcp4:{N4}:80", f"exchange.tcp6:{N6}:80"]}
POLICIES = {"dns": keys(mark="3", bind="tcp/80", egress="udp/53"),
            "sql": keys(mark="3", bind="tcp/81", egress="tcp/3306"),
            "web": keys(mark="5", bind="tcp/82 udp/5353", egress="tcp/80")}
REFUSED = {f"{step}:{error}" for step in ("connect", "send", "answer")
           for error in ("ECONNREFUSED", "EPERM", "EACCES", "EHOSTUNREACH")}


def in_pod(annotations, **options):
    return Options(annotations={**POD, **annotations}, **options)


def expected_of(name):
    return {attempt: "ok" if way == name else REFUSED
            for way, attempts in WAYS.items() for attempt in attempts}


def seen_by(container, attempts):
    return tried(container, "/probe", *attempts)


def tables():
    return sorted(re.findall(r"table inet (socklid\w*)", ruleset(INSIDE)))


@group("a pod of three")
def _(session, record):
    runtimes = [session.crun, session.runc, session.crun]
    held = {}
    try:
        for (name, policy), runtime in zip(POLICIES.items(), runtimes):
            held[name] = runtime.hold(in_pod(policy))
        record("each has a table of its own",
               None if tables() == ["socklid_1", "socklid_2", "socklid_3"] else tables())
        for name, container in held.items():
            seen = seen_by(container, expected_of(name))
            for way, attempts in WAYS.items():
                wanted = {attempt: expected_of(name)[attempt] for attempt in attempts}
                try:
                    compare(seen, wanted)
                    record(f"{name} {'reaches' if way == name else 'does not reach'} {way}")
                except AssertionError as error:
                    record(f"{name} and {way}", str(error))
        held.pop("dns").remove()
        record("its table goes with a container",
               None if tables() == ["socklid_2", "socklid_3"] else tables())
        compare(seen_by(held["sql"], expected_of("sql")), expected_of("sql"))
        record("the others go on as they were")
    finally:
        for container in held.values():
            container.remove()
    record("the last table goes with the last container", None if not tables() else tables())


@test("a served port is answered, another container's and an unnamed one are not")
def _(session):
    web = ["/probe", "serve.dual:82"]
    with session.crun.start(web, in_pod(POLICIES["web"]), ready="serving"), \
            session.crun.start(["/probe", "serve.mappedudp:5353"],
                               in_pod(POLICIES["web"]), ready="serving"), \
            session.crun.start(["/probe", "serve.dual:90"],
                               in_pod(keys(egress="udp/53")), ready="serving"), \
            session.crun.start(["/probe", "serve.dual:91"], in_pod({}), ready="serving"):
        expected = {f"exchange.tcp4:{CONTAINER4}:82": "ok", f"exchange.tcp6:{CONTAINER6}:82": "ok",
                    f"exchange.udp4:{CONTAINER4}:5353": "ok",
                    f"exchange.udp6:{CONTAINER6}:5353": "ok",
                    f"exchange.tcp4:{CONTAINER4}:91": "ok", f"exchange.tcp6:{CONTAINER6}:91": "ok",
                    f"exchange.tcp4:{CONTAINER4}:90": {"connect:ECONNREFUSED"},
                    f"exchange.tcp6:{CONTAINER6}:90": {"connect:ECONNREFUSED"}}
        compare(parse_probe(session.network.from_neighbour(*expected)), expected)


@test("loopback inside a pod is not egress")
def _(session):
    with session.crun.start(["/probe", "serve.dual:82"], in_pod(POLICIES["web"]),
                            ready="serving"):
        seen = session.crun.probe(["exchange.tcp4:127.0.0.1:82", "exchange.tcp6:::1:82"],
                                  in_pod(POLICIES["dns"]))
        compare(seen, {attempt: "ok" for attempt in seen})


@test("a neighbour without a policy is not touched")
def _(session):
    everything = [attempt for attempts in WAYS.values() for attempt in attempts]
    with session.crun.hold(in_pod(POLICIES["dns"])), session.crun.hold(in_pod({})) as free:
        compare(seen_by(free, everything), {attempt: "ok" for attempt in everything})


@test("one that comes or goes costs its neighbours no packet")
def _(session):
    streams = [session.crun.start(["/probe", f"stream.udp4:{N4}:53"], in_pod(annotations),
                                  ready="streaming")
               for annotations in (POLICIES["dns"], {})]
    try:
        for policy in (POLICIES["sql"], POLICIES["web"], POLICIES["sql"]):
            with session.crun.hold(in_pod(policy)):
                pass
    finally:
        for stream in streams:
            session.crun.signal(stream.name, "TERM")
    for stream in streams:
        text = stream.finish().text
        stream.remove()
        found = re.search(r"stream\S* (\d+)-of-(\d+)", text)
        expect(found and int(found[1]) == 0 and int(found[2]) > 100, text)


@test("the rules of one whose removal never came are no conflict")
def _(session):
    dead = session.crun.hold(in_pod(POLICIES["dns"], stages=("createRuntime",)))
    dead.remove()
    expect_equal(tables(), ["socklid_1"], "tables that nobody has removed")
    with session.runc.hold(in_pod(POLICIES["sql"])) as next_one:
        expect_equal(tables(), ["socklid_1"], "tables with the next container")
        compare(seen_by(next_one, expected_of("sql")), expected_of("sql"))


@test("whoever takes the rules away does not open the way")
def _(session):
    with session.crun.hold(in_pod(POLICIES["dns"])) as container:
        in_netns(INSIDE, "nft", "flush", "ruleset")
        compare(seen_by(container, expected_of("dns")),
                {attempt: answer if answer == "ok" else REFUSED | {"connect:ETIMEDOUT"}
                 for attempt, answer in expected_of("dns").items()})
        expect_in("packet out", session.socklid("inspect", container.id, check=False).out, "denials")


@test("no mark of another is to be had")
def _(session):
    attempts = {"sockopt.mark": "EPERM", "sockopt.mark6": "EPERM", f"cmsg.mark:{N4}:53": "EPERM",
                "netlink.write": "EPERM", "create.netlink-netfilter": "EPROTONOSUPPORT",
                "create.packet": "EAFNOSUPPORT", "mark.tcp4": "0x2000003"}
    with session.crun.hold(in_pod(POLICIES["dns"])), \
            session.crun.hold(in_pod(POLICIES["sql"])) as second:
        compare(seen_by(second, attempts), attempts)


@test("a container joins a namespace that another has for itself")
def _(session):
    first = Options(annotations=POLICIES["dns"])
    with session.crun.start(["/probe", "serve.dual:80"], first, ready="serving") as own:
        with session.runc.start(["/probe", "serve.dual:81"], Options(annotations=POLICIES["sql"]),
                                ready="serving") as second:
            expect_equal(tables(), ["socklid", "socklid_1"], "tables of both")
            compare(seen_by(own, expected_of("dns")), expected_of("dns"))
            compare(seen_by(second, expected_of("sql")), expected_of("sql"))
            served = [f"exchange.tcp{v}:{address}:{port}" for port in (80, 81)
                      for v, address in ((4, CONTAINER4), (6, CONTAINER6))]
            compare(parse_probe(session.network.from_neighbour(*served)),
                    {attempt: "ok" for attempt in served})
        with session.crun.hold(Options()) as joined:
            seen = seen_by(joined, WAYS["dns"])
            expect(seen and "ok" not in seen.values(), f"not under the namespace's rules: {seen}")
        expect_equal(tables(), ["socklid"], "tables of the one that stays")


@test("a container that was there first without a policy is not touched")
def _(session):
    everything = [attempt for attempts in WAYS.values() for attempt in attempts]
    engines = {"io.kubernetes.cri.sandbox-id": "0123456789ab"}  # so that its cgroup bears an id
    # Agents for monitoring have the host's processes, too, and are none of these.
    for host_pids in (False, True):
        with session.runc.hold(Options(annotations=engines, host_pids=host_pids)) as first, \
                session.crun.hold(Options(annotations=POLICIES["dns"])) as second:
            expect_equal(tables(), ["socklid_1"], "tables")
            compare(seen_by(second, expected_of("dns")), expected_of("dns"))
            compare(seen_by(first, everything), {attempt: "ok" for attempt in everything})


@test("a process of the host in a container's namespace is under its rules")
def _(session):
    server = session.network.start_server("probe", "serve.dual:8099", netns=INSIDE)
    try:
        with session.crun.hold(Options(annotations=POLICIES["dns"])):
            expect_equal(tables(), ["socklid"], "tables")
            seen = parse_probe(in_netns(INSIDE, session.probe, *WAYS["dns"], check=False).out)
            expect(seen and "ok" not in seen.values(), seen)
    finally:
        server.kill()
        server.wait()


def expect_refused(outcome, *words):
    found = re.search(r"(?:exit code:|exit status) (\d+)", outcome.text)
    expect(outcome.status != 0 and found and int(found[1]) == Exit.UNSUPPORTED, outcome)
    for word in words:
        expect_in(word, last_refusal()["message"], "the refusal")


@test("what a shared namespace cannot have is refused by name")
def _(session):
    create = ["/probe", "create.unix"]
    expect_refused(session.runc.run(create, in_pod(keys(egress="sctp/443"))),
                   "io.socklid.egress", "sctp")
    wide = keys(mark="0x5000000/0xffffffff", egress="udp/53")
    expect_refused(session.runc.run(create, in_pod(wide)), "io.socklid.mark", "24..31")
    with session.crun.hold(Options(annotations=wide)) as own:
        expect_refused(session.runc.run(create, Options(annotations=POLICIES["dns"])),
                       own.id[:12], "24..31")


@test("the other keys work beside another container's rules")
def _(session):
    attempt = "connect.tcp4:127.0.0.1:9"
    with session.crun.hold(Options(annotations=POLICIES["dns"])):
        annotations = keys(connect="deny", bind="tcp/80", mark="4")
        with session.runc.hold(Options(annotations=annotations)) as second:
            seen = parse_probe(second.exec("/probe", attempt, "mark.tcp4", "bind.tcp4:81").out)
            compare(seen, {attempt: "EPERM", "mark.tcp4": "0x4", "bind.tcp4:81": "EPERM"})
