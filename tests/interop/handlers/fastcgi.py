#!/usr/bin/env python3
"""A FastCGI application: says who asked how, and gives back in capitals what it was sent.

A request is many records, and there is one reply for each: the last record's is the whole response,
those before it are empty.
"""
import struct

from frames import serve

BEGIN_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6
MOST = 65535  # bytes of content in a record

request = {}  # the content of each of its streams so far


def record(kind, number, content):
    padding = -len(content) % 8
    head = struct.pack('>BBHHBx', 1, kind, number, len(content), padding)
    return head + content + bytes(padding)


def stream(kind, number, content):
    parts = (content[at:at + MOST] for at in range(0, len(content), MOST))
    return b''.join(record(kind, number, part) for part in parts) + record(kind, number, b'')


def pairs(data):
    """Names and values, their lengths before them: 1 byte each, or 4 with the highest bit set."""
    at = 0

    def length():
        nonlocal at
        size = 4 if data[at] & 0x80 else 1
        at += size
        return int.from_bytes(data[at - size:at], 'big') & 0x7fffffff

    while at < len(data):
        name, value = length(), length()
        yield data[at:at + name].decode(), data[at + name:at + name + value].decode()
        at += name + value


def respond(number):
    said = dict(pairs(request[PARAMS]))
    text = '{REQUEST_METHOD} {QUERY_STRING}\n'.format_map(said).encode() + request[STDIN].upper()
    return (stream(STDOUT, number, b'Content-Type: text/plain\r\n\r\n' + text)
            + record(END_REQUEST, number, bytes(8)))


def answer(frame):
    _, kind, number, length = struct.unpack_from('>BBHH', frame)
    if kind == BEGIN_REQUEST:
        request.update({PARAMS: b'', STDIN: b''})
    elif kind in request:
        request[kind] += frame[8:8 + length]
        if kind == STDIN and not length:
            return respond(number)
    return b''


serve(answer)
