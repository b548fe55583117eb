#!/usr/bin/env python3
"""The other side of multiprocessing.connection.Client: sorts the list that it is sent.

    listener.py [KEY CHALLENGE]

With a key both sides prove that they know it. The challenge of ours is what framed greets with, so
it is always the same one: good for a test only.
"""
import hmac
import pickle
import sys

from frames import serve

CHALLENGE, WELCOME, FAILURE = b'#CHALLENGE#', b'#WELCOME#', b'#FAILURE#'


def digest(key, challenge):
    return hmac.new(key, challenge, 'md5').digest()


def answer(message):
    return pickle.dumps(sorted(pickle.loads(message)))


def authenticated(key, challenge):
    """What answers when there is a key: whole frames, for not every message has an answer."""
    def reply(message):
        if message == WELCOME:
            return b''
        if message.startswith(CHALLENGE):
            said = digest(key, message[len(CHALLENGE):])
        elif len(message) == 16:
            said = WELCOME if message == digest(key, challenge) else FAILURE
        else:
            said = answer(message)
        return len(said).to_bytes(4, 'big') + said

    return reply


serve(authenticated(*map(str.encode, sys.argv[1:])) if sys.argv[1:] else answer)
