#!/usr/bin/env bash
# Installs componentize-py and componentize-js, at pinned versions, into PREFIX. Does nothing when they are there.
#   scripts/install_interpreter_tools.sh PREFIX
set -euo pipefail

prefix=${1:?usage: install_interpreter_tools.sh PREFIX}
root=$(cd "$(dirname "$0")/.." && pwd)/guests/interpreters
stamp=$(cat "$root/python/requirements.txt" "$root/javascript/package-lock.json" "$0" | sha256sum | cut -c1-64)
if [ "$(cat "$prefix/stamp" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi
for tool in python3 node npm; do
  if ! command -v "$tool" >/dev/null; then
    echo "install_interpreter_tools.sh: $tool is missing; it builds the interpreters (Debian: python3-venv, nodejs 18 or newer, npm)" >&2
    exit 1
  fi
done

# One at a time, and no half-made prefix: the stamp is written last.
mkdir -p "$prefix"
exec 9>"$prefix/lock"
flock 9
if [ "$(cat "$prefix/stamp" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi
echo "Installing componentize-py"
rm -rf "$prefix/venv"
python3 -m venv "$prefix/venv"
"$prefix/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$root/python/requirements.txt"
echo "Installing componentize-js"
cp "$root/javascript/package.json" "$root/javascript/package-lock.json" "$prefix/"
npm ci --prefix "$prefix" --silent --no-audit --no-fund
echo "$stamp" >"$prefix/stamp"
