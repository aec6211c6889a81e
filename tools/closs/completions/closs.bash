# Completion of closs for bash. Written by tools/completions.py: change that.
_closs() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' at
  local options first more words=
  COMPREPLY=()
  # --name=word is three words to bash.
  if [ "$word" = = ]; then
    word=
  elif [ "$before" = = ]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    case ${COMP_WORDS[at]} in
    devices|losses|loss|fit|curve|check|bench|pack|cache)
      command=${COMP_WORDS[at]}
      break
      ;;
    esac
  done
  case $command in
  '')
    options='--json -v --verbose --help --version'
    first='devices losses loss fit curve check bench pack cache'
    more=''
    ;;
  'devices')
    options='--probe --json -v --verbose --help'
    first=''
    more=''
    ;;
  'losses')
    options='--json -v --verbose --help'
    first=''
    more=''
    ;;
  'loss')
    options='--reduction --param --weight --mean-over --grad-output --dtype -o --output --grad-input --grad-target --schedule --work-group --memory --png --device --json -v --verbose --help --beta --delta'
    first='l1 mse smooth_l1 huber'
    more=''
    ;;
  'fit')
    options='--loss --param --weight -o --output --l2 --no-intercept --no-standardize --tolerance --max-iterations --allow-partial --plot --device --json -v --verbose --help --beta --delta'
    first=''
    more=''
    ;;
  'curve')
    options='--param -o --output --device --json -v --verbose --help --beta --delta'
    first='l1 mse smooth_l1 huber'
    more='l1 mse smooth_l1 huber'
    ;;
  'check')
    options='--full --device --json -v --verbose --help'
    first=''
    more=''
    ;;
  'bench')
    options='--sizes --plot --device --json -v --verbose --help'
    first='l1 mse smooth_l1 huber'
    more='l1 mse smooth_l1 huber'
    ;;
  'pack')
    options='-o --output --losses --dtypes --c-array --source --binary --spirv --device --json -v --verbose --help'
    first=''
    more=''
    ;;
  'cache')
    options='--json -v --verbose --help'
    first='path list clear'
    more=''
    ;;
  esac
  case $before in
  --reduction)
    words='none mean sum'
    ;;
  --param|--weight|--grad-output|-o|--output|--grad-input|--grad-target|--work-group|--memory|--png|--device|--beta|--delta|--l2|--tolerance|--max-iterations|--plot|--sizes|--c-array|--source|--binary)
    words=''
    ;;
  --mean-over)
    words='weights count'
    ;;
  --dtype|--dtypes)
    words='f16 bf16 f32 f64 c64 c128'
    ;;
  --schedule)
    words='auto lanes groups'
    ;;
  --loss|--losses)
    words='l1 mse smooth_l1 huber'
    ;;
  *)
    if [ "${word:0:1}" = - ]; then
      words=$options
    elif [ "$before" = "${command:-$1}" ]; then
      words=$first
    else
      words=$more
    fi
    ;;
  esac
  # Where nothing fits, bash completes names of files.
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _closs closs
