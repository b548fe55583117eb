#!/usr/bin/env python3
"""Serves a repository by git's own protocol, as whole pkt-lines: git-upload-pack(1) does the work.

    git.py REPOSITORY

A conversation begins with the name of a service. Version 0 then lists all references; in version 2
the client sends commands, each in several packets up to a flush. There is one reply for each packet,
so until then it is empty.
"""
import os
import subprocess
import sys

from frames import serve

FLUSH = b'0000'


class Conversations:
    def __init__(self, repository):
        self.repository = repository
        self.version = b'0'
        self.command = b''

    def upload_pack(self, *options, command=b''):
        environment = {**os.environ, 'GIT_PROTOCOL': f'version={self.version.decode()}'}
        program = ('git', 'upload-pack', '--stateless-rpc', *options, self.repository)
        return subprocess.run(program, input=command, stdout=subprocess.PIPE, env=environment,
                              check=True).stdout

    def begin(self, packet):
        self.version = b'2' if b'\0version=2\0' in packet else b'0'
        self.command = b''
        return self.upload_pack('--advertise-refs')

    def answer(self, packet):
        if packet[4:].startswith(b'git-upload-pack '):
            return self.begin(packet)
        self.command += packet
        if packet != FLUSH:
            return b''
        command, self.command = self.command, b''
        return self.upload_pack(command=command) if command != FLUSH else b''


serve(Conversations(sys.argv[1]).answer)
