# SPDX-License-Identifier: Apache-2.0
"""As much of CEL as the expressions of deploy/admission.yaml are written in, and no more: Debian has no CEL. What is not known
here is an error, so that an expression cannot mean something else to the API server without a test that fails.

    evaluate("!has(object.x) || object.x in ['a']", {"object": {"x": "a"}})     # True

https://github.com/google/cel-spec/blob/master/doc/langdef.md: `||`, `&&` and `?:` do not evaluate what they need not; has()
asks for the last field of a selection; all() is a macro over the keys of a map."""

import re

TOKEN = re.compile(r"\s*('[^'\\]*'|[A-Za-z_]\w*|\d+|\|\||&&|[!=]=|[!?:.,()\[\]{}])")
METHODS = {"startsWith": str.startswith, "contains": lambda text, part: part in text, "split": str.split,
           "lowerAscii": str.lower, "replace": str.replace}


class Parser:
    """Each method parses one level of the grammar and gives a function of the variables."""

    def __init__(self, text):
        self.tokens, at = [], 0
        text = text.rstrip()
        while at < len(text):
            found = TOKEN.match(text, at)
            if not found:
                raise ValueError(f"not known here: {text[at:at + 20]!r}")
            self.tokens.append(found.group(1))
            at = found.end()

    def next(self, *wanted):
        if not self.tokens or (wanted and self.tokens[0] not in wanted):
            raise ValueError(f"expected {wanted}, found {self.tokens[:1]}")
        return self.tokens.pop(0)

    def at(self, token):
        return bool(self.tokens) and self.tokens[0] == token

    def whole(self):
        value = self.conditional()
        if self.tokens:
            raise ValueError(f"not known here: {self.tokens}")
        return value

    def conditional(self):
        test = self.alternatives()
        if not self.at("?"):
            return test
        self.next("?")
        yes = self.alternatives()
        self.next(":")
        no = self.conditional()
        return lambda names: yes(names) if boolean(test(names)) else no(names)

    def alternatives(self):
        value = self.conjunction()
        while self.at("||"):
            self.next()
            value = (lambda a, b: lambda names: boolean(a(names)) or boolean(b(names)))(value, self.conjunction())
        return value

    def conjunction(self):
        value = self.membership()
        while self.at("&&"):
            self.next()
            value = (lambda a, b: lambda names: boolean(a(names)) and boolean(b(names)))(value, self.membership())
        return value

    def membership(self):
        value = self.unary()
        if not self.tokens or self.tokens[0] not in ("in", "==", "!="):
            return value
        operator, other = self.next(), self.unary()
        return {"in": lambda names: value(names) in other(names),
                "==": lambda names: value(names) == other(names),
                "!=": lambda names: value(names) != other(names)}[operator]

    def unary(self):
        if not self.at("!"):
            return self.member()
        self.next()
        value = self.unary()
        return lambda names: not boolean(value(names))

    def member(self):
        value = self.primary()
        while self.tokens and self.tokens[0] in (".", "["):
            value = self.select(value) if self.next() == "." else self.index(value)
        return value

    def index(self, value):
        which = self.conditional()
        self.next("]")
        return lambda names: value(names)[which(names)]

    def select(self, value):
        name = self.next()
        if not self.at("("):
            return lambda names: value(names)[name]
        self.next("(")
        if name == "all":
            variable = self.next()
            self.next(",")
            test = self.conditional()
            self.next(")")
            return lambda names: all(boolean(test({**names, variable: one})) for one in value(names))
        given = self.arguments()
        method = METHODS[name]
        return lambda names: method(value(names), *(one(names) for one in given))

    def arguments(self):
        given = []
        while not self.at(")"):
            given.append(self.conditional())
            if not self.at(")"):
                self.next(",")
        self.next(")")
        return given

    def primary(self):
        token = self.next()
        if token == "(":
            value = self.conditional()
            self.next(")")
            return value
        if token == "[":
            items = [self.conditional()]
            while self.next(",", "]") == ",":
                items.append(self.conditional())
            return lambda names: [item(names) for item in items]
        if token == "{":
            self.next("}")
            return lambda names: {}
        if token == "has":
            return self.has()
        if token.isdigit():
            return lambda names: int(token)
        if token.startswith("'"):
            return lambda names: token[1:-1]
        if not token[0].isalpha():
            raise ValueError(f"not known here: {token}")
        return lambda names: names[token]

    def has(self):
        self.next("(")
        path = [self.next()]
        while self.next(".", ")") == ".":
            path.append(self.next())

        def ask(names):
            value = names
            for name in path[:-1]:
                value = value[name]
            return path[-1] in value
        return ask


def boolean(value):
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is no bool")
    return value


def evaluate(text, names):
    return Parser(text).whole()(names)
