"""Python's asyncio streams: echoes messages with a 4-byte big-endian length."""
import asyncio
import sys


async def serve(reader, writer):
    try:
        while True:
            header = await reader.readexactly(4)
            writer.write(header + await reader.readexactly(int.from_bytes(header, 'big')))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    server = await asyncio.start_server(serve, '127.0.0.1', int(sys.argv[1]), backlog=511)
    await server.serve_forever()

asyncio.run(main())
