#!/usr/bin/env bash
# Which lines of the policy and of the host functions their tests reach, as gcovr tells it: a table, with the lines that none
# does, and with the sources in build/coverage/report/index.html. Fails below LEAST percent of the lines (100: each of them).
# What cannot be reached and has to stand there says so, between GCOVR_EXCL_START and GCOVR_EXCL_STOP. Root reaches all lines;
# without root some tests are skipped.
#   scripts/coverage.sh JOBS [LEAST]
# Clang's own coverage would be quicker, and counts what follows a TRY wrongly.
set -euo pipefail

cd "$(dirname "$0")/.."
jobs=$1 least=${2:-100}
build=build/coverage
tests=(omnisandbox_policy_test omnisandbox_policy_path_test omnisandbox_policy_host_test omnisandbox_policy_command_test
       omnisandbox_policy_file_test omnisandbox_host_functions_test omnisandbox_policy_questions)
if ! command -v gcovr >/dev/null; then
  echo "coverage.sh: gcovr is missing; apt-get install gcovr" >&2
  exit 1
fi

scripts/build.sh coverage "$jobs" "${tests[@]}"
find "$build" -name '*.gcda' -delete
# Each program as a whole: a thousand processes would each merge their counts into the files.
export OMNISANDBOX_RACE_SECONDS=3
for test in "${tests[@]}"; do
  program=$PWD/$(find "$build" -name "$test" -type f -perm -u+x)
  case $test in
    omnisandbox_policy_questions) tests/differential/differential_test.py "$program" --questions 2000 --seed 1 ;;
    *) (cd "$(dirname "$program")" && "$program" --gtest_brief=1) ;;
  esac
done
mkdir -p "$build/report"
gcovr --root . --object-directory "$build" --filter 'src/policy/' --filter 'src/host_functions/' --exclude '.*_test.*' --exclude '.*test_.*' \
  --exclude-throw-branches --gcov-ignore-parse-errors -j "$jobs" --html-details "$build/report/index.html" --txt - --fail-under-line "$least" \
  "$build/src/policy" "$build/src/host_functions"
