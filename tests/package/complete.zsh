# Prints what zsh shows for a line and a tab: complete.zsh FOLDER LINE. It completes only in a terminal.
zmodload zsh/zpty
TERM=dumb zpty shell zsh -f -i
zpty -w shell "PS1=; fpath=(${(q)1} \$fpath); autoload -Uz compinit; compinit -u -D; print READY"
zpty -r -m shell shown '*READY?*READY*'
zpty -w -n shell "$2"$'\t'
for ((tries = 0; tries < 20; tries++)); do
  sleep 0.1
  while zpty -r -t shell shown; do print -rn -- "$shown"; done
done
zpty -d shell
