# SPDX-License-Identifier: Apache-2.0
"""Three containers in one network namespace, each with a policy of its own: what each may do is
what the others may not.

    pod = cri.run_pod("shop", POD, parent)
    fill(table, pod.start("web"), COLUMNS, expected("web"))     # a row of the table
"""

import subprocess
from contextlib import contextmanager

from harness.check import compare
from harness.engines.containerd import GATEWAY
from harness.runner import expect_in

# The port that each serves, and the one that it may connect to.
CONTAINERS = {"web": (80, 8001), "app": (8080, 8002), "db": (3306, 8003)}
SERVES = {name: f"listen.tcp4:{served}" for name, (served, _) in CONTAINERS.items()}
# Nobody serves there: what is let through is refused by the peer, at once.
REACHES = {name: f"connect.tcp4:{GATEWAY}:{peer}" for name, (_, peer) in CONTAINERS.items()}
POD = {key: value for name, (served, peer) in CONTAINERS.items() for key, value in
       {f"io.socklid.bind/{name}": f"tcp/{served}", f"io.socklid.accept/{name}": "deny",
        f"io.socklid.connect/{name}": f"tcp/{peer}@{GATEWAY}"}.items()}
COLUMNS = {**{f"{name}'s port": attempt for name, attempt in SERVES.items()},
           **{f"{name}'s peer": attempt for name, attempt in REACHES.items()}}

# Where somebody does serve, on the node, and each one's egress leads.
NETWORKS = {"web": 9001, "app": 9002, "db": 9003}
LEAVES = {name: f"exchange.tcp4:{GATEWAY}:{port}" for name, port in NETWORKS.items()}
EGRESS_POD = {f"io.socklid.egress/{name}": f"tcp/{port}@{GATEWAY}"
              for name, port in NETWORKS.items()}
EGRESS_COLUMNS = {f"{name}'s way out": attempt for name, attempt in LEAVES.items()}
REFUSED = {f"connect:{error}" for error in ("ECONNREFUSED", "EPERM", "EACCES", "EHOSTUNREACH")}


def expected(name):
    served = {attempt: "ok" if owner == name else "bind:EPERM" for owner, attempt in SERVES.items()}
    reached = {attempt: "ECONNREFUSED" if owner == name else "EPERM"
               for owner, attempt in REACHES.items()}
    return {**served, **reached}


def leaving(name):
    return {attempt: "ok" if owner == name else REFUSED for owner, attempt in LEAVES.items()}


def expect_under(container):
    compare(container.probe(*expected(container.name)), expected(container.name))


def fill(table, container, columns, wanted):
    """One row: {column: attempt} against {attempt: an answer, or a set of them}."""
    seen = container.probe(*columns.values())
    for column, attempt in columns.items():
        try:
            compare(seen, {attempt: wanted[attempt]})
            why = None
        except AssertionError as error:
            why = str(error)
        table.put(container.name, column, seen.get(attempt, "no answer"), why)


@contextmanager
def serving(session):
    """On the node itself, which is the pods' gateway."""
    servers = [subprocess.Popen([session.probe, f"serve.dual:{port}"], text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
               for port in NETWORKS.values()]
    try:
        for server in servers:
            expect_in("ok", server.stdout.readline(), "a server of the node")
        yield
    finally:
        for server in servers:
            server.kill()
            server.wait()
