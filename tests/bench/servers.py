"""The servers that are measured: framed, the limits, and what a user would pick instead. A recipe
builds one into a folder and says how it is started; a server is one that runs, and is asked for its
CPU time."""
import dataclasses
import getpass
import glob
import os
import pathlib
import shutil
import socket
import string
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / 'tests/bench'
PEERS = BENCH / 'peers'
PATIENCE = 20  # seconds until a server listens
POOL = 64  # processes: one for each connection of the largest workload
APACHE_MODULES = '/usr/lib/apache2/modules'
NETTY = ':'.join(f'/usr/share/java/netty-{part}.jar' for part in
                 ('buffer', 'codec', 'common', 'handler', 'resolver', 'transport'))
CARGO_CONFIG = '''\
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "/usr/share/cargo/registry"
'''
LINES = ['python3', BENCH / 'lines.py']
ENVIRONMENT = {**os.environ, 'PYTHONUNBUFFERED': '1'}  # as framed starts its handlers


class Missing(Exception):
    """What is needed to build it is not installed."""


@dataclasses.dataclass
class Recipe:
    kind: str  # framed, reference or peer
    prepare: object  # of a kit and a transport: words that start it, or what makes them of a port
    framing: str = 'u32be'  # of messages that it sends back as they are


class Kit:
    """A folder to build in, and the daemon."""

    def __init__(self, folder, daemon):
        self.folder = folder
        self.daemon = daemon
        self.built = {}

    def once(self, key, make):
        if key not in self.built:
            self.built[key] = make()
        return self.built[key]


def need(*programs):
    for program in programs:
        if not shutil.which(program) and not os.path.exists(program):
            raise Missing(f'no {program}')


def call(*words, **options):
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE, text=True, **options)


def compile_c(kit, source, *more):
    program = kit.folder / pathlib.Path(source).stem

    def make():
        call('cc', '-O2', '-D_GNU_SOURCE', '-std=gnu11', f'-I{ROOT}/lib', '-o', program,
             BENCH / source, *more)
        return program
    return kit.once(source, make)


# Those of this project: they print their addresses, and know both transports.

def framed(workers, *handler, framing='u32be'):
    about = [] if '--per-connection' in handler else ['-F', framing, '--max-message', '16MiB']

    def prepare(kit, transport):
        listen = 'tcp:127.0.0.1:0'
        if transport == 'unix':
            listen = f'unix:@framed-bench-{os.getpid()}-{time.monotonic_ns()}'
        words = [word(kit) if callable(word) else word for word in handler]
        return [kit.daemon / 'framed', 'run', '-l', listen, '-w', workers, '--log-level', 'error',
                *about, *words]
    return Recipe('framed', prepare, framing)


def program(source, *options):
    """For a word of a command: SOURCE, compiled."""
    return lambda kit: compile_c(kit, source, *options)


def module(kit):
    path = kit.folder / 'echo.so'
    kit.once(path, lambda: call('cc', '-O2', '-shared', '-fPIC', f'-I{ROOT}/lib', '-o', path,
                                ROOT / 'conf/examples/module/echo.c'))
    return path


def reference(source, *words):
    def prepare(kit, transport):
        flag = ['-u'] if transport == 'unix' else []
        return [compile_c(kit, source), *flag,
                *(word(kit) if callable(word) else word for word in words)]
    return Recipe('reference', prepare)


# What a user would pick instead: they are told a port.

def peer(build, framing='u32be'):
    """BUILD makes words, to which the port is added."""
    def prepare(kit, _):
        words = kit.once(build, lambda: build(kit))
        return lambda port: [*words, port]
    return Recipe('peer', prepare, framing)


def peer_in_c(source, header, *libraries):
    def build(kit):
        need(f'/usr/include/{header}')
        return [compile_c(kit, PEERS / source, *libraries)]
    return peer(build)


def go(kit):
    compiler = shutil.which('go') or (sorted(glob.glob('/usr/lib/go-*/bin/go')) or ['go'])[-1]
    need(compiler)
    call(compiler, 'build', '-o', kit.folder / 'go-echo', PEERS / 'echo.go',
         env={**os.environ, 'GO111MODULE': 'off', 'GOCACHE': str(kit.folder / 'go-cache')})
    return [kit.folder / 'go-echo']


def erlang(kit):
    need('erlc', 'erl')
    call('erlc', '-o', kit.folder, PEERS / 'echo.erl')
    return ['erl', '-noshell', '-pa', kit.folder, '-run', 'echo', 'start']


def netty(kit):
    need('javac', *NETTY.split(':'))
    call('javac', '-cp', NETTY, '-d', kit.folder, PEERS / 'Echo.java')
    return ['java', '-cp', f'{NETTY}:{kit.folder}', 'Echo']


def tokio(kit):
    need('cargo', '/usr/share/cargo/registry')
    copy = kit.folder / 'tokio'
    shutil.copytree(PEERS / 'tokio', copy)
    (copy / '.cargo').mkdir()
    (copy / '.cargo/config.toml').write_text(CARGO_CONFIG)
    call('cargo', 'build', '--release', '--offline', cwd=copy)
    return [copy / 'target/release/echo']


def interpreted(interpreter, script):
    def build(_):
        need(interpreter)
        return [interpreter, PEERS / script]
    return peer(build)


def configured(sample, needed, command, framing='u32be'):
    """A server that reads a file: SAMPLE, completed."""
    def prepare(kit, _):
        need(*needed)

        def start(port):
            path = kit.folder / f'{port}-{sample}'
            text = string.Template((PEERS / sample).read_text())
            path.write_text(text.substitute(port=port, folder=kit.folder, user=getpass.getuser(),
                                            pool=POOL))
            return [*command, path]
        return start
    return Recipe('peer', prepare, framing)


def tcpserver(*command, framing='u32be'):
    def prepare(_, __):
        need('tcpserver')
        return ['tcpserver', '-1HRl0', '-c', POOL, '127.0.0.1', '0', *command]
    return Recipe('peer', prepare, framing)


def socat(*command):
    def prepare(_, __):
        need('socat')
        listen = 'bind=127.0.0.1,reuseaddr,fork,nodelay,backlog=511'
        return lambda port: ['socat', f'TCP-LISTEN:{port},{listen}', f'EXEC:{" ".join(command)}']
    return Recipe('peer', prepare)


APACHE = configured('apache.conf', ['/usr/sbin/apache2', f'{APACHE_MODULES}/mod_echo.so'],
                    ['/usr/sbin/apache2', '-D', 'FOREGROUND', '-f'], framing='line')
XINETD = configured('xinetd.conf', ['/usr/sbin/xinetd'], ['/usr/sbin/xinetd', '-dontfork', '-f'])


LOOP = Recipe('reference', None, framing='line')  # no server: see compare.Loop


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


def cpu_seconds_of(pid):
    """Of the threads of a process, and of its children that have ended."""
    process = pathlib.Path(f'/proc/{pid}')
    try:
        ended = (process / 'stat').read_text().rpartition(')')[2].split()[13:15]
        spent = sum(int(stat.read_text().split()[0]) for stat in process.glob('task/*/schedstat'))
    except OSError:
        return 0
    return spent / 1e9 + sum(map(int, ended)) / os.sysconf('SC_CLK_TCK')


class Server:
    """One that runs, on CPUs of its own choice or on CPU."""

    def __init__(self, name, recipe, kit, transport='tcp', cpu=None):
        self.name = name
        self.kind = recipe.kind
        self.framing = recipe.framing
        words = recipe.prepare(kit, transport)
        told = callable(words)
        port = free_port() if told else 0
        pinned = [] if cpu is None else ['taskset', '-c', str(cpu)]
        words = [str(word) for word in [*pinned, *(words(port) if told else words)]]
        # In a session of its own: Apache ends its whole process group.
        self.process = subprocess.Popen(words, text=True, env=ENVIRONMENT, start_new_session=True,
                                        stdout=subprocess.DEVNULL if told else subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.address = f'tcp:127.0.0.1:{port}'
        if told:
            self.wait_for(port)
            return
        with self.process.stdout as out:  # it prints nothing else
            line = out.readline().strip()
        self.address = f'tcp:127.0.0.1:{line}' if line.isdigit() else line
        if not self.address.startswith(f'{transport}:'):
            self.stop()
            raise RuntimeError(f'{name} does not serve {transport}, but {self.address!r}: '
                               f'{" ".join(words)}')

    def wait_for(self, port):
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
        return sum(map(cpu_seconds_of, descendants(self.process.pid)))

    def private_kib(self):
        """Memory that each of its processes has for itself alone."""
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
