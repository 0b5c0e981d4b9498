#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds the fuzz targets as OSS-Fuzz wants them: called in its container with CC, CXX, CFLAGS, CXXFLAGS,
# LIB_FUZZING_ENGINE and OUT. Leaves in OUT: NAME_fuzzer, NAME_fuzzer_seed_corpus.zip, NAME_fuzzer.dict,
# NAME_fuzzer.options, and the shared libraries that they need in OUT/lib. The packages are those of scripts/lib.sh.
# Without a container: CC=clang CXX=clang++ CXXFLAGS=-fsanitize=address LIB_FUZZING_ENGINE=-fsanitize=fuzzer
#   OUT=/tmp/out tests/fuzz/oss-fuzz-build.sh
set -euo pipefail

cd "$(dirname "$0")/../.."
: "${OUT:?OUT is where the targets go}" "${LIB_FUZZING_ENGINE:=-fsanitize=fuzzer}"
build=${WORK:-$OUT/work}/build-oss-fuzz
mkdir -p "$OUT/lib"

[[ -f $build/build.ninja ]] || LDFLAGS="${LDFLAGS:-} -Wl,-rpath,\$ORIGIN/lib" meson setup "$build" \
  -Dfuzz=true -Dfuzz_engine="$LIB_FUZZING_ENGINE" -Dbench=false -Dwerror=false -Db_lundef=false \
  -Dbuildtype=plain -Ddebug=false

targets=()
for file in tests/fuzz/*_fuzzer.cpp; do
  name=$(basename "$file" .cpp)
  targets+=("$name")
done
ninja -C "$build" "${targets[@]/#/tests/fuzz/}"

for name in "${targets[@]}"; do
  cp "$build/tests/fuzz/$name" "$OUT/"
  short=${name%_fuzzer}
  rm -f "$OUT/${name}_seed_corpus.zip"
  (cd "tests/fuzz/corpus/$short" && python3 -m zipfile -c "$OUT/${name}_seed_corpus.zip" ./*)
  [[ ! -f tests/fuzz/$short.dict ]] || cp "tests/fuzz/$short.dict" "$OUT/$name.dict"
  # Threads of their own allocate and free when they like.
  case $short in sip | httpserver) printf '[libfuzzer]\ndetect_leaks = 0\n' >"$OUT/$name.options" ;; esac
  # The machine that runs them has the C library only.
  ldd "$OUT/$name" | awk '$3 ~ /^\// { print $3 }' | grep -vE '/(libc|libm|libdl|libpthread|librt)\.so' |
    xargs -r cp -n -L -t "$OUT/lib"
done
