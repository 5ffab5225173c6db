# SPDX-License-Identifier: Apache-2.0
"""Protocol buffers without their .proto files: a message is a dict of field numbers.

    encode({1: "web", 2: 7, 3: {1: "nested"}, 4: ["repeated", "field"]})
    decode(data)        # {1: [b"web"], 2: [7], ...}: every field repeated, nested ones as bytes
"""

VARINT, LENGTH = 0, 2
FIXED = {1: 8, 5: 4}


def varint(number):
    out = bytearray()
    number &= (1 << 64) - 1
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number, value):
    if isinstance(value, list):
        return b"".join(field(number, item) for item in value)
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(value)
    data = encode(value) if isinstance(value, dict) else value
    data = data.encode() if isinstance(data, str) else data
    return varint(number << 3 | LENGTH) + varint(len(data)) + data


def encode(message):
    return b"".join(field(number, value) for number, value in sorted(message.items()))


def mapping(values):
    """map<string, string>, which is a repeated pair."""
    return [{1: key, 2: value} for key, value in values.items()]


def read_varint(data, at):
    number = shift = 0
    while True:
        number |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return number, at


def decode(data):
    message, at = {}, 0
    while at < len(data):
        tag, at = read_varint(data, at)
        if tag & 7 == VARINT:
            value, at = read_varint(data, at)
        else:
            size, at = read_varint(data, at) if tag & 7 == LENGTH else (FIXED[tag & 7], at)
            value, at = data[at:at + size], at + size
        message.setdefault(tag >> 3, []).append(value)
    return message


def text(message, number):
    """A string field, empty if it is not there."""
    return message.get(number, [b""])[0].decode(errors="replace")
