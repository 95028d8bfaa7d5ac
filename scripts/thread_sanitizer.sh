#!/usr/bin/env bash
# Builds the test programs of what has threads of its own under the thread sanitizer, and runs them. `make test PRESET=tsan` is everything.
#   scripts/thread_sanitizer.sh JOBS
set -euo pipefail

cd "$(dirname "$0")/.."
jobs=$1
programs=(policy_path audit egress host_functions process_sandbox wasm hostile_workers docker)
# One thread that computes for long, ten times longer here.
slow='TypeMessages\.|\.DeepAndHugeJsonIsRefused|\.DeeplyNestedTextDoesNotOverflowTheStack'
targets=()
for program in "${programs[@]}"; do
  targets+=("omnisandbox_${program}_test")
done
mkdir -p build/logs

scripts/build_wasmtime.sh build/wasmtime > /dev/null
scripts/build.sh tsan "$jobs" "${targets[@]}" > build/logs/build-tsan.log 2>&1 || {
  tail -n 50 build/logs/build-tsan.log
  exit 1
}
# Those that are not built are not chosen.
ctest --preset tsan -j "$jobs" --no-label-summary -L "^($(IFS='|'; echo "${programs[*]}"))_test$" -E "$slow"
