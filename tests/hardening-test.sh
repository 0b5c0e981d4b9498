#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Reads out of the built files what the build flags promise (docs/security.md).
# Usage: hardening-test.sh yes|no FILE...   whether the build has _FORTIFY_SOURCE; the gateway and the plugin
set -euo pipefail

fortified=$1
shift
failed=0
expect() {
  local file=$1 what=$2
  shift 2
  if ! "$@" >/dev/null; then
    echo "$file: $what is missing"
    failed=1
  fi
}

for file; do
  headers=$(readelf --wide --program-headers "$file")
  dynamic=$(readelf --wide --dynamic "$file")
  symbols=$(readelf --wide --dyn-syms "$file")
  expect "$file" "position independence" grep -q 'Elf file type is DYN' <<<"$headers"
  expect "$file" "relro" grep -q GNU_RELRO <<<"$headers"
  expect "$file" "a stack that is not executable" grep -qE 'GNU_STACK.* RW +0x' <<<"$headers"
  expect "$file" "binding at the start (now)" grep -qE '\(FLAGS(_1)?\).*NOW' <<<"$dynamic"
  expect "$file" "the stack protector" grep -q __stack_chk_fail <<<"$symbols"
  if [[ $fortified == yes ]]; then
    # One of those that only the fortified headers call.
    expect "$file" "_FORTIFY_SOURCE" grep -qE ' __[a-z]+_chk(@|$| )' <<<"$(grep -v stack_chk <<<"$symbols")"
  fi
  if [[ $(uname -m) == x86_64 ]]; then
    # endbr64 at the beginning of functions. The note that says so is left out by the linker, for the C library's parts lack it.
    landings=$(LC_ALL=C grep --only-matching --text --perl-regexp '\xf3\x0f\x1e\xfa' "$file" | wc -l)
    expect "$file" "control-flow protection" test "$landings" -gt 100
  fi
  if [[ $headers == *INTERP* ]]; then
    expect "$file" "PIE" grep -qE '\(FLAGS_1\).*PIE' <<<"$dynamic"
  fi
done
exit "$failed"
