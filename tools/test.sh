#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests.
#
#   tools/test.sh              what CI runs: minutes
#   tools/test.sh --full       everything, the exhaustive tests too: an hour or more
#   tools/test.sh --sanitize   the same tests under AddressSanitizer and UndefinedBehaviorSanitizer
#   tools/test.sh --coverage   line coverage of src/ at the end
#
# The options combine. The tests run on POCL's device, and without --sanitize and --coverage those whose results are bits
# on four other OpenCL implementations too. CLOSS_TEST_DEVICE picks a device instead, by a part of its platform's or its
# own name. Exits with 0 only where every test passed, on all five.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

folder=build/tests
options=(-Dwerror=true)
arguments=()
coverage=no
for argument in "$@"; do
  case $argument in
  --full)
    export CLOSS_TEST_FULL=1
    arguments+=(--timeout-multiplier 0)
    ;;
  --sanitize)
    folder+=-sanitize
    options+=(-Db_sanitize=address,undefined -Db_lundef=false)
    [ "${CLOSS_TEST_FULL-}" ] || arguments+=(--timeout-multiplier 4)
    ;;
  --coverage)
    folder+=-coverage
    options+=(-Db_coverage=true -Doptimization=1)
    coverage=yes
    test_packages+=(gcovr)
    ;;
  *)
    sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
  esac
done

require "${base_packages[@]}" "${test_packages[@]}"
build "$folder" "${options[@]}"
rm -rf "$folder/tests/pocl-cache"
[ "$coverage" = no ] || find "$folder" -name '*.gcda' -delete

status=0
meson test -C "$folder" --no-rebuild --print-errorlogs "${arguments[@]}" || status=$?

# elsewhere NAME: the tests of bits with one other OpenCL implementation; with a slow one, fewer cases.
elsewhere() {
  local -A every=([intel-cpu]=2 [intel-fpga]=4 [rusticl]=4 [oclgrind]=20)
  local which=(--suite bits)
  echo "on $1:"
  source "build/implementations/$1.env"
  if [ "$1" = oclgrind ]; then
    which=(gradient matrix)
  elif [ "${CLOSS_TEST_FULL-}" ]; then
    every[$1]=1
  fi
  CLOSS_TEST_EVERY=${every[$1]} meson test -C "$folder" --no-rebuild --print-errorlogs --logbase "$1" "${arguments[@]}" \
    "${which[@]}" || return
  # What Oclgrind reports fails no test.
  ! grep -B 2 -A 6 -E '^[[:space:]]+Kernel: |^OCLGRIND' "$folder/meson-logs/$1.txt" >&2
}

missing=()
if [ "$folder" = build/tests ] && [ -z "${CLOSS_TEST_DEVICE-}" ]; then
  tools/opencl-implementations.sh build/implementations || status=1
  for name in "${implementations[@]}"; do
    if [ ! -f "build/implementations/$name.env" ]; then
      missing+=("$name")
    elif [ "$name" != pocl ]; then
      (elsewhere "$name") || status=1
    fi
  done
fi

if [ "$coverage" = yes ]; then
  gcovr --root . --filter src/ --object-directory "$folder" --print-summary || status=$?
fi

# What each suite found, and cmocka's summary of it, last; the log holds each test's output in full.
awk '/^test: / { print $NF ":" }
     /^\[==========\].* run\.|^\[  (PASSED|FAILED)  \]|cases within 1 unit|cover all pairs|have the same bits|failed in turn/' \
  "$folder/meson-logs/testlog.txt"
if [ ${#missing[@]} -gt 0 ]; then
  echo "NOT TESTED, since it could not be installed: ${missing[*]} (build/implementations/*.log)" >&2
fi
exit "$status"
