// SPDX-License-Identifier: LGPL-2.1-or-later
// A Twilio voice agent of public libraries, unmodified: the Twilio transport of OpenAI's agents SDK between the gateway
// and a stand-in for the Realtime API in this process, and Twilio's own helper library for the REST API.
//
//   node openai-twilio.cjs REST_URL ACCOUNT_SID AUTH_TOKEN
//
// Standard input: "tone SECONDS [open]" (the model speaks; open: and has more to say), "speech" (the model hears the caller begin to speak), "status" and
// "hangup" (REST). Standard output: "listening PORT", then one line for each thing that happened.
const readline = require('node:readline');
const { WebSocketServer } = require('ws');
const twilio = require('twilio');
const { TwilioRealtimeTransportLayer } = require('@openai/agents-extensions');

const [restUrl, accountSid, authToken] = process.argv.slice(2);
const say = (...words) => process.stdout.write(words.join(' ') + '\n');

// The helper library knows api.twilio.com only; its way to other hosts is a client of one's own.
class GatewayClient extends twilio.RequestClient {
  request(options) {
    return super.request({ ...options, uri: options.uri.replace('https://api.twilio.com', restUrl) });
  }
}
const rest = twilio(accountSid, authToken, { httpClient: new GatewayClient() });

// 440 Hz in mu-law.
function tone(seconds) {
  const codes = Buffer.alloc(8000 * seconds);
  for (let i = 0; i < codes.length; i++) {
    const sample = Math.round(8000 * Math.sin((2 * Math.PI * 440 * i) / 8000));
    const biased = Math.min(Math.abs(sample), 32635) + 132;
    const segment = Math.floor(Math.log2(biased)) - 7;
    codes[i] = ~((sample < 0 ? 0x80 : 0) | (segment << 4) | ((biased >> (segment + 3)) & 15)) & 0xff;
  }
  return codes;
}

// The model.
let model = null;
let heard = Buffer.alloc(0);
let items = 0;
const realtime = new WebSocketServer({ port: 0, host: '127.0.0.1' });
realtime.on('connection', (socket) => {
  model = socket;
  socket.on('message', (message) => {
    const event = JSON.parse(message);
    if (event.type === 'session.update') {
      socket.send(JSON.stringify({ type: 'session.updated', event_id: 's', session: event.session }));
    }
    if (event.type !== 'input_audio_buffer.append') return say('model', event.type);
    heard = Buffer.concat([heard, Buffer.from(event.audio, 'base64')]);
    if (heard.length >= 8000) {
      const loud = heard.filter((code) => (code & 0x70) < 0x50).length;
      say('heard', heard.length, loud);
      heard = Buffer.alloc(0);
    }
  });
});

function speak(seconds, open) {
  const ids = { response_id: `resp_${++items}`, item_id: `item_${items}`, output_index: 0, content_index: 0 };
  const tell = (type, more) => model.send(JSON.stringify({ type, event_id: `e_${items}`, ...more }));
  tell('response.created', { response: { id: ids.response_id, status: 'in_progress', output: [] } });
  const audio = tone(seconds);
  for (let at = 0; at < audio.length; at += 4000) {
    tell('response.output_audio.delta', { ...ids, delta: audio.subarray(at, at + 4000).toString('base64') });
  }
  if (open) return; // an answer that is complete cannot be interrupted
  tell('response.output_audio.done', ids);
  tell('response.done', { response: { id: ids.response_id, status: 'completed', output: [] } });
}

// The agent.
let callSid = '';
const agent = new WebSocketServer({ port: 0, host: '127.0.0.1' });
agent.on('listening', () => say('listening', agent.address().port));
agent.on('connection', (socket) => {
  const transport = new TwilioRealtimeTransportLayer({
    twilioWebSocket: socket,
    url: `ws://127.0.0.1:${realtime.address().port}/`,
  });
  transport.on('*', (event) => {
    if (event.type !== 'twilio_message' || event.message.event === 'media') return;
    const { event: name, start, mark } = event.message;
    if (start) callSid = start.callSid;
    say('twilio', name, start ? start.accountSid : mark ? mark.name : '');
  });
  transport.on('error', (error) => say('error', JSON.stringify(error.error?.message ?? error)));
  transport.connect({ apiKey: 'none', model: 'none' }).then(() => say('connected'));
  socket.on('close', (code) => say('closed', code));
});

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [word, value, open] = line.split(' ');
  const failed = (error) => say('rest-error', error.status, error.code, error.message);
  if (word === 'tone') speak(Number(value), open);
  if (word === 'speech') model.send(JSON.stringify({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'u', audio_start_ms: 0 }));
  if (word === 'status') rest.calls(callSid).fetch().then((call) => say('rest', call.status, call.direction, call.from), failed);
  if (word === 'hangup') rest.calls(callSid).update({ status: 'completed' }).then((call) => say('rest', call.status, call.direction), failed);
});
process.stdin.on('end', () => process.exit(0));
