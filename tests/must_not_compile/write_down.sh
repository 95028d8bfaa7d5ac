#!/usr/bin/env bash
# Runs a compiler that may fail, and writes down what it says and how it ends.
#   write_down.sh FILE COMMAND [ARGUMENT…]
set -uo pipefail

file=$1
shift
{
  LC_ALL=C "$@" 2>&1
  echo "exit code $?"
} >"$file.new"
mv "$file.new" "$file"
