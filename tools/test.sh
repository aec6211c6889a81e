#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests.
#
#   tools/test.sh              what CI runs: minutes
#   tools/test.sh --full       everything, the exhaustive tests and other processors too: two or three hours
#   tools/test.sh --sanitize   the same tests under AddressSanitizer and UndefinedBehaviorSanitizer
#   tools/test.sh --threads    the tests of threads under ThreadSanitizer
#   tools/test.sh --valgrind   the unit tests under Valgrind's memcheck, but two that need long double of 80 bits
#   tools/test.sh --coverage   line coverage of src/ at the end
#
# --full combines with any. The tests run on POCL's device, and without the last four options those whose results are
# bits on four other OpenCL implementations too. CLOSS_TEST_DEVICE picks a device instead, by a part of its platform's or
# its own name. Exits with 0 only where every test passed, on all five.
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
  --threads)
    folder+=-threads
    options+=(-Db_sanitize=thread -Db_lundef=false)
    arguments+=(--suite threads)
    ;;
  --valgrind)
    folder+=-valgrind
    test_packages+=(valgrind)
    arguments+=(--suite unit --no-suite long-double --timeout-multiplier 40 --wrapper
      'valgrind --quiet --error-exitcode=1 --leak-check=full --errors-for-leak-kinds=definite,possible')
    ;;
  --coverage)
    folder+=-coverage
    options+=(-Db_coverage=true -Doptimization=1)
    coverage=yes
    test_packages+=(gcovr)
    ;;
  *)
    sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
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

# elsewhere NAME: the tests of bits with one other OpenCL implementation, one after the other; with a slow one, one case
# in so many (odd, so that it meets every column of a table). Oclgrind, an interpreter, does without enqueue, whose user
# events it never sees complete, and without compute, which takes it minutes.
elsewhere() {
  local -A every=([intel-cpu]=5 [intel-fpga]=9 [rusticl]=5 [oclgrind]=19)
  local which=(--suite bits)
  source "build/implementations/$1.env"
  # Meson fills memory with a random byte; rusticl's translator of SPIR-V then reads some that nobody has set, and crashes.
  [ "$1" != rusticl ] || export MALLOC_PERTURB_=0
  [ -z "${CLOSS_TEST_FULL-}" ] || every[$1]=$((every[$1] / 4 * 2 + 1)) # odd
  if [ "$1" = oclgrind ]; then
    unset CLOSS_TEST_FULL # it would take the matrix half an hour
    tests/oclgrind/proof.sh "$folder/tests/faults" || return
    which=(golden gradient matrix schedules staging --wrapper "$PWD/tests/oclgrind/run.sh")
  elif [ "${CLOSS_TEST_FULL-}" ]; then
    which+=(--suite stream)
    [[ $1 != intel-* ]] || which+=(--suite pack) # SPIR-V, where clang-14 and llvm-spirv-14 are installed
  fi
  CLOSS_TEST_EVERY=${every[$1]} meson test -C "$folder" --no-rebuild --print-errorlogs --num-processes 1 \
    --timeout-multiplier 5 --logbase "$1" "${arguments[@]}" "${which[@]}"
}

# together: all implementations in one process.
together() {
  local name
  for name in "${implementations[@]}"; do
    source "build/implementations/$name.env"
  done
  unset CLOSS_TEST_DEVICE
  export MALLOC_PERTURB_=0 OCL_ICD_VENDORS=$PWD/build/implementations OCLGRIND_BUILD_OPTIONS=-disable-llvm-passes
  CLOSS_TEST_ACROSS=${#implementations[@]} meson test -C "$folder" --no-rebuild --print-errorlogs --logbase across \
    --timeout-multiplier 5 "${arguments[@]}" across
}

# As many implementations side by side as there are processors.
missing=()
others=()
if [ "$folder" = build/tests ] && [ -z "${CLOSS_TEST_DEVICE-}" ]; then
  tools/opencl-implementations.sh build/implementations || status=1 # named at the end
  for name in "${implementations[@]}"; do
    rm -f "$folder/$name.failed" "$folder/meson-logs/$name"*
    if [ ! -f "build/implementations/$name.env" ]; then
      missing+=("$name")
    elif [ "$name" != pocl ]; then
      others+=("$name")
      [ "$(jobs -rp | wc -l)" -lt "$(nproc)" ] || wait -n || true
      (elsewhere "$name" >"$folder/$name.log" 2>&1 || touch "$folder/$name.failed") &
    fi
  done
  wait
fi
failed=()
logs=("${others[@]}")
if [ ${#others[@]} -gt 0 ] && [ ${#missing[@]} -eq 0 ]; then
  logs+=(across)
  rm -f "$folder/meson-logs/across"*
  (together) || failed+=("all together")
fi
for name in "${others[@]}"; do
  echo "on $name:"
  cat "$folder/$name.log"
  [ ! -f "$folder/$name.failed" ] || failed+=("$name")
done

if [ "${CLOSS_TEST_FULL-}" ] && [ "$folder" = build/tests ]; then
  as_root tools/arm64.sh || failed+=(arm64)
  tools/portability.sh || failed+=("other processors")
  tools/mutate.py --jobs "$(nproc)" || failed+=("what tools/mutate.py broke")
fi

if [ "$coverage" = yes ]; then
  gcovr --root . --filter src/ --object-directory "$folder" --print-summary || status=$?
fi

# What each suite found, and cmocka's summary of it, last; the logs (to whose name meson adds a wrapper's) hold each
# test's output in full.
for log in "${logs[@]}" testlog; do
  awk -v on="${log/testlog/}" '
    /^test: / { name = (on ? on " " : "") $NF ":"; next }
    /^\[==========\].* run\.|^\[  (PASSED|FAILED)  \]|cases within 1 unit|cover all pairs|computed on the device|have the same bits|failed in turn/ {
      if (name != "") print name
      name = ""
      print
    }' \
    "$folder/meson-logs/$log"*.txt || status=1
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "FAILED on: ${failed[*]}" >&2
  status=1
fi
if [ ${#missing[@]} -gt 0 ]; then
  echo "NOT TESTED, since it could not be installed: ${missing[*]} (build/implementations/*.log)" >&2
fi
exit "$status"
