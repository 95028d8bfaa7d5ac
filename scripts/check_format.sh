#!/usr/bin/env bash
# Checks (or with --fix: makes) the format of every C and C++ source by .clang-format. The version is pinned: others differ.
set -euo pipefail

cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files '*.cc' '*.h' '*.hh' '*.c' '*.cpp')
if [ "${1:-}" = --fix ]; then
  clang-format-14 -i "${files[@]}"
else
  clang-format-14 --dry-run --Werror "${files[@]}"
  echo "format: ${#files[@]} files checked"
fi
