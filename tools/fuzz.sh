#!/usr/bin/env bash
# Runs the fuzz targets of tests/fuzz/ with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, unsigned
# arithmetic that wraps included.
#
#   tools/fuzz.sh [TARGET [SECONDS]]   one target, or all one after the other; 60 seconds each by default
#   tools/fuzz.sh --unit               the unit tests, and the targets on their corpus, under the same checks of integers
#
# The corpus grows in build/fuzz/corpus/TARGET; the seeds of tests/fuzz/corpus/TARGET stay as they are. An input that
# fails is written to build/fuzz/failed/TARGET-...: the fix comes with it as tests/fuzz/corpus/TARGET/found-NAME.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

require "${base_packages[@]}" "${test_packages[@]}" clang
checks=undefined,integer
flags="-fsanitize-ignorelist=$PWD/tests/fuzz/wraps.txt -fno-sanitize-recover=all -fno-omit-frame-pointer"
export ASAN_OPTIONS=detect_stack_use_after_return=1:detect_odr_violation=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

# configure FOLDER CHECKS OPTION ...: for clang, with sanitizers that meson has no name for.
configure() {
  local folder=$1 checks=$2
  shift 2
  [ -f "$folder/build.ninja" ] || CC=clang meson setup "$folder" -Dwerror=true -Db_lundef=false "$@" \
    "-Dc_args=-fsanitize=$checks $flags" "-Dc_link_args=-fsanitize=$checks" >"$folder.log" || {
    cat "$folder.log" >&2
    fail "meson setup failed"
  }
}

if [ "${1-}" = --unit ]; then
  configure build/integers "$checks"
  exec meson test -C build/integers --print-errorlogs --suite unit --suite fuzz --no-suite device --timeout-multiplier 4
fi

folder=build/fuzz
seconds=${2:-60}
if [ $# -gt 0 ]; then targets=("$1"); else mapfile -t targets < <(cd tests/fuzz/corpus && printf '%s\n' *); fi
configure "$folder" "address,$checks" -Dfuzzer=true
ninja -C "$folder" --quiet "${targets[@]/#/tests/fuzz/fuzz_}"
[ -w /dev/shm ] && export TMPDIR=/dev/shm

status=0
for target in "${targets[@]}"; do
  mkdir -p "$folder/corpus/$target" "$folder/failed"
  "$folder/tests/fuzz/fuzz_$target" "$folder/corpus/$target" "tests/fuzz/corpus/$target" -max_total_time="$seconds" \
    -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$folder/failed/$target-" \
    >"$folder/$target.log" 2>&1 || {
    status=1
    tail -n 40 "$folder/$target.log" >&2
  }
  echo "$target: $(sed -n 's/^stat::number_of_executed_units: */executions: /p' "$folder/$target.log")"
done
exit "$status"
