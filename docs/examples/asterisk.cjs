#!/usr/bin/env node
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Endpoint of the dialect asterisk (chan_websocket): the caller hears himself. Key 1 empties the
// play-out queue, key 2 plays a second of tone and asks to be told when it has been played, # hangs
// up. Needs ws (Debian: node-ws, with NODE_PATH=/usr/share/nodejs).
'use strict';

const { parseArgs } = require('util');
const { WebSocketServer } = require('ws');

/// One second of 440 Hz, signed linear, as messages of `size` bytes of 20 ms each.
function tone(size) {
  const rate = size / 2 * 50;
  const wave = Buffer.alloc(rate * 2);
  for (let n = 0; n < rate; ++n) {
    wave.writeInt16LE(Math.round(8000 * Math.sin(2 * Math.PI * 440 * n / rate)), n * 2);
  }
  return Array.from({ length: 50 }, (_, i) => wave.subarray(i * size, (i + 1) * size));
}

class Call {
  frameSize = 640;
  room = true;

  constructor(socket) {
    this.socket = socket;
  }

  command(command, members) {
    this.socket.send(JSON.stringify({ command, ...members }));
  }

  pressed(digit) {
    if (digit === '1') {
      this.command('FLUSH_MEDIA');
    } else if (digit === '2') {
      tone(this.frameSize).forEach((frame) => this.socket.send(frame));
      // Answered by MEDIA_MARK_PROCESSED when the tone has been played.
      this.command('MARK_MEDIA', { correlation_id: 'tone' });
    } else if (digit === '#') {
      this.command('HANGUP');
    }
  }

  told(fields) {
    if (fields.event === 'MEDIA_START') {
      // First; channel_variables has the custom keys.
      this.frameSize = fields.optimal_frame_size;
    } else if (fields.event === 'DTMF_END') {
      this.pressed(fields.digit);
    } else if (fields.event === 'MEDIA_XOFF' || fields.event === 'MEDIA_XON') {
      this.room = fields.event === 'MEDIA_XON';
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
