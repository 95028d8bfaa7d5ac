#!/usr/bin/env bash
# Installs the clients that the MCP server is tested with, at pinned versions, into PREFIX: a virtual environment for
# each list in tests/end_to_end/mcp_clients, and the protocol's inspector for Node.js. Does nothing when they are there.
#   scripts/install_mcp_clients.sh PREFIX
set -euo pipefail

prefix=${1:?usage: install_mcp_clients.sh PREFIX}
lists=$(cd "$(dirname "$0")/.." && pwd)/tests/end_to_end/mcp_clients
stamp=$(cat "$lists"/*.txt "$lists/inspector/package-lock.json" "$0" | sha256sum | cut -c1-64)
if [ "$(cat "$prefix/stamp" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi

# One at a time, and no half-made prefix: the stamp is written last.
mkdir -p "$prefix"
exec 9>"$prefix/lock"
flock 9
if [ "$(cat "$prefix/stamp" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi
for list in "$lists"/*.txt; do
  name=$(basename "$list" .txt)
  echo "Installing the MCP client \"$name\""
  rm -rf "${prefix:?}/$name"
  python3 -m venv "$prefix/$name"
  "$prefix/$name/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$list"
done
echo "Installing the MCP inspector"
mkdir -p "$prefix/inspector"
cp "$lists/inspector/package.json" "$lists/inspector/package-lock.json" "$prefix/inspector/"
npm ci --prefix "$prefix/inspector" --silent --no-audit --no-fund
echo "$stamp" >"$prefix/stamp"
