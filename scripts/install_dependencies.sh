#!/usr/bin/env bash
# Installs what building and testing need on Debian 12, and checks what cannot be installed here.
# Does nothing, in a fraction of a second, when everything is there.
#   scripts/install_dependencies.sh [--without-interpreters]
set -euo pipefail

packages=(
  # Building
  g++ cmake ninja-build ccache pkg-config lld-14 patch git ca-certificates python3 python3-dev python3-venv
  libyaml-cpp-dev nlohmann-json3-dev libcli11-dev libfmt-dev libcurl4-openssl-dev libexpected-dev
  libidn2-dev libre2-dev libssl-dev libseccomp-dev libboost-dev libc-ares-dev libarchive-dev
  # What commands are tested with
  curl
  # Guests
  clang-14 wasi-libc libclang-rt-14-dev-wasm32
  # Tests, benchmarks and checks
  libgtest-dev libgmock-dev libbenchmark-dev libclang-rt-14-dev clang-tidy-14 clang-format-14
  iproute2 dnsmasq-base openssl docker.io docker-registry podman busybox-static
  # Packages
  dpkg-dev mmdebstrap
)

# All with one question; of those that dpkg does not know, it says so and ends with 1.
known=$'\n'$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null || true)$'\n'
missing=()
for package in "${packages[@]}"; do
  [[ $known == *$'\n'"$package installed"$'\n'* ]] || missing+=("$package")
done

if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  run=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "install_dependencies.sh: these Debian packages are missing, and there is neither root nor sudo to install them: ${missing[*]}" >&2
      exit 1
    fi
    run=(sudo)
  fi
  "${run[@]}" apt-get update -q
  "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

# $1: command, $2: where else it is usually found, $3: what needs it
require() {
  if ! command -v "$1" >/dev/null && [ ! -x "$2" ]; then
    echo "install_dependencies.sh: $1 is missing; $3" >&2
    exit 1
  fi
}
require cargo "$HOME/.cargo/bin/cargo" "Rust 1.95 or newer builds the WebAssembly engine"
require go /usr/local/go/bin/go "Go 1.21 or newer builds the Go guests"
if [ "${1:-}" != --without-interpreters ]; then
  require node /usr/bin/node "Node.js 18 or newer, with npm, builds the JavaScript interpreter"
  require npm /usr/bin/npm "npm installs what builds the JavaScript interpreter"
  "$(dirname "$0")/install_interpreter_tools.sh" "$(dirname "$0")/../build/interpreter-tools"
  "$(dirname "$0")/install_mcp_clients.sh" "$(dirname "$0")/../build/mcp-clients"
  "$(dirname "$0")/install_python_tools.sh" "$(dirname "$0")/../build/python-tools"
fi
