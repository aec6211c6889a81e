#!/usr/bin/env bash
# Makes the pictures of README and docs, from real data, into docs/pictures.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

[ $# -eq 0 ] || fail "takes no arguments"
require "${base_packages[@]}" gnuplot-nox pngquant
build build/release --buildtype=release -Dtests=false

closs=build/release/tools/closs/closs
data=tests/data
pictures=docs/pictures
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$pictures"

# The body mass index, the third of the diabetes data's columns, by itself.
python3 - "$data/diabetes-x.npy" "$scratch/bmi.npy" <<'PYTHON'
import struct, sys

content = open(sys.argv[1], "rb").read()
start = 10 + struct.unpack("<H", content[8:10])[0]
values = struct.unpack("<4420f", content[start:])[2::10]
header = "{'descr': '<f4', 'fortran_order': False, 'shape': (442, 1), }".ljust(117) + "\n"
with open(sys.argv[2], "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack("<442f", *values))
PYTHON

"$closs" curve l1 mse smooth_l1 huber --delta 0.5 -o "$scratch/curve.png"
"$closs" fit "$data/diabetes-x.npy" "$data/diabetes-y.npy" --loss huber --delta 50 --plot "$scratch/fit.png" >/dev/null
"$closs" fit "$scratch/bmi.npy" "$data/diabetes-y.npy" --loss l1 --plot "$scratch/line.png" >/dev/null
"$closs" loss l1 "$data/china.png" "$data/china-jpeg10.png" --png "$scratch/difference.png" >/dev/null
for name in curve fit line difference; do
  pngquant --force --strip --speed 1 --output "$pictures/$name.png" 32 "$scratch/$name.png"
done
ls -l "$pictures"
