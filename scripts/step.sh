#!/usr/bin/env bash
# Runs one step of a longer job and says what it is, where the job stands and how long it took. The output of a step
# that succeeds is kept in LOG; of one that fails, its end is shown.
#   scripts/step.sh 2/5 "Building" LOG COMMAND [ARGUMENT…]
set -uo pipefail

position=$1 title=$2 log=$3
shift 3
mkdir -p "$(dirname "$log")"
started=$(date +%s.%N)
elapsed() { awk -v from="$started" -v to="$(date +%s.%N)" 'BEGIN { printf "%.1f s", to - from }'; }

printf '[%s] %s\n' "$position" "$title"
"$@" >"$log" 2>&1 </dev/null &
job=$!
trap 'kill "$job" 2>/dev/null; exit 130' INT TERM
# Ninja's "[12/340] Building …" is its own progress; anything else shows its newest line.
if [ -t 1 ]; then
  columns=$(tput cols 2>/dev/null || echo 80)
  while kill -0 "$job" 2>/dev/null; do
    line=$(tail -c 400 "$log" 2>/dev/null | tr '\r' '\n' | grep -v '^$' | tail -n 1 | tr -cd '[:print:]')
    printf '\r\033[K      %s  %.*s' "$(elapsed)" $((columns - 24)) "$line"
    sleep 0.2
  done
  printf '\r\033[K'
else
  while kill -0 "$job" 2>/dev/null; do
    for _ in $(seq 300); do
      kill -0 "$job" 2>/dev/null || break
      sleep 0.1
    done
    kill -0 "$job" 2>/dev/null && printf '      … %s: %s\n' "$(elapsed)" "$(tail -n 1 "$log" | cut -c1-120)"
  done
fi
wait "$job"
status=$?
if [ $status -ne 0 ]; then
  tail -n 60 "$log"
  printf '[%s] %s: FAILED after %s (all of its output: %s)\n' "$position" "$title" "$(elapsed)" "$log"
  exit $status
fi
printf '      done in %s\n' "$(elapsed)"
