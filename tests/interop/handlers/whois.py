#!/usr/bin/env python3
"""Answers the name of a domain with what there is to say of it, in several lines."""
from frames import serve

DOMAINS = {
    b'example.test': b'domain: EXAMPLE.TEST\r\nholder: Example Holder\r\n\r\nnserver: ns.example.test\r\n',
    b'long.test': b''.join(b'remark: line %d\r\n' % number for number in range(10_000)),
}

serve(lambda name: DOMAINS.get(name.lower(), b'% no entry for ' + name + b'\r\n'))
