#!/usr/bin/env bash
# Proves that the check of run.sh sees what it is there for.
#
#   tests/oclgrind/proof.sh FAULTS     the program of faults.c
here=$(dirname "${BASH_SOURCE[0]}")
log=$(mktemp) || exit
trap 'rm -f "$log"' EXIT
status=0

# expect FAULT PASSES REPORT: run with this kernel, it passes or fails, and its output has this line.
expect() {
  local passes=yes
  "$here/run.sh" "$faults" "$1" >"$log" 2>&1 || passes=no
  if [ "$passes" != "$2" ] || ! grep -q "$3" "$log"; then
    echo "Oclgrind, kernel with fault $1: expected \"$3\"" >&2
    cat "$log" >&2
    status=1
  fi
}

faults=$1
expect none yes 'ran none'
expect race no 'data race'
expect bounds no 'Invalid write'
expect uninitialised no 'Uninitialized'
exit "$status"
