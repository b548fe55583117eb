#!/usr/bin/env python3
"""Answers each line with the number of its words.

    framed run -l tcp:127.0.0.1:7000 -F line --codec line -- ./handler.py

One line in, exactly one line out; framed starts it with PYTHONUNBUFFERED=1, so print() is enough.
"""
import sys

for line in sys.stdin:
    print(len(line.split()))
