#!/usr/bin/env bash
# Installs what is missing, builds, and computes the loss of a photograph against its compressed copy, with the
# gradient, on an OpenCL device. $CLOSS_DEVICE picks the device: see `closs --help`.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

[ $# -eq 0 ] || fail "takes no arguments"
require "${base_packages[@]}"
build build/release --buildtype=release -Dtests=false

closs=build/release/tools/closs/closs
pictures=(tests/data/china.png tests/data/china-jpeg10.png)
mkdir -p build/demo

echo "${pictures[0]} against ${pictures[1]}: 256 x 256 x 3 values in 0..1"
for loss in mse smooth_l1 huber; do
  printf '%s, mean: %s\n' "$loss" "$("$closs" loss "$loss" "${pictures[@]}")"
done
"$closs" loss l1 "${pictures[@]}" --reduction none --output build/demo/l1.npy --png build/demo/l1.png
report=$("$closs" loss l1 "${pictures[@]}" --grad-input build/demo/l1-gradient.npy --json)
field() { # NAME: its value in the report
  sed -n "s/.*\"$1\": *\"\{0,1\}\([^,\"}]*\).*/\1/p" <<<"$report"
}
echo "l1, each element: build/demo/l1.npy, as a picture build/demo/l1.png"
echo "l1, gradient of its mean: build/demo/l1-gradient.npy"
echo "l1, mean: $(field loss)"
echo "device: $(field device)"
