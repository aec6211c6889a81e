# Sourced by the other scripts: installs what is missing and builds.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

base_packages=(build-essential meson ninja-build pkg-config python3 libclblast-dev ocl-icd-opencl-dev
  opencl-headers libpng-dev pocl-opencl-icd)
test_packages=(cmake gnuplot-nox libcmocka-dev libdlpack-dev python3-numpy python3-pyopencl)
implementations=(pocl intel-cpu intel-fpga rusticl oclgrind) # of OpenCL: tools/opencl-implementations.sh

fail() {
  echo "$0: $*" >&2
  exit 1
}

# as_root COMMAND ...: through sudo where need be.
as_root() {
  local sudo=()
  [ "$(id -u)" -eq 0 ] || sudo=(sudo)
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive "$@"
}

# require PACKAGE ...: Debian's packages, installed where they are missing.
require() {
  local missing=() package
  if ! command -v dpkg-query apt-get >/dev/null; then
    require_elsewhere
    return
  fi
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || fail "install as root, then run this again: ${missing[*]}"
  echo "installing ${missing[*]}"
  as_root apt-get update -qq || echo "apt-get update failed; going on with the lists that are there" >&2
  as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "apt-get could not install: ${missing[*]}"
}

# Not Debian: says what is missing, and stops.
require_elsewhere() {
  local missing=() tool
  for tool in cc meson ninja pkg-config python3; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  if command -v pkg-config >/dev/null; then
    pkg-config --exists OpenCL || missing+=("OpenCL's ICD loader and headers")
    pkg-config --exists libpng || missing+=("libpng with its headers")
    pkg-config --exists cmocka || missing+=("cmocka (tests only)")
    python3 -c 'import numpy' 2>/dev/null || missing+=("NumPy for python3 (tests only)")
  fi
  [ ${#missing[@]} -eq 0 ] || fail "please install: $(printf '%s; ' "${missing[@]}")and an OpenCL driver, such as POCL"
}

# build FOLDER OPTION ...: configures where that was not done or the options changed, then builds; prints only what
# failed.
build() {
  local folder=$1 log
  shift
  log=$(mktemp)
  if [ "$(cat "$folder/options" 2>/dev/null)" != "$*" ] || [ ! -f "$folder/build.ninja" ]; then
    rm -rf "$folder"
    if ! meson setup "$folder" "$@" >"$log" 2>&1; then
      cat "$log" >&2
      rm -f "$log"
      fail "meson setup failed"
    fi
    echo "$*" >"$folder/options"
  fi
  if ! ninja -C "$folder" >"$log" 2>&1; then
    sed -n '/^FAILED/,$p' "$log" >&2
    rm -f "$log"
    fail "the build failed"
  fi
  grep -A 4 'warning:' "$log" >&2 || true
  rm -f "$log"
}
