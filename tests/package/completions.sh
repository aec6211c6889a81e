#!/usr/bin/env bash
# The completions are those that tools/completions.py makes of the program's own help, and each shell that is there
# completes with them.
#
#   completions.sh SOURCE PYTHON PROGRAM
set -euo pipefail
source=$(cd "$1" && pwd)
folder=$source/tools/closs/completions
"$2" "$source/tools/completions.py" "$3" --check

status=0
# expect SHELL LINE WORDS FOUND: what was found, words with spaces between, are these.
expect() {
  if [ "$3" != "$4" ]; then
    echo "$1: after '$2' it completes '$4', expected '$3'" >&2
    status=1
  fi
}

# The last word of a line, as bash does it.
in_bash() {
  bash -c 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _closs closs; echo "${COMPREPLY[*]}"' \
    "$folder/closs.bash" "$@"
}
in_fish() {
  fish -c "source $folder/closs.fish; complete -C '$*'" | cut -f 1 | LC_ALL=C sort | paste -sd ' '
}

expect bash 'closs lo' 'losses loss' "$(in_bash closs lo)"
expect bash 'closs loss ' 'l1 mse smooth_l1 huber' "$(in_bash closs loss '')"
expect bash 'closs loss l1 a.npy ' '' "$(in_bash closs loss l1 a.npy '')"
expect bash 'closs loss l1 a.npy b.npy --grad-i' '--grad-input' "$(in_bash closs loss l1 a.npy b.npy --grad-i)"
expect bash 'closs loss --reduction ' 'none mean sum' "$(in_bash closs loss --reduction '')"
expect bash 'closs loss --reduction=m' 'mean' "$(in_bash closs loss --reduction = m)"
expect bash 'closs loss --reduction=' 'none mean sum' "$(in_bash closs loss --reduction =)"
expect bash 'closs bench l1 hu' 'huber' "$(in_bash closs bench l1 hu)"
expect bash 'closs cache ' 'path list clear' "$(in_bash closs cache '')"
expect bash 'closs devices --p' '--probe' "$(in_bash closs devices --p)"

if command -v fish >/dev/null; then
  expect fish 'closs lo' 'loss losses' "$(in_fish closs lo)"
  expect fish 'closs loss --reduction ' 'mean none sum' "$(in_fish 'closs loss --reduction ')"
  expect fish 'closs cache ' 'clear list path' "$(in_fish 'closs cache ')"
fi

if command -v zsh >/dev/null; then
  shown=$(zsh -f "$source/tests/package/complete.zsh" "$folder" 'closs loss x --schedule ' | tr -cs 'a-z' ' ')
  expect zsh 'closs loss x --schedule ' 'auto groups lanes' "$(grep -o 'auto groups lanes' <<<"$shown")"
fi
exit "$status"
