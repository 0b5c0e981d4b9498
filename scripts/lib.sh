# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What the scripts share: packages, build, messages, background processes. To be sourced by bash, not run:
#   source "$(dirname "$0")/lib.sh"
# After that: $ROOT is the checkout and the current directory, $LOGS takes the log files.

set -Eeuo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LOGS=$ROOT/build/logs
cd "$ROOT"
mkdir -p "$LOGS"

# The one list of Debian packages of this project.
PACKAGES_BUILD=(
  meson ninja-build pkg-config g++ python3
  libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libsoup-3.0-dev libsofia-sip-ua-dev libjson-glib-dev libgnutls28-dev libc-ares-dev
  libgtest-dev libgmock-dev
)
PACKAGES_RUN=(
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
  glib-networking ca-certificates espeak-ng sox
)
PACKAGES_TEST=(openssl sip-tester baresip-core baresip python3-websockets nodejs node-ws)
PACKAGES_CHECK=(clang-format clang-tidy)
PACKAGES_FUZZ=(clang libclang-rt-dev)

STEP="start"
STEP_LOG=""
BACKGROUND=()

say() { printf '==> %s\n' "$*"; }

# Names what is being done, so that a failure can say which step it was.
step() {
  STEP=$*
  STEP_LOG=""
  say "$*"
}

on_failure() {
  local status=$1
  trap - ERR
  {
    printf '\n==> FAILED (exit status %s) in the step: %s\n' "$status" "$STEP"
    if [[ -n $STEP_LOG && -s $STEP_LOG ]]; then
      printf '    last lines of %s:\n' "${STEP_LOG#"$ROOT"/}"
      tail -n 25 "$STEP_LOG" | sed 's/^/    | /'
    fi
    printf '    All logs are in %s/. Run the same command again after mending what they name;\n' "${LOGS#"$ROOT"/}"
    printf '    "%s --help" explains the options, README.md says where to ask for help.\n' "$0"
  } >&2
  exit "$status"
}

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  on_failure 1
}

stop_background() {
  local pid
  for pid in "${BACKGROUND[@]:-}"; do
    [[ -z $pid ]] || kill "$pid" 2>/dev/null || true
  done
  for pid in "${BACKGROUND[@]:-}"; do
    [[ -z $pid ]] || wait "$pid" 2>/dev/null || true
  done
  BACKGROUND=()
}

trap 'on_failure $?' ERR
trap 'stop_background' EXIT

# run_logged NAME COMMAND…: quiet; what it prints goes to build/logs/NAME.log.
run_logged() {
  STEP_LOG=$LOGS/$1.log
  shift
  "$@" >"$STEP_LOG" 2>&1
}

as_root() {
  if [[ $(id -u) -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "packages are missing and neither root nor sudo is at hand; as root run: $*"
  fi
}

# ensure_packages run|test|check|fuzz…: installs what is missing. 'run' is always part of it.
ensure_packages() {
  local wanted=("${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}") missing=() set package
  for set in "$@"; do
    case $set in
      run) ;;
      test) wanted+=("${PACKAGES_TEST[@]}") ;;
      check) wanted+=("${PACKAGES_CHECK[@]}") ;;
      fuzz) wanted+=("${PACKAGES_FUZZ[@]}") ;;
      *) die "ensure_packages: no such set: $set" ;;
    esac
  done
  step "looking for the packages needed ($*)"
  if ! command -v dpkg-query >/dev/null; then
    say "this is no Debian: please see that the equivalents of these are there: ${wanted[*]}"
    return 0
  fi
  for package in "${wanted[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) == installed ]] || missing+=("$package")
  done
  if [[ ${#missing[@]} -eq 0 ]]; then
    return 0
  fi
  step "installing: ${missing[*]}"
  run_logged apt-update as_root apt-get update
  run_logged apt-install as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
}

# install_sdk: the public client libraries that e2e-sdk runs. Without npm or its registry that test is skipped.
install_sdk() {
  local dir=tests/e2e/sdk
  if cmp -s "$dir/package-lock.json" "$dir/node_modules/.installed"; then
    return 0
  fi
  step "installing the client libraries of $dir"
  if ! command -v npm >/dev/null && ! run_logged apt-npm as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends npm; then
    say "there is no npm: e2e-sdk will be skipped"
  elif run_logged npm-ci npm --prefix "$dir" ci --ignore-scripts; then
    cp "$dir/package-lock.json" "$dir/node_modules/.installed"
  else
    say "npm cannot install them (see build/logs/npm-ci.log): e2e-sdk will be skipped"
  fi
}

# build_tree DIR [meson option…] [-- ninja target…]: sets up or reuses the build directory and builds (all of it by default).
build_tree() {
  local dir=$1 options=() targets=() name
  shift
  while [[ $# -gt 0 && $1 != -- ]]; do
    options+=("$1")
    shift
  done
  [[ $# -gt 0 ]] && shift
  targets=("$@")
  name=$(basename "$dir")
  if [[ ! -f $dir/build.ninja ]]; then
    step "configuring $name/"
    run_logged "$name-setup" meson setup "$dir" --buildtype=debugoptimized ${options[@]+"${options[@]}"}
  elif [[ ${#options[@]} -gt 0 ]]; then
    step "configuring $name/ again"
    run_logged "$name-setup" meson setup --reconfigure "$dir" "${options[@]}"
  fi
  step "building $name/ (the first time takes some minutes)"
  run_logged "$name-build" ninja -C "$dir" ${targets[@]+"${targets[@]}"}
}

# start_background NAME COMMAND…: log in build/logs/NAME.log, process id in $STARTED; it ends with the script.
start_background() {
  local name=$1
  shift
  "$@" >"$LOGS/$name.log" 2>&1 &
  STARTED=$!
  BACKGROUND+=("$STARTED")
}

# end_background PID: asks it to end and waits until it has.
end_background() {
  kill "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

# wait_for_line FILE PATTERN SECONDS PID: the first line that matches, in $LINE; fails when PID has ended or time is up.
wait_for_line() {
  local file=$1 pattern=$2 pid=$4 deadline=$((SECONDS + $3))
  while true; do
    if LINE=$(grep -m1 -E -- "$pattern" "$file" 2>/dev/null); then
      return 0
    fi
    if ! kill -0 "$pid" 2>/dev/null || ((SECONDS >= deadline)); then
      STEP_LOG=$file
      return 1
    fi
    read -rt 0.05 <> <(:) || true
  done
}

# field NAME LINE: the value of NAME=value or NAME="value" in a log line, empty when it is not there.
field() {
  sed -nE "s/^(.*[[:space:]])?$1=(\"([^\"]*)\"|([^[:space:]]*)).*$/\3\4/p" <<<"$2"
}

# port_free PORT: nothing is bound to it, UDP or TCP, on any IPv4 address.
port_free() {
  local hex
  hex=$(printf '%04X' "$1")
  ! awk -v port=":$hex" '$2 ~ port "$" && (FILENAME ~ /udp/ || $4 == "0A") { found = 1 } END { exit !found }' \
    /proc/net/udp /proc/net/tcp
}

# free_port FIRST: the first free one from there on.
free_port() {
  local port=$1
  while ! port_free "$port"; do
    port=$((port + 1))
    ((port < 65000)) || die "no free port above $1"
  done
  echo "$port"
}
