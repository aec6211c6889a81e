"""What programs are linked with, against the record of it: abi.py SOURCE COMPILER LIBRARY ...

The record, tests/abi/closs.abi, holds each function of the headers, each constant, and of each structure the size and
its members' offsets on 64-bit machines. The libraries must export these functions and nothing else. A change that is
meant is recorded by

    python3 tests/abi/abi.py . cc --update

and a line that goes or changes wants a new major version: CONTRIBUTING.md.
"""
import difflib
import pathlib
import re
import subprocess
import sys
import tempfile

HEADERS = ["closs/closs.h", "closs/linear.h"]


def run(*command, given=""):
    done = subprocess.run(command, input=given, capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def squeeze(text):
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r" ?\* ?", " *", text).replace("* *", "**").replace("( *", "(*")


def read_headers(source, compiler):
    """The text of closs's own headers, all macros expanded."""
    lines, ours = [], False
    includes = "".join(f"#include <{name}>\n" for name in HEADERS)
    text = run(compiler, "-std=c11", "-E", f"-I{source}/include", "-x", "c", "-", given=includes)
    for line in text.splitlines():
        marker = re.match(r'# \d+ "(.*?)"', line)
        if marker:
            ours = "/include/closs/" in marker[1]
        elif ours and not line.startswith("#"):
            lines.append(line)
    text = " ".join(lines)
    return re.sub(r"_Pragma ?\(.*?\)", "", text).replace("__extension__", "")


def find_functions(text):
    pattern = r'__attribute__ ?\(\(visibility ?\("default"\)\)\) ([^;{]*?\b(closs_\w+) ?\([^;{]*\));'
    return {name: squeeze(declaration) for declaration, name in re.findall(pattern, text)}


def find_structures(text):
    """Of each, the members with their declarations."""
    found = {}
    for name, body in re.findall(r"typedef struct (closs_\w+) \{(.*?)\} \1;", text):
        members = [squeeze(member) for member in body.split(";") if member.strip()]
        found[name] = [(re.search(r"(?:\(\*(\w+)\)|\b(\w+)(?:\[.*\])?$)", member), member) for member in members]
        found[name] = [(match[1] or match[2], member) for match, member in found[name]]
    return found


def find_constants(text):
    """Enumerators."""
    bodies = re.findall(r"enum (?:closs_\w+) \{(.*?)\}", text)
    return [name for body in bodies for name in re.findall(r"\b(CLOSS_\w+) ?(?==|,|$)", body.strip())]


def measure(source, compiler, structures, constants):
    """Sizes, offsets and values, by a program."""
    lines = [f"#include <{name}>" for name in [*HEADERS, "stddef.h", "stdio.h"]] + ["int main(void) {"]
    for name, members in structures.items():
        lines.append(f'printf("struct {name}: %zu bytes\\n", sizeof({name}));')
        for member, declaration in members:
            lines.append(f'printf("  %zu: {declaration}\\n", offsetof({name}, {member}));')
    lines += [f'printf("{name} = %d\\n", (int){name});' for name in constants] + ["return 0;", "}"]
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "measure"
        program.with_suffix(".c").write_text("\n".join(lines) + "\n", encoding="utf-8")
        run(compiler, "-std=c11", f"-I{source}/include", str(program) + ".c", "-o", str(program))
        return run(str(program))


def check_exports(libraries, functions):
    wrong = []
    for library in libraries:
        wanted = {name for name in functions if name.startswith("closs_linear_") == ("linear" in library)}
        found = {line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()}
        wrong += [f"{library} exports {name}, which no header declares" for name in sorted(found - wanted)]
        wrong += [f"{library} does not export {name}" for name in sorted(wanted - found)]
    return wrong


def main():
    source, compiler, libraries = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    record = source / "tests/abi/closs.abi"
    text = read_headers(source, compiler)
    functions, structures = find_functions(text), find_structures(text)
    declared = "\n".join(path.read_text(encoding="utf-8") for path in (source / "include/closs").glob("*.h"))
    if len(functions) != len(re.findall(r"^CLOSS_API ", declared, re.MULTILINE)):
        sys.exit("a function of the headers was not understood")
    if {*structures} != set(re.findall(r"^typedef struct (closs_\w+) \{", declared, re.MULTILINE)):
        sys.exit("a structure of the headers was not understood")
    now = "\n".join(functions[name] + ";" for name in sorted(functions)) + "\n"
    now += measure(source, compiler, structures, find_constants(text))
    if "--update" in libraries:
        record.write_text(now, encoding="utf-8")
        return 0
    wrong = check_exports(libraries, functions)
    before, after = record.read_text(encoding="utf-8").splitlines(), now.splitlines()
    difference = list(difflib.unified_diff(before, after, str(record), "the headers", n=0, lineterm=""))
    if difference:
        wrong += [*difference, "", "Is it meant? " + __doc__.split("\n\n", 1)[1]]
    return "\n".join(wrong) or 0


sys.exit(main())
