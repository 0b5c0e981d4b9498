#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Endpoint of the dialect twilio: the caller hears himself.

Key 1 empties the play-out queue, key 2 plays a second of tone and asks to be told when it has been
played, # hangs up. All messages but the audio are printed. Needs websockets (Debian:
python3-websockets).
"""
import argparse
import asyncio
import base64
import contextlib
import json
import math

import websockets

RATE = 8000


def ulaw(sample):
    """One 16-bit sample as G.711 mu-law."""
    sign = 0x80 if sample < 0 else 0
    value = min(abs(sample), 32635) + 132
    exponent = value.bit_length() - 8
    mantissa = (value >> (exponent + 3)) & 0x0F
    return ~(sign | (exponent << 4) | mantissa) & 0xFF


def tone():
    """One second of 440 Hz as the payload of one message: any length is taken."""
    wave = (round(8000 * math.sin(2 * math.pi * 440 * n / RATE)) for n in range(RATE))
    return base64.b64encode(bytes(map(ulaw, wave))).decode()


class Call:
    def __init__(self, ws):
        self.ws = ws
        self.sid = ""

    async def send(self, event, **members):
        await self.ws.send(json.dumps({"event": event, "streamSid": self.sid, **members}))

    async def pressed(self, digit):
        if digit == "1":
            await self.send("clear")
        elif digit == "2":
            await self.send("media", media={"payload": tone()})
            # Comes back when the tone has been played, or at a clear.
            await self.send("mark", mark={"name": "tone"})
        elif digit == "#":
            await self.ws.close()

    async def run(self):
        async for message in self.ws:
            fields = json.loads(message)
            if fields["event"] == "media":  # 20 ms of the caller
                await self.send("media", media={"payload": fields["media"]["payload"]})
                continue
            print(message, flush=True)
            if fields["event"] == "start":  # after connected; start.customParameters has the keys
                self.sid = fields["streamSid"]
            elif fields["event"] == "dtmf":
                await self.pressed(fields["dtmf"]["digit"])


async def accept(ws):
    with contextlib.suppress(websockets.ConnectionClosed):
        await Call(ws).run()


async def main(port):
    async with websockets.serve(accept, "127.0.0.1", port) as server:
        print("listening", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--listen", metavar="PORT", type=int, default=8080, help="0 picks a free one")
with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main(parser.parse_args().listen))
