# SPDX-License-Identifier: Apache-2.0
"""Sockets in the container's network namespace and the neighbour's, made from outside."""

import ctypes
import os
import socket
import threading
from contextlib import contextmanager

from harness.network import INSIDE

CLONE_NEWNET = 0x40000000


def enter(netns):
    """Takes the calling thread, and no other, into the namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    namespace = os.open(f"/run/netns/{netns}", os.O_RDONLY | os.O_CLOEXEC)
    if libc.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(namespace)


def call_in(netns, function):
    """What `function` returns, or raises, called in a thread that has entered the namespace; the others stay where
    they are."""
    results = []

    def work():
        try:
            enter(netns)
            results.append((function(), None))
        except BaseException as error:  # the caller's to judge
            results.append((None, error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    value, error = results[0]
    if error:
        raise error
    return value


def inside(make, netns=INSIDE):
    """The socket that `make` makes, in the namespace."""
    try:
        return call_in(netns, make)
    except OSError as error:
        raise RuntimeError(f"no socket in the namespace {netns}: {error}") from error


@contextmanager
def listener(port):
    """Dual-stack; without a port neither bound nor listening."""
    def make():
        made = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if port is not None:
            made.bind(("::", port))
            made.listen(8)
        return made

    made = inside(make)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def udp_socket(netns=INSIDE):
    """`netns` None: of the host."""
    def make():
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    made = inside(make, netns) if netns else make()
    try:
        yield made
    finally:
        made.close()
