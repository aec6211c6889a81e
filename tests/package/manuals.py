"""The manual pages say what there is: manuals.py SOURCE PROGRAM.

closs(1) has the program's commands and options, closs(3) the functions of the headers, closs-losses(7) the rows of
losses.def; all of them the version; and groff reads them without a warning, where it is.
"""
import pathlib
import re
import shutil
import subprocess
import sys

source, program = pathlib.Path(sys.argv[1]), sys.argv[2]
sys.path.insert(0, str(source / "tools"))
import completions  # noqa: E402

PAGES = ["tools/closs/closs.1", "docs/closs.3", "docs/closs-losses.7"]
failed = []


def expect(good, text):
    if not good:
        failed.append(text)


def read(page):
    """A page without marks of fonts, and with plain dashes."""
    text = re.sub(r"\\f[BIRP]", "", (source / page).read_text(encoding="utf-8"))
    return text.replace("\\-", "-").replace("\\&", "")


def sections(text, kind):
    """Name and text of what begins with .SH or .SS."""
    parts = re.split(rf"^\.{kind} +(.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def check_version(page):
    version = re.search(r'CLOSS_VERSION "(.*)"', (source / "include/closs/version.h").read_text(encoding="utf-8"))[1]
    expect(f'"closs {version}"' in read(page).splitlines()[0], f"{page}: its first line does not say closs {version}")


def check_program():
    page = PAGES[0]
    chapters = sections(read(page), "SH")
    common = chapters["COMMON OPTIONS"]
    described = {title.split()[1]: text for title, text in sections(chapters["COMMANDS"], "SS").items()}
    commands = completions.read_commands(program)
    losses, parameters = completions.read_losses(program)
    names = [command.name for command in commands if command.name]
    expect(sorted(names) == sorted(described), f"{page}: commands {sorted(described)}, the program has {sorted(names)}")
    for command in commands:
        text = described.get(command.name, "") + common
        expect(not command.name or f"closs {command.name}" in chapters["SYNOPSIS"],
               f"{page}: the synopsis lacks closs {command.name}")
        options = {option.name for option in command.options}
        for name in sorted(options - set(parameters)):
            expect(re.search(rf"--\W*{name}\b", text), f"{page}: closs {command.name} lacks --{name}")
        named = set(re.findall(r"--([a-z][a-z0-9-]*)", described.get(command.name, "")))
        for name in sorted(named - options):
            expect(False, f"{page}: closs {command.name} has no option --{name}")


def check_functions():
    page = PAGES[1]
    described = sections(sections(read(page), "SH")["FUNCTIONS"], "SS")
    headers = {f"closs/{path.name}": path for path in (source / "include/closs").glob("*.h") if path.name != "closs.h"}
    expect(sorted(described) == sorted(headers), f"{page}: headers {sorted(described)}, there are {sorted(headers)}")
    for name, path in sorted(headers.items()):
        functions = re.findall(r"^CLOSS_API [^;]*?\b(closs_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
        listed = re.findall(r"^(closs_\w+)\(\),?$", described.get(name, ""), re.MULTILINE)
        expect(listed == functions, f"{page}: {name} lists {listed}, the header has {functions}")


def check_losses():
    page = PAGES[2]
    described = sections(sections(read(page), "SH")["LOSSES"], "SS")
    rows = (source / "include/closs/losses.def").read_text(encoding="utf-8")
    rows = re.sub(r"/\*.*?\*/", "", rows, flags=re.DOTALL)
    row = re.compile(r'CLOSS_LOSS\(\d+, \w+, (\w+), "(.*?)", "(.*?)", CLOSS_(\w+), CLOSS_(\w+), (\w+),\s*(.*)\)$',
                     re.MULTILINE)
    found = row.findall(rows)
    expect(len(found) == rows.count("CLOSS_LOSS("), f"{page}: a row of losses.def was not understood")
    expect([name for name, *_ in found] == list(described), f"{page}: losses {list(described)}, not as in losses.def")
    for name, pytorch, mindspore, reduction, mindspore_reduction, takes_complex, parameters in found:
        wanted = [f"Operands: {'real or complex' if takes_complex == 'true' else 'real.'}"]
        if pytorch != "-":
            wanted.append(f"PyTorch: {pytorch}, by default {reduction.lower()}.")
        if mindspore != "-":
            wanted.append(f"MindSpore: {mindspore}, by default {mindspore_reduction.lower()}.")
        parameter = re.compile(r'CLOSS_PARAMETER\("(\w+)", ([\d.e+-]+), (\w+), (\w+)\)')
        for title, default, zero, infinity in parameter.findall(parameters):
            zero, infinity = ("may be" if flag == "true" else "may not be" for flag in (zero, infinity))
            wanted.append(f"Parameter {title}: by default {float(default):g}; {zero} 0; {infinity} infinite.")
        for line in wanted:
            expect(any(there.startswith(line) for there in described.get(name, "").splitlines()),
                   f"{page}: {name} lacks the line '{line}'")


def check_format(page):
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", str(source / page)], capture_output=True,
                              encoding="utf-8", check=False)
        expect(done.returncode == 0 and not done.stderr, f"{page}: {done.stderr}")


for path in PAGES:
    check_version(path)
    check_format(path)
check_program()
check_functions()
check_losses()
sys.exit("\n".join(failed) if failed else 0)
