#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Listens and dials as Go 1.24 does: by MPTCP first, and by TCP if that fails in whatever way
(net/mptcpsock_linux.go: supportsMultipathTCP, listenMPTCP, dialMPTCP).

    mptcp.py serve PORT            prints `listening by PROTOCOL`, then `served` for each request
    mptcp.py get ADDRESS PORT      prints the answer
"""

import errno
import socket
import sys

MPTCP = getattr(socket, "IPPROTO_MPTCP", 262)
PAGE = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello from MPTCP or TCP\n"


def supports_mptcp():
    """Only these two errors mean that there is none; after any other it is tried each time."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP).close()
    except OSError as error:
        return error.errno not in (errno.EPROTONOSUPPORT, errno.EINVAL)
    return True


def listen(port, protocol):
    made = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, protocol)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("::", port))
    made.listen(8)
    return made


def dial(address, port, protocol):
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
    made.connect((address, port))
    return made


def first_mptcp(function, *arguments):
    """What `function` made, and the protocol it is of."""
    if supports_mptcp():
        try:
            return function(*arguments, MPTCP), "MPTCP"
        except OSError:
            pass
    return function(*arguments, socket.IPPROTO_TCP), "TCP"


def serve(port):
    listener, protocol = first_mptcp(listen, port)
    print(f"listening by {protocol}", flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(PAGE)
        print("served", flush=True)


def get(address, port):
    connection, protocol = first_mptcp(dial, address, port)
    with connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    print(f"by {protocol}: {answer.decode()}")


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    get(sys.argv[2], int(sys.argv[3]))
