"""What is no race between servers: how a pool queues, what an idle connection takes, where the
instructions of a message go. Each returns what the JSON has of it, and a table."""
import heapq
import json
import pathlib
import random
import re
import resource
import socket
import statistics
import subprocess
import tempfile
import time

import compare
from parts import EACH, ECHO, HELD, ONE_EACH, PEERS
from servers import ROOT, BENCH, Server, Missing, call, framed

WORKERS = 4
NAP_MS = 10  # as of nap.c
LOAD = 0.8  # of what the workers can take
CUSTOMERS = 2_000_000
IDLE = (0, 50, 100, 200)  # connections that say nothing
CROWD, ACTIVE = 10_000, 100  # and many of them, beside some that do
SILENCE_S, SILENT = 60, 50

# By function; what is not in here is left of the worker's own.
STEPS = {
    'receive': ('worker_receive', 'fill_in_turn', 'framed_conn_fill', 'socket_receive', 'recv'),
    'decode': ('framed_conn_next', 'next', 'framed_decode', 'decode_u32be'),
    'dispatch': ('worker_serve_messages', 'handle_other', 'echo', 'worker_rest'),
    'encode': ('worker_reply', 'framed_conn_put', 'memcpy', 'memmove'),
    'send': ('worker_send', 'framed_conn_push', 'socket_send', 'send'),
    'accounting': ('slot_publish', 'worker_publish', 'sem_trywait', 'sem_post', 'clock_gettime',
                   'worker_set_waiting'),
}
ANNOTATED = re.compile(r'^ *([\d,]+) \([\d. ]+%\) +\S+:(\w+)')


def verdict(reached):
    return 'reached' if reached else '**not reached**'


def nap(kit):
    path = kit.folder / 'nap.so'
    kit.once(path, lambda: call('cc', '-O2', '-shared', '-fPIC', f'-I{ROOT}/lib', '-o', path,
                                BENCH / 'nap.c'))
    return path


def waits_in_theory(seed=1):
    """Waiting times (ms) of M/D/c, whoever comes first is served first, by simulation: there is no
    closed form that is short. The 99th percentile of so many is good to about one percent."""
    dice = random.Random(seed)
    free = [0.0] * WORKERS
    now, waits = 0.0, []
    for _ in range(CUSTOMERS):
        now += dice.expovariate(LOAD * WORKERS / NAP_MS)
        begins = max(now, heapq.heappop(free))
        waits.append(begins - now)
        heapq.heappush(free, begins + NAP_MS)
    return waits


def percentile(values, percent):
    return sorted(values)[int(len(values) * percent / 100)]


def latency(kit, address, *options):
    """Of messages that come in a connection each."""
    words = [kit.daemon / 'framebench', '--json', '--quiet', '--connect', '--connections', 256, *options,
             address]
    told = json.loads(subprocess.run([str(word) for word in words], check=False, stdout=subprocess.PIPE)
                      .stdout)
    if any(told[fault] for fault in compare.FAULTS):
        raise compare.Failed(told['first_fault'])
    return told['latency_us']


def queue(kit, chosen):
    """Random arrivals, a connection each, so that all of them stand in one line before the workers."""
    server = Server('framed', framed(WORKERS, '--module', nap), kit)
    try:
        # Evenly spaced, at less than half of what the workers can take: nobody waits, and no CPU sleeps long.
        alone = latency(kit, server.address, '--rate', 150, '--duration', '3s')['p50'] / 1000
        rate = LOAD * WORKERS / alone * 1000
        runs = [latency(kit, server.address, '--poisson', '--rate', f'{rate:.0f}', '--duration',
                        f'{20 * chosen.seconds:.0f}s') for _ in range(chosen.rounds)]
    finally:
        server.stop()
    scale = alone / NAP_MS
    theory = waits_in_theory()
    found = {'workers': WORKERS, 'load': LOAD, 'service_ms': alone, 'rate': rate, 'goal': 1.3}
    for percent in (50, 90, 99):
        waits = [one[f'p{percent}'] / 1000 - alone for one in runs]
        expected = percentile(theory, percent) * scale
        found[f'p{percent}'] = {'theory_ms': expected, 'waits_ms': waits,
                                'ratio': statistics.median(waits) / expected}
    return found, queue_table(found)


def queue_table(found):
    lines = [f'### {WORKERS} workers, a handler of {NAP_MS} ms, random arrivals at '
             f'{LOAD:.0%} of what they can take', '',
             f'Goal: the 99th percentile of waiting at most {found["goal"]} times that of M/D/4: '
             f'{verdict(found["p99"]["ratio"] <= found["goal"])}, {found["p99"]["ratio"]:.2f}.', '',
             '| of all messages | wait at most, ms | least | most | M/D/4, ms | ratio |',
             '|---|---|---|---|---|---|']
    for percent in (50, 90, 99):
        one = found[f'p{percent}']
        waits = one['waits_ms']
        lines.append(f'| {percent}% | {statistics.median(waits):.1f} | {min(waits):.1f} '
                     f'| {max(waits):.1f} | {one["theory_ms"]:.1f} | {one["ratio"]:.2f} |')
    return '\n'.join(lines) + '\n'


def connect_idle(address, count):
    host, port = address.removeprefix('tcp:').rsplit(':', 1)
    return [socket.create_connection((host, int(port))) for _ in range(count)]


def idle(kit, _):
    """Private memory of each server's processes, at rest and with connections that say nothing; those
    of a pool with one for each worker wait in the listen queue once each has its own."""
    found = {}
    for name, recipe in {'framed': HELD, EACH: ONE_EACH, **PEERS}.items():
        try:
            server = Server(name, recipe, kit)
        except (Missing, RuntimeError, subprocess.CalledProcessError):
            continue
        try:
            totals = []
            at_rest = server.private_kib()
            for count in IDLE:
                clients = connect_idle(server.address, count)
                time.sleep(0.3)  # whatever they do then, they are to have done it
                each = server.private_kib()
                totals.append(sum(each))
                for client in clients:
                    client.close()
            found[name] = {'processes': len(each), 'kib': totals,
                           'largest_worker_kib': max(at_rest[1:], default=at_rest[0])}
        finally:
            server.stop()
    told = {'connections': IDLE, 'goal_kib': 150, 'servers': found}
    return told, idle_table(told)


def idle_table(found):
    worker = found['servers']['framed']['largest_worker_kib']
    lines = ['### Memory', '', f'Goal: a worker of framed has at most {found["goal_kib"]} KiB of its own, at rest: '
             f'{verdict(worker <= found["goal_kib"])}, {worker}.', '',
             'Private memory of all processes (KiB), with so many connections that say nothing. Each '
             'worker of Apache and of the pool with one for each has one of them, and the others wait in '
             'the listen queue.', '',
             f'| server | processes | {" | ".join(map(str, IDLE))} | largest worker at rest |',
             '|---' * (3 + len(IDLE)) + '|']
    for name, one in found['servers'].items():
        cells = [name, one['processes'], *one['kib'], one['largest_worker_kib']]
        lines.append('| ' + ' | '.join(f'{cell:,}' if isinstance(cell, int) else cell
                                       for cell in cells) + ' |')
    return '\n'.join(lines) + '\n'


def rate(kit, address):
    """Of those who have something to say."""
    words = [kit.daemon / 'framebench', '--json', '--quiet', '--connections', ACTIVE, '--duration', '1s',
             address]
    told = json.loads(subprocess.run([str(word) for word in words], check=False, stdout=subprocess.PIPE)
                      .stdout)
    if any(told[fault] for fault in compare.FAULTS):
        raise compare.Failed(told['first_fault'])
    return told['messages_per_second']


def crowd(kit, chosen):
    """Messages a second with and without a crowd that says nothing, and what each of it costs: half of
    it has room with the workers, the others are kept."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(CROWD, hard - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = Server('framed', framed(WORKERS, '--connections', count // WORKERS // 2, '--backlog', 4096,
                                     '--idle', 'off', '--builtin', 'echo'), kit)
    alone, beside = [], []
    try:
        rate(kit, server.address)
        before = sum(server.private_kib())
        for _ in range(chosen.rounds):
            alone.append(rate(kit, server.address))
            clients = connect_idle(server.address, count)
            beside.append(rate(kit, server.address))
            after = sum(server.private_kib())
            for client in clients:
                client.close()
    finally:
        server.stop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    found = {'workers': WORKERS, 'crowd': count, 'active': ACTIVE, 'alone': alone, 'beside': beside,
             'goal': 0.8, 'ratio': statistics.median(two / one for one, two in zip(alone, beside)),
             'bytes_each': (after - before) * 1024 / count}
    return found, crowd_table(found)


def crowd_table(found):
    ratio, each = found['ratio'], found['bytes_each']
    return '\n'.join([
        f'### {found["crowd"]:,} connections that say nothing, beside {found["active"]} that do', '',
        f'Goal: with them messages a second at least {found["goal"]} times those without: '
        f'{verdict(ratio >= found["goal"])}, {ratio:.2f}.', '',
        f'Goal: each of them costs framed at most 2 KiB of memory: {verdict(each <= 2048)}, '
        f'{each:.0f} bytes; the kernel has its own.', '',
        f'| {found["workers"]} workers | messages/s | least | most |', '|---|---|---|---|',
        *(f'| {name} | {statistics.median(found[key]):,.0f} | {min(found[key]):,.0f} | '
          f'{max(found[key]):,.0f} |' for name, key in (('without', 'alone'), ('with', 'beside'))),
    ]) + '\n'


def ask(client):
    """How long one message takes, in µs."""
    began = time.perf_counter_ns()
    client.sendall(b'\0\0\0\x04ping')
    if client.recv(64) != b'\0\0\0\x04ping':
        raise compare.Failed('no answer')
    return (time.perf_counter_ns() - began) / 1000


def silence(kit, _):
    """The first message after a while, of connections that their worker holds, and that the keeper has."""
    servers, clients = {}, {}
    took = {'hold': [], 'keep': []}
    try:
        for mode in took:
            servers[mode] = Server('framed', framed(1, '--connections', 1000, '--idle-connections', mode,
                                                    '--idle', 'off', '--builtin', 'echo'), kit)
            clients[mode] = connect_idle(servers[mode].address, SILENT)
            for client in clients[mode]:
                ask(client)
        time.sleep(SILENCE_S)
        for pair in zip(*clients.values()):
            for mode, client in zip(clients, pair):
                took[mode].append(ask(client))
                client.close()
    finally:
        for server in servers.values():
            server.stop()
    found = {'seconds': SILENCE_S, 'goal_us': 200, 'took_us': took,
             'more_us': statistics.median(took['keep']) - statistics.median(took['hold'])}
    return found, silence_table(found)


def silence_table(found):
    more = found['more_us']
    return '\n'.join([
        f'### The first message after {found["seconds"]} seconds of silence', '',
        f'Goal: where the keeper has the connection, at most {found["goal_us"]} µs more at the median: '
        f'{verdict(more <= found["goal_us"])}, {more:.0f} µs.', '',
        '| the connection is | median, µs | 90% within, µs |', '|---|---|---|',
        *(f'| {name} | {statistics.median(found["took_us"][mode]):.0f} '
          f'| {percentile(found["took_us"][mode], 90):.0f} |'
          for name, mode in (('held by its worker', 'hold'), ('kept by the keeper', 'keep'))),
    ]) + '\n'


def count_instructions(kit, depth, count):
    """Of each function of the worker while it answers COUNT messages."""
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            ['valgrind', '--tool=callgrind', '--trace-children=yes',
             f'--callgrind-out-file={folder}/%p', *map(str, ECHO.prepare(kit, 'tcp'))],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        with server.stdout as out:
            address = out.readline().strip()
        subprocess.run([kit.daemon / 'framebench', '--quiet', '--depth', str(depth), '--count',
                        str(count), '--timeout', '60s', address], check=True,
                       stdout=subprocess.DEVNULL)
        server.terminate()
        server.wait(60)
        found = {}
        for file in pathlib.Path(folder).iterdir():
            told = subprocess.run(['callgrind_annotate', '--threshold=100', file], check=True,
                                  capture_output=True, text=True).stdout
            for line in told.splitlines():
                match = ANNOTATED.match(line)
                if match:
                    name = match[2].removeprefix('__')
                    found[name] = found.get(name, 0) + int(match[1].replace(',', ''))
    return found


def step_of(function):
    for step, functions in STEPS.items():
        if function in functions or function.split('_avx')[0].split('_evex')[0] in functions:
            return step
    return None


def instructions(kit, _):
    """What is the same for any number of messages, such as the start, is not theirs."""
    found = {}
    for depth, count in ((1, 20_000), (64, 128_000)):
        few, many = (count_instructions(kit, depth, times * count) for times in (1, 2))
        steps = dict.fromkeys([*STEPS, 'others'], 0)
        for function in many:
            more = (many[function] - few.get(function, 0)) / count
            steps[step_of(function) or 'others'] += more
        found[str(depth)] = steps
    return found, instructions_table(found)


def instructions_table(found):
    lines = ['### Instructions for a message', '',
             'Of the builtin echo, 64 bytes, by callgrind; the kernel has its own.', '',
             f'| messages in flight | {" | ".join(found["1"])} | all |',
             '|---' * (len(found["1"]) + 2) + '|']
    for depth, steps in found.items():
        cells = [f'{value:.0f}' for value in [*steps.values(), sum(steps.values())]]
        lines.append(f'| {depth} | {" | ".join(cells)} |')
    return '\n'.join(lines) + '\n'


SPECIAL = {'queue': queue, 'idle': idle, 'crowd': crowd, 'silence': silence, 'instructions': instructions}
