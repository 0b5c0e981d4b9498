#!/usr/bin/env node
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Endpoint of the dialect twilio: the caller hears himself. Key 1 empties the play-out queue, key 2
// plays a second of tone and asks to be told when it has been played, # hangs up. All messages but
// the audio are printed. Needs ws (Debian: node-ws, with NODE_PATH=/usr/share/nodejs).
'use strict';

const { parseArgs } = require('util');
const { WebSocketServer } = require('ws');

const RATE = 8000;

/// One 16-bit sample as G.711 mu-law.
function ulaw(sample) {
  const sign = sample < 0 ? 0x80 : 0;
  const value = Math.min(Math.abs(sample), 32635) + 132;
  const exponent = 24 - Math.clz32(value);
  const mantissa = (value >> (exponent + 3)) & 0x0f;
  return ~(sign | (exponent << 4) | mantissa) & 0xff;
}

/// One second of 440 Hz as the payload of one message: any length is taken.
function tone() {
  const sample = (n) => Math.round(8000 * Math.sin(2 * Math.PI * 440 * n / RATE));
  return Buffer.from(Array.from({ length: RATE }, (_, n) => ulaw(sample(n)))).toString('base64');
}

class Call {
  streamSid = '';

  constructor(socket) {
    this.socket = socket;
  }

  send(event, members) {
    this.socket.send(JSON.stringify({ event, streamSid: this.streamSid, ...members }));
  }

  pressed(digit) {
    if (digit === '1') {
      this.send('clear');
    } else if (digit === '2') {
      this.send('media', { media: { payload: tone() } });
      // Comes back when the tone has been played, or at a clear.
      this.send('mark', { mark: { name: 'tone' } });
    } else if (digit === '#') {
      this.socket.close();
    }
  }

  received(data) {
    const fields = JSON.parse(data);
    if (fields.event === 'media') {
      // 20 ms of the caller
      this.send('media', { media: { payload: fields.media.payload } });
      return;
    }
    console.log(data.toString());
    if (fields.event === 'start') {
      // After connected; start.customParameters has the custom keys.
      this.streamSid = fields.streamSid;
    } else if (fields.event === 'dtmf') {
      this.pressed(fields.dtmf.digit);
    }
  }
}

const { values } = parseArgs({ options: { listen: { type: 'string', default: '8080' } } });
const server = new WebSocketServer({ host: '127.0.0.1', port: Number(values.listen) });
server.on('listening', () => console.log('listening', server.address().port));
server.on('connection', (socket) => {
  const call = new Call(socket);
  socket.on('message', (data) => call.received(data));
  socket.on('error', (error) => console.error(error.message));
});
