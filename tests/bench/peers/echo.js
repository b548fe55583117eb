// Node.js: echoes messages with a 4-byte big-endian length.
'use strict';
const net = require('net');

net.createServer({ noDelay: true }, (socket) => {
  let pending = null;
  socket.on('data', (data) => {
    if (pending) data = Buffer.concat([pending, data]);
    let at = 0;
    while (data.length - at >= 4 && data.length - at - 4 >= data.readUInt32BE(at)) {
      at += 4 + data.readUInt32BE(at);
    }
    if (at > 0) socket.write(data.subarray(0, at));
    pending = at < data.length ? data.subarray(at) : null;
  });
  socket.on('error', () => socket.destroy());
}).listen(Number(process.argv[2]), '127.0.0.1', 511);
