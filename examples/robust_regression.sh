#!/usr/bin/env bash
# Robust regression end to end (docs/fit.md): y = 1 + 2 x0 - 3 x1 + 0.5 x2 with a little noise, and a fifth of the rows
# wrong by hundreds. Fails unless l1 and huber find the coefficients and mse does not.
#   robust_regression.sh CLOSS     the program; needs python3
set -euo pipefail
closs=$(realpath "$1")
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

python3 - <<'PYTHON'
import random, struct

random.seed(1)
rows = 2000
x = [[random.gauss(10 * j, 5) for j in range(3)] for _ in range(rows)]
y = [1 + 2 * a - 3 * b + 0.5 * c + random.gauss(0, 0.5) for a, b, c in x]
y = [v + 300 + 10 * r[0] if i % 5 == 0 else v for i, (v, r) in enumerate(zip(y, x))]

def save(name, shape, values):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    with open(name, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.write(struct.pack(f"<{len(values)}d", *values))

save("x.npy", (rows, 3), [v for row in x for v in row])
save("y.npy", (rows,), y)
PYTHON

for loss in "mse" "huber --delta 1" "l1"; do
  echo "$loss: $("$closs" fit x.npy y.npy --loss $loss | tr '\n' ' ')"
done | tee fits

python3 - <<'PYTHON'
truth = [2, -3, 0.5]
for line in open("fits"):
    loss, numbers = line.split(": ")
    worst = max(abs(float(a) - b) for a, b in zip(numbers.split(), truth))
    print(f"{loss}: worst coefficient off by {worst:.3f}")
    assert (worst < 0.05) != (loss == "mse"), "unexpected"
PYTHON
