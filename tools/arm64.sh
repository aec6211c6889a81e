#!/usr/bin/env bash
# Another processor: builds for arm64, and runs tests and `closs check` with POCL for arm64 under qemu-user.
#
#   tools/arm64.sh [DIR]
#
# DIR (build/arm64) gets a small Debian for arm64, which is kept, and the build. Needs Debian on x86-64, and root: for a
# chroot, and for telling the kernel what runs arm64 programs. Mounts and that registration are undone at the end,
# however it ends. $CLOSS_TEST_EVERY: device tests do one case in so many (20; a kernel takes seconds to compile here).
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
source tools/foreign.sh

[ $# -le 1 ] || {
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
[ "$(id -u)" -eq 0 ] || fail "needs root, for chroot and mount"
folder=$(mkdir -p "${1:-build/arm64}" && cd "${1:-build/arm64}" && pwd)
root=$folder/debian
binfmt=/proc/sys/fs/binfmt_misc
export CLOSS_TEST_EVERY=${CLOSS_TEST_EVERY:-20}

undo=() # commands, the last first
clean_up() {
  local i
  set +e
  for ((i = ${#undo[@]} - 1; i >= 0; i--)); do
    eval "${undo[i]}" || echo "$0: could not undo: ${undo[i]}" >&2
  done
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# bind SOURCE PLACE [OPTION ...]: mounted until the end.
bind() {
  mkdir -p "$2"
  mount "${@:3}" "$1" "$2"
  undo+=("umount $(printf %q "$2")")
}

# arm64 programs are started by qemu, also by other programs such as POCL, which runs a linker; F: from outside the
# chroot.
register() {
  local magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
  local mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
  [ -f "$binfmt/register" ] || bind binfmt_misc "$binfmt" -t binfmt_misc
  grep -lq '^interpreter .*qemu-aarch64' "$binfmt"/* 2>/dev/null && return
  echo ":closs-arm64:M::$magic:$mask:$(command -v qemu-aarch64-static):F" >"$binfmt/register"
  undo+=("echo -1 >$binfmt/closs-arm64")
}

require "${base_packages[@]}" "${test_packages[@]}" qemu-user-static gcc-aarch64-linux-gnu
foreign_root arm64 "$root" "${foreign_packages[@]}" pocl-opencl-icd
mkdir -p "$root/tmp"
bind proc "$root/proc" -t proc
bind sysfs "$root/sys" -t sysfs
bind "$PWD" "$root$PWD" --bind
bind "$folder" "$root$folder" --bind
register
cross_file arm64 "$root" chroot "$root" >"$folder/cross.ini"
build "$folder/build" --cross-file "$folder/cross.ini" -Dwerror=true
rm -rf "$folder/build/tests/pocl-cache"

status=0
meson test -C "$folder/build" --no-rebuild --print-errorlogs --timeout-multiplier 0 --suite unit --suite examples \
  --no-suite commands || status=1
meson test -C "$folder/build" --no-rebuild --print-errorlogs --timeout-multiplier 0 --logbase device \
  compute enqueue gradient matrix || status=1
POCL_CACHE_DIR="$folder/build/tests/pocl-cache" chroot "$root" "$folder/build/tools/closs/closs" check --json || status=1
exit "$status"
