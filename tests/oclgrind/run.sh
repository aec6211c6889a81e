#!/usr/bin/env bash
# Runs a command on Oclgrind with all that it checks of kernels; what it reports fails the command, since its own exit
# status tells nothing.
#
# Kernels are checked as they are written: Oclgrind 21.10 knows neither all that clang's optimisations make of them nor,
# in vectors made of others, what is initialised.
export OCLGRIND_DATA_RACES=1 OCLGRIND_UNINITIALIZED=1 OCLGRIND_BUILD_OPTIONS=-disable-llvm-passes
OCLGRIND_LOG=$(mktemp) || exit
export OCLGRIND_LOG
trap 'rm -f "$OCLGRIND_LOG"' EXIT

"$@"
status=$?
[ -s "$OCLGRIND_LOG" ] || exit "$status"
echo "reported by Oclgrind:" >&2
head -n 100 "$OCLGRIND_LOG" >&2
exit 1
