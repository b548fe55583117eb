"""Codec `frame`: a length of 4 bytes, big-endian, before each message; one reply for each request."""
import struct
import sys


def serve(answer):
    while head := sys.stdin.buffer.read(4):
        reply = answer(sys.stdin.buffer.read(struct.unpack('>I', head)[0]))
        sys.stdout.buffer.write(struct.pack('>I', len(reply)) + reply)
        sys.stdout.buffer.flush()
