#!/usr/bin/env bash
# Builds this example as a user would, and runs it.
#   check.sh installed BUILD [CMAKE_ARGUMENT…]    installs the project built in BUILD to a folder in it, and uses that
#   check.sh source SOURCE BUILD [CMAKE_ARGUMENT…]    builds SOURCE as a part of the example, in BUILD, which is kept: the
#                                                     next time, only what has changed is compiled
set -euo pipefail

mode=$1 from=$(cd "$2" && pwd)
shift 2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

case $mode in
  installed)
    # Installed afresh, so that nothing of an older installation is found; the example's own build is kept, as a user's is.
    work=$from/embed-installed
    rm -rf "$work/prefix"
    trap 'rm -rf "$work/prefix"' EXIT
    mkdir -p "$work"
    build=$work/build
    cmake --install "$from" --prefix "$work/prefix" >"$work/log" || { cat "$work/log"; exit 1; }
    set -- "-DCMAKE_PREFIX_PATH=$work/prefix" "$@"
    ;;
  source)
    build=$1
    shift
    set -- "-DEMBED_OMNISANDBOX_SOURCE=$from" "$@"
    ;;
  *) echo "check.sh: '$mode' is neither installed nor source" >&2; exit 2 ;;
esac
cmake -S "$here" -B "$build" "$@"
cmake --build "$build" --target embed --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-2}"
"$build/embed"
