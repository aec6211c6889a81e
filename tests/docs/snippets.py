#!/usr/bin/env python3
"""The code that stands in the documentation's pages, compiled and run.

snippets.py PAGE... -- COMPILER...    compiles every C program of the pages, runs it, and compares what the snippets print
                                      with what the frameworks printed
snippets.py --frameworks PAGE         runs the page's Python, with the framework installed, and compares; "?" is replaced

A fenced C block with a main() is a program, and the page says `what it prints`. One with the comment MARK is a frame as well: the C blocks of its page, or of
a page without a frame of its own that comes later, stand in its show(), each after the Python block that it stands for.
A Python block's last line is a comment, what it printed. Python and C must print the same numbers to 6 digits.
"""

import contextlib
import io
import os
import pathlib
import re
import subprocess
import sys
import tempfile

MARK = "/* a snippet of this page */"
TOLERANCE = 2e-6  # of 6 digits


def blocks(text):
    """(language, code) of each fenced block."""
    return re.findall(r"^```(c|python)\n(.*?)^```$", text, re.M | re.S)


def expected(python):
    """The numbers of a Python block's last comment."""
    return [float(word) for word in python.strip().split("\n")[-1].lstrip("# ").split()]


def near(a, b):
    return len(a) == len(b) and all(abs(x - y) <= TOLERANCE * max(abs(x), abs(y)) for x, y in zip(a, b))


def run(program, compiler):
    """Compiles a C program, and what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        source, binary = os.path.join(folder, "page.c"), os.path.join(folder, "page")
        pathlib.Path(source).write_text(program, encoding="utf-8")
        first = next((i for i, word in enumerate(compiler) if word.startswith("-")), len(compiler))  # behind ccache
        subprocess.run([*compiler[:first], "-o", binary, source, *compiler[first:]], check=True)
        done = subprocess.run([binary], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(f"a program ended with {done.returncode}: {done.stdout}")
        return done.stdout


def framed(frame, snippets):
    """The frame with a show() for each snippet."""
    begin = frame.index("static void show(")
    end = frame.index("int main(")
    show, main = frame[begin:end], frame[end:]
    shows = (show.replace("show(", f"show_{i}(", 1).replace(MARK, code) for i, code in enumerate(snippets))
    calls = "".join(f"  show_{i}(closs);\n" for i in range(len(snippets)))
    return frame[:begin] + "".join(shows) + main.replace("  show(closs);\n", calls)


def check(pages, compiler):
    frame, count = None, 0
    for page in pages:
        text = pathlib.Path(page).read_text(encoding="utf-8")
        found = blocks(text)
        programs = [code for language, code in found if language == "c" and "int main(" in code]
        for program in programs:
            if MARK in program:
                frame = program
                continue
            printed = run(program, compiler).strip()
            if f"`{printed}`" not in text:
                raise SystemExit(f"{page}: its program prints `{printed}`, which the page does not say")
            count += 1
        pairs = zip(found, found[1:])
        snippets = [(a[1], b[1]) for a, b in pairs if a[0] == "python" and b[0] == "c" and b[1] not in programs]
        if len(snippets) + len(programs) != sum(language == "c" for language, _ in found):
            raise SystemExit(f"{page}: a C snippet has no Python snippet before it")
        if not snippets:
            continue
        lines = run(framed(frame, [code for _, code in snippets]), compiler).splitlines()
        if len(lines) != len(snippets):
            raise SystemExit(f"{page}: {len(snippets)} snippets printed {len(lines)} lines")
        for (python, code), line in zip(snippets, lines):
            words = line.split()
            if "CLOSS_" in line or ":" in line or not near(expected(python), [float(word) for word in words]):
                raise SystemExit(f"{page}: these differ:\n{python}\n{code}\nprinted {line}")
        count += len(snippets)
        print(f"{page}: {len(snippets)} snippets print what the framework did")
    if count == 0:
        raise SystemExit("no snippets")


def frameworks(page):
    text = pathlib.Path(page).read_text(encoding="utf-8")
    frame, *snippets = [code for language, code in blocks(text) if language == "python"]
    scope = {"__name__": "page"}
    exec(frame, scope)  # noqa: S102 - the page's own code
    for python in snippets:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(python, scope)  # noqa: S102
        line = printed.getvalue().strip()
        if python.endswith("# ?\n"):  # whole blocks: one may be the end of another
            text = text.replace(f"```python\n{python}```", f"```python\n{python[:-2]}{line}\n```", 1)
        elif not near(expected(python), [float(word) for word in line.split()]):
            raise SystemExit(f"{page}: this printed {line}:\n{python}")
    pathlib.Path(page).write_text(text)


if __name__ == "__main__":
    if sys.argv[1] == "--frameworks":
        frameworks(sys.argv[2])
    else:
        end = sys.argv.index("--")
        check(sys.argv[1:end], sys.argv[end + 1 :])
