#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes steps in a container, one after the other, and says of each what came of it.

    steps.py FIRST STEP...

A STEP is words with spaces between; NAME is a socket's. Prints "N ANSWER" per step, N from FIRST
on, where ANSWER is ok or the name of an errno.

    tcp4|tcp6|udp4|udp6|unix NAME      creates it
    bind NAME ADDRESS PORT             connect NAME ADDRESS PORT     send_to NAME ADDRESS PORT
    listen NAME    accept NAME NEW     shutdown NAME                 exchange NAME OTHER
    until ERRNO STEP...                takes the step again and again until it is refused so
    wait                               prints "waiting" and waits for SIGUSR1
    both NAME OTHER                    listen at the same time, in two threads
    race NAME                          listens while threads create sockets; those that began after
                                       the listen has returned must be refused: ok if all were
    daemon                             the rest in a grandchild, a session leader's child, in a new
                                       instance of this program
"""

import errno
import os
import signal
import socket
import sys
import threading
import time

FAMILIES = {"4": socket.AF_INET, "6": socket.AF_INET6}
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
sockets = {}


def create(kind, name):
    if kind == "unix":
        sockets[name] = socket.socket(socket.AF_UNIX)
        return
    sockets[name] = socket.socket(FAMILIES[kind[3]], KINDS[kind[:3]])
    sockets[name].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if kind[3] == "6":
        sockets[name].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


def accept(name, new):
    sockets[new], _ = sockets[name].accept()


def exchange(name, other):
    """Both ends of one connection."""
    for sender, receiver in ((name, other), (other, name)):
        sockets[sender].send(b"x")
        assert sockets[receiver].recv(1) == b"x"


def until(wanted, *step):
    answer = None
    while answer != wanted:
        answer = take(step)
        assert answer in ("ok", wanted), answer


def wait():
    print("waiting", flush=True)
    signal.sigwait({signal.SIGUSR1})


def both(*names):
    start = threading.Barrier(len(names))

    def listen(name):
        start.wait()
        sockets[name].listen()

    threads = [threading.Thread(target=listen, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def race(name):
    made, stop = [], threading.Event()

    def make():
        while not stop.is_set():
            begin = time.monotonic_ns()
            try:
                socket.socket().close()
                made.append(begin)
            except PermissionError:
                pass

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(made) < 50:
        time.sleep(0)
    sockets[name].listen()
    sealed = time.monotonic_ns()
    tries = time.monotonic_ns() + 300_000_000
    while time.monotonic_ns() < tries:
        time.sleep(0)
    stop.set()
    for thread in threads:
        thread.join()
    late = [begin for begin in made if begin > sealed]
    assert not late, f"{len(late)} sockets were made after the listen"


def daemon(*_):
    for last in (False, True):
        sys.stdout.flush()
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            os._exit(0)
        if not last:
            os.setsid()


ACTIONS = {
    "bind": lambda name, address, port: sockets[name].bind((address, int(port))),
    "connect": lambda name, address, port: sockets[name].connect((address, int(port))),
    "send_to": lambda name, address, port: sockets[name].sendto(b"x", (address, int(port))),
    "listen": lambda name: sockets[name].listen(),
    "shutdown": lambda name: sockets[name].shutdown(socket.SHUT_WR),
    "accept": accept, "exchange": exchange, "until": until, "wait": wait, "both": both,
    "race": race,
}


def take(step):
    action, *arguments = step
    try:
        if action in ACTIONS:
            ACTIONS[action](*arguments)
        else:
            create(action, *arguments)
        return "ok"
    except OSError as error:
        return errno.errorcode[error.errno]


def main():
    first, steps = int(sys.argv[1]), sys.argv[2:]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    for number, step in enumerate(steps, first):
        if step == "daemon":
            daemon()
            print(f"{number} ok", flush=True)
            rest = steps[number - first + 1:]
            program = sys.orig_argv[:sys.orig_argv.index(sys.argv[1])]
            os.execv(sys.executable, [*program, str(number + 1), *rest])
        print(f"{number} {take(step.split())}", flush=True)


main()
