#!/usr/bin/env python3
"""Waits a millisecond for each byte of a message, and answers: many requests at a time.

    framed run -l tcp:127.0.0.1:7000 -F line --codec record -- ./handler.py

framed-record(5) tells what the records are. What goes to standard error is logged.
"""
import asyncio
import struct
import sys

HEAD = struct.Struct('>IBBHII')  # length of what follows it, type, flags, status, connection, request
MESSAGE, CANCEL, READY, REPLY = 3, 4, 17, 19
tasks = {}


def send(kind, connection=0, request=0, body=b'', status=0):
    sys.stdout.buffer.write(HEAD.pack(12 + len(body), kind, 0, status, connection, request) + body)
    sys.stdout.buffer.flush()


async def answer(connection, request, message):
    await asyncio.sleep(len(message) / 1000)
    del tasks[request]
    send(REPLY, connection, request, b'waited %d ms' % len(message))


async def main():
    send(READY)
    while head := await asyncio.to_thread(sys.stdin.buffer.read, 16):
        length, kind, _, _, connection, request = HEAD.unpack(head)
        body = await asyncio.to_thread(sys.stdin.buffer.read, length - 12)
        if kind == MESSAGE:
            tasks[request] = asyncio.create_task(answer(connection, request, body))
        elif kind == CANCEL and request in tasks:
            tasks.pop(request).cancel()
            send(REPLY, connection, request, status=1)  # a cancelled one asks for it, too

asyncio.run(main())
