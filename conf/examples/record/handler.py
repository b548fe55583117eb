#!/usr/bin/env python3
"""Waits for as many milliseconds as a message says, and answers: many requests at a time.

    framed run -l tcp:127.0.0.1:7000 -F line --codec record -- ./handler.py

Replies go out as they are ready; framed puts them into each client's order. framed-record(5) tells
what the records are. What goes to standard error is logged.
"""
import asyncio
import functools
import struct
import sys

HEAD = struct.Struct('>IBBHII')  # length of what follows it, type, flags, status, connection, request
MESSAGE, CANCEL, READY, REPLY = 3, 4, 17, 19
tasks = {}


def send(kind, connection=0, request=0, body=b'', status=0):
    sys.stdout.buffer.write(HEAD.pack(12 + len(body), kind, 0, status, connection, request) + body)
    sys.stdout.buffer.flush()


async def answer(message):
    await asyncio.sleep(int(message) / 1000)
    return b'waited %d ms' % int(message)


def finish(connection, request, task):
    del tasks[request]
    if task.cancelled():  # that is to be answered, too
        send(REPLY, connection, request, status=1)
    else:
        send(REPLY, connection, request, b'how long?' if task.exception() else task.result())


async def main():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    send(READY)
    while head := await reader.read(1):  # nothing: the end
        length, kind, _, _, connection, request = HEAD.unpack(head + await reader.readexactly(15))
        body = await reader.readexactly(length - 12)
        if kind == MESSAGE:
            tasks[request] = asyncio.create_task(answer(body))
            tasks[request].add_done_callback(functools.partial(finish, connection, request))
        elif kind == CANCEL and request in tasks:
            tasks[request].cancel()

asyncio.run(main())
