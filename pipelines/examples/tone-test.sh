#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Three seconds of a tone through an echo endpoint; prints the level of what comes back, ten times a second.
# Usage: tone-test.sh ws://127.0.0.1:8080/
set -eu
test $# -eq 1 || { echo "usage: $0 URI" >&2; exit 2; }
exec gst-launch-1.0 -m -e \
  audiotestsrc is-live=true num-buffers=150 samplesperbuffer=320 freq=440 \
    ! audio/x-raw,format=S16LE,rate=16000,channels=1 ! wsbridgesink connection=tone uri="$1" \
  wsbridgesrc connection=tone fallback=silence ! audio/x-raw,rate=16000 ! level interval=100000000 ! fakesink sync=false
