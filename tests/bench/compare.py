"""framed's builtin echo beside the limit and beside what a user would pick instead: workloads, rounds,
ratios. All servers run at once and are loaded in turn, in another order each round; a ratio is one of
neighbours in time."""
import dataclasses
import json
import statistics
import subprocess

import servers

REFERENCE = 'limit'
POOL = 64  # processes of framed and of the limit: one for each connection of the largest workload


@dataclasses.dataclass
class Workload:
    name: str
    options: tuple  # of framebench
    pinned: bool  # server and load share one CPU: what counts is cost; else both are free
    goal: str = ''

    def open_loop(self):
        return '--rate' in self.options


WORKLOADS = [
    Workload('1 connection, 64 B, depth 1', (), True, '0.97'),
    Workload('1 connection, 64 B, depth 64', ('--depth', '64'), True, '0.97'),
    Workload('1 connection, 64 KiB', ('--size', '64KiB'), True, '0.95'),
    Workload('1 connection, 1 MiB', ('--size', '1MiB'), True, '0.95'),
    Workload('16 connections, 64 B, depth 1', ('--connections', '16'), False, 'best peer'),
    Workload('64 connections, 64 B, depth 1', ('--connections', '64'), False, 'best peer'),
    Workload('8 connections, 64 B, depth 64', ('--connections', '8', '--depth', '64'), False,
             'best peer'),
    Workload('8 clients, a connection each message', ('--connections', '8', '--connect'), False,
             '0.95'),
    Workload('16 connections, 20000/s', ('--connections', '16', '--rate', '20000', '--depth', '64'),
             False, 'p99 and CPU below all'),
]


@dataclasses.dataclass
class Sample:
    rate: float
    p50: float  # µs
    p99: float
    cpu: float  # µs of the server for a message
    load_cpu: float  # percent of a CPU that framebench took


class Failed(Exception):
    """A server did not answer as it should."""


def measure(framebench, server, workload, cpu, seconds):
    placed = ['taskset', '-c', str(cpu)] if workload.pinned else []
    before = server.cpu_seconds()
    run = subprocess.run([*placed, str(framebench), '--json', '--quiet', '--warmup', '50ms',
                          '--duration', f'{int(seconds * 1000)}ms', *workload.options,
                          server.address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if run.returncode != 0:
        raise Failed(f'{server.name}, {workload.name}: {run.stdout}{run.stderr}')
    used = server.cpu_seconds() - before
    report = json.loads(run.stdout)
    latency = report['latency_us']
    # The warm-up is in the CPU time, and so it has to be in the messages.
    messages = report['messages'] * (1 + 0.05 / seconds)
    return Sample(report['messages_per_second'], latency['p50'], latency['p99'],
                  used * 1e6 / messages, report['framebench_cpu_percent'])


def warm_up(framebench, server, workload):
    subprocess.run([str(framebench), '--quiet', '--duration', '1s', *workload.options, server.address],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def rounds_of(framebench, running, workload, cpu, rounds, seconds):
    """Samples of each server, one a round; one before is thrown away, for those that compile as they go
    along."""
    names = list(running)
    for name in names:
        warm_up(framebench, running[name], workload)
    found = {name: [] for name in names}
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            found[name].append(measure(framebench, running[name], workload, cpu, seconds))
    return found


def ratios(found, name, field):
    return [getattr(one, field) / getattr(other, field)
            for one, other in zip(found[name], found[REFERENCE])]


def median(found, name, field):
    return statistics.median(getattr(sample, field) for sample in found[name])


def table(workload, found):
    """Markdown: the fastest first; in an open loop the one that keeps clients waiting least."""
    place = 'one CPU' if workload.pinned else 'two CPUs'
    lines = [f'### {workload.name} ({place})', '']
    if workload.goal:
        lines += [f'Goal: {workload.goal}.', '']
    lines += ['| server | messages/s | ratio to the limit | least | most | p50 µs | p99 µs | '
              'server CPU µs | load CPU % |', '|---|---|---|---|---|---|---|---|---|']
    key = (lambda name: median(found, name, 'p99')) if workload.open_loop() else (
        lambda name: -statistics.median(ratios(found, name, 'rate')))
    for name in sorted(found, key=key):
        ratio = ratios(found, name, 'rate')
        lines.append(
            f'| {name} | {median(found, name, "rate"):,.0f} | {statistics.median(ratio):.2f} '
            f'| {min(ratio):.2f} | {max(ratio):.2f} | {median(found, name, "p50"):.1f} '
            f'| {median(found, name, "p99"):.1f} | {median(found, name, "cpu"):.2f} '
            f'| {median(found, name, "load_cpu"):.0f} |')
    return '\n'.join(lines) + '\n'


def commands(framed, folder, only):
    """Each server's command, and whether it prints its address; peers that cannot be built are told."""
    limit = servers.compile_c(servers.BENCH / 'limit.c', folder)
    found = {
        REFERENCE: ([*limit, POOL], True),
        'framed': ([framed, 'run', '-l', 'tcp:127.0.0.1:0', '-F', 'u32be', '-w', POOL, '--log-level',
                    'error', '--max-message', '16MiB', '--builtin', 'echo'], True),
        'limit, again': ([*limit, POOL], True),
    }
    missing = []
    for name, prepare in servers.PEER_BUILDS.items():
        if only and name not in only:
            continue
        try:
            found[name] = (prepare(folder), False)
        except servers.Missing as reason:
            missing.append(f'{name}: {reason}')
    return found, missing


def compare(framed, framebench, folder, cpu, rounds, seconds, only=(), workloads=None):
    """Yields each workload with its samples."""
    found, missing = commands(framed, folder, only)
    for line in missing:
        print(f'left out: {line}', flush=True)
    for workload in workloads or WORKLOADS:
        running = {}
        try:
            for name, (command, tells) in found.items():
                running[name] = servers.Server(name, command, cpu if workload.pinned else None, tells)
            yield workload, rounds_of(framebench, running, workload, cpu, rounds, seconds)
        finally:
            for server in running.values():
                server.stop()
