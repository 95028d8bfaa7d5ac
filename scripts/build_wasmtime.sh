#!/usr/bin/env bash
# Builds wasmtime's C API (third_party/wasmtime, versions pinned by Cargo.lock) and installs it as PREFIX/include and
# PREFIX/lib. Does nothing when PREFIX already holds this very version.
#   scripts/build_wasmtime.sh PREFIX
set -euo pipefail

prefix=${1:?usage: build_wasmtime.sh PREFIX}
root=$(cd "$(dirname "$0")/.." && pwd)
manifest=$root/third_party/wasmtime
stamp=$(cat "$manifest/Cargo.toml" "$manifest/Cargo.lock" "$manifest/src/lib.rs" "$0" | sha256sum | cut -c1-64)

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
target=$prefix/cargo-target
cargo build --release --locked --manifest-path "$manifest/Cargo.toml" --target-dir "$target"
crate=$(cargo metadata --format-version 1 --locked --manifest-path "$manifest/Cargo.toml" |
  python3 -c 'import json,os,sys; print(next(os.path.dirname(p["manifest_path"]) for p in json.load(sys.stdin)["packages"] if p["name"] == "wasmtime-c-api-impl"))')

rm -rf "$prefix/include" "$prefix/lib"
mkdir -p "$prefix/include" "$prefix/lib"
cp -R "$crate/include/." "$prefix/include/"
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
rm -rf "$target"
echo "$stamp" >"$prefix/stamp"
