#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# `meson install` into a directory of its own; the installed gateway finds plugin and template there, gst-inspect the
# plugin, and no installed file names a directory of the checkout or of the build.
# Usage: install-test.sh SOURCE BUILD PREFIX LIBDIR
set -euo pipefail

source=$1 build=$2 prefix=$3 libdir=$4
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
DESTDIR=$stage meson install -C "$build" --no-rebuild --quiet

# Debugging information included. The way from the one to the other is what the compiler is given.
way=$(realpath --relative-to "$build" "$source")
for place in "$source/" "$build/" "$way/common/" "$way/launcher/" "$way/plugins/"; do
  # Who installs into the checkout has it in every path of the prefix.
  if [[ $prefix/ == "$place"* ]]; then continue; fi
  if grep --recursive --text --fixed-strings --files-with-matches -e "$place" "$stage$prefix"; then
    echo "these installed files name $place"
    exit 1
  fi
done

export GST_REGISTRY=$stage/registry
unset GST_PLUGIN_PATH
GST_PLUGIN_PATH=$stage$prefix/$libdir/gstreamer-1.0 gst-inspect-1.0 wsbridgesrc >"$stage/inspect"
grep -q 'WebSocket bridge source' "$stage/inspect"

"$stage$prefix/bin/wsbridge-launcher" --version
"$stage$prefix/bin/wsbridge-launcher" --set sip.listen=udp:127.0.0.1:0 2>"$stage/log" &
gateway=$!
for _ in $(seq 100); do
  grep -q ' ready ' "$stage/log" && break
  kill -0 "$gateway" 2>/dev/null || break
  sleep 0.1
done
kill -TERM "$gateway" 2>/dev/null || true
wait "$gateway" || true
if ! grep -q ' ready ' "$stage/log"; then
  echo "the installed gateway did not start:"
  cat "$stage/log"
  exit 1
fi
