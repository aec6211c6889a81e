#!/usr/bin/env bash
# Compression artefacts judged by three losses (docs/compression.md): a photograph against its JPEG of quality 10. Which
# share of each loss do the worst hundredth of the values carry?
#   compression.sh CLOSS DATA     the program, and the folder of china.npy; needs python3
set -euo pipefail
closs=$(realpath "$1")
data=$(realpath "$2")
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

for loss in "l1" "mse" "huber --delta 0.05"; do
  "$closs" loss $loss "$data/china.npy" "$data/china-jpeg10.npy" --reduction none -o "${loss%% *}.npy"
done
python3 - <<'PYTHON'
import array

shares = {}
for loss in ("l1", "mse", "huber"):
    values = array.array("f")
    values.frombytes(open(loss + ".npy", "rb").read()[128:])
    values = sorted(values, reverse=True)
    shares[loss] = sum(values[: len(values) // 100]) / sum(values)
    print(f"{loss}: mean {sum(values) / len(values):.7f}, the worst 1 % of the values carry {100 * shares[loss]:.1f} %")
assert shares["l1"] < shares["huber"] < shares["mse"], "unexpected"
PYTHON
