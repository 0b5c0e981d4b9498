#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holds every include of common/, plugins/ and launcher/ against the table of allowed arrows below.

A room is a folder. It may include itself, the rooms that its row names, and common/. The rows of a
tree stand in order: a room names rooms above it only, so there is no circle. docs/architecture.md
draws the same picture.

Usage: scripts/rooms.py [DIR]      the checkout, this one unless another is named
Exit status: 0 when every include is allowed, otherwise 1 with a line for each that is not.
"""
import pathlib
import re
import sys

PLUGINS = {
    "runtime": "",
    "audio": "",
    "dialects": "audio",
    "rtp": "runtime audio",
    "tls": "runtime",
    "connect": "runtime tls",
    "websocket": "runtime tls connect",
    "session": "runtime audio dialects connect websocket",
    "bridge": "runtime audio session",
    "rtpio": "runtime rtp",
    "jitter": "runtime rtp",
    "rtpcodec": "runtime audio rtp",
    ".": "runtime bridge rtpio jitter rtpcodec",
}
LAUNCHER = {
    "base": "",
    "log": "base",
    "config": "base log",
    "names": "base",
    "sip/stack": "base log",
    "sip/door": "base log config sip/stack",
    "sip/sdp": "base",
    "sip/dialog": "base log sip/stack sip/door",
    "routing": "base log config names sip/stack sip/dialog",
    "media": "base log config sip/sdp sip/dialog routing",
    "admission": "base log config media",
    "call": "base log config names sip/stack sip/sdp sip/dialog routing media admission",
    "admin": "base log config call",
    "echo": "base log config",
    ".": "base log config names sip/stack sip/door sip/sdp sip/dialog routing media admission call "
         "admin echo",
}
TREES = {"common": {"json": "", ".": "json"}, "plugins": PLUGINS, "launcher": LAUNCHER}
MOST_FILES = 24  # a room that has more holds two


def faults_of_table(tree, table):
    above = []
    for room, allowed in table.items():
        for other in allowed.split():
            if other not in above:
                yield f"scripts/rooms.py: {tree}/{room} names {other}, which is not above it"
        above.append(room)


def room_of(path, root):
    parent = path.parent.relative_to(root).as_posix()
    return parent


def faults_of_tree(top, tree, table):
    root = top / tree
    files = {}
    for path in sorted([*root.rglob("*.cpp"), *root.rglob("*.hpp")]):
        room = room_of(path, root)
        if room not in table:
            yield f"{path.relative_to(top)}: scripts/rooms.py has no row for this folder"
            continue
        files[room] = files.get(room, 0) + 1
        allowed = {room, *table[room].split()}
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'#include "([^"]+)"', line)
            if not found:
                continue
            other, _, name = found.group(1).rpartition("/")
            if other.split("/")[0] == "common" or found.group(1) == "wsbridge-config.h":
                continue
            if not other and not (root / name).exists():
                yield f"{path.relative_to(top)}:{number}: no such file: {name}"
            elif (other or ".") not in allowed:
                yield (f"{path.relative_to(top)}:{number}: {tree}/{room} may not include {other}/; "
                       f"it may: {table[room] or 'common only'}")
    for room, count in files.items():
        if count > MOST_FILES:
            yield f"{tree}/{room}: {count} files; a room with more than {MOST_FILES} holds two"
    for room in table:
        if room not in files:
            yield f"scripts/rooms.py: {tree}/{room} is empty or gone"


def main():
    top = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    faults = []
    for tree, table in TREES.items():
        faults += [*faults_of_table(tree, table), *faults_of_tree(top, tree, table)]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
