"""Servers that echo messages with a 4-byte big-endian length: framed, the limit, and what a user would
pick instead. Each is built into a folder, started on a port of its own, and asked for its CPU time."""
import glob
import os
import pathlib
import shutil
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / 'tests/bench'
PEERS = BENCH / 'peers'
PATIENCE = 20  # seconds until a server listens
NETTY = ':'.join(f'/usr/share/java/netty-{part}.jar' for part in
                 ('buffer', 'codec', 'common', 'handler', 'resolver', 'transport'))
CARGO_CONFIG = '''\
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "/usr/share/cargo/registry"
'''


class Missing(Exception):
    """What is needed to build it is not installed."""


def need(*programs):
    for program in programs:
        if not shutil.which(program) and not os.path.exists(program):
            raise Missing(f'no {program}')


def call(*words, **options):
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE, text=True, **options)


def compile_c(source, folder, *more):
    program = folder / pathlib.Path(source).stem
    call('cc', '-O2', '-D_GNU_SOURCE', '-std=gnu11', f'-I{ROOT}/lib', '-o', program, source, *more)
    return [program]


def compile_peer(source, folder, header, *libraries):
    need(f'/usr/include/{header}')
    return compile_c(PEERS / source, folder, *libraries)


def compile_go(folder):
    compiler = shutil.which('go') or (sorted(glob.glob('/usr/lib/go-*/bin/go')) or ['go'])[-1]
    need(compiler)
    call(compiler, 'build', '-o', folder / 'go-echo', PEERS / 'echo.go',
         env={**os.environ, 'GO111MODULE': 'off', 'GOCACHE': str(folder / 'go-cache')})
    return [folder / 'go-echo']


def compile_erlang(folder):
    need('erlc', 'erl')
    call('erlc', '-o', folder, PEERS / 'echo.erl')
    return ['erl', '-noshell', '-pa', folder, '-run', 'echo', 'start']


def compile_netty(folder):
    need('javac', *NETTY.split(':'))
    call('javac', '-cp', NETTY, '-d', folder, PEERS / 'Echo.java')
    return ['java', '-cp', f'{NETTY}:{folder}', 'Echo']


def compile_tokio(folder):
    need('cargo', '/usr/share/cargo/registry')
    copy = folder / 'tokio'
    shutil.copytree(PEERS / 'tokio', copy)
    (copy / '.cargo').mkdir()
    (copy / '.cargo/config.toml').write_text(CARGO_CONFIG)
    call('cargo', 'build', '--release', '--offline', cwd=copy)
    return [copy / 'target/release/echo']


def interpreted(interpreter, script):
    def prepare(_):
        need(interpreter)
        return [interpreter, PEERS / script]
    return prepare


# What builds each in a folder: the words of its command, to which the port is added.
PEER_BUILDS = {
    'libuv': lambda folder: compile_peer('libuv.c', folder, 'uv.h', '-luv'),
    'tokio': compile_tokio,
    'Go': compile_go,
    'libevent': lambda folder: compile_peer('libevent.c', folder, 'event2/event.h', '-levent'),
    'Netty': compile_netty,
    'Erlang': compile_erlang,
    'Node.js': interpreted('node', 'echo.js'),
    'asyncio': interpreted('python3', 'echo.py'),
}


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as server:
        return server.getsockname()[1]


def descendants(pid):
    """A process and all below it."""
    found = [pid]
    for task in glob.glob(f'/proc/{pid}/task/*/children'):
        try:
            for child in pathlib.Path(task).read_text().split():
                found += descendants(int(child))
        except OSError:
            pass
    return found


class Server:
    """One that runs, on CPUs of its own choice or on CPU."""

    def __init__(self, name, command, cpu=None, tells=False):
        self.name = name
        pinned = [] if cpu is None else ['taskset', '-c', str(cpu)]
        words = [str(word) for word in [*pinned, *command]]
        if tells:  # it prints its address
            self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
            self.address = self.process.stdout.readline().strip()
            return
        port = free_port()
        self.address = f'tcp:127.0.0.1:{port}'
        self.process = subprocess.Popen([*words, str(port)], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.await_listening(port)

    def await_listening(self, port):
        until = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(('127.0.0.1', port)).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise RuntimeError(f'{self.name} does not listen') from None
                time.sleep(0.05)

    def cpu_seconds(self):
        """Of all its processes and threads so far."""
        total = 0
        for pid in descendants(self.process.pid):
            for stat in glob.glob(f'/proc/{pid}/task/*/schedstat'):
                try:
                    total += int(pathlib.Path(stat).read_text().split()[0])
                except OSError:
                    pass
        return total / 1e9

    def private_kib(self):
        """Memory that only its processes have, those of a pool in the mean of one."""
        sums = []
        for pid in descendants(self.process.pid):
            lines = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()
            sums.append(sum(int(line.split()[1]) for line in lines if line.startswith('Private_')))
        return sums

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
