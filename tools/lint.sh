#!/usr/bin/env bash
# Format, spelling, warnings of gcc and clang, clang-tidy and cppcheck, all as errors; and that OpenCL is called through
# the context's table alone.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

[ $# -eq 0 ] || fail "takes no arguments"
require "${base_packages[@]}" "${test_packages[@]}" clang clang-format clang-tidy codespell cppcheck

mapfile -t sources < <(find examples include src tests tools \( -name '*.c' -o -name '*.h' \) | sort)
clang-format --dry-run -Werror "${sources[@]}"

# What .editorconfig says of every text: tabs only where they have a meaning, no spaces at ends of lines, a newline at
# the end of the file.
mapfile -t texts < <(git ls-files -z | xargs -0 grep -lI '')
if grep -nP '[ \t\r]$' "${texts[@]}"; then fail "spaces or a carriage return at the ends of the lines above"; fi
if grep -lP '\t' "${texts[@]}" | grep -vxE 'debian/rules|tests/vectors/golden\.tsv'; then fail "tabs in the files above"; fi
for text in "${texts[@]}"; do
  [ -z "$(tail -c 1 "$text")" ] || fail "$text: no newline at the end"
done
codespell --ignore-words-list arithmetics,bu,devic "${texts[@]}"

CC=gcc build build/lint-gcc -Dwerror=true
CC=clang build build/lint-clang -Dwerror=true

# Only the table's own file, the tests and the program may name OpenCL's functions.
if grep -nE '\bcl(Get|Create|Release|Retain|Enqueue|Set|Build|Wait|Flush|Finish)[A-Za-z]*\(' -r src --include='*.c' |
  grep -v '"'; then
  fail "an OpenCL function is called directly: use the context's table"
fi

mapfile -t units < <(find src tests tools -name '*.c' | sort)
printf '%s\n' "${units[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy -quiet -p build/lint-clang 2>/dev/null
cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr --suppressions-list=tools/cppcheck.suppressions \
  --enable=warning,performance,portability -j "$(nproc)" -Iinclude -Isrc -Itests -Itools/closs "${units[@]}"
echo "lint: clean"
