#!/usr/bin/env python3
"""Hands each message on as a datagram, and answers nothing, which `reply=(raw)` writes as no bytes.

    forward.py PATH     a Unix datagram socket
"""
import socket
import sys

from frames import serve

receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.connect(sys.argv[1])


def forward(message):
    receiver.send(message)
    return b''


serve(forward)
