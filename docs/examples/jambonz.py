#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Endpoint of the dialect jambonz (listen and stream): the caller hears himself.

Key 1 empties the play-out queue, key 2 plays a second of tone and asks to be told when it has been
played, # hangs up. Needs websockets (Debian: python3-websockets).
"""
import argparse
import asyncio
import contextlib
import json
import math
import struct

import websockets

SUBPROTOCOL = "audio.jambonz.org"


def tone(rate):
    """One second of 440 Hz, signed 16-bit little-endian mono, as one message."""
    wave = (round(8000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(rate))
    return struct.pack(f"<{rate}h", *wave)


class Call:
    def __init__(self, ws):
        self.ws = ws
        self.rate = 0

    async def send(self, kind, **members):
        await self.ws.send(json.dumps({"type": kind, **members}))

    async def pressed(self, digit):
        if digit == "1":
            await self.send("killAudio")
        elif digit == "2":
            await self.ws.send(tone(self.rate))
            # Answered with event "playout" when the tone has been played, "cleared" at killAudio.
            await self.send("mark", data={"name": "tone"})
        elif digit == "#":
            await self.send("disconnect")

    async def run(self):
        async for message in self.ws:
            if isinstance(message, bytes):  # 20 ms of the caller
                await self.ws.send(message)
                continue
            print(message, flush=True)
            fields = json.loads(message)
            if not self.rate:  # the first message tells of the call
                self.rate = fields["sampleRate"]
            elif fields.get("event") == "dtmf":
                await self.pressed(fields["dtmf"])


async def accept(ws):
    with contextlib.suppress(websockets.ConnectionClosed):
        await Call(ws).run()


async def main(port):
    async with websockets.serve(accept, "127.0.0.1", port, subprotocols=[SUBPROTOCOL]) as server:
        print("listening", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--listen", metavar="PORT", type=int, default=8080, help="0 picks a free one")
with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main(parser.parse_args().listen))
