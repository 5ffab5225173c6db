# SPDX-License-Identifier: Apache-2.0
"""What the tools say is read from the kernel (I10): in each kind of network namespace each single
thing that a container's policy is made of is taken away in turn.

Fails when: something is missing or changed and `list`, `inspect` or `doctor` does not name it or
exits with 0; `repair` neither puts it back nor says why not; a container that was put back is not
held to its policy, or not called active.
"""

import json
import os
import re
from contextlib import ExitStack
from pathlib import Path

from harness.bundle import Options
from harness.check import keys
from harness.commands import run
from harness.network import INSIDE
from harness.runner import Failure, expect, expect_equal, expect_in, is_thorough, leave, test
from harness.runtimes import parse_probe

BPFFS = Path("/sys/fs/bpf/socklid")
POLICY = keys(connect="tcp/80@10.0.0.0/8 udp/53", bind="tcp/80 udp/8000-8010", shutdown="deny",
              mark="3", egress="udp/53 tcp/3306@10.0.0.2 tcp/3307@10.0.0.2", seal="manual",
              subject_box="/bin/busybox shutdown=deny connect=tcp/25 seal=manual", readonly="/etc")
DISTRIBUTION = os.environ.get("SOCKLID_DISTRIBUTION", "")
KERNEL = tuple(map(int, re.findall(r"\d+", os.uname().release)[:2]))
UNKNOWN_RULE = Path(__file__).resolve().parents[2] / "unknown_rule"
ATTEMPT = "connect.tcp4:127.0.0.1:9"


def hexadecimal(data):
    return ["hex", *(f"{byte:02x}" for byte in data)]


class Subject:
    """One container under POLICY, and the things that its policy is made of."""

    def __init__(self, session, container):
        self.session, self.container, self.id = session, container, container.id
        told = self.inspect()
        self.cgroup = told["cgroup_id"].to_bytes(8, "little")
        self.pins = BPFFS / "containers" / f"{self.id}_{told['cgroup_id']:x}"
        self.build = BPFFS / "programs" / told["programs"]["hash"]
        self.table = f"socklid_{told['slot']}" if told["slot"] else "socklid"
        self.has_rules = told["network"] != "host"
        self.hooks = [(hook["hook"], hook["per_cgroup"]) for hook in told["hooks"]]
        expect(len(self.hooks) > 10, f"only {self.hooks}")

    def inspect(self):
        return json.loads(self.session.socklid("inspect", self.id, "--json", check=False).out)

    # Taking away ---------------------------------------------------------------------------------

    def everything(self):
        """(kind, what is told of it, what takes it away)"""
        for hook, per_cgroup in self.hooks:
            yield from self.links_of(hook, per_cgroup)
        yield from self.pins_of_the_build()
        yield from self.entries()
        yield from self.list_entries()
        yield from self.subject_entries()
        if self.has_rules:
            yield from self.rules()
        yield from self.seals()

    def links_of(self, hook, per_cgroup):
        anchor = self.build / f"anchor_{hook}"
        if per_cgroup:
            pin = self.pins / hook
            yield "link", f"link of {hook}: not pinned", pin.unlink
            yield "detached link", f"link of {hook}: detached", \
                lambda: run("bpftool", "link", "detach", "pinned", pin)
            yield "detached anchor", f"anchor of {hook}: detached", \
                lambda: run("bpftool", "link", "detach", "pinned", anchor)
        if anchor.exists():
            yield "anchor", f"anchor of {hook}: not pinned", anchor.unlink

    def pins_of_the_build(self):
        for name in ("policies", "policies_by_cgroup", "denials", "prefixes", "ports", "seals", "tasks",
                     "files", "named", "devices", "subjects", "subject_denials", "subject_runs"):
            yield "map", f"map map_{name}: not pinned", (self.build / f"map_{name}").unlink
        for hook, _ in self.hooks:
            pin = self.build / f"program_{hook}"
            if pin.exists():
                yield "program", f"anchor of {hook}: its program is not pinned", pin.unlink

    def delete(self, name, key):
        run("bpftool", "map", "delete", "pinned", self.build / f"map_{name}", "key",
            *hexadecimal(key))

    def update(self, name, key, value):
        run("bpftool", "map", "update", "pinned", self.build / f"map_{name}", "key",
            *hexadecimal(key), "value", *hexadecimal(value))

    def look_up(self, name):
        told = run("bpftool", "--json", "map", "lookup", "pinned", self.build / f"map_{name}", "key",
                   *hexadecimal(self.cgroup))
        return bytes(int(byte, 16) for byte in json.loads(told.out)["value"])

    def entries(self):
        def without_flags(name):
            value = bytearray(self.look_up(name))
            value[8] ^= 0x10
            self.update(name, self.cgroup, value)

        yield "node-wide policy", "node-wide policy: not there", \
            lambda: self.delete("policies_by_cgroup", self.cgroup)
        yield "changed node-wide policy", "node-wide policy: another than the record's", \
            lambda: without_flags("policies_by_cgroup")
        yield "policies", "policy of the cgroup: another than the record's", \
            lambda: without_flags("policies")
        yield "counters", "counters: not there", lambda: self.delete("denials", self.cgroup)

    def keys_of(self, name):
        dumped = json.loads(run("bpftool", "--json", "map", "dump", "pinned",
                                self.build / f"map_{name}").out)
        keys_ = [bytes(int(byte, 16) for byte in entry["key"]) for entry in dumped]
        return [key for key in keys_ if key[8:16] == self.cgroup]

    def list_entries(self):
        """By number: the generation, and with it the keys, changes with each repair."""
        for name in ("prefixes", "ports"):
            count = len(self.keys_of(name))
            expect(count > 1, f"no lists in {name}")
            for i in range(count):
                # Whoever deletes what the others are found by hides them all.
                yield f"entry of {name}", " entries of the endpoint lists", \
                    lambda name=name, i=i: self.delete(name, sorted(self.keys_of(name))[i])

        def add():
            key = bytearray(max(self.keys_of("ports")))
            key[-1] ^= 0x55
            self.update("ports", key, b"\x01\x00\x00\x00")

        yield "foreign entry", "1 entries of the endpoint lists", add

    def own_keys(self, name):
        """Of a hash whose keys begin with the cgroup's id."""
        dumped = json.loads(run("bpftool", "--json", "map", "dump", "pinned", self.build / f"map_{name}").out)
        found = [bytes(int(byte, 16) for byte in entry["key"]) for entry in dumped]
        return [key for key in found if key[:8] == self.cgroup]

    def subject_entries(self):
        subject, = self.own_keys("subjects")
        named, = self.own_keys("named")
        files = self.own_keys("files")
        inode = int(self.inspect()["subjects"][0]["programs"][0]["inode"])
        program, = [key for key in files if int.from_bytes(key[8:16], "little") == inode]
        yield "subject", "subject box: not there", lambda: self.delete("subjects", subject)
        yield "counters of a subject", "subject box: counters: not there", \
            lambda: self.delete("subject_denials", subject)
        yield "runs of a subject", "subject box: its runs: not there", lambda: self.delete("subject_runs", subject)
        yield "program of a subject", "subject box: its program /bin/busybox", lambda: self.delete("files", program)
        yield "name of a program", "1 names of subjects' programs", lambda: self.delete("named", named)
        yield "file system", "1 file systems with protected files", lambda: self.delete("devices", program[16:20])
        for key in files:
            if key != program:
                yield "protected file", "1 entries of the protected files", \
                    lambda key=key: self.delete("files", key)

        def add():
            key = bytearray(program)
            key[8] ^= 0x55
            self.update("files", key, bytes(8))

        yield "foreign file", "1 entries of the protected files", add

    def nft(self, *arguments, stdin=None):
        return run("nsenter", "--net", "--target", self.container.pid, "nft", *arguments,
                   stdin=stdin).out

    def listing(self):
        return self.nft("-n", "list", "table", "inet", self.table)

    def replace_table(self, text):
        self.nft("-f", "-", stdin=f"delete table inet {self.table}\n{text}")

    def rules(self):
        table = ("inet", self.table)
        yield "table", f"nft: table {self.table}", lambda: self.nft("delete", "table", *table)
        yield "owner", f"nft: owner of table {self.table}", lambda: self.replace_table(
            re.sub(r'comment "container [^"]*"', 'comment "container x cgroup 1"', self.listing()))
        yield "no owner", f"nft: owner of table {self.table}", lambda: self.replace_table(
            re.sub(r'\tcomment "container [^"]*"\n', "", self.listing()))
        yield "dormant table", f"nft: table {self.table} (dormant)", \
            lambda: self.nft("add", "table", *table, "{ flags dormant; }")
        yield "rules", " of chain ", lambda: self.nft("flush", "table", *table)
        for chain in re.findall(r"^\tchain (\S+) \{", self.listing(), re.MULTILINE):
            yield "chain", f" of chain {chain}", \
                lambda chain=chain: self.nft("flush", "chain", *table, chain)
            yield "rule", f"nft: rule 1 of chain {chain}", \
                lambda chain=chain: self.delete_first_rule(chain)
        yield "policy of a chain", "nft: chain output", lambda: self.nft(
            "chain", *table, "output", "{ policy accept; }"
            if "policy drop" in self.listing() else "{ policy drop; }")
        yield "element", "nft: 1 elements of set egress_v4", self.without_element
        yield "foreign chain", 'nft: foreign chain "spare"', \
            lambda: self.nft("add", "chain", *table, "spare")
        # Of Debian 12 the kernel's backport knows what its libnftnl does not.
        if DISTRIBUTION == "bookworm" and KERNEL >= (6, 2):
            yield "rule that cannot be read", "1 chains, rules or sets that cannot be read", \
                lambda: self.add_unknown_rule("output")

    def add_unknown_rule(self, chain):
        run("nsenter", "--net", "--target", self.container.pid, UNKNOWN_RULE, self.table, chain)

    def delete_first_rule(self, chain):
        text = self.nft("-a", "list", "chain", "inet", self.table, chain)
        handles = re.findall(r"# handle (\d+)$", text, re.MULTILINE)
        # The chain's own comes first, or, of some versions of nft, the table's before it.
        rules = re.findall(r"^\t\t(?!type ).*# handle (\d+)$", text, re.MULTILINE)
        expect(rules, f"no rule in {chain}: {handles}")
        self.nft("delete", "rule", "inet", self.table, chain, "handle", rules[0])

    def without_element(self):
        changed = re.sub(r"(set egress_v4.*?elements = \{ )[^,}]*,\s*", r"\1", self.listing(),
                         count=1, flags=re.DOTALL)
        expect(changed != self.listing(), "no element was left out")
        self.replace_table(changed)

    def seals(self):
        def change():
            value = bytearray(self.look_up("seals"))
            value[16] ^= 1
            self.update("seals", self.cgroup, value)

        yield "seal", "seal: not there", lambda: self.delete("seals", self.cgroup)
        yield "changed seal", "seal: another than the record's", change

    # What the tools say --------------------------------------------------------------------------

    def line(self):
        told = self.session.socklid("list", "--json", check=False)
        lines = [line for line in json.loads(told.out) if line["id"] == self.id]
        expect_equal(len(lines), 1, "lines of list")
        return lines[0], told.status

    def expect_active(self, when):
        line, status = self.line()
        expect_equal((line["state"], line["damage"], status), ("active", [], 0), when)

    def expect_named(self, what, with_inspect, with_doctor):
        line, status = self.line()
        expect_equal((line["state"], status), ("damaged", 1), f"list: {what}")
        if not any(what in damage for damage in line["damage"]):
            raise Failure(f"list does not name {what!r}: {line['damage']}")
        if with_doctor:
            told = self.session.socklid("doctor", check=False)
            expect_equal(told.status, 1, f"doctor: {what}")
            expect_in(what.removeprefix("nft: "), told.out, "doctor")
            expect_in(f"socklid repair {self.id}", told.out, "doctor")
        if with_inspect:
            told = self.session.socklid("inspect", self.id, check=False)
            expect_equal(told.status, 1, f"inspect: {what}")
            expect_in(what, told.out, "inspect")

    def enforced(self):
        return parse_probe(self.container.exec("/probe", ATTEMPT).out).get(ATTEMPT) == "EPERM"


# What there is of a policy in one kind of namespace alone, or other than elsewhere.
OF_A_NAMESPACE = ("link", "table", "owner", "no owner", "dormant table", "rules", "chain", "rule", "policy of a chain", "element",
                  "foreign chain", "rule that cannot be read")


def check_all(session, container, every=True, kinds=None):
    """`every`: each single thing, or of each kind the first."""
    subject = Subject(session, container)
    subject.expect_active("at first")
    sealed = session.socklid("seal", subject.id)
    expect_in("sealed", sealed.out, "seal")
    known = set()
    for kind, what, take_away in subject.everything():
        if not every and (kind in known or kind not in (kinds or [kind])):
            continue
        take_away()
        is_first = kind not in known
        # It tries every hook as well, for seconds.
        subject.expect_named(what, is_first, is_first and (every or len(known) % 4 == 0))
        known.add(kind)
        told = session.socklid("repair", subject.id, check=False)
        expect_equal(told.status, 0, f"repair of {what}: {told.text}")
        subject.expect_active(f"after the repair of {what}")
        expect(subject.inspect()["seal"]["sealed"], f"open after the repair of {what}")
    expect(subject.enforced(), "not held to the policy after all that")


def check_kinds(session, container, kinds=None):
    """Of each kind the first, or all of them."""
    if not is_thorough():
        leave("of what a policy is made of, all of each kind and not the first alone" if kinds is None else
              "of what is the same in every kind of namespace, all but in one of its own")
    check_all(session, container, is_thorough(), kinds)


@test("what is missing of a policy is named and put back, in a namespace of its own")
def _(session):
    _ = session.warm
    with session.crun.hold(Options(annotations=POLICY, netns="new")) as container:
        check_kinds(session, container)


@test("what is missing of a policy is named and put back, in a shared namespace")
def _(session):
    _ = session.warm
    with ExitStack() as stack:
        # An engine's, for its cgroup then bears an id: without one or a policy it would be the host's.
        neighbour = {"io.kubernetes.cri.sandbox-id": "0123456789ab"}
        stack.enter_context(session.crun.hold(Options(annotations=neighbour)))
        container = stack.enter_context(session.crun.hold(Options(annotations=POLICY)))
        expect_equal(json.loads(session.socklid("inspect", container.id, "--json").out)["network"],
                     "shared", f"namespace {INSIDE}")
        check_kinds(session, container, OF_A_NAMESPACE)


@test("what is missing of a policy is named and put back, in the host's namespace")
def _(session):
    _ = session.warm
    with session.crun.hold(Options(annotations=POLICY, netns="host")) as container:
        check_kinds(session, container, OF_A_NAMESPACE)


@test("a seal that waits keeps waiting through a repair, and one that is lost counts as sealed")
def _(session):
    _ = session.warm
    with session.crun.hold(Options(annotations=POLICY, netns="new")) as container:
        subject = Subject(session, container)
        (subject.pins / "socket_create").unlink()
        session.socklid("repair", subject.id)
        expect_equal(subject.inspect()["seal"]["sealed"], False, "the seal after a repair")
        subject.delete("seals", subject.cgroup)
        session.socklid("repair", subject.id)
        expect_equal(subject.inspect()["seal"]["sealed"], True, "the seal that was lost")
        subject.expect_active("at the end")


@test("runs of a subject that wait keep waiting through a repair, and those that are lost count as sealed")
def _(session):
    _ = session.warm
    options = Options(annotations=POLICY, netns="new")
    with session.crun.start(["/bin/sh", "-c", "/probe wait.term; :"], options, ready="waiting ok") as container:
        subject = Subject(session, container)

        def seals():
            box, = subject.inspect()["subjects"]
            return {run["seal"]["sealed"] for run in box["runs"]}
        expect_equal(seals(), {False}, "at first")
        (subject.pins / "socket_create").unlink()
        session.socklid("repair", subject.id)
        expect_equal(seals(), {False}, "after a repair")
        subject.delete("subject_runs", *subject.own_keys("subject_runs"))
        expect_equal(seals(), {True}, "those that are lost")
        session.socklid("repair", subject.id)
        expect_equal(seals(), {True}, "those that were lost")
        subject.expect_active("at the end")


@test("repair says why it cannot: no such container, nothing missing, no record")
def _(session):
    _ = session.warm
    expect_equal(session.socklid("repair", "nobody", check=False).status, 1, "nobody")
    with session.crun.hold(Options(annotations=POLICY, netns="new")) as container:
        subject = Subject(session, container)
        expect_in("nothing is missing", session.socklid("repair", subject.id).out, "repair")
        record = Path("/run/socklid/containers") / f"{subject.pins.name}.json"
        text = record.read_bytes()
        record.unlink()
        told = session.socklid("repair", subject.id, check=False)
        expect_equal(told.status, 1, told.text)
        expect_in("no record", told.text, "repair")
        record.write_bytes(text)
        subject.expect_active("with its record again")


@test("a namespace whose number was used again is not judged")
def _(session):
    _ = session.warm
    with ExitStack() as stack:
        other = stack.enter_context(session.crun.hold(Options(annotations=POLICY, netns="new")))
        container = stack.enter_context(session.crun.hold(Options(annotations=POLICY,
                                                                  netns="new")))
        subject = Subject(session, container)
        record = Path("/run/socklid/containers") / f"{subject.pins.name}.json"
        text = record.read_bytes()
        inode = Path(f"/proc/{other.pid}/ns/net").stat().st_ino
        record.write_text(json.dumps({**json.loads(text), "netns": inode}))
        subject.expect_named("none of the container's processes is in the network namespace", False, False)
        told = session.socklid("repair", subject.id, check=False)
        expect(told.status != 0, f"repair in another's namespace: {told.text}")
        record.write_bytes(text)
        subject.expect_active("with its record again")
