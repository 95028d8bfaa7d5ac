#!/usr/bin/env bash
# Installs what builds, tests and checks the Python package, at pinned versions, into PREFIX/venv. Does nothing when it is there.
#   scripts/install_python_tools.sh PREFIX
set -euo pipefail

prefix=${1:?usage: install_python_tools.sh PREFIX}
requirements=$(cd "$(dirname "$0")/.." && pwd)/bindings/python/requirements-dev.txt
stamp=$(cat "$requirements" "$0" | sha256sum | cut -c1-64)
if [ "$(cat "$prefix/stamp" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi
# The first Python that an extension can be built for: it needs its headers.
python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" - 2>/dev/null <<'CHECK'; then
import os, sys, sysconfig, venv
sys.exit(sys.version_info < (3, 11) or not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))
CHECK
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "install_python_tools.sh: no Python 3.11 or newer with its headers and venv (Debian: python3-dev, python3-venv)" >&2
  exit 1
fi

# One at a time, and no half-made prefix: the stamp is written last.
mkdir -p "$prefix"
exec 9>"$prefix/lock"
flock 9
if [ "$(cat "$prefix/stamp" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi
echo "Installing what builds and tests the Python package"
rm -rf "$prefix/venv"
"$python" -m venv "$prefix/venv"
"$prefix/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$requirements"
echo "$stamp" >"$prefix/stamp"
