#!/usr/bin/env bash
# Installs closs, shared and static, into an empty folder, and builds and runs programs against it as its users do: by
# pkg-config, by CMake, and as a subproject of meson, in C and C++, by gcc and clang where they are.
#
#   install.sh SOURCE
set -euo pipefail
source=$(cd "$1" && pwd)
here=$source/tests/package
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
build=$scratch/build
warnings=(-Wall -Wextra -Wpedantic -Werror)
unset CFLAGS CXXFLAGS LDFLAGS PKG_CONFIG_PATH DESTDIR

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# quietly COMMAND ...: prints what it says only where it fails.
quietly() {
  "$@" >"$scratch/log" 2>&1 || {
    cat "$scratch/log" >&2
    fail "$*"
  }
}

has() {
  command -v "$1" >/dev/null
}

compilers=()
for pair in gcc:g++ clang:clang++; do
  if has "${pair%:*}" && has "${pair#*:}"; then compilers+=("$pair"); else echo "not there: $pair"; fi
done
[ ${#compilers[@]} -gt 0 ] || fail "neither gcc nor clang is there"

# install_as KIND: into $scratch/KIND.
install_as() {
  prefix=$scratch/$1
  if [ -d "$build" ]; then
    quietly meson configure "$build" --prefix="$prefix" -Ddefault_library="$1"
  else
    quietly meson setup "$build" "$source" --prefix="$prefix" --libdir=lib --buildtype=plain -Dtests=false \
      -Ddefault_library="$1"
  fi
  quietly ninja -C "$build"
  quietly meson install -C "$build" --no-rebuild
  programs=(user)
  [ ! -e "$prefix/lib/pkgconfig/closs-linear.pc" ] || programs+=(linear_user)
  export LD_LIBRARY_PATH=$prefix/lib PKG_CONFIG_PATH=$prefix/lib/pkgconfig
}

# Everything that is installed stands in a list; headers are those of include/.
check_files() {
  local wanted=(-e '^#')
  [ ${#programs[@]} -gt 1 ] || wanted+=(-e linear)
  diff <(grep -v "${wanted[@]}" "$here/installed.txt") \
    <(cd "$prefix" && find . -path ./include -prune -o ! -type d -printf '%P\n' | LC_ALL=C sort) ||
    fail "other files than $here/installed.txt (<) says are installed (>)"
  diff -r "$source/include" "$prefix/include" || [ ${#programs[@]} -eq 1 ] || fail "headers were left out"
  ! grep -rlF -e "$source" -e "$build" "$prefix" || fail "the files above name the folder that they were built in"
  [ "$("$prefix/bin/closs" --version)" = "closs $(pkg-config --modversion closs)" ] || fail "closs --version"
}

# Each header by itself, in C and C++.
check_headers() {
  local header pair
  for header in "$prefix"/include/closs/*.h; do
    for pair in "${compilers[@]}"; do
      quietly "${pair%:*}" -std=c11 "${warnings[@]}" -I"$prefix/include" -fsyntax-only -x c "$header"
      quietly "${pair#*:}" -std=c++11 "${warnings[@]}" -I"$prefix/include" -fsyntax-only -x c++ "$header"
    done
  done
}

check_pkg_config() {
  local pair program flags static=()
  [ "$1" = shared ] || static=(--static)
  for pair in "${compilers[@]}"; do
    for program in "${programs[@]}"; do
      case $program in
      user) read -ra flags <<<"$(pkg-config --cflags --libs "${static[@]}" closs)" ;;
      *) read -ra flags <<<"$(pkg-config --cflags --libs "${static[@]}" closs-linear)" ;;
      esac
      quietly "${pair%:*}" -std=c11 "${warnings[@]}" "$here/consumer/$program.c" -o "$scratch/program" "${flags[@]}"
      quietly "$scratch/program"
      quietly "${pair#*:}" -std=c++11 "${warnings[@]}" "$here/consumer/$program.cpp" -o "$scratch/program" "${flags[@]}"
      quietly "$scratch/program"
    done
  done
}

check_cmake() {
  local folder=$scratch/cmake-$1 language program pair
  for pair in "${compilers[@]}"; do
    rm -rf "$folder"
    quietly env CC="${pair%:*}" CXX="${pair#*:}" cmake -S "$here/consumer" -B "$folder" -G Ninja \
      -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_FLAGS="${warnings[*]}" -DCMAKE_CXX_FLAGS="${warnings[*]}"
    quietly cmake --build "$folder"
    for program in "${programs[@]}"; do
      for language in c cpp; do
        quietly env -u LD_LIBRARY_PATH "$folder/${program}_$language"
      done
    done
    [ "$1" = shared ] || break # what differs by compiler is the same
  done
}

# A subproject adds its libraries to the project around it, and nothing else.
check_subproject() {
  unset LD_LIBRARY_PATH PKG_CONFIG_PATH
  cp -r "$here/consumer" "$scratch/project"
  mkdir "$scratch/project/subprojects"
  ln -s "$source" "$scratch/project/subprojects/closs"
  quietly meson setup "$scratch/subproject" "$scratch/project" --force-fallback-for=closs --buildtype=plain
  quietly ninja -C "$scratch/subproject"
  quietly meson test -C "$scratch/subproject" --no-rebuild
  ! find "$scratch/subproject/subprojects/closs" -type f -perm -1 ! -name '*.so*' | grep . ||
    fail "a subproject builds the programs above"
}

for kind in shared static; do
  install_as "$kind"
  if [ "$kind" = shared ]; then
    check_files
    check_headers
  fi
  check_pkg_config "$kind"
  if has cmake; then check_cmake "$kind"; else echo "not there: cmake"; fi
done
check_subproject
echo "built and ran: ${programs[*]}; with: ${compilers[*]}"
