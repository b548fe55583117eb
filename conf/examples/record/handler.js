#!/usr/bin/env node
// Greets who connects, and answers with what the message holds in
// capitals; an empty one ends the connection.
//
//     framed run -l tcp:127.0.0.1:7000 -F line --codec record -- ./handler.js
//
// framed-record(5) tells what the records are.
'use strict';
const OPEN = 2, MESSAGE = 3, READY = 17, REPLY = 19, PUSH = 20, HANGUP = 21;

function send(type, connection = 0, request = 0, text = '') {
  const body = Buffer.from(text), head = Buffer.alloc(16);
  head.writeUInt32BE(12 + body.length, 0);
  head.writeUInt8(type, 4);
  head.writeUInt32BE(connection, 8);
  head.writeUInt32BE(request, 12);
  process.stdout.write(Buffer.concat([head, body]));
}

function receive(type, connection, request, body) {
  if (type === OPEN) {
    const names = Object.fromEntries(body.toString().split('\0').map((pair) => pair.split('=')));
    send(PUSH, connection, 0, `hello, ${names.TCPREMOTEIP ?? 'neighbour'}`);
  } else if (type === MESSAGE) {
    send(REPLY, connection, request, body.toString().toUpperCase());
    if (body.length === 0) send(HANGUP, connection);
  }
}

let input = Buffer.alloc(0);
process.stdin.on('data', (bytes) => {
  input = Buffer.concat([input, bytes]);
  for (let size; input.length >= 16 && input.length >= (size = 4 + input.readUInt32BE(0));) {
    receive(input[4], input.readUInt32BE(8), input.readUInt32BE(12), input.subarray(16, size));
    input = input.subarray(size);
  }
});
send(READY);
