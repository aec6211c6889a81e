#!/usr/bin/env bash
# Installs five OpenCL implementations side by side, for the tests.
#
#   tools/opencl-implementations.sh DIR
#
#   pocl        POCL
#   intel-cpu   Intel's CPU runtime: another vendor's compiler
#   intel-fpga  Intel's FPGA emulator: an accelerator with the embedded profile
#   rusticl     Mesa's rusticl on llvmpipe: a GPU driver without fp64
#   oclgrind    an interpreter that can report races, invalid accesses and uninitialised reads: tests/oclgrind/run.sh
#
# Each has a DIR/NAME.env to source, after which it is the one implementation that programs see; DIR/NAME.log tells why
# one has none. POCL is Debian's, installed, as for the build. The others stay in DIR: of Debian's packages only their
# dependencies are installed, since the packages themselves would put further drivers before all programs of the machine.
# What is there already is left as it is. Exits with 1 where one could not be installed.
[ $# -eq 1 ] || {
  sed -n '2,16s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
folder=$(mkdir -p "$1" && cd "$1" && pwd)
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

# debian NAME PACKAGE: the package unpacked in a folder of its own, its dependencies installed.
debian() {
  as_root apt-get update -qq || true # the lists that are there may do
  mkdir -p "$folder/$1"
  cd "$folder/$1"
  apt-get download -qq -o APT::Sandbox::User=root "$2"
  as_root apt-get satisfy -y -qq --no-install-recommends "$(dpkg-deb -f ./*.deb Depends)"
  dpkg-deb -x ./*.deb .
  rm ./*.deb
}

# wheels NAME REQUIREMENT ...: the libraries of wheels from PyPI and of those that they need, in one folder, where they
# find each other.
wheels() {
  local into=$folder/$1 wheel
  shift
  mkdir -p "$into/lib"
  python3 -m pip --version || require python3-pip
  python3 -m pip download --quiet --only-binary :all: --dest "$into/wheels" "$@"
  for wheel in "$into"/wheels/*.whl; do
    python3 -m zipfile -e "$wheel" "$into/unpacked"
    rm "$wheel"
  done
  find "$into/unpacked" -path '*.data/data/lib/*' -type f ! -name 'libOpenCL.so*' -exec mv -t "$into/lib" {} +
  rm -r "$into/wheels" "$into/unpacked"
}

# ready NAME DEVICE LIBRARY [VARIABLE=VALUE ...]: what to source; last, so that a broken-off installation has none. The
# device's name is for the tests' choice of one.
ready() {
  local name=$1 device=$2 library=$3 setting
  shift 3
  echo "$library" >"$folder/$name.icd"
  for setting in "OCL_ICD_VENDORS=$folder/$name.icd" "CLOSS_TEST_DEVICE=$device" "$@"; do
    printf 'export %q\n' "$setting"
  done >"$folder/$name.part"
  mv "$folder/$name.part" "$folder/$name.env"
}

install_pocl() {
  require pocl-opencl-icd
  ready pocl 'Portable Computing Language' "$(cat /etc/OpenCL/vendors/pocl.icd)"
}

install_intel-cpu() {
  wheels intel-cpu intel-opencl-rt==2026.2.0 intel-cmplr-lib-rt==2026.2.0
  ready intel-cpu 'Intel(R) OpenCL' "$folder/intel-cpu/lib/libintelocl.so"
}

install_intel-fpga() {
  wheels intel-fpga intel-opencl-fpga-emu-rt==2025.0.5 intel-opencl-rt==2025.0.5 intel-cmplr-lib-rt==2025.0.5
  ready intel-fpga 'Intel(R) FPGA' "$folder/intel-fpga/lib/libintelocl_emu.so"
}

# llvmpipe compiles again at each launch what its cache doesn't hold.
install_rusticl() {
  debian rusticl mesa-opencl-icd
  ready rusticl rusticl "$(find "$folder/rusticl" -name 'libRusticlOpenCL.so.1')" RUSTICL_ENABLE=llvmpipe \
    "MESA_SHADER_CACHE_DIR=$folder/rusticl"
}

install_oclgrind() {
  debian oclgrind oclgrind
  ready oclgrind Oclgrind "$(find "$folder/oclgrind" -name 'liboclgrind-rt-icd.so')"
}

status=0
for name in "${implementations[@]}"; do
  [ -f "$folder/$name.env" ] && continue
  echo "installing $name"
  rm -rf "${folder:?}/$name"
  # In a shell of its own, where set -e counts.
  set +e
  (
    set -e
    "install_$name"
  ) >"$folder/$name.log" 2>&1
  [ -f "$folder/$name.env" ] || {
    echo "could not install $name: $folder/$name.log" >&2
    status=1
  }
  set -e
done
exit "$status"
