# SPDX-License-Identifier: Apache-2.0
"""A name server and web servers in the neighbour's namespace, in threads of the test itself.

    with NeighbourServers({"/list": b"..."}, ports=(25, 8080)) as servers:
        servers.visit(80)                          # the page that the container serves there

Every name is the neighbour's, for IPv4; questions of other types have no answer. Every web server
has the same pages, and on / says its port.
"""

import http.server
import queue
import socket
import socketserver
import struct
import threading
from contextlib import contextmanager

from harness.network import CONTAINER4, NEIGHBOUR4, OUTSIDE
from harness.sockets import inside

TYPE_A = 1


def dns_answer(question):
    end = question.index(b"\0", 12) + 5
    kind, = struct.unpack("!H", question[end - 4:end - 2])
    records = b""
    if kind == TYPE_A:
        records = struct.pack("!HHHIH", 0xc00c, TYPE_A, 1, 60, 4) + socket.inet_aton(NEIGHBOUR4)
    header = question[:2] + struct.pack("!5H", 0x8180, 1, 1 if records else 0, 0, 0)
    return header + question[12:end] + records


class Dns(socketserver.BaseRequestHandler):
    def handle(self):
        question, connection = self.request
        connection.sendto(dns_answer(question), self.client_address)


class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        page = self.server.pages.get(self.path)
        if self.path == "/":
            page = f"hello from port {self.server.server_port}\n".encode()
        self.send_response(404 if page is None else 200)
        self.send_header("Content-Length", str(len(page or b"")))
        self.end_headers()
        self.wfile.write(page or b"")

    def log_message(self, *_):
        pass


def in_the_neighbourhood(kind, port, address=NEIGHBOUR4):
    def make():
        made = socket.socket(socket.AF_INET, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        return made

    return inside(make, OUTSIDE)


def start(server_class, handler, port):
    """The socket is made there; whoever holds it may serve on it."""
    server = server_class((NEIGHBOUR4, port), handler, bind_and_activate=False)
    server.socket.close()
    server.socket = in_the_neighbourhood(server_class.socket_type, port)
    server.server_port = port
    server.server_activate()
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class NeighbourServers:
    def __init__(self, pages, ports):
        self.pages, self.ports, self.servers = pages, ports, []

    def __enter__(self):
        try:
            self.servers.append(start(socketserver.ThreadingUDPServer, Dns, 53))
            for port in self.ports:
                self.servers.append(start(socketserver.ThreadingTCPServer, Web, port))
                self.servers[-1].pages = self.pages
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    @staticmethod
    def visit(port, seconds=30):
        """What the container's web server answers, head and all; less if it dies of it."""
        def make():
            made = socket.socket()
            made.settimeout(seconds)
            made.connect((CONTAINER4, port))
            return made

        with inside(make, OUTSIDE) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            try:
                for part in iter(lambda: connection.recv(4096), b""):
                    answer += part
            except ConnectionError:
                pass
            return answer.decode(errors="replace")


class Smtp(socketserver.StreamRequestHandler):
    """A mail server that takes everything, and puts it in the server's queue."""

    def answer(self, line):
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self):
        self.answer("220 elsewhere.example ESMTP")
        for line in self.rfile:
            word = line.split()[0].upper() if line.split() else b""
            if word == b"DATA":
                self.answer("354 go on")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.mail.put(text.decode())
            self.answer("221 bye" if word == b"QUIT" else "250 ok")
            if word == b"QUIT":
                return


@contextmanager
def mail_server():
    """Its queue of mail. Every name leads to it."""
    with NeighbourServers({}, ()):
        server = start(socketserver.ThreadingTCPServer, Smtp, 25)
        server.mail = queue.Queue()
        try:
            yield server.mail
        finally:
            server.shutdown()
            server.server_close()
