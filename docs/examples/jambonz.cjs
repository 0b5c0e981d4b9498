#!/usr/bin/env node
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Endpoint of the dialect jambonz (listen and stream): the caller hears himself. Key 1 empties the
// play-out queue, key 2 plays a second of tone and asks to be told when it has been played, # hangs
// up. Needs ws (Debian: node-ws, with NODE_PATH=/usr/share/nodejs).
'use strict';

const { parseArgs } = require('util');
const { WebSocketServer } = require('ws');

/// One second of 440 Hz, signed 16-bit little-endian mono, as one message.
function tone(rate) {
  const wave = Buffer.alloc(rate * 2);
  for (let n = 0; n < rate; ++n) {
    wave.writeInt16LE(Math.round(8000 * Math.sin(2 * Math.PI * 440 * n / rate)), n * 2);
  }
  return wave;
}

class Call {
  rate = 0;

  constructor(socket) {
    this.socket = socket;
  }

  send(type, members) {
    this.socket.send(JSON.stringify({ type, ...members }));
  }

  pressed(digit) {
    if (digit === '1') {
      this.send('killAudio');
    } else if (digit === '2') {
      this.socket.send(tone(this.rate));
      // Answered with event "playout" when the tone has been played, "cleared" at killAudio.
      this.send('mark', { data: { name: 'tone' } });
    } else if (digit === '#') {
      this.send('disconnect');
    }
  }

  received(data, isBinary) {
    if (isBinary) {
      this.socket.send(data); // 20 ms of the caller
      return;
    }
    console.log(data.toString());
    const fields = JSON.parse(data);
    if (!this.rate) {
      // The first message tells of the call.
      this.rate = fields.sampleRate;
    } else if (fields.event === 'dtmf') {
      this.pressed(fields.dtmf);
    }
  }
}

const { values } = parseArgs({ options: { listen: { type: 'string', default: '8080' } } });
const server = new WebSocketServer({ host: '127.0.0.1', port: Number(values.listen) });
server.on('listening', () => console.log('listening', server.address().port));
server.on('connection', (socket) => {
  const call = new Call(socket);
  socket.on('message', (data, isBinary) => call.received(data, isBinary));
  socket.on('error', (error) => console.error(error.message));
});
