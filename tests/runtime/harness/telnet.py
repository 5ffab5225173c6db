# SPDX-License-Identifier: Apache-2.0
"""A telnet client in the neighbour's network namespace.

    with Telnet("user", "a password") as session:
        session.run("id", "-un")        # "user\n"
"""

import telnetlib

from harness.commands import TIMEOUT
from harness.network import CONTAINER4
from harness.recipe import from_outside
from harness.runner import expect


class Telnet:
    """A session on the container, by password. Its shell has no echo and no prompt: what comes is output."""

    def __init__(self, user, password):
        self.user, self.password = user, password

    def __enter__(self):
        self.line = from_outside(lambda: telnetlib.Telnet(CONTAINER4, 23, TIMEOUT))
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
        heard = self.line.read_until(text.encode(), TIMEOUT).decode(errors="replace")
        expect(heard.endswith(text), f"telnet: no {text!r} in {heard!r}")
        return heard.removesuffix(text)

    def say(self, after, text):
        self.hear(after)
        self.line.write(f"{text}\n".encode())

    def run(self, *command):
        self.line.write(f"{' '.join(command)} 2>&1; echo do''ne\n".encode())
        return self.hear("done\r\n").replace("\r", "")
