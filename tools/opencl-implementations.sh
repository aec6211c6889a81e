#!/usr/bin/env bash
# Installs five OpenCL implementations side by side, for the tests, and describes them in DIR/env.
#
#   tools/opencl-implementations.sh DIR
#   source DIR/env          then e.g. CLOSS_TEST_DEVICE=$(implementation_device rusticl) build/tests/tests/test_matrix
#
#   pocl        POCL
#   intel-cpu   Intel's CPU runtime: another vendor's compiler, fp16, sub-groups
#   intel-fpga  Intel's FPGA emulator: an accelerator with the embedded profile
#   rusticl     Mesa's rusticl on llvmpipe: a GPU driver without fp64
#   oclgrind    an interpreter that reports races, invalid accesses and uninitialised reads
#
# Only POCL, which the build asks for anyway, is in the system's ICD folder; the others stay in DIR, and their Debian
# packages are unpacked there: installed, mesa-opencl-icd would put a second driver before every program of this machine.
# What is installed is not installed again. Exits with 1, after a line for each, where one could not be installed.
[ $# -eq 1 ] || { sed -n '2,15s/^# \{0,1\}//p' "$0" >&2; exit 2; }
DIR=$(mkdir -p "$1" && cd "$1" && pwd)
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

all=(pocl intel-cpu intel-fpga rusticl oclgrind)
vendors=$DIR/vendors
mkdir -p "$vendors"

# debian PACKAGE: its dependencies installed, itself unpacked.
debian() {
  local package=$1 folder=$DIR/$1
  mkdir "$folder"
  (cd "$folder" && apt-get download -qq "$package")
  require_dependencies "$folder"/*.deb
  dpkg-deb -x "$folder"/*.deb "$folder"
}

require_dependencies() { # FILE.deb
  as_root apt-get satisfy -y -qq --no-install-recommends "$(dpkg-deb -f "$1" Depends)" >/dev/null
}

# wheels FOLDER REQUIREMENT ...: the libraries of wheels from PyPI, and of those that they need, in one folder: the
# libraries find each other there.
wheels() {
  local folder=$DIR/$1 wheel
  shift
  mkdir -p "$folder/wheels" "$folder/lib"
  python3 -m pip --version >/dev/null 2>&1 || require python3-pip
  python3 -m pip download -q --only-binary :all: -d "$folder/wheels" "$@"
  for wheel in "$folder"/wheels/*.whl; do
    python3 -m zipfile -e "$wheel" "$folder/unpacked"
    rm "$wheel"
  done
  find "$folder"/unpacked/*.data/data/lib -maxdepth 1 -type f ! -name 'libOpenCL.so*' -exec mv -t "$folder/lib" {} +
  rm -r "$folder/wheels" "$folder/unpacked"
}

# The library of each.
install_pocl() {
  require pocl-opencl-icd
  cat /etc/OpenCL/vendors/pocl.icd
}

install_intel-cpu() {
  wheels intel-cpu intel-opencl-rt==2026.2.0 intel-cmplr-lib-rt==2026.2.0
  echo "$DIR/intel-cpu/lib/libintelocl.so"
}

install_intel-fpga() {
  wheels intel-fpga intel-opencl-fpga-emu-rt==2025.0.5 intel-opencl-rt==2025.0.5 intel-cmplr-lib-rt==2025.0.5
  echo "$DIR/intel-fpga/lib/libintelocl_emu.so"
}

install_rusticl() {
  debian mesa-opencl-icd
  echo "$DIR"/mesa-opencl-icd/usr/lib/*/libRusticlOpenCL.so.1
}

install_oclgrind() {
  debian oclgrind
  echo "$DIR/oclgrind/usr/lib/oclgrind/liboclgrind-rt-icd.so"
}

missing=()
for name in "${all[@]}"; do
  [ -s "$vendors/$name.icd" ] && continue
  echo "installing $name"
  rm -rf "${DIR:?}/$name" "$DIR/mesa-opencl-icd"
  # In a shell of its own, for set -e to count inside; the file appears once all went well.
  if (set -e; "install_$name" >"$vendors/$name.part") 2>"$DIR/$name.log"; then :; fi
done
