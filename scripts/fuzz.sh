#!/usr/bin/env bash
# Runs every fuzz target for the given time, on its seed corpus. A crash file is left in build/fuzz/crashes/.
#   scripts/fuzz.sh SECONDS
set -euo pipefail

cd "$(dirname "$0")/.."
seconds=$1
scripts/build_wasmtime.sh build/wasmtime
scripts/build.sh fuzz "$(nproc)" fuzzers
mkdir -p build/fuzz/crashes
failed=0
for target in build/fuzz/tests/fuzz/*_fuzzer; do
  name=$(basename "$target")
  echo "== $name, $seconds s"
  corpus=build/fuzz/corpus/$name
  mkdir -p "$corpus"
  "$target" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="build/fuzz/crashes/$name-" \
    "$corpus" "tests/fuzz/corpus/${name%_fuzzer}" || failed=1
done
exit $failed
