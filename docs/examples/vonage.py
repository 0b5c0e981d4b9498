#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Endpoint of the dialect vonage: the caller hears himself.

Key 1 empties the play-out queue, key 2 plays a second of tone and asks to be told when it has been
played, # hangs up. Needs websockets (Debian: python3-websockets).
"""
import argparse
import asyncio
import contextlib
import json
import math
import re
import struct

import websockets


def tone(rate):
    """One second of 440 Hz as 20 ms messages, the only size that the hosted platform takes."""
    wave = [round(8000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(rate)]
    frame = rate // 50
    for start in range(0, rate, frame):
        yield struct.pack(f"<{frame}h", *wave[start : start + frame])


class Call:
    def __init__(self, ws):
        self.ws = ws
        self.rate = 16000
        self.room = True

    async def command(self, **members):
        await self.ws.send(json.dumps(members))

    async def pressed(self, digit):
        if digit == "1":
            await self.command(action="clear")  # answered by websocket:cleared
        elif digit == "2":
            for frame in tone(self.rate):
                await self.ws.send(frame)
            # Comes back as websocket:notify when the tone has been played.
            await self.command(action="notify", payload={"name": "tone"})
        elif digit == "#":
            await self.command(action="hangup")  # not known to the hosted platform

    async def told(self, fields):
        event = fields.get("event")
        if event == "websocket:connected":  # first; the custom keys stand beside the content type
            self.rate = int(re.search(r"rate=(\d+)", fields["content-type"])[1])
        elif event == "websocket:dtmf":
            await self.pressed(fields["digit"])
        elif event == "websocket:queue":
            self.room = fields["state"] == "low"

    async def run(self):
        async for message in self.ws:
            if isinstance(message, str):
                print(message, flush=True)
                await self.told(json.loads(message))
            elif self.room:  # 20 ms of the caller
                await self.ws.send(message)


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
