#!/usr/bin/env node
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Endpoint of the dialect vonage: the caller hears himself. Key 1 empties the play-out queue, key 2
// plays a second of tone and asks to be told when it has been played, # hangs up. Needs ws (Debian:
// node-ws, with NODE_PATH=/usr/share/nodejs).
'use strict';

const { parseArgs } = require('util');
const { WebSocketServer } = require('ws');

/// One second of 440 Hz as 20 ms messages, the only size that the hosted platform takes.
function tone(rate) {
  const wave = Buffer.alloc(rate * 2);
  for (let n = 0; n < rate; ++n) {
    wave.writeInt16LE(Math.round(8000 * Math.sin(2 * Math.PI * 440 * n / rate)), n * 2);
  }
  const size = rate / 50 * 2;
  return Array.from({ length: 50 }, (_, i) => wave.subarray(i * size, (i + 1) * size));
}

class Call {
  rate = 16000;
  room = true;

  constructor(socket) {
    this.socket = socket;
  }

  command(members) {
    this.socket.send(JSON.stringify(members));
  }

  pressed(digit) {
    if (digit === '1') {
      this.command({ action: 'clear' }); // answered by websocket:cleared
    } else if (digit === '2') {
      tone(this.rate).forEach((frame) => this.socket.send(frame));
      // Comes back as websocket:notify when the tone has been played.
      this.command({ action: 'notify', payload: { name: 'tone' } });
    } else if (digit === '#') {
      this.command({ action: 'hangup' }); // not known to the hosted platform
    }
  }

  told(fields) {
    if (fields.event === 'websocket:connected') {
      // First; the custom keys stand beside the content type.
      this.rate = Number(/rate=(\d+)/.exec(fields['content-type'])[1]);
    } else if (fields.event === 'websocket:dtmf') {
      this.pressed(fields.digit);
    } else if (fields.event === 'websocket:queue') {
      this.room = fields.state === 'low';
    }
  }

  received(data, isBinary) {
    if (!isBinary) {
      console.log(data.toString());
      this.told(JSON.parse(data));
    } else if (this.room) {
      this.socket.send(data); // 20 ms of the caller
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
