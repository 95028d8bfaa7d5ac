#!/usr/bin/env bash
# Runs clang-tidy on the folders of src/ that changed since BASE (default: all of src/).
#   scripts/check_tidy.sh BUILD_FOLDER [BASE]
set -euo pipefail

cd "$(dirname "$0")/.."
build=$1 base=${2:-}
if [ -n "$base" ]; then
  mapfile -t folders < <(git diff --name-only "$base" -- src | xargs -r -n1 dirname | sort -u)
else
  folders=(src)
fi
mapfile -t files < <(for folder in "${folders[@]}"; do git ls-files "$folder/*.cc"; done | sort -u | grep -v '_test\.cc$' || true)
if [ ${#files[@]} -eq 0 ]; then
  echo "clang-tidy: nothing changed"
  exit 0
fi
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 1 clang-tidy-14 --quiet --warnings-as-errors='*' \
  --extra-arg=-Wno-unknown-warning-option -p "$build" 2> >(grep -v ' warnings generated' >&2)
echo "clang-tidy: ${#files[@]} files checked"
