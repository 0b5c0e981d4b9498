#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What an endpoint says, as RTP (L16, 8 kHz, payload type 96, 20 ms) to a UDP port of HOST.
# Usage: endpoint-to-rtp.sh HOST PORT ws://127.0.0.1:8080/tone
set -eu
test $# -eq 3 || { echo "usage: $0 HOST PORT URI" >&2; exit 2; }
exec gst-launch-1.0 -q -e \
  wsbridgesrc uri="$3" content-type="audio/l16;rate=16000" ! audioresample \
    ! audio/x-raw,rate=8000 ! rtpL16pay min-ptime=20000000 max-ptime=20000000 \
    ! udpsink host="$1" port="$2" sync=false
