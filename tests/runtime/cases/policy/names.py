# SPDX-License-Identifier: Apache-2.0
"""Name resolution by musl, whose resolver binds its socket to port 0.

Fails when: bind: deny, or an egress that names udp/53, keeps a musl program from resolving names;
or when the same program still resolves under connect: deny (then the test would prove nothing).
"""

from harness.bundle import Options
from harness.check import keys
from harness.network import NEIGHBOUR4, servers_script
from harness.runner import Skip, expect, expect_equal, test

NAME = "database.example"


@test("a musl program resolves names under bind: deny")
def _(session):
    if session.resolver is None:
        raise Skip("no musl-gcc (Debian: musl-tools)")
    server = session.network.start_server("/usr/bin/python3", servers_script(), "dns=10.99.0.1:53")
    try:
        for annotations in ({}, keys(bind="deny"), keys(bind="tcp/80", egress="udp/53", mark="3")):
            outcome = session.crun.run(["/resolve", NAME], Options(annotations=annotations))
            expect_equal(outcome.out.strip(), f"{NAME} {NEIGHBOUR4}", f"with {annotations}")
        outcome = session.crun.run(["/resolve", NAME], Options(annotations=keys(connect="deny")))
        expect(NEIGHBOUR4 not in outcome.out, outcome.out)
    finally:
        server.kill()
        server.wait()
