#!/usr/bin/env python3
"""tests/bench/RESULTS.md, and the pictures beside it, from what tests/bench/run --json has found.

    tests/bench/report.py FILE [FOLDER]
"""
import json
import math
import pathlib
import platform
import re
import statistics
import subprocess
import sys

import special
from servers import BENCH

OWN = '#c0392b'  # framed's colour; the others are quieter
OTHERS = ['#222222', '#4a7ba6', '#6b8e4e', '#a67c2e', '#7d5fa0', '#888888']
SHOWN = 4  # peers in the picture of latencies
LABEL_SHARE = 0.055  # of the height, for one line of text
LATENCY = '16 connections, 20000/s'
COST = '1 connection, 64 B, depth 1'
PERCENTILES = (('p50', 0.5), ('p90', 0.9), ('p99', 0.99), ('p99.9', 0.999))
VERSIONS = {  # of what the servers are made of
    'C compiler': ['cc', '--version'], 'Go': ['go', 'version'], 'rustc': ['rustc', '--version'],
    'Node.js': ['node', '--version'], 'Python': ['python3', '--version'],
    'Java': ['java', '-version'], 'Apache': ['/usr/sbin/apache2', '-v'],
}
PACKAGES = ('libuv1-dev', 'libevent-dev', 'librust-tokio-dev', 'erlang-base', 'libnetty-java', 'xinetd',
            'ucspi-tcp', 'socat')
HEAD = '''\
# What was measured

Ratios are what counts: each is one of neighbours in time, the order of the servers changes from round
to round, and the row of a second reference (`again`) shows what chance alone does. Absolute figures say
as much about the machine. All of it again, in about half an hour on a machine that has nothing else to
do:

    packaging/dependencies bench     # the peers; what is missing is left out
    tests/bench/run --report
'''


def told_by(words):
    try:
        run = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError:
        return None
    lines = (run.stdout or run.stderr).splitlines()
    return lines[0].strip() if run.returncode == 0 and lines else None


def package_version(name):
    return told_by(['dpkg-query', '-W', '-f', '${Version}', name])


def machine(found):
    cpuinfo = pathlib.Path('/proc/cpuinfo').read_text()
    model = re.search(r'model name\s*:\s*(.*)', cpuinfo)
    lines = ['## The machine', '', f'- {found["date"]}, {found["rounds"]} rounds of '
             f'{found["seconds"]:g} s for each sample',
             f'- {model[1] if model else platform.machine()}, {found["cpus"]} CPUs; '
             f'Linux {platform.release()}']
    known = [f'{name} {version}' for name, version in
             [(name, told_by(words)) for name, words in VERSIONS.items()] if version]
    known += [f'{name} {version}' for name, version in
              [(name, package_version(name)) for name in PACKAGES] if version]
    lines.append(f'- {"; ".join(known)}')
    for one in found['left_out']:
        lines.append(f'- left out: {one["server"]} ({one["reason"]})')
    return '\n'.join(lines) + '\n'


class Race:
    """The servers of one workload."""

    def __init__(self, results):
        self.first = results[0]
        self.results = {one['server']: one for one in results}

    def values(self, server, field):
        return [sample[field] for sample in self.results[server]['samples']]

    def median(self, server, field):
        values = self.values(server, field)
        return statistics.median(values) if None not in values else None

    def ratios(self, server, other, field):
        """Better is more: of times and costs the other way round."""
        pairs = zip(self.values(server, field), self.values(other, field))
        return [(one / two if field == 'rate' else two / one) for one, two in pairs]

    def peers(self):
        return [name for name, one in self.results.items() if one['kind'] == 'peer']

    def against(self, goal):
        """The server that a goal names; of peers the best."""
        if goal['against'] != 'peers':
            return goal['against'] if goal['against'] in self.results else None
        sign = 1 if goal['of'] == 'rate' else -1
        return max(self.peers(), key=lambda name: sign * self.median(name, goal['of']), default=None)

    def verdicts(self):
        """A line for each goal: whether framed has reached it."""
        lines = []
        for goal in self.first['goals']:
            other = self.against(goal)
            if not other or 'framed' not in self.results:
                continue
            ratio = statistics.median(self.ratios('framed', other, goal['of']))
            reached = special.verdict(ratio >= goal['ratio'])
            what = {'rate': 'messages a second', 'p99': '99th percentile, inverse',
                    'cpu': 'CPU a message, inverse'}[goal['of']]
            lines.append(f'Goal: {what} at least {goal["ratio"]:g} times {other}: {reached}, '
                         f'{ratio:.2f}.')
        return lines

    def table(self):
        reference = self.first['reference']
        lines = [f'| server | messages/s | ratio to {reference} | least | most | p50 µs | p99 µs '
                 '| server CPU µs | its ratio | load CPU % |', '|---' * 10 + '|']
        key = (lambda name: self.median(name, 'p99')) if self.first['rate'] else (
            lambda name: -statistics.median(self.ratios(name, reference, 'rate')))
        for name in sorted(self.results, key=key):
            ratios = self.ratios(name, reference, 'rate')
            shown = f'**{name}**' if name == 'framed' else name
            cells = [shown, number(self.median(name, 'rate'), 0)]
            cells += [number(value, 2) for value in (statistics.median(ratios), min(ratios),
                                                     max(ratios))]
            cells += [number(self.median(name, 'p50'), 1), number(self.median(name, 'p99'), 1),
                      number(self.median(name, 'cpu'), 2),
                      number(statistics.median(self.ratios(name, reference, 'cpu')), 2),
                      number(self.median(name, 'load_cpu'), 0)]
            lines.append(f'| {" | ".join(cells)} |')
        return '\n'.join(lines)


def number(value, digits):
    return '' if value is None else f'{value:,.{digits}f}'


def races_of(found):
    races = {}
    for one in found['results']:
        races.setdefault((one['part'], one['workload']), []).append(one)
    return {key: Race(results) for key, results in races.items()}


def plot(path, script, *tables):
    """By gnuplot; each table is what the script reads as $data0, $data1 …"""
    data = ''.join(f'$data{i} << END\n' + '\n'.join(' '.join(map(str, row)) for row in table) +
                   '\nEND\n' for i, table in enumerate(tables))
    head = (f'set terminal pngcairo size 800,420 font "sans,11"\nset output "{path}"\n'
            'set border 3 lc rgb "#777777"\nset tics nomirror\nset grid ytics lc rgb "#e5e5e5"\n')
    subprocess.run(['gnuplot'], input=data + head + script, text=True, check=True)


def spread(values, low, high):
    """Places for labels between LOW and HIGH, as near to VALUES as their height allows."""
    gap = (high - low) * LABEL_SHARE
    order = sorted(range(len(values)), key=lambda i: values[i])
    places, last = {}, low - gap
    for i in order:
        last = places[i] = max(values[i], last + gap)
    return [places[i] for i in range(len(values))]


def lines_of(names, tables, logarithmic=False):
    """A line for each of NAMES, with its name at its end instead of a key; and the labels' table."""
    scale, back = (math.log10, lambda value: 10 ** value) if logarithmic else (float, float)
    values = [[scale(row[1]) for row in table] for table in tables]
    low = min(map(min, values)) if logarithmic else 0
    places = spread([column[-1] for column in values], low, max(map(max, values)))
    parts, labels = [], []
    for i, name in enumerate(names):
        colour = OWN if name == 'framed' else OTHERS[i % len(OTHERS)]
        width = 3 if name == 'framed' else 1.5
        parts.append(f'$data{i} using 1:2 with linespoints lc rgb "{colour}" lw {width} pt 7 ps 0.6 '
                     'notitle')
        parts.append(f'$data{len(names)} every ::{i}::{i} using 1:2:("  {name}") with labels left '
                     f'textcolor rgb "{colour}" notitle')
        labels.append((tables[i][-1][0], back(places[i])))
    return 'plot ' + ', '.join(parts) + '\n', labels


def plot_sweep(races, folder):
    steps = [race for (part, _), race in races.items() if part == 'sweep']
    if not steps:
        return None
    names = list(steps[0].results)
    tables = [[(race.first['connections'], race.median(name, 'rate') / 1000) for race in steps]
              for name in names]
    drawn, labels = lines_of(names, tables)
    plot(folder / 'connections.png',
         'set logscale x 2\nset xrange [0.9:220]\nset yrange [0:*]\nset xtics (1,2,4,8,16,32,64)\n'
         'set xlabel "connections, 64 bytes, one message at a time"\n'
         'set ylabel "thousand messages a second"\n' + drawn, *tables, labels)
    return 'connections.png'


def plot_latency(races, folder):
    race = races.get(('load', LATENCY))
    if not race:
        return None
    best = sorted(race.peers(), key=lambda name: race.median(name, 'p99'))[:SHOWN]
    names = [race.first['reference'], *best, 'framed']
    tables = []
    for name in names:
        samples = race.results[name]['samples']
        tables.append([(i, statistics.median(sample['latency'][key] for sample in samples))
                       for i, (key, _) in enumerate(PERCENTILES)])
    ticks = ', '.join(f'"{share * 100:g}%%" {i}' for i, (_, share) in enumerate(PERCENTILES))
    drawn, labels = lines_of(names, tables, logarithmic=True)
    plot(folder / 'latency.png',
         f'set logscale y\nset xrange [-0.1:3.7]\nset xtics ({ticks})\n'
         'set xlabel "of all messages, 20,000 a second on 16 connections"\n'
         'set ylabel "latency at most, µs"\n' + drawn, *tables, labels)
    return 'latency.png'


def bars(path, label, values):
    rows = [(i, value, f'"{name}"', OWN.replace('#', '0x') if name == 'framed' else '0x999999',
             f'"{value:,.1f}"') for i, (name, value) in enumerate(values)]
    plot(path, f'set style fill solid\nset boxwidth 0.7\nset yrange [0:*]\nset xrange '
         f'[-0.6:{len(rows) - 0.4}]\nset ylabel "{label}"\nset xtics rotate by -30\n'
         'plot $data0 using 1:2:4:xtic(3) with boxes lc rgb variable notitle, '
         '$data0 using 1:2:5 with labels offset 0,0.6 notitle\n', rows)


def plot_cost(races, folder):
    race = races.get(('peers', COST))
    if not race:
        return None
    values = sorted(((name, race.median(name, 'cpu')) for name in race.results),
                    key=lambda pair: pair[1])
    bars(folder / 'cost.png', 'µs of server CPU a message (64 B, one at a time)', values)
    return 'cost.png'


def plot_memory(found, folder):
    if 'idle' not in found:
        return None
    servers = sorted(found['idle']['servers'].items(), key=lambda pair: pair[1]['kib'][-1])
    few = [name for name, _ in servers if name in ('framed', 'libuv', 'tokio', 'Go', 'Apache')]
    tables = [list(zip(found['idle']['connections'], (kib / 1024 for kib in
                                                       found['idle']['servers'][name]['kib'])))
              for name in few]
    drawn, labels = lines_of(few, tables)
    plot(folder / 'memory.png',
         f'set xrange [0:{found["idle"]["connections"][-1] * 1.2}]\nset yrange [0:*]\n'
         'set xlabel "connections that say nothing"\nset ylabel "private memory of all processes, MiB"\n'
         + drawn, *tables, labels)
    return 'memory.png'


def write(found, folder):
    pictures = folder / 'results'
    pictures.mkdir(exist_ok=True)
    races = races_of(found)
    parts = [HEAD, machine(found)]
    for name, text in ((plot_sweep(races, pictures), 'Throughput against connections'),
                       (plot_latency(races, pictures), 'Latency at 20,000 messages a second'),
                       (plot_cost(races, pictures), 'What a message costs the server'),
                       (plot_memory(found, pictures), 'Memory against idle connections')):
        if name:
            parts.append(f'![{text}](results/{name})\n')
    tables = {'idle': special.idle_table, 'queue': special.queue_table,
              'crowd': special.crowd_table, 'silence': special.silence_table,
              'instructions': special.instructions_table}
    part = None
    for (name, workload), race in races.items():
        if name != part:
            parts.append(f'## {name}\n')
        part = name
        place = 'one CPU' if race.first['placement'] == 'pinned' else 'all CPUs'
        parts.append('\n\n'.join([f'### {workload} ({place})', *race.verdicts(), race.table()]) + '\n')
    parts += [tables[name](found[name]) for name in tables if name in found]
    (folder / 'RESULTS.md').write_text('\n'.join(parts))


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else BENCH
    write(json.loads(pathlib.Path(sys.argv[1]).read_text()), folder)


if __name__ == '__main__':
    main()
