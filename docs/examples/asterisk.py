#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Endpoint of the dialect asterisk (chan_websocket): the caller hears himself.

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


def tone(frame):
    """One second of 440 Hz, signed linear, as messages of `frame` bytes of 20 ms each."""
    rate = frame // 2 * 50
    wave = [round(8000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(rate)]
    for start in range(0, rate, frame // 2):
        yield struct.pack(f"<{frame // 2}h", *wave[start : start + frame // 2])


class Call:
    def __init__(self, ws):
        self.ws = ws
        self.frame = 640
        self.room = True

    async def command(self, name, **members):
        await self.ws.send(json.dumps({"command": name, **members}))

    async def pressed(self, digit):
        if digit == "1":
            await self.command("FLUSH_MEDIA")
        elif digit == "2":
            for frame in tone(self.frame):
                await self.ws.send(frame)
            # Answered by MEDIA_MARK_PROCESSED when the tone has been played.
            await self.command("MARK_MEDIA", correlation_id="tone")
        elif digit == "#":
            await self.command("HANGUP")

    async def told(self, fields):
        event = fields["event"]
        if event == "MEDIA_START":  # first; channel_variables has the custom keys
            self.frame = fields["optimal_frame_size"]
        elif event == "DTMF_END":
            await self.pressed(fields["digit"])
        elif event in ("MEDIA_XOFF", "MEDIA_XON"):
            self.room = event == "MEDIA_XON"

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
    async with websockets.serve(accept, "127.0.0.1", port, subprotocols=["media"]) as server:
        print("listening", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--listen", metavar="PORT", type=int, default=8080, help="0 picks a free one")
with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main(parser.parse_args().listen))
