#!/usr/bin/env bash
# AFL++ on the loader of policy files, with what must hold for every input (tests/fuzz/policy_file_fuzzer.cc). Fails when it
# found a crash or a hang; they are left in build/afl/found/default.
#   scripts/afl.sh SECONDS
set -euo pipefail

cd "$(dirname "$0")/.."
seconds=$1
if ! command -v afl-fuzz >/dev/null; then
  echo "afl.sh: afl-fuzz is missing; apt-get install afl++" >&2
  exit 1
fi
export AFL_QUIET=1
scripts/build_wasmtime.sh build/wasmtime
scripts/build.sh afl "$(nproc)" omnisandbox_policy_file_fuzzer
rm -rf build/afl/found
# Neither a core pattern nor a governor of the machine's is changed for this, and no core is taken for itself.
export AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_AFFINITY=1 AFL_NO_UI=1 AFL_BENCH_UNTIL_CRASH=1
if ! afl-fuzz -V "$seconds" -i tests/fuzz/corpus/policy_file_fuzzer -o build/afl/found \
  build/afl/tests/fuzz/omnisandbox_policy_file_fuzzer >build/afl/found.log 2>&1; then
  tail -n 40 build/afl/found.log >&2
  exit 1
fi
found=build/afl/found/default
grep -E '^(execs_done|execs_per_sec|edges_found|total_edges|corpus_count|saved_crashes|saved_hangs)' "$found/fuzzer_stats"
left=$(find "$found/crashes" "$found/hangs" -name 'id:*')
if [ -n "$left" ]; then
  printf 'afl.sh: found:\n%s\n' "$left" >&2
  exit 1
fi
