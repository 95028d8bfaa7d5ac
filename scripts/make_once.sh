#!/usr/bin/env bash
# Makes files once for all builds of this checkout: what was made before, of the same inputs, is copied.
#   scripts/make_once.sh KEPT OUTPUT… -- INPUT… -- COMMAND…
# Results are kept in the folder KEPT, the last three of each first OUTPUT. An INPUT that is no file counts as text. COMMAND makes every OUTPUT.
set -euo pipefail

kept=$1
shift
outputs=()
while [ "$1" != -- ]; do
  outputs+=("$1")
  shift
done
shift
inputs=()
while [ "$1" != -- ]; do
  inputs+=("$1")
  shift
done
shift

digest=$(for input in "${inputs[@]}"; do
  if [ -f "$input" ]; then sha256sum <"$input"; else printf 'text %s\n' "$input"; fi
done | sha256sum | cut -c 1-32)
name=$(basename "${outputs[0]}")
entry="$kept/$name-$digest"

# A new file each time: what still maps the old one keeps it whole.
rm -f "${outputs[@]}"
if [ -d "$entry" ]; then
  touch "$entry"
  for output in "${outputs[@]}"; do
    cp --reflink=auto "$entry/$(basename "$output")" "$output"
  done
  exit
fi
"$@"
# A folder that is there is complete: it gets its name when all is in it, from whichever build comes first.
mkdir -p "$kept"
new=$(mktemp -d "$kept/new.XXXXXX")
trap 'rm -rf "$new"' EXIT
cp --reflink=auto "${outputs[@]}" "$new"
mv -T "$new" "$entry" 2>/dev/null || [ -d "$entry" ]
ls -1dt "$kept/$name"-* | tail -n +4 | xargs -r rm -rf
