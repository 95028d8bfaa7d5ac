#!/usr/bin/env bash
# Runs licence_report under its policy and checks what it could and could not do; see README.md.
#   demo.sh OMNISANDBOX GUESTS      the command, and the folder that holds licence_report.wasm
set -euo pipefail
exec python3 "$(dirname "${BASH_SOURCE[0]}")/demo.py" "$@"
