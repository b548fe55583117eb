"""What the interop tests share: a framed for as long as a `with` block lasts, and a plain client."""
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

ROOT = os.environ['FRAMED_SOURCE_ROOT']
FRAMED = os.environ['FRAMED_BINARY']
FRAMECAT = os.environ['FRAMECAT_BINARY']
HANDLERS = os.path.join(ROOT, 'tests', 'interop', 'handlers')
WAIT_S = 60  # no single answer takes longer; what does is a failed test and not a hanging one


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            print(f'SKIP: no {program}')
            sys.exit(77)


def example(*path):
    return os.path.join(ROOT, 'conf', 'examples', *path)


def handler(name):
    return os.path.join(HANDLERS, name)


def run(*command, **options):
    return subprocess.run(command, capture_output=True, timeout=WAIT_S, check=False, **options)


class Framed:
    """`framed run` with these arguments; `addresses` has one address for each -l among them."""

    def __init__(self, *arguments):
        self.arguments = arguments
        self.addresses = []

    def __enter__(self):
        self.log = tempfile.TemporaryFile('w+')
        self.process = subprocess.Popen([FRAMED, 'run', *self.arguments], text=True,
                                        stdout=subprocess.PIPE, stderr=self.log)
        for _ in range(self.arguments.count('-l')):
            self.addresses.append(self.process.stdout.readline().strip())
        if not all(self.addresses):
            self.process.wait(WAIT_S)
            self.process.stdout.close()
            with self.log:
                raise RuntimeError('framed did not start:\n' + self.logged())
        return self

    def logged(self):
        self.log.seek(0)
        return self.log.read()

    def __exit__(self, kind, error, trace):
        self.process.terminate()
        try:
            status = self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process.stdout.close()
        if error or status:
            print(self.logged(), file=sys.stderr)
        self.log.close()
        if not error and status:
            raise RuntimeError(f'framed left with status {status}')


def port(address):
    return int(address.rsplit(':', 1)[1])


def connect(address):
    kind, rest = address.split(':', 1)
    if kind == 'unix':
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(WAIT_S)
        peer.connect(rest)
        return peer
    peer = socket.create_connection(('127.0.0.1', port(address)), WAIT_S)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def receive_exactly(peer, size):
    parts = []
    while size:
        part = peer.recv(min(size, 1 << 20))
        if not part:
            raise EOFError(f'{size} bytes are missing')
        parts.append(part)
        size -= len(part)
    return b''.join(parts)


def receive_u32be(peer):
    return receive_exactly(peer, struct.unpack('>I', receive_exactly(peer, 4))[0])
