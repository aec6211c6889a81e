"""Compares tools/numerics.py with the library over random cases, bit for bit: with the reference, and with a device.

    compare.py LIBCLOSS [CASES]

The last line says how many agreed; a case that does not is printed, and the exit status is 1.
"""

import dataclasses
import pathlib
import sys

import numpy as np

import library

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools"))
import numerics  # noqa: E402

# Reduction, whether the mean is over the weights, and how both operands, weights and upstream gradient lie: r rows,
# c columns. Few, since a device compiles a program for each with each loss and type.
KINDS = [
    ("none", False, "rc", "rc", None, "rc"),
    ("mean", True, "rc", "rc", "rc", None),
    ("sum", False, "rc", "rc", None, None),
    ("mean", False, "rc", "c", None, None),
    ("none", False, "r1", "rc", "c", None),
    ("mean", False, "rc", "rc", "rc", None),
    ("mean", True, "r1", "1c", "rc", None),
    ("mean", True, "cr", "rc", "r1", None),  # the first operand transposed
]
PARAMETERS = [1.0, 0.5, 1 / 3, np.inf, 0.0]
# Sums of "opposite" values, half of which are the negatives of the others, are nothing but what rounding left.
STYLES = ["plain", "grid", "wide", "tiny", "special", "opposite"]


@dataclasses.dataclass
class Case:
    number: int
    loss: str
    p: float
    reduction: str
    over_weights: bool
    style: str
    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    g: np.ndarray

    def __str__(self):
        over = " over weights" if self.over_weights else ""
        arrays = {"input": self.x, "target": self.y, "weight": self.weight, "upstream": self.g}
        shapes = [f"{name} {a.shape} strides {a.strides}" for name, a in arrays.items() if a is not None]
        operation = f"{self.loss}({self.p}) {self.reduction}{over} of {self.x.dtype}"
        return f"case {self.number}: {operation}, {self.style} values, {', '.join(shapes)}"


def draw_values(random, T, shape, style):
    values = random.normal(size=shape)
    if style == "grid":
        values = random.integers(-8, 9, shape) / 4
    elif style in ("wide", "tiny"):
        low, high = (-140, 120) if T is np.float32 else (-1070, 1000)
        values = np.ldexp(values, random.integers(low, low // 2 if style == "tiny" else high, shape))
    values = np.asarray(values).astype(T)
    if style == "opposite":
        flat = np.ldexp(values, random.integers(-12, 12, shape)).ravel()
        flat[flat.size - flat.size // 2 :] = -flat[: flat.size // 2]
        values = flat.reshape(shape)
    if style == "special":
        chosen = random.choice([0.0, -0.0, np.inf, -np.inf, np.nan, np.finfo(T).max, np.finfo(T).tiny / 8], shape)
        values = np.where(random.random(shape) < 3 / (1 + values.size), chosen.astype(T), values)
    return values


def draw_shape(random):
    if random.random() < 0.3:
        return int(random.integers(1, 9)), int(random.integers(1, 70))
    near = int(random.choice([64, 128, 4096, 8192, 12288, 16384])) + int(random.integers(-2, 3))
    n = near if random.random() < 0.5 else int(random.integers(1, 20001))
    rows = int(random.choice([1, 1, 3, 4, n]))
    return rows, -(-n // rows)


def draw_case(number):
    random = np.random.default_rng(number)
    loss = list(library.LOSSES)[number % 4]
    T = (np.float32, np.float64)[number // 4 % 2]
    reduction, over_weights, *lies = KINDS[number // 8 % len(KINDS)]
    style = str(random.choice(STYLES))
    rows, columns = draw_shape(random)
    shapes = {"rc": (rows, columns), "cr": (columns, rows), "c": (columns,), "r1": (rows, 1), "1c": (1, columns)}
    x, y, weight, g = (None if lie is None else draw_values(random, T, shapes[lie], style) for lie in lies)
    if style == "opposite":
        y = 0 * y
    elif weight is not None and random.random() < 0.7:
        weight = abs(weight)
    if lies[0] == "cr":
        x = x.T
    if g is None:
        g = T(random.choice([1, -0.7, 3e-5]))
    p = float(random.choice(PARAMETERS[:4] if loss == "huber" else PARAMETERS))
    return Case(number, loss, p, reduction, over_weights, style, x, y, weight, g)


def difference(expected, actual):
    """What to say of results that are not the same bytes."""
    for name, wanted, got in zip(("loss", "input gradient", "target gradient"), expected, actual):
        if wanted.tobytes() != got.tobytes():
            bits = numerics.UINT[got.dtype.type]
            pairs = zip(np.ascontiguousarray(wanted).ravel(), got.ravel())
            i, (a, b) = next((i, pair) for i, pair in enumerate(pairs) if pair[0].tobytes() != pair[1].tobytes())
            return f"{name}: element {i}: numerics.py {a!r} ({a.view(bits):x}), the library {b!r} ({b.view(bits):x})"
    return None


def main():
    closs, count = library.Library(sys.argv[1], "libOpenCL.so.1"), int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    print("device:", closs.open_device())
    failed = on_device = 0
    for number in range(count):
        case = draw_case(number)
        T = case.x.dtype.type
        weights = (case.weight, case.over_weights)
        expected = numerics.compute(case.loss, case.x, case.y, T(case.p), case.reduction, *weights, case.g)
        differs = difference(expected, closs.compute(case, on_device=False))
        if T is np.float32 or closs.fp64:
            differs = differs or difference(expected, closs.compute(case, on_device=True))
            on_device += 1
        if differs:
            failed += 1
            print(f"{case}\n  {differs}")
    agreed = f"numerics.py: {count - failed} of {count} cases have the same bits"
    print(f"{agreed}; the reference computed all of them, the device {on_device}")
    return failed > 0


np.seterr(all="ignore")
sys.exit(main())
