#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests.
#
#   tools/test.sh              what CI runs: minutes
#   tools/test.sh --full       everything, the exhaustive tests too: an hour or more
#   tools/test.sh --sanitize   the same tests under AddressSanitizer and UndefinedBehaviorSanitizer
#   tools/test.sh --coverage   line coverage of src/ at the end
#
# The options combine. CLOSS_TEST_DEVICE picks the OpenCL device by a part of its platform's or its own name; without it
# the tests run on POCL's. Exits with 0 only where every test passed.
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
    sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
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

if [ "$coverage" = yes ]; then
  gcovr --root . --filter src/ --object-directory "$folder" --print-summary || status=$?
fi

# What each suite found, and cmocka's summary of it, last; the log holds each test's output in full.
awk '/^test: / { print $NF ":" }
     /^\[==========\].* run\.|^\[  (PASSED|FAILED)  \]|cases within 1 unit|cover all pairs|failed in turn/' \
  "$folder/meson-logs/testlog.txt"
exit "$status"
