#!/usr/bin/env python3
"""Packs the reference vectors, a folder of .npy files a case, into the two files that the tests read.

usage: tools/pack_vectors.py FOLDER tests/vectors

FOLDER has index.tsv and a folder a case (tests/vectors/README.md). The result is golden.tsv, lines of text that say
what there is and where, and golden.bin, the arrays' bytes one after the other, equal arrays once. Needs no numpy.
"""
import ast
import array
import pathlib
import sys

NPY_TYPES = {"<f2": "f16", "<f4": "f32", "<f8": "f64", "<c8": "c64", "<c16": "c128"}
ARRAYS = ["input", "target", "weight", "grad_output", "loss", "grad_input", "grad_target"]
OPERANDS = ARRAYS[:4]


def read_npy(path):
    """Type, shape and bytes of a little-endian .npy file in C order."""
    data = path.read_bytes()
    if data[:6] != b"\x93NUMPY" or data[6] != 1:
        raise ValueError(f"{path}: no .npy of version 1")
    end = 10 + int.from_bytes(data[8:10], "little")
    header = ast.literal_eval(data[10:end].decode("latin1"))
    if header["fortran_order"] and len(header["shape"]) > 1:
        raise ValueError(f"{path}: Fortran order")
    return NPY_TYPES[header["descr"]], header["shape"], data[end:]


def to_bf16(data):
    """f32 values that bf16 holds, as bf16: their upper halves."""
    halves = array.array("H", data)
    if sys.byteorder != "little" or any(halves[0::2]):
        raise ValueError("a value that bf16 does not hold, or a big-endian machine")
    return halves[1::2].tobytes()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, destination = map(pathlib.Path, sys.argv[1:])
    lines, blob, places = [], bytearray(), {}
    for row in (source / "index.tsv").read_text().splitlines():
        case, loss, parameters, reduction, dtype, _ = row.split("\t")
        lines.append(f"case\t{case}\t{loss}\t{parameters}\t{reduction}\t{dtype}")
        for name in ARRAYS:
            path = source / case / f"{name}.npy"
            if not path.exists():
                continue
            kind, shape, data = read_npy(path)
            if dtype == "bf16" and name in OPERANDS:
                kind, data = "bf16", to_bf16(data)
            if data not in places:
                blob.extend(bytes(-len(blob) % 16))
                places[data] = len(blob)
                blob.extend(data)
            size = "x".join(map(str, shape)) or "-"
            lines.append(f"{name}\t{kind}\t{size}\t{places[data]}")
    (destination / "golden.tsv").write_text("\n".join(lines) + "\n")
    (destination / "golden.bin").write_bytes(blob)
    print(f"{sum(line.startswith('case') for line in lines)} cases, {len(blob)} bytes")


main()
