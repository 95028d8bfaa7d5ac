#!/usr/bin/env bash
# Runs clang-tidy on the sources, those that changed last first.
#   scripts/check_tidy.sh BUILD_FOLDER [--seconds N] [FILE…]
# FILE…: these alone. --seconds: starts no further file after that time, and says how many it came to.
set -euo pipefail

cd "$(dirname "$0")/.."
build=$1
shift
export TIDY_BUILD=$build TIDY_UNTIL=0
if [ "${1:-}" = --seconds ]; then
  TIDY_UNTIL=$(($(date +%s) + $2))
  shift 2
fi

# Every source of the product, by its latest commit; what is not committed yet comes first.
files_by_latest_change() {
  {
    git ls-files --modified --others --exclude-standard -- 'src/*.cc' 'bindings/*.cc'
    git log --format= --name-only -- 'src/*.cc' 'bindings/*.cc'
    git ls-files -- 'src/*.cc' 'bindings/*.cc'
  } | awk '!seen[$0]++' | while read -r file; do
    [ -f "$file" ] && case $file in *_test.cc | *_test_main.cc) ;; *) echo "$file" ;; esac
  done
}

if [ $# -gt 0 ]; then
  files=("$@")
else
  mapfile -t files < <(files_by_latest_change)
fi

check_one() {
  [ "$TIDY_UNTIL" -gt 0 ] && [ "$(date +%s)" -ge "$TIDY_UNTIL" ] && return 0
  echo x >&3
  clang-tidy-14 --quiet --warnings-as-errors='*' --extra-arg=-Wno-unknown-warning-option \
    --extra-arg=-Wno-c99-extensions -p "$TIDY_BUILD" "$1" \
    2> >(grep -v ' warnings\? generated' >&2)
}
export -f check_one

checked=$(mktemp)
trap 'rm -f "$checked"' EXIT
status=0
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -I{} bash -c 'check_one "$1"' check_one {} 3>>"$checked" || status=$?
echo "clang-tidy: $(wc -l <"$checked") of ${#files[@]} files checked"
exit "$status"
