# SPDX-License-Identifier: Apache-2.0
"""Each system call of a start made to fail, and the start killed before each: by strace, on the real
hook and the real kernel. tests/fault fails whole steps on a made-up one.

Fails when: a start that fails leaves a pin, a record, a map entry, a rule or a link, or harms the
container beside it; one that succeeds all the same has not the whole policy in force; what a
killed start leaves is not gone after the next.
"""

import json
import re
from pathlib import Path

from harness.bundle import write_bundle
from harness.check import keys
from harness.commands import HOOK, run
from harness.hook import hook
from harness.made import Made
from harness.programs import with_programs
from harness.runner import expect, expect_equal, group, is_thorough, leave, why_not
from harness.snapshot import BPFFS, STATE, Unchanged, difference, without_counters

POLICY = keys(connect="tcp/80 tcp/443@10.0.0.0/8", bind="tcp/80", shutdown="deny", egress="udp/53",
              seal="manual", subject_mail="/usr/sbin/mail bind=deny connect=tcp/25", readonly="/etc !/etc/hosts")
BESIDE = keys(connect="tcp/81", egress="udp/54")
# Those that make or change something. Of openat only those that create a file.
CALLS = ("bpf", "mkdir", "mkdirat", "openat", "write", "rename", "renameat", "renameat2", "unlink",
         "unlinkat", "rmdir", "sendto", "sendmsg", "setns", "dup2", "execve")
ERRORS = {"bpf": "ENOMEM", "sendto": "ENOBUFS", "sendmsg": "ENOBUFS", "setns": "EPERM",
          "execve": "ENOMEM", "dup2": "EBUSY"}
NOT_OURS = re.compile(r"(lock|refusals|cursor|index/(id|cgroup|netns))$")


def traced(arguments, document):
    return run("strace", "-f", "-qq", "-e", "signal=none", *arguments, HOOK, "createRuntime",
               stdin=json.dumps(document), env={"PATH": "/usr/bin:/bin"}, check=False)


def calls_of(made, work):
    """[(call, which one of its name)] of one good start."""
    log = Path(work) / "trace"
    outcome = traced(["-o", log, "-e", "trace=" + ",".join(CALLS)], made.state(POLICY))
    expect_equal(outcome.status, 0, outcome.text)
    counted, found = {}, []
    for line in log.read_text().splitlines():
        name = re.match(r"(?:\d+ +)?(\w+)\(", line)
        if not name:
            continue
        name = name.group(1)
        counted[name] = counted.get(name, 0) + 1
        if name == "openat" and "O_CREAT" not in line:
            continue
        if name == "execve" and counted[name] == 1:
            continue  # strace's own
        found.append((name, counted[name]))
    return found


def entries(pin):
    listing = json.loads(run("bpftool", "-j", "map", "dump", "pinned", pin).out or "[]")
    return sorted(json.dumps(entry.get("key")) for entry in listing)


def tree(root):
    return sorted(str(path) for path in root.rglob("*") if not NOT_OURS.search(str(path))
                  and not re.search("/refusals/", str(path)))


def kept(made):
    maps = {str(pin): entries(pin) for pin in BPFFS.glob("socklid/programs/*/map_*")
            if pin.name in ("map_policies_by_cgroup", "map_denials", "map_seals", "map_prefixes", "map_ports", "map_files",
                            "map_named", "map_devices", "map_subjects", "map_subject_denials",
                            "map_subject_runs")}
    links = sorted(link["id"] for link in json.loads(run("bpftool", "-j", "link", "list").out))
    rules = [without_counters(run("nsenter", f"--net=/proc/{one.pid}/ns/net", "nft", "list",
                                  "ruleset").out) for one in made]
    return {"pins": tree(BPFFS), "state": tree(STATE), "maps": maps, "links": links, "rules": rules}


def expect_same(seen, before, when):
    expect(seen == before, f"{when}: {difference(before, seen)}")


def check_failed(one, beside, before, call, number):
    error = ERRORS.get(call, "ENOSPC")
    outcome = traced(["-o", "/dev/null", "-e", f"inject={call}:error={error}:when={number}"],
                     one.state(POLICY))
    if outcome.status < 0:
        # A thread that cannot leave the container's namespace ends the process: as if killed.
        run("socklid", "gc")
        return "ended by itself"
    if outcome.status == 0:
        listed = {line["id"]: line["state"] for line in
                  json.loads(run("socklid", "list", "--json", check=False).out)}
        expect_equal(listed.get(one.name), "active", f"{call} {number} failed, the start did not")
        return "stays"
    expect_same(kept([one, beside]), before, f"after {call} {number} failed")
    return None


def check_killed(one, beside, before, call, number):
    traced(["-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={number}"], one.state(POLICY))
    one.__exit__()
    gone = run("socklid", "gc", check=False)
    expect_equal(gone.status, 0, gone.text)
    expect_same(kept([beside]), before, f"after a kill at {call} {number}")


def bundle_of(session):
    """With the programs and files that POLICY names."""
    root = with_programs(session, "usr/sbin/mail")
    return write_bundle(root.parent, {"root": {"path": "root"}})


@group("faults within the steps of a start")
def _(session, record):
    _ = session.warm
    bundle = bundle_of(session)
    with Unchanged(), Made("beside") as beside:
        expect_equal(hook("createRuntime", beside.state(BESIDE)).status, 0, "the one beside")
        with Made("counted", bundle=bundle) as counted:
            calls = calls_of(counted, session.work)
            counted.end()
            hook("poststop", counted.stopped())
        expect(len(calls) > 40, f"only {calls}")
        record(f"faults: a start makes {len(calls)} calls that change something")
        calls = to_try(calls)
        fail_all(record, beside, calls, bundle)
        kill_all(record, beside, calls, bundle)
        beside.end()
        hook("poststop", beside.stopped())


def to_try(calls):
    """For each landing the first and the last call of each name and every fortieth of the rest."""
    if is_thorough():
        return calls
    names = [name for name, _ in calls]
    last = len(calls) - 1
    chosen = [call for i, call in enumerate(calls) if i % 40 == 0 or call[0] not in names[:i]
              or call[0] not in names[i + 1:] or i == last]
    leave(f"{len(calls) - len(chosen)} of the {len(calls)} calls of a start made to fail")
    return chosen


def fail_all(record, beside, calls, bundle):
    why = []
    one, before = None, None
    for call, number in calls:
        if one is None:
            one = Made("faulty", bundle=bundle).__enter__()
            before = kept([one, beside])
        try:
            stays = check_failed(one, beside, before, call, number)
        except Exception as error:  # the others count too
            stays = "broken"
            why.append(str(error))
        if stays:  # or it is broken: another one is tried next
            one.end()
            hook("poststop", one.stopped())
            one.__exit__()
            one = None
    if one:
        one.__exit__()
    record("faults: a call that fails leaves everything as it was", "; ".join(why) or None)


def kill_all(record, beside, calls, bundle):
    why = []
    before = kept([beside])
    for call, number in calls:
        one = Made("killed", bundle=bundle).__enter__()
        broken = why_not(lambda: check_killed(one, beside, before, call, number))
        if broken:
            why.append(broken)
    record("faults: what a killed start leaves goes with the next run", "; ".join(why) or None)
