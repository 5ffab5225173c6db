# SPDX-License-Identifier: Apache-2.0
"""docs/docker.md: Debian's Docker, whose containers get their hooks from socklid-runc.

Fails when: an annotated container of that runtime is not under its policy, from the start, after a
restart or with a limit that is no limit; one without annotations is hindered; a policy that cannot
be had lets the container start, or says nothing of why; anything is left after the container; or
one that asks for a policy and runs by another runtime is not called UNGUARDED.
"""

import json
import re

from harness.check import compare, keys
from harness.commands import TOP, write
from harness.engines.docker import IMAGE, Docker
from harness.runner import expect, expect_equal, expect_in, group, why_not
from harness.snapshot import Unchanged

CONNECT, OTHER, WEB, MARK = "connect.tcp4:127.0.0.1:9", "bind.tcp4:81", "bind.tcp4:80", "mark.tcp4"
POLICY = keys(mark="3", bind="tcp/80", egress="tcp/3306")
BOUND = {CONNECT: "ECONNREFUSED", OTHER: "EPERM", WEB: "ok", MARK: "0x3"}
FREE = {CONNECT: "ECONNREFUSED", OTHER: "ok", WEB: "ok", MARK: "0x0"}


def listed(session):
    return {line["id"]: line["state"] for line in
            json.loads(session.socklid("list", "--json").out)}


def is_under_its_policy(session, docker):
    name, started = docker.run(POLICY, "--ulimit", "memlock=-1:-1")
    try:
        compare(docker.probe(name, *BOUND), BOUND)
        expect_equal(listed(session), {started.out.strip(): "active"}, "list")
        docker.docker("restart", "--time", "0", name)
        compare(docker.probe(name, *BOUND), BOUND)
    finally:
        docker.remove(name)
    expect_equal(listed(session), {}, "list after the removal")


def without_annotations_is_left_alone(_, docker):
    name, _ = docker.run({})
    try:
        compare(docker.probe(name, *FREE), FREE)
    finally:
        docker.remove(name)


def is_refused_with_the_reason(_, docker):
    name, refused = docker.run(keys(bind="tcp/eighty"), check=False)
    docker.remove(name)
    expect(refused.status != 0, "it was started")
    expect_in("io.socklid.bind: at byte 5", refused.text, "docker run")


def by_another_runtime_is_called_unguarded(session, docker):
    name, started = docker.run(POLICY, runtime="runc")
    try:
        compare(docker.probe(name, *FREE), FREE)
        expect_equal(listed(session), {started.out.strip(): "UNGUARDED"}, "list")
    finally:
        docker.remove(name)


def of_compose_is_under_its_policy(session, docker):
    """The page's own file, with an image that is here and no network."""
    text = re.search(r"```yaml\n(.*?)```", (TOP / "docs/docker.md").read_text(), re.DOTALL)[1]
    text = text.replace("image: httpd", f"image: {IMAGE}\n    network_mode: none")
    file = write(docker.directory / "compose.yaml", text)
    compose = ["compose", "--project-name", "socklid-test", "--file", file]
    docker.docker(*compose, "up", "--detach")
    try:
        compare(docker.probe("socklid-test-web-1", *BOUND), BOUND)
        expect_equal(list(listed(session).values()), ["active"], "list")
    finally:
        docker.docker(*compose, "down", "--timeout", "0")
    expect_equal(listed(session), {}, "list after `compose down`")


STORIES = {"an annotated container is under its policy": is_under_its_policy,
           "a container without annotations is left alone": without_annotations_is_left_alone,
           "a policy that does not parse stops it, with the reason": is_refused_with_the_reason,
           "a service of docker compose is under its policy": of_compose_is_under_its_policy,
           "one that runs by plain runc is called unguarded": by_another_runtime_is_called_unguarded}


@group("docker")
def _(session, record):
    _ = session.warm
    with Docker(session) as docker:
        name, _ = docker.run({})  # what the daemon makes for the first of its containers
        docker.remove(name)
        for what, story in STORIES.items():
            record(f"docker: {what}", why_not(lambda: check_story(story, session, docker)))


def check_story(story, session, docker):
    with Unchanged():
        story(session, docker)
