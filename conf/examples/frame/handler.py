#!/usr/bin/env python3
"""Answers each message with its SHA-256, as 32 bytes.

    framed run -l tcp:127.0.0.1:7000 -F u32be --codec frame -- ./handler.py

A message is a length of 4 bytes, big-endian, and that many bytes; so is its one answer. What goes to
standard error is logged.
"""
import hashlib
import struct
import sys

while head := sys.stdin.buffer.read(4):
    message = sys.stdin.buffer.read(struct.unpack(">I", head)[0])
    answer = hashlib.sha256(message).digest()
    sys.stdout.buffer.write(struct.pack(">I", len(answer)) + answer)
    sys.stdout.buffer.flush()
