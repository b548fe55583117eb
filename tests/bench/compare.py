"""Measures the servers of a workload by framebench. All of them run at once and are loaded in turn, in
another order each round; a ratio is one of neighbours in time."""
import dataclasses
import json
import os
import statistics
import subprocess
import tempfile
import time

import servers

FAULTS = ('wrong', 'lost', 'late', 'refused')
WARM_UP = 0.05  # seconds before each sample


@dataclasses.dataclass
class Sample:
    rate: float  # messages a second
    p50: float  # µs
    p99: float
    cpu: float  # µs of the server for a message
    load_cpu: float  # percent of a CPU that framebench took
    unsent: int = 0  # messages of an open loop that were due and for which there was no room
    latency: dict = None  # all percentiles that framebench tells


class Failed(Exception):
    """A server did not answer as it should."""


def load(framebench, server, workload, cpu, seconds):
    """One run of framebench: what it tells, and what the server used meanwhile. A server may be too
    slow for a rate, but must not be wrong."""
    placed = ['taskset', '-c', str(cpu)] if workload.pinned else []
    before = server.cpu_seconds()
    run = subprocess.run([*placed, str(framebench), '--json', '--quiet', '--framing', server.framing,
                          '--warmup', f'{WARM_UP * 1000:.0f}ms', '--duration',
                          f'{seconds * 1000:.0f}ms', *workload.options(), server.address],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    told = json.loads(run.stdout) if run.stdout else None
    if not told or any(told[fault] for fault in FAULTS):
        raise Failed(told['first_fault'] if told else run.stderr.strip())
    return told, server.cpu_seconds() - before


class Loop:
    """No server: a program that reads its lines from a file; what it prints goes through a pipe to
    cat."""
    kind = servers.LOOP.kind

    def __init__(self, cpu):
        self.command = ['taskset', '-c', str(cpu), *servers.LINES]

    def run(self, size, count):
        with tempfile.TemporaryFile() as lines, \
             subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as cat:
            lines.write((b'a' * size + b'\n') * count)
            lines.seek(0)
            began = time.monotonic()
            program = subprocess.Popen(self.command, stdin=lines, stdout=cat.stdin,
                                       env=servers.ENVIRONMENT)
            usage = os.wait4(program.pid, 0)[2]
            return time.monotonic() - began, usage.ru_utime + usage.ru_stime

    def measure(self, _, workload, __, seconds):
        """Without its start."""
        count = int(seconds * 200_000)
        nothing, all_lines = self.run(workload.size, 0), self.run(workload.size, count)
        return Sample(count / (all_lines[0] - nothing[0]), None, None,
                      (all_lines[1] - nothing[1]) / count * 1e6, None)

    def warm_up(self, *_):
        pass

    def stop(self):
        pass


class Server(servers.Server):
    def measure(self, framebench, workload, cpu, seconds):
        told, used = load(framebench, self, workload, cpu, seconds)
        # The warm-up is in the CPU time, and so it has to be in the messages.
        messages = told['messages'] * (1 + WARM_UP / seconds)
        latency = told['latency_us']
        return Sample(told['messages_per_second'], latency['p50'], latency['p99'],
                      used * 1e6 / messages, told['framebench_cpu_percent'], told['unsent'], latency)

    def warm_up(self, framebench, workload, cpu, seconds):
        """For those that compile as they go along."""
        load(framebench, self, workload, cpu, seconds)


def start(found, kit, workload, cpu):
    """Each that can be built and runs, by its name; and why the other peers do not."""
    running, missing = {}, {}
    try:
        for name, recipe in found.items():
            try:
                running[name] = Loop(cpu) if recipe is servers.LOOP else \
                    Server(name, recipe, kit, workload.transport, cpu if workload.pinned else None)
            except (servers.Missing, RuntimeError, subprocess.CalledProcessError) as reason:
                if recipe.kind != 'peer':
                    raise
                missing[name] = str(reason)
    except BaseException:
        stop(running)
        raise
    return running, missing


def stop(running):
    for server in running.values():
        server.stop()


def rounds_of(framebench, running, workload, cpu, rounds, seconds):
    """Samples of each server, one a round; and why there are none of those that failed."""
    found, failed = {name: [] for name in running}, {}

    def attempt(name, work, *times):
        try:
            return work(framebench, workload, cpu, *times)
        except Failed as reason:
            failed[name] = f'{workload.name}: {reason}'
            del found[name]

    for name, server in running.items():
        attempt(name, server.warm_up, min(1, 2 * seconds))
    for number in range(rounds):
        names = list(found)
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            sample = attempt(name, running[name].measure, seconds)
            if sample:
                found[name].append(sample)
    return found, failed


def ratios(found, name, field):
    """To the reference, round by round: the first of those FOUND."""
    return [getattr(one, field) / getattr(other, field)
            for one, other in zip(found[name], next(iter(found.values())))]


def median(found, name, field):
    values = [getattr(sample, field) for sample in found[name]]
    return statistics.median(values) if None not in values else None


def number(value, digits):
    return '' if value is None else f'{value:,.{digits}f}'


def table(workload, found):
    """Markdown: the fastest first; in an open loop the one that keeps clients waiting least."""
    place = 'one CPU' if workload.pinned else 'all CPUs'
    reference = next(iter(found))
    lines = [f'### {workload.name} ({place})', '']
    if workload.goals:
        lines += [f'Goal: {"; ".join(map(str, workload.goals))}.', '']
    lines += [f'| server | messages/s | ratio to {reference} | least | most | p50 µs | p99 µs | '
              'server CPU µs | load CPU % |', '|---|---|---|---|---|---|---|---|---|']
    key = (lambda name: median(found, name, 'p99')) if workload.rate else (
        lambda name: -statistics.median(ratios(found, name, 'rate')))
    for name in sorted(found, key=key):
        ratio = ratios(found, name, 'rate')
        cells = [name, number(median(found, name, 'rate'), 0), number(statistics.median(ratio), 2),
                 number(min(ratio), 2), number(max(ratio), 2), number(median(found, name, 'p50'), 1),
                 number(median(found, name, 'p99'), 1), number(median(found, name, 'cpu'), 2),
                 number(median(found, name, 'load_cpu'), 0)]
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines) + '\n'


def results(part, workload, kinds, found):
    """What the JSON has of a workload: an object for each server."""
    common = {'part': part, **dataclasses.asdict(workload), 'workload': workload.name,
              'placement': 'pinned' if workload.pinned else 'free', 'reference': next(iter(found))}
    for key in ('name', 'pinned', 'servers'):
        del common[key]
    return [{**common, 'server': name, 'kind': kinds[name],
             'samples': [dataclasses.asdict(sample) for sample in samples]}
            for name, samples in found.items()]
