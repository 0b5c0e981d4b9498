#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A sound file to an endpoint, and what comes back to another file.
# Usage: file-through-endpoint.sh IN.wav OUT.wav ws://127.0.0.1:8080/
set -eu
test $# -eq 3 || { echo "usage: $0 IN.wav OUT.wav URI" >&2; exit 2; }
exec gst-launch-1.0 -q -e \
  filesrc location="$1" ! wavparse ! audioconvert ! audioresample \
    ! audio/x-raw,format=S16LE,rate=16000,channels=1 ! identity sync=true \
    ! wsbridgesink connection=file uri="$3" \
  wsbridgesrc connection=file fallback=silence ! audio/x-raw,rate=16000 ! wavenc ! filesink location="$2"
