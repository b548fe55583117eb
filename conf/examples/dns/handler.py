#!/usr/bin/env python3
"""A DNS server for the names of one file: a query in, a response out.

    handler.py ZONE     each line: NAME TTL TYPE VALUE; a line with ; at its start is a comment

Codec `frame`: a 4-byte big-endian length before each message, both ways.
"""
import socket
import struct
import sys

NOERROR, FORMERR, NXDOMAIN, NOTIMP = 0, 1, 3, 4
CLASS_IN, TYPE_ANY = 1, 255


def name_data(text):
    labels = [label.encode() for label in text.split('.') if label]
    return b''.join(bytes([len(label)]) + label for label in labels) + b'\0'


def text_data(text):
    parts = [text.encode()[at:at + 255] for at in range(0, len(text.encode()), 255)] or [b'']
    return b''.join(bytes([len(part)]) + part for part in parts)


def mx_data(text):
    preference, host = text.split()
    return struct.pack('>H', int(preference)) + name_data(host)


TYPES = {  # the type's number, and what writes its value
    'A': (1, socket.inet_aton),
    'NS': (2, name_data),
    'PTR': (12, name_data),
    'MX': (15, mx_data),
    'TXT': (16, text_data),
    'AAAA': (28, lambda text: socket.inet_pton(socket.AF_INET6, text)),
}


def read_zone(path):
    zone = {}
    with open(path, encoding='utf-8') as lines:
        for line in lines:
            if line.strip() and not line.startswith(';'):
                name, ttl, kind, value = line.strip().split(maxsplit=3)
                number, data = TYPES[kind]
                record = (number, int(ttl), data(value))
                zone.setdefault(name_data(name.lower()), []).append(record)
    return zone


def question_end(query):
    """Where the one question ends, or None if there is no such question."""
    at = 12
    while at < len(query) and 0 < query[at] <= 63:
        at += 1 + query[at]
    whole = at < len(query) and query[at] == 0 and at - 12 < 255 and at + 5 <= len(query)
    return at + 5 if whole else None


def respond(zone, query):
    ident, flags, questions = struct.unpack('>HHH', query[:6].ljust(6, b'\0'))
    end = question_end(query)
    code, records = FORMERR, []
    if flags & 0x7800:
        code = NOTIMP
    elif end and questions == 1 and not flags & 0x8000:
        name = query[12:end - 4].lower()  # the lengths in it stay: they are below any letter
        kind, klass = struct.unpack('>HH', query[end - 4:end])
        code = NOERROR if name in zone else NXDOMAIN
        records = [record for record in zone.get(name, [])
                   if kind in (record[0], TYPE_ANY) and klass in (CLASS_IN, TYPE_ANY)]
    question = query[12:end] if code in (NOERROR, NXDOMAIN) else b''
    head = struct.pack('>HHHHHH', ident, 0x8400 | flags & 0x7900 | code, bool(question),
                       len(records), 0, 0)
    answers = (struct.pack('>HHHIH', 0xc00c, number, CLASS_IN, ttl, len(data)) + data
               for number, ttl, data in records)  # 0xc00c: the name of the question
    return head + question + b''.join(answers)


def main():
    zone = read_zone(sys.argv[1])
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    while head := requests.read(4):
        reply = respond(zone, requests.read(struct.unpack('>I', head)[0]))
        replies.write(struct.pack('>I', len(reply)) + reply)
        replies.flush()


main()
