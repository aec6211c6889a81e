#!/usr/bin/env bash
# Other processors: builds for them, and runs the tests that need neither OpenCL nor another program.
#
#   tools/portability.sh [i386|arm64|s390x ...]
#
# i386: 32 bits, run as they are; arm64; s390x: big-endian; both run by qemu-user. Default: all. Builds are kept in
# build/foreign/. Needs Debian on x86-64. The results of kernels on arm64 are tools/arm64.sh's.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
source tools/foreign.sh

architectures=("$@")
[ $# -gt 0 ] || architectures=(i386 arm64 s390x)

# wrapper ARCHITECTURE ROOT: what runs its programs.
wrapper() {
  case $1 in
  i386) wrapped=("$2/lib/ld-linux.so.2" --library-path "$2/lib/i386-linux-gnu:$2/usr/lib/i386-linux-gnu") ;;
  arm64) wrapped=(qemu-aarch64-static -L "$2") ;;
  s390x) wrapped=(qemu-s390x-static -L "$2") ;;
  *)
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
  esac
}

# The program's readers and writers; the others run the program itself.
readers=(json literal npy number options output picture pieces)

failed=()
for architecture in "${architectures[@]}"; do
  folder=$PWD/build/foreign/$architecture
  mkdir -p "$folder"
  wrapper "$architecture" "$folder/debian"
  compiler=gcc-${architecture/i386/i686}-linux-gnu
  require "${base_packages[@]}" qemu-user-static "${compiler/arm64/aarch64}"
  foreign_root "$architecture" "$folder/debian" "${foreign_packages[@]}"
  cross_file "$architecture" "$folder/debian" "${wrapped[@]}" >"$folder/cross.ini"
  build "$folder/build" --cross-file "$folder/cross.ini" -Dwerror=true -Dlinear=disabled
  echo "$architecture:"
  { meson test -C "$folder/build" --no-rebuild --print-errorlogs --timeout-multiplier 10 --suite unit &&
    meson test -C "$folder/build" --no-rebuild --print-errorlogs --timeout-multiplier 10 --logbase readers \
      "${readers[@]/#/program_}"; } || failed+=("$architecture")
done
[ ${#failed[@]} -eq 0 ] || fail "failed on: ${failed[*]}"
