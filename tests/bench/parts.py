"""What is measured: the parts of tests/bench/run, each with its servers and workloads. The first of a
workload's servers is the reference, with which the others are compared."""
import dataclasses

from servers import (APACHE, LINES, LOOP, POOL, XINETD, erlang, framed, go, interpreted, module, netty, peer,
                     peer_in_c, program, reference, socat, tcpserver, tokio)

AGAIN = ', again'  # what chance alone does


@dataclasses.dataclass
class Goal:
    """For the server framed: so many times AGAINST; of p99 and cpu the other way round."""
    against: str  # a server, or peers: the best of them
    ratio: float
    of: str = 'rate'

    def __str__(self):
        who = 'the best peer' if self.against == 'peers' else self.against
        return f'{self.of} at least {self.ratio:g} times {who}' if self.of == 'rate' else \
            f'{self.of} at most that of {who}'


@dataclasses.dataclass
class Workload:
    name: str
    connections: int = 1
    depth: int = 1
    size: int = 64
    rate: int = 0  # messages a second of an open loop
    connect: bool = False  # a connection for each message
    pinned: bool = True  # server and load share one CPU: what counts is cost; else both are free
    transport: str = 'tcp'
    goals: tuple = ()
    servers: tuple = ()  # all of the part, unless said

    def options(self):
        """Of framebench."""
        words = ['--connections', self.connections, '--depth', self.depth, '--size', self.size]
        words += ['--rate', self.rate] if self.rate else []
        return [str(word) for word in words] + (['--connect'] if self.connect else [])


@dataclasses.dataclass
class Part:
    servers: dict  # of recipes
    workloads: list

    def servers_of(self, workload):
        """Names and recipes, the reference first."""
        names = workload.servers or tuple(self.servers)
        return {name: self.servers[name.removesuffix(AGAIN)] for name in names}


KIB, MIB = 1 << 10, 1 << 20
ECHO = framed(POOL, '--builtin', 'echo')
ONE_EACH = framed(POOL, '--connections', 1, '--builtin', 'echo')
# Workers that have many clients each, which they serve in turns. The load takes a CPU, too.
HELD = framed(1, '--connections', 1000, '--builtin', 'echo')
HELD_BY_TWO = framed(2, '--connections', 1000, '--builtin', 'echo')
TWO = 'framed, 2 workers'
EACH = 'framed, one each'
REFERENCES = {
    'limit': reference('limit.c', POOL),
    'raw': reference('raw.c', POOL),
    'naive': reference('naive.c', POOL),
}
PEERS = {
    'libuv': peer_in_c('libuv.c', 'uv.h', '-luv'),
    'tokio': peer(tokio),
    'Go': peer(go),
    'libevent': peer_in_c('libevent.c', 'event2/event.h', '-levent'),
    'Netty': peer(netty),
    'Erlang': peer(erlang),
    'Node.js': interpreted('node', 'echo.js'),
    'asyncio': interpreted('python3', 'echo.py'),
    'Apache': APACHE,
}
STARTERS = {  # of a program for each connection
    'tcpserver': tcpserver('cat'),
    'xinetd': XINETD,
    'socat': socat('cat'),
}
BY_LIMIT = ('limit', 'framed', 'naive', 'limit' + AGAIN)
BY_RAW = ('raw', 'framed', 'limit', 'raw' + AGAIN)
PEERS_BY_LIMIT = ('limit', 'framed', 'naive', *PEERS)
PEERS_BY_RAW = ('raw', 'framed', 'limit', *PEERS)
COST = (Goal('limit', 0.97),)
LARGE = (Goal('raw', 0.95),)
BEST = (Goal('peers', 1),)
MANY_BY_LIMIT = ('limit', 'framed', TWO, EACH, 'naive', *PEERS)


def serving(transport):
    """The same for both transports."""
    common = {'transport': transport}
    where = ' (Unix socket)' if transport == 'unix' else ''
    return [
        Workload(f'1 connection, 64 B, depth 1{where}', goals=COST, servers=BY_LIMIT, **common),
        Workload(f'1 connection, 64 B, depth 64{where}', depth=64, goals=COST, servers=BY_LIMIT,
                 **common),
        Workload(f'1 connection, 64 KiB{where}', size=64 * KIB, goals=LARGE, servers=BY_RAW,
                 **common),
        Workload(f'1 connection, 1 MiB{where}', size=MIB, goals=LARGE, servers=BY_RAW, **common),
        Workload(f'1 client, a connection each message{where}', connect=True,
                 goals=(Goal('raw', 0.95),), servers=BY_RAW, **common),
    ]


PARTS = {
    'serve': Part({**REFERENCES, 'framed': ECHO}, serving('tcp') + serving('unix')),
    'peers': Part({**REFERENCES, 'framed': ECHO, **PEERS}, [
        Workload('1 connection, 64 B, depth 1', goals=COST, servers=PEERS_BY_LIMIT),
        Workload('1 connection, 64 B, depth 64', depth=64, goals=COST, servers=PEERS_BY_LIMIT),
        Workload('1 connection, 64 KiB', size=64 * KIB, goals=LARGE, servers=PEERS_BY_RAW),
        Workload('1 connection, 1 MiB', size=MIB, goals=LARGE, servers=PEERS_BY_RAW),
    ]),
    # One worker that has all connections, two that share them, and one for each connection.
    'many': Part({**REFERENCES, 'framed': HELD, TWO: HELD_BY_TWO, EACH: ONE_EACH, **PEERS}, [
        Workload('16 connections, 64 B, depth 1', 16, pinned=False, goals=BEST,
                 servers=MANY_BY_LIMIT),
        Workload('64 connections, 64 B, depth 1', 64, pinned=False, goals=BEST,
                 servers=MANY_BY_LIMIT),
        Workload('8 connections, 64 B, depth 64', 8, 64, pinned=False, goals=BEST,
                 servers=MANY_BY_LIMIT),
    ]),
    # What clients wait for while there is enough of everything; framed without a setting.
    'load': Part({**REFERENCES, 'framed': ECHO, TWO: HELD_BY_TWO, EACH: ONE_EACH, **PEERS}, [
        Workload('16 connections, 20000/s', 16, 64, rate=20000, pinned=False,
                 goals=(Goal('peers', 1, 'p99'), Goal('peers', 1, 'cpu')),
                 servers=MANY_BY_LIMIT),
    ]),
    'connect': Part({**REFERENCES, 'framed': ECHO, **PEERS, **STARTERS}, [
        Workload('8 clients, a connection each message', 8, connect=True, pinned=False,
                 goals=(Goal('raw', 0.95), Goal('tcpserver', 20)),
                 servers=('raw', 'framed', *PEERS, *STARTERS, 'raw' + AGAIN)),
        Workload('8 clients, a connection each message (Unix socket)', 8, connect=True, pinned=False,
                 transport='unix', goals=(Goal('raw', 0.95),),
                 servers=('raw', 'framed', 'raw' + AGAIN)),
    ]),
    # A program as the handler: of a worker for all its connections (framed), or of each connection.
    'programs': Part({
        'tcpserver': STARTERS['tcpserver'],
        'framed': framed(8, '--codec', 'frame', '--', 'cat'),
        'per_connection': framed(8, '--per-connection', '--', 'cat'),
        'xinetd': XINETD,
        'socat': STARTERS['socat'],
    }, [
        Workload('1 connection, 64 B, depth 1'),
        Workload('1 connection, 64 B, depth 64', depth=64),
        Workload('1 connection, 64 KiB', size=64 * KIB),
        Workload('8 clients, a connection each message', 8, connect=True, pinned=False,
                 goals=(Goal('tcpserver', 20),)),
    ]),
    'codecs': Part({
        'frame': framed(1, '--codec', 'frame', '--', 'cat'),
        'record': framed(1, '--codec', 'record', '--', program('record.c')),
    }, [
        Workload(name, depth=depth, size=size, servers=('frame', 'record', 'frame' + AGAIN))
        for name, depth, size in [('1 connection, 64 B, depth 1', 1, 64),
                                  ('1 connection, 64 B, depth 32', 32, 64),
                                  ('1 connection, 1 KiB, depth 32', 32, KIB),
                                  ('1 connection, 64 KiB, depth 8', 8, 64 * KIB)]
    ]),
    # One co-process, one message at a time, beside relays written by hand with what they may use.
    'relay': Part({
        'relay': reference('relay.c', program('frame.c')),
        'framed': framed(1, '--codec', 'frame', '--', program('frame.c')),
        'relay, socketpair': reference('relay.c', '-s', program('frame.c')),
        'relay, shared memory': reference('shared.c'),
    }, [
        Workload(f'1 connection, {name}', size=size, goals=(Goal('relay', 0.9),),
                 servers=('relay', 'framed', 'relay, socketpair', 'relay, shared memory',
                          'relay' + AGAIN))
        for name, size in [('64 B', 64), ('4 KiB', 4 * KIB), ('64 KiB', 64 * KIB)]
    ]),
    # The smallest module there is beside the builtin that does the same.
    'modules': Part({
        'builtin': framed(1, '--builtin', 'echo'),
        'module': framed(1, '--module', module),
    }, [
        dataclasses.replace(workload, goals=(), servers=('builtin', 'module', 'builtin' + AGAIN))
        for workload in serving('tcp')
    ]),
    # A program in Python, as it is, for a line at a time: beside the same as a bare loop.
    'python': Part({
        'framed': framed(1, '--codec', 'line', '--', *LINES, framing='line'),
        'batch = 64': framed(1, '--codec', 'line', '--batch', '64', '--', *LINES, framing='line'),
        'tcpserver': tcpserver(*LINES, framing='line'),
        'bare loop': LOOP,
    }, [
        Workload('1 connection, 64 B, depth 1', servers=('bare loop', 'framed', 'batch = 64',
                                                         'bare loop' + AGAIN)),
        Workload('1 connection, 64 B, depth 64', depth=64,
                 servers=('bare loop', 'framed', 'batch = 64', 'bare loop' + AGAIN)),
        Workload('1 client, a connection each message', connect=True,
                 servers=('tcpserver', 'framed')),
    ]),
    'sweep': Part({**REFERENCES, 'framed': HELD, EACH: ONE_EACH, **PEERS}, [
        Workload(f'{count} connection{"s" * (count > 1)}, 64 B', count, pinned=False,
                 servers=('limit', 'framed', EACH, 'libuv', 'tokio', 'Go'))
        for count in (1, 2, 4, 8, 16, 32, 64)
    ]),
}
