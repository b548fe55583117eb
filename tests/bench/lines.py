"""Answers each line with itself: the handler, and the bare loop, that tests/bench/run measures."""
import sys

for line in sys.stdin:
    print(line, end='')
