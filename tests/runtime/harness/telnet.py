# SPDX-License-Identifier: Apache-2.0
"""A telnet client in the neighbour's network namespace.

    with Telnet("user", "a password") as session:
        session.run("id", "-un")        # "user\n"
"""

import socket

from harness.commands import TIMEOUT
from harness.network import CONTAINER4
from harness.recipe import from_outside
from harness.runner import expect


IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240


class Line:
    """A connection that refuses every option (RFC 854). Python 3.13 has no telnetlib any more."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), TIMEOUT)
        self.stream = self.socket.makefile("rb")

    def close(self):
        self.stream.close()
        self.socket.close()

    def write(self, data):
        self.socket.sendall(data)

    def next_byte(self):
        """Of what was said; nothing at the end, or when nothing has come for long."""
        while (byte := self.stream.read(1)) == bytes([IAC]):
            command = self.stream.read(1)[0]
            if command == IAC:
                break
            if command == SB:
                while not (self.stream.read(1)[0] == IAC and self.stream.read(1)[0] == SE):
                    pass
            elif command in (DO, DONT, WILL, WONT):
                option = self.stream.read(1)[0]
                if command in (DO, WILL):
                    self.write(bytes([IAC, WONT if command == DO else DONT, option]))
        return byte

    def read_until(self, text):
        heard = b""
        try:
            while not heard.endswith(text) and (byte := self.next_byte()):
                heard += byte
        except TimeoutError:
            pass
        return heard


class Telnet:
    """A session on the container, by password. Its shell has no echo and no prompt: what comes is output."""

    def __init__(self, user, password):
        self.user, self.password = user, password

    def __enter__(self):
        self.line = from_outside(lambda: Line(CONTAINER4, 23))
        try:
            self.say("login: ", self.user)
            self.say("assword: ", self.password)
            # No echo and no prompt: what comes from now on is output.
            self.say("$ ", "stty -echo; PS1=; echo re''ady")
            self.hear("ready\r\n")
        except BaseException:
            self.line.close()
            raise
        return self

    def __exit__(self, *_):
        self.line.close()

    def hear(self, text):
        heard = self.line.read_until(text.encode()).decode(errors="replace")
        expect(heard.endswith(text), f"telnet: no {text!r} in {heard!r}")
        return heard.removesuffix(text)

    def say(self, after, text):
        self.hear(after)
        self.line.write(f"{text}\n".encode())

    def run(self, *command):
        self.line.write(f"{' '.join(command)} 2>&1; echo do''ne\n".encode())
        return self.hear("done\r\n").replace("\r", "")
