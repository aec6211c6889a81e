#!/usr/bin/env python3
"""Writes the shells' completions of closs from what the program says of itself.

    tools/completions.py PROGRAM            writes tools/closs/completions/: for bash, zsh and fish
    tools/completions.py PROGRAM --check    says where they are not what it would write
"""
import dataclasses
import json
import pathlib
import re
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent / "closs/completions"

# Words that an option takes; its help names each of them.
WORDS = {
    "reduction": ["none", "mean", "sum"],
    "mean-over": ["weights", "count"],
    "dtype": ["f16", "bf16", "f32", "f64", "c64", "c128"],
    "dtypes": ["f16", "bf16", "f32", "f64", "c64", "c128"],
    "schedule": ["auto", "lanes", "groups"],
}
# Options whose argument is a file or a folder, by the argument's name in the help.
FILES = re.compile(r"FILE|DIR|[WG]$")


@dataclasses.dataclass
class Option:
    name: str
    letter: str
    argument: str  # "" for a flag
    help: str
    words: list[str]

    @property
    def takes_file(self):
        return bool(FILES.match(self.argument)) and not self.words

    @property
    def spellings(self):
        return ([f"-{self.letter}"] if self.letter else []) + [f"--{self.name}"]


@dataclasses.dataclass
class Command:
    name: str  # "" for the program itself
    help: str
    options: list[Option]
    first: list[str]  # words for the first operand
    more: list[str]  # and for those after it
    files: bool  # operands may be files


def say(program, *arguments):
    return subprocess.run([program, *arguments], check=True, capture_output=True, encoding="utf-8").stdout


def read_losses(program):
    """Names of losses, and of their parameters."""
    losses = json.loads(say(program, "losses", "--json"))["losses"]
    parameters = sorted({parameter["name"] for loss in losses for parameter in loss["parameters"]})
    return [loss["name"] for loss in losses], parameters


def read_options(text, losses):
    options = []
    line = re.compile(r"^  (?:-(\w), )?--([\w-]+)(?: (\S+))? +(\S.*)$", re.MULTILINE)
    for letter, name, argument, words in line.findall(text):
        known = losses if name in ("loss", "losses") else WORDS.get(name, [])
        for word in WORDS.get(name, []):
            if not re.search(rf"\b{word}\b", words):
                sys.exit(f"--{name}: its help does not name {word}: {words}")
        options.append(Option(name, letter, argument, words, known))
    return options


def read_commands(program):
    losses, parameters = read_losses(program)
    text = say(program, "--help")
    commands = [Command("", "", read_options(text, losses), [], [], False)]
    listed = text.split("Commands:\n")[1].split("\n\n")[0]
    for name, words in re.findall(r"^  (\w+) +(.*)$", listed, re.MULTILINE):
        text = say(program, name, "--help")
        options = read_options(text, losses)
        if any(option.name == "param" for option in options):
            options += [Option(parameter, "", "VALUE", "a parameter of the loss", []) for parameter in parameters]
        operands = re.search(rf"^usage: closs {name} (.*?)(?:-o .*|--.*)?\[options\]$", text, re.MULTILINE)[1].split()
        first, more = [], []
        if operands and "|" in operands[0]:
            first = operands[0].split("|")
        elif operands and operands[0].strip("[") == "LOSS":
            first = losses
            more = losses if "..." in operands[1] else []
        files = len(operands) > 1 and not more
        commands.append(Command(name, words, options, first, more, files))
    return commands


def quote(text, special=""):
    for character in special:
        text = text.replace(character, "\\" + character)
    return "'" + text.replace("'", "'\\''") + "'"


def bash(commands):
    words, arms = {}, []
    for command in commands:
        for option in command.options:
            if option.argument:
                known = words.setdefault(" ".join(option.words), [])
                known += [spelling for spelling in option.spellings if spelling not in known]
        options = " ".join(spelling for option in command.options for spelling in option.spellings)
        first = command.first if command.name else [other.name for other in commands[1:]]
        arms.append(f"  {quote(command.name)})\n    options={quote(options)}\n    first={quote(' '.join(first))}\n"
                    f"    more={quote(' '.join(command.more))}\n    ;;")
    taken = "\n".join(f"  {'|'.join(names)})\n    words={quote(known)}\n    ;;" for known, names in words.items())
    names = "|".join(command.name for command in commands[1:])
    return f"""# Completion of closs for bash. Written by tools/completions.py: change that.
_closs() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} command='' at
  local options first more words=
  COMPREPLY=()
  # --name=word is three words to bash.
  if [ "$word" = = ]; then
    word=
  elif [ "$before" = = ]; then
    before=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    case ${{COMP_WORDS[at]}} in
    {names})
      command=${{COMP_WORDS[at]}}
      break
      ;;
    esac
  done
  case $command in
{chr(10).join(arms)}
  esac
  case $before in
{taken}
  *)
    if [ "${{word:0:1}}" = - ]; then
      words=$options
    elif [ "$before" = "${{command:-$1}}" ]; then
      words=$first
    else
      words=$more
    fi
    ;;
  esac
  # Where nothing fits, bash completes names of files.
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}}
complete -o default -F _closs closs
"""


def zsh(commands):
    def specification(option):
        names = option.spellings
        many = "*" if "repeatable" in option.help or option.name == "param" else ""
        tail = f"[{option.help}]"
        if option.argument:
            action = f"({' '.join(option.words)})" if option.words else "_files" if option.takes_file else " "
            tail += f":{option.argument}:{action}"
            names = names[:-1] + [names[-1] + "="]
        if len(names) > 1:
            return f"'({' '.join(option.spellings)})'{{{','.join(names)}}}{quote(tail)}"
        return quote(f"{many}{names[0]}{tail}")

    listed = "\n".join(f"    {quote(command.name + ':' + command.help)}" for command in commands[1:])
    arms = []
    for command in commands[1:]:
        lines = [specification(option) for option in command.options]
        if command.first:
            lines.append(quote(f"1: :({' '.join(command.first)})"))
        if command.more or command.files:
            lines.append(quote(f"*: :({' '.join(command.more)})") if command.more else "'*: :_files'")
        arms.append(f"  {command.name})\n    _arguments -s \\\n      " + " \\\n      ".join(lines) + "\n    ;;")
    top = " \\\n  ".join(specification(option) for option in commands[0].options)
    return f"""#compdef closs
# Completion of closs for zsh. Written by tools/completions.py: change that.
local curcontext=$curcontext state line
_arguments -C -s \\
  {top} \\
  '1: :->command' \\
  '*:: :->rest'
case $state in
command)
  local -a commands=(
{listed}
  )
  _describe command commands
  ;;
rest)
  case $words[1] in
{chr(10).join(arms)}
  esac
  ;;
esac
"""


def fish(commands):
    lines = ["# Completion of closs for fish. Written by tools/completions.py: change that."]
    for command in commands[1:]:
        lines.append(f"complete -c closs -n __fish_use_subcommand -f -a {command.name} -d {quote(command.help)}")
    for command in commands:
        when = quote(f"__fish_seen_subcommand_from {command.name}") if command.name else "__fish_use_subcommand"
        if command.name and not command.files:
            lines.append(f"complete -c closs -n {when} -f")
        if command.first:
            lines.append(f"complete -c closs -n {when} -a {quote(' '.join(command.first))}")
        for option in command.options:
            parts = [f"complete -c closs -n {when}", f"-l {option.name}"]
            if option.letter:
                parts.append(f"-s {option.letter}")
            if option.words:
                parts.append(f"-x -a {quote(' '.join(option.words))}")
            elif option.takes_file:
                parts.append("-r -F")
            elif option.argument:
                parts.append("-x")
            lines.append(" ".join(parts + [f"-d {quote(option.help)}"]))
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--check"]):
        sys.exit(__doc__)
    commands = read_commands(sys.argv[1])
    stale = []
    for name, write in (("closs.bash", bash), ("_closs", zsh), ("closs.fish", fish)):
        text, path = write(commands), FOLDER / name
        if sys.argv[2:]:
            stale += [str(path)] if not path.exists() or path.read_text(encoding="utf-8") != text else []
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.exit(f"not what {sys.argv[1]} says; run tools/completions.py {sys.argv[1]}: {', '.join(stale)}")


if __name__ == "__main__":
    main()
