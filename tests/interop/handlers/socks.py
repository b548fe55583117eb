#!/usr/bin/env python3
"""A SOCKS 5 proxy (RFC 1928) that lets nobody through, each destination for a reason of its own."""
import ipaddress
import struct

from frames import serve

VERSION, NO_AUTHENTICATION = 5, 0
NOT_ALLOWED, HOST_UNREACHABLE, REFUSED, UNKNOWN_COMMAND = 2, 4, 5, 7
IPV4, NAME, IPV6 = 1, 3, 4
REASONS = {('unreachable.test', 80): HOST_UNREACHABLE, ('192.0.2.1', 81): REFUSED,
           ('2001:db8::1', 82): UNKNOWN_COMMAND}


def destination(request):
    kind, address = request[3], request[4:-2]
    host = address[1:].decode() if kind == NAME else str(ipaddress.ip_address(address))
    return host, struct.unpack('>H', request[-2:])[0]


def answer(frame):
    if len(frame) == 2 + frame[1]:  # the methods that the client knows; no request is that short
        return bytes([VERSION, NO_AUTHENTICATION])
    reason = REASONS.get(destination(frame), NOT_ALLOWED)
    return bytes([VERSION, reason, 0, IPV4]) + bytes(6)


serve(answer)
