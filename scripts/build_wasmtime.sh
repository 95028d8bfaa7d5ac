#!/usr/bin/env bash
# Builds wasmtime's C API (third_party/wasmtime, versions pinned by Cargo.lock, with the changes in its folder patches) and installs
# it as PREFIX/include and PREFIX/lib. Does nothing when PREFIX already holds this very version.
#   scripts/build_wasmtime.sh PREFIX
set -euo pipefail

prefix=${1:?usage: build_wasmtime.sh PREFIX}
root=$(cd "$(dirname "$0")/.." && pwd)
manifest=$root/third_party/wasmtime
stamp=$(cat "$manifest/Cargo.toml" "$manifest/Cargo.lock" "$manifest/src/lib.rs" "$manifest"/patches/*.patch "$0" | sha256sum | cut -c1-64)

if [ "$(cat "$prefix/stamp" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi
if ! command -v cargo >/dev/null; then
  echo "build_wasmtime.sh: cargo is missing; install Rust 1.95 or newer, or pass -DOMNISANDBOX_WASMTIME_ROOT=<an installed C API>" >&2
  exit 1
fi

# One build at a time, and no half-made prefix: the stamp is written last.
mkdir -p "$prefix"
exec 9>"$prefix/lock"
flock 9
if [ "$(cat "$prefix/stamp" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi
# Downloads what Cargo.lock names, and prints the folders of the two crates that are needed here.
{ read -r engine; read -r c_api; } < <(cargo metadata --format-version 1 --locked --manifest-path "$manifest/Cargo.toml" |
  python3 -c '
import json, os, sys
packages = {package["name"]: os.path.dirname(package["manifest_path"]) for package in json.load(sys.stdin)["packages"]}
print(packages["wasmtime"], packages["wasmtime-c-api-impl"], sep="\n")')

# The changes are made to a copy, which takes the place of the crate. Cargo leaves out of the copied lock file where that one crate
# is from; everything else is still what Cargo.lock says.
staged=$prefix/source target=$prefix/cargo-target
rm -rf "$staged"
mkdir -p "$staged"
cp -R "$manifest" "$staged/build"
cp -R "$engine" "$staged/wasmtime"
for change in "$manifest"/patches/*.patch; do
  patch --directory "$staged/wasmtime" --strip 1 --fuzz 0 --input "$change"
done
cargo build --release --offline --manifest-path "$staged/build/Cargo.toml" --target-dir "$target" \
  --config "patch.crates-io.wasmtime.path='$staged/wasmtime'"
if diff "$manifest/Cargo.lock" "$staged/build/Cargo.lock" | grep '^[<>]' | grep -vE '^< (source|checksum) = ' ||
  [ "$(diff "$manifest/Cargo.lock" "$staged/build/Cargo.lock" | grep -c '^[<>]')" != 2 ]; then
  echo "build_wasmtime.sh: other crates than Cargo.lock's would have been built" >&2
  exit 1
fi

rm -rf "$prefix/include" "$prefix/lib"
mkdir -p "$prefix/include" "$prefix/lib"
cp -R "$c_api/include/." "$prefix/include/"
# conf.h says which features were built; it must agree with the features in Cargo.toml.
features=$(python3 - "$manifest/Cargo.toml" <<'PY'
import re, sys
block = re.search(r"features = \[(.*?)\]", open(sys.argv[1]).read(), re.S).group(1)
print(" ".join(name.upper().replace("-", "_") for name in re.findall(r'"([^"]+)"', block)))
PY
)
python3 - "$prefix/include/wasmtime/conf.h.in" "$prefix/include/wasmtime/conf.h" $features <<'PY'
import re, sys
template, output, features = sys.argv[1], sys.argv[2], set(sys.argv[3:])
def define(match):
    name = match.group(1)
    on = name.removeprefix("WASMTIME_FEATURE_") in features
    return f"#define {name}" if on else f"/* #undef {name} */"
open(output, "w").write(re.sub(r"#cmakedefine (\w+)", define, open(template).read()))
PY
cp "$target/release/libomnisandbox_wasmtime.a" "$prefix/lib/"
rm -rf "$target" "$staged"
echo "$stamp" >"$prefix/stamp"
