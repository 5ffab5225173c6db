#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs programs one after the other in a container, and tells what became of each.

    driver.py PLAN

PLAN is JSON: {"port", "clients": [PROGRAM...], "servers": [PROGRAM...]}; while the clients run,
something listens on the port. A PROGRAM is {"name", "command"}, and of a server also "ready" and
"served", words that its output has when it listens and whenever it has answered.

Prints a JSON object per line. {"serving": NAME}: the server is to be visited, twice; it is killed
in the second visit, so that nothing of the first is lost. {"name", "status", "seconds", "output"}
at the end of each; a status below zero is a signal's. What takes longer than LIMIT is killed.
"""

import json
import signal
import socket
import subprocess
import sys
import time

LIMIT = 60


def say(**members):
    print(json.dumps(members), flush=True)


def read_until(process, word, output):
    """Whether a line has the word; if not, the output has ended."""
    for line in process.stdout:
        output.append(line)
        if word in line:
            return True
    return False


def serve(process, program, output):
    """Whether it has answered."""
    if not read_until(process, program["ready"], output):
        return False
    say(serving=program["name"])
    return all(read_until(process, program["served"], output) for _ in range(2))


def run(program):
    begin, output = time.monotonic(), []
    process = subprocess.Popen(program["command"], stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    signal.signal(signal.SIGALRM, lambda *_: process.kill())
    signal.alarm(LIMIT)
    if "ready" in program and serve(process, program, output):
        process.kill()
        process.wait()
        status = 0
    else:
        output += process.stdout
        status = process.wait()
    signal.alarm(0)
    say(name=program["name"], status=status, seconds=round(time.monotonic() - begin, 2),
        output="".join(output)[-2000:])


def main():
    plan = json.loads(sys.argv[1])
    # For `ss -tln` to show; closed before the servers come.
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", plan["port"]))
        listener.listen()
        for program in plan["clients"]:
            run(program)
    for program in plan["servers"]:
        run(program)


main()
