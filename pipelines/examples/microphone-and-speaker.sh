#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Talk to an endpoint. SOURCE and SINK replace microphone and loudspeaker.
# Usage: [SOURCE=…] [SINK=…] microphone-and-speaker.sh ws://127.0.0.1:8080/
set -eu
test $# -eq 1 || { echo "usage: [SOURCE=ELEMENT] [SINK=ELEMENT] $0 URI" >&2; exit 2; }
# SOURCE and SINK are gst-launch words and are split on purpose.
# shellcheck disable=SC2086
exec gst-launch-1.0 -q -e \
  ${SOURCE:-autoaudiosrc} ! audioconvert ! audioresample \
    ! audio/x-raw,format=S16LE,rate=16000,channels=1 ! wsbridgesink connection=talk uri="$1" \
  wsbridgesrc connection=talk ! audio/x-raw,rate=16000 ! audioconvert ! audioresample ! ${SINK:-autoaudiosink}
