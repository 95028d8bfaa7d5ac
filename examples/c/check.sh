#!/usr/bin/env bash
# Builds this example with pkg-config, as a user would, and runs it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
read -ra flags <<<"$(pkg-config --cflags --libs omnisandbox)"
"${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Werror -o "$work/sandboxed" "$here/main.c" "${flags[@]}"
"$work/sandboxed"
