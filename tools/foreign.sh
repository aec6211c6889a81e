# Sourced by what builds for other processors, after setup.sh: Debian's packages for one, unpacked in a folder.

# What compiling and running the tests takes, beside the compiler.
foreign_packages=(libc6-dev libcmocka-dev libpng-dev ocl-icd-opencl-dev opencl-headers)

# foreign_root ARCHITECTURE ROOT PACKAGE ...: packages and all that they depend on, unpacked; none of their programs is
# run, which is all right for libraries. apt-get is given lists and a state of its own: the machine's stay as they are,
# and root is not needed.
foreign_root() {
  local architecture=$1 root=$2 apt=$2.apt package options
  shift 2
  [ "$(cat "$root/made" 2>/dev/null)" != "$*" ] || return 0
  echo "unpacking Debian for $architecture in $root"
  ! grep -qF " $root/" /proc/self/mounts || fail "$root: something is mounted there still; see /proc/mounts"
  rm -rf "$root" "$apt"
  mkdir -p "$root" "$apt"/{lists,archives/partial,state}
  touch "$apt/state/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main" \
    >"$apt/sources.list"
  options=(-o "Dir::State=$apt/state" -o "Dir::State::lists=$apt/lists" -o "Dir::State::status=$apt/state/status"
    -o "Dir::Cache=$apt" -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" -o Debug::NoLocking=true
    -o APT::Sandbox::User=root)
  {
    apt-get "${options[@]}" update -q &&
      apt-get "${options[@]}" install -q -y --no-install-recommends --download-only "$@"
  } >"$apt/log" 2>&1 || fail "apt-get failed: $apt/log"
  for package in "$apt"/archives/*.deb; do
    dpkg-deb -x "$package" "$root"
  done
  rm -r "$apt"
  echo "$*" >"$root/made"
}

# cross_file ARCHITECTURE ROOT WRAPPER ...: meson's description of a machine whose programs the wrapper runs.
cross_file() {
  local architecture=$1 root=$2 tools folder family endian=little arguments=
  shift 2
  case $architecture in
  arm64)
    tools=aarch64-linux-gnu family=aarch64
    arguments=", '-fno-tree-loop-vectorize'" # with it, gcc 12 for arm64 breaks down over a test
    ;;
  i386) tools=i686-linux-gnu family=x86 ;;
  s390x) tools=s390x-linux-gnu family=s390x endian=big ;;
  esac
  folder=${tools/i686/i386}
  cat <<END
[binaries]
c = '$tools-gcc'
ar = '$tools-ar'
strip = '$tools-strip'
pkgconfig = 'pkg-config'
exe_wrapper = [$(printf "'%s', " "$@")]

[properties]
needs_exe_wrapper = true
sys_root = '$root'
pkg_config_libdir = ['$root/usr/lib/$folder/pkgconfig', '$root/usr/share/pkgconfig']

[built-in options]
c_args = ['--sysroot=$root'$arguments]
c_link_args = ['--sysroot=$root']

[host_machine]
system = 'linux'
cpu_family = '$family'
cpu = '$family'
endian = '$endian'
END
}
