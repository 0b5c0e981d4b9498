#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# RTP (L16, 8 kHz, payload type 96) from a UDP port to an endpoint.
# Usage: rtp-to-endpoint.sh PORT ws://127.0.0.1:8080/
set -eu
test $# -eq 2 || { echo "usage: $0 PORT URI" >&2; exit 2; }
exec gst-launch-1.0 -q -e \
  udpsrc port="$1" caps="application/x-rtp,media=audio,clock-rate=8000,encoding-name=L16,channels=1,payload=96" \
    ! rtpL16depay ! audioresample ! wsbridgesink uri="$2" content-type="audio/l16;rate=16000"
