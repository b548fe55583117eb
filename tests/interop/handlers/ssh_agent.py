#!/usr/bin/env python3
"""An SSH agent that keeps Ed25519 keys but never signs: draft-ietf-sshm-ssh-agent.

What is sent is a string: a length of 4 bytes, big-endian, and that many bytes.
"""
import struct

from frames import serve

REQUEST_IDENTITIES, IDENTITIES_ANSWER = 11, 12
ADD_IDENTITY, REMOVE_IDENTITY, REMOVE_ALL_IDENTITIES = 17, 18, 19
FAILURE, SUCCESS = bytes([5]), bytes([6])

keys = {}  # public key: comment


def string(data):
    return struct.pack('>I', len(data)) + data


def strings(data):
    while data:
        length, = struct.unpack_from('>I', data)
        yield data[4:4 + length]
        data = data[4 + length:]


def list_keys(_):
    listed = b''.join(string(key) + string(comment) for key, comment in keys.items())
    return struct.pack('>BI', IDENTITIES_ANSWER, len(keys)) + listed


def add(body):
    kind, public, _, comment = strings(body)
    if kind != b'ssh-ed25519':
        return FAILURE
    keys[string(kind) + string(public)] = comment
    return SUCCESS


def remove(body):
    key, = strings(body)
    return SUCCESS if keys.pop(key, None) is not None else FAILURE


def remove_all(_):
    keys.clear()
    return SUCCESS


REQUESTS = {REQUEST_IDENTITIES: list_keys, ADD_IDENTITY: add, REMOVE_IDENTITY: remove,
            REMOVE_ALL_IDENTITIES: remove_all}


def answer(request):
    try:
        return REQUESTS[request[0]](request[1:])
    except (LookupError, ValueError, struct.error):
        return FAILURE


serve(answer)
