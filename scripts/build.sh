#!/usr/bin/env bash
# Configures a preset when that is needed, and builds it.
#   scripts/build.sh PRESET JOBS [TARGET…]
set -euo pipefail

cd "$(dirname "$0")/.."
preset=$1 jobs=$2
shift 2
[ -f "build/$preset/build.ninja" ] || cmake --preset "$preset"
cmake --build "build/$preset" --parallel "$jobs" ${1:+--target "$@"}
