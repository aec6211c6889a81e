"""Writes the kernel sources as C arrays: embed.py OUTPUT.c DEPFILE CL_FOLDER. Run by meson."""
import hashlib
import pathlib
import sys

output, depfile, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
files = sorted(p for p in folder.rglob("*") if p.suffix in (".cl", ".h"))
with open(output, "w", encoding="ascii", newline="\n") as out:
    out.write('#include "program/source.h"\n\n')
    for number, path in enumerate(files):
        text = path.read_bytes() + b"\0"
        out.write(f"static const char text_{number}[] = {{\n")
        for at in range(0, len(text), 24):
            out.write("  " + ", ".join(str(byte) for byte in text[at : at + 24]) + ",\n")
        out.write("};\n\n")
    out.write("const closs_source_file closs_source_files[] = {\n")
    for number, path in enumerate(files):
        digest = ", ".join(str(byte) for byte in hashlib.sha256(path.read_bytes()).digest())
        out.write(f'  {{"{path.relative_to(folder).as_posix()}", text_{number}, {{{digest}}}}},\n')
    out.write("  {0, 0, {0}},\n};\n")
# A new loss is a new file: the folders count as inputs too.
inputs = [str(p) for p in files] + [str(p) for p in {folder, *(f.parent for f in files)}]
pathlib.Path(depfile).write_text(f"{output}: {' '.join(inputs)}\n", encoding="utf-8")
