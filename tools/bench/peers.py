#!/usr/bin/env python3
"""Times closs against what people would use instead, in one run, and holds it to its aims.

    tools/bench/peers.py [PEER ...] [--write docs/benchmarks.md] [--powers 10,14,...] [--seconds S]

Peers: torch torch.compile jax mindspore tinygrad pyopencl numpy clblast loop (default: all). The first use makes a
virtual environment of them under build/peers (--environment) from PyPI; a peer that cannot be installed or does not run
is named, and left out. Debian's packages are installed as tools/setup.sh does. torch's wheels bring CUDA's libraries,
4 GB on disk: PyPI has no smaller ones for Linux on x86-64.

All contenders run in turn in one process on the same arrays, round by round, and thread pools sleep while others work.
The losses are compared with closs's before anything is timed. $CLOSS_DEVICE picks the OpenCL device, as it does for the
program closs; tinygrad, which takes the first one, is left out then. What peers write goes into the environment. --write replaces the part of the page between its two
markers, and draws the picture beside it.
"""
import argparse
import ctypes
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = {"numpy": ["numpy"], "torch": ["torch"], "torch.compile": ["torch"], "jax": ["jax"],
            "mindspore": ["mindspore"], "tinygrad": ["tinygrad"], "pyopencl": ["pyopencl", "mako"], "clblast": [], "loop": []}
ENVIRONMENT = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", "DEV": "CL", "JAX_PLATFORMS": "cpu", "GLOG_v": "3",
               "TORCHINDUCTOR_COMPILE_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
BEGIN, END = "<!-- peers.py: begin -->", "<!-- peers.py: end -->"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peers", nargs="*", metavar="PEER", help="default: all")
    parser.add_argument("--powers", default="10,14,17,20,24,26", help="sizes, as log2 of the elements")
    parser.add_argument("--seconds", type=float, default=4, help="that each table's column may take")
    parser.add_argument("--write", type=pathlib.Path, help="the page to put the tables into")
    parser.add_argument("--environment", type=pathlib.Path, default=ROOT / "build/peers", help="the virtual environment")
    options = parser.parse_args()
    unknown = [peer for peer in options.peers if peer not in PACKAGES]
    if unknown:
        parser.error(f"{unknown[0]}: no peer; expected {', '.join(PACKAGES)}")
    options.powers = [int(power) for power in options.powers.split(",")]
    options.peers = options.peers or list(PACKAGES)
    options.environment = options.environment.resolve()
    options.write = options.write and options.write.resolve()
    return options


def install(options):
    """The environment, the packages and the library; then this program again inside."""
    environment = options.environment
    python = environment / "bin/python"
    setup = 'source tools/setup.sh; require "${base_packages[@]}" libclblast-dev gnuplot-nox python3-venv; ' \
            "build build/bench --buildtype=release -Dtests=false -Dprogram=false; " \
            "ninja -C build/bench tools/bench/libcloss_contenders.so >/dev/null"
    subprocess.run(["bash", "-c", setup, "tools/bench/peers.py"], cwd=ROOT, check=True)
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    for package in dict.fromkeys(["numpy"] + [p for peer in options.peers for p in PACKAGES[peer]]):
        found = subprocess.run([python, "-m", "pip", "show", "-q", package], capture_output=True).returncode == 0
        if not found:
            print(f"installing {package}", file=sys.stderr)
            subprocess.run([python, "-m", "pip", "install", "-q", "--only-binary", ":all:", package], check=False)
    variables = dict(os.environ, **ENVIRONMENT, CLOSS_PEERS_READY="1")
    variables.setdefault("POCL_CACHE_DIR", str(environment / "pocl"))
    variables.setdefault("TORCHINDUCTOR_CACHE_DIR", str(environment / "inductor"))
    os.execve(python, [str(python), *sys.argv], variables)


# ---- closs and what is built here ----

LOSS, INPUT_GRADIENT, TARGET_GRADIENT = 1, 2, 4
F16, F32 = 10, 12  # closs_dtype
WORKS = {"forward": LOSS, "gradient": LOSS | INPUT_GRADIENT, "both": LOSS | INPUT_GRADIENT | TARGET_GRADIENT}
LAYOUTS = {"contiguous": 0, "weighted": 1, "broadcast": 2, "strided": 3, "transposed": 4}


class Library:
    def __init__(self):
        self.c = ctypes.CDLL(str(ROOT / "build/bench/tools/bench/libcloss_contenders.so"))
        pointer, number = ctypes.c_void_p, ctypes.c_uint64
        signatures = {
            "contender_closs": (pointer, [ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_int, number] + 5 * [pointer]),
            "contender_empty": (pointer, []),
            "contender_uncompensated": (pointer, [number, pointer, pointer]),
            "contender_clblast": (pointer, [number, pointer, pointer]),
            "contender_run": (ctypes.c_int, [pointer]), "contender_result": (ctypes.c_double, [pointer]),
            "contender_free": (None, [pointer]), "contenders_open": (ctypes.c_int, []),
            "contenders_device": (ctypes.c_char_p, []), "contenders_device_id": (pointer, []),
            "loop_forward": (ctypes.c_float, [ctypes.c_bool, ctypes.c_size_t, pointer, pointer]),
            "loop_gradient": (ctypes.c_float, [ctypes.c_bool, ctypes.c_size_t] + 4 * [pointer])}
        for name, (result, parameters) in signatures.items():
            function = getattr(self.c, name)
            function.restype, function.argtypes = result, parameters
        if self.c.contenders_open() != 0:
            sys.exit("peers.py: no OpenCL device, or not that of $CLOSS_DEVICE")


class Contender:
    """One of the library's: run() returns when it is done."""

    def __init__(self, library, handle):
        if not handle:
            raise RuntimeError("not available")
        self.library, self.handle = library, handle
        self.call = library.c.contender_run

    def run(self):
        if self.call(self.handle) != 0:
            raise RuntimeError("it failed")

    def result(self):
        return self.library.c.contender_result(self.handle)

    def __del__(self):
        if getattr(self, "handle", None):
            self.library.c.contender_free(self.handle)


class Call:
    """A function that returns the loss, which value() makes a number of."""

    def __init__(self, run, value=float):
        self.run, self.value = run, value

    def result(self):
        return float(self.value(self.run()))


class Data:
    """The arrays of one size, each at a page's beginning."""

    def __init__(self, elements, half=False):
        import numpy as np
        self.elements = elements
        random = np.random.default_rng(1)
        self.x, self.y, self.dx, self.dy, self.weights = (self.array(np.float32) for _ in range(5))
        for values in (self.x, self.y):
            random.random(out=values, dtype=np.float32)
            values *= 2
            values -= 1
        self.dx[:], self.dy[:], self.weights[:] = 0, 0, 1  # pages that are there
        self.half = [self.array(np.float16) for _ in range(2)] if half else []
        for narrow, wide in zip(self.half, (self.x, self.y)):
            narrow[:] = wide

    def array(self, dtype):
        import numpy as np
        size = self.elements * np.dtype(dtype).itemsize
        raw = np.empty(size + 4096, np.uint8)
        start = -raw.ctypes.data % 4096
        return raw[start:start + size].view(dtype)


def closs(library, loss, work, data, layout="contiguous", half=False):
    x, y = data.half if half else (data.x, data.y)
    weights = data.weights.ctypes.data if layout == "weighted" else None
    dx, dy = (data.dx.ctypes.data, data.dy.ctypes.data) if work != "forward" else (None, None)
    return Contender(library, library.c.contender_closs(
        loss.encode(), F16 if half else F32, WORKS[work], LAYOUTS[layout], data.elements, x.ctypes.data, y.ctypes.data,
        weights, dx, dy))


# ---- the peers: each gives a contender for a loss and a work, or None where it has none ----

def make_loop(library, loss, work, data):
    x, y, dx, dy = (a.ctypes.data for a in (data.x, data.y, data.dx, data.dy))
    huber, c, n = loss == "huber", library.c, data.elements
    if work == "forward":
        return Call(lambda: c.loop_forward(huber, n, x, y))
    return Call(lambda: c.loop_gradient(huber, n, x, y, dx, dy if work == "both" else None))


def make_clblast(library, loss, work, data):
    if loss != "l1" or work != "forward":
        return None
    return Contender(library, library.c.contender_clblast(data.elements, data.x.ctypes.data, data.y.ctypes.data))


def make_numpy(_library, loss, work, data):
    import numpy as np
    x, y, n = data.x, data.y, np.float32(data.elements)

    def forward():
        d = x - y
        if loss == "l1":
            return np.abs(d).mean()
        s = np.clip(d, -1, 1)
        return (s * (d - np.float32(0.5) * s)).mean()

    def gradient():
        d = x - y
        s = np.sign(d) if loss == "l1" else np.clip(d, -1, 1)
        value = np.abs(d).mean() if loss == "l1" else (s * (d - np.float32(0.5) * s)).mean()
        s /= n
        return value
    return None if work == "both" else Call(forward if work == "forward" else gradient)


def torch_call(loss, work, data, compiled):
    import torch
    if work == "both":
        return None
    torch.set_num_threads(os.cpu_count())
    functions = {"l1": torch.nn.functional.l1_loss, "huber": torch.nn.functional.huber_loss}
    x, y = torch.from_numpy(data.x), torch.from_numpy(data.y)

    def plain(a, b):
        return functions[loss](a, b)
    torch._dynamo.reset()
    function = torch.compile(plain, dynamic=False) if compiled else plain
    if work == "forward":
        def forward():
            with torch.inference_mode():
                return function(x, y)
        return Call(forward)
    x = x.detach().requires_grad_()

    def gradient():
        x.grad = None
        value = function(x, y)
        value.backward()
        return value
    return Call(gradient, lambda value: value.detach())


def make_torch(_library, loss, work, data):
    return torch_call(loss, work, data, False)


def make_torch_compile(_library, loss, work, data):
    return torch_call(loss, work, data, True)


def make_jax(_library, loss, work, data):
    import jax
    import jax.numpy as jnp
    if work == "both":
        return None

    def value(a, b):
        d = a - b
        if loss == "l1":
            return jnp.mean(jnp.abs(d))
        z = jnp.abs(d)
        return jnp.mean(jnp.where(z <= 1, 0.5 * d * d, z - 0.5))
    x, y = jnp.asarray(data.x), jnp.asarray(data.y)
    function = jax.jit(value if work == "forward" else jax.value_and_grad(value))
    return Call(lambda: jax.block_until_ready(function(x, y)), lambda r: r if work == "forward" else r[0])


def make_tinygrad(_library, loss, work, data):
    from tinygrad import Device, Tensor, TinyJit
    if work == "both":
        return None
    if os.environ.get("CLOSS_DEVICE"):
        raise RuntimeError("it takes the first OpenCL device, not that of $CLOSS_DEVICE")
    x, y = Tensor(data.x).realize(), Tensor(data.y).realize()

    def value(a, b):
        d = a - b
        if loss == "l1":
            return d.abs().mean()
        s = d.clip(-1, 1)
        return (s * (d - 0.5 * s)).mean()

    @TinyJit
    def function(a, b):
        v = value(a, b)
        results = (v,) if work == "forward" else (v, *v.gradient(a))
        Tensor.realize(*results)
        return results

    def run():
        r = function(x, y)
        Device[Device.DEFAULT].synchronize()
        return r
    return Call(run, lambda r: r[0].item())


def make_pyopencl(library, loss, work, data):
    import numpy as np
    import pyopencl
    import pyopencl.array
    from pyopencl.reduction import ReductionKernel
    if work != "forward":
        return None
    device = pyopencl.Device.from_int_ptr(library.c.contenders_device_id(), retain=True)
    context = pyopencl.Context([device])
    queue = pyopencl.CommandQueue(context)
    x, y = pyopencl.array.to_device(queue, data.x), pyopencl.array.to_device(queue, data.y)
    value = {"l1": "fabs(x[i] - y[i])", "huber": "huber(x[i] - y[i])"}[loss]
    preamble = "float huber(float d) { float s = clamp(d, -1.0f, 1.0f); return s * (d - 0.5f * s); }"
    kernel = ReductionKernel(context, np.float32, neutral="0", reduce_expr="a + b", map_expr=value,
                             arguments="__global const float *x, __global const float *y", preamble=preamble)

    def run():
        r = kernel(x, y, queue=queue)
        queue.finish()
        return r
    return Call(run, lambda r: float(r.get()) / data.elements)


def make_mindspore(_library, loss, work, data):
    import mindspore
    if work == "both":
        return None
    layer = mindspore.nn.L1Loss() if loss == "l1" else mindspore.nn.HuberLoss()
    x, y = mindspore.Tensor(data.x), mindspore.Tensor(data.y)

    def value(a, b):
        return layer(a, b)
    function = mindspore.jit(value if work == "forward" else mindspore.value_and_grad(value, 0))

    def run():
        r = function(x, y)
        mindspore.runtime.synchronize()
        return r
    return Call(run, lambda r: float((r if work == "forward" else r[0]).asnumpy()))


MAKERS = {"loop": make_loop, "clblast": make_clblast, "numpy": make_numpy, "torch": make_torch,
          "torch.compile": make_torch_compile, "jax": make_jax, "tinygrad": make_tinygrad,
          "pyopencl": make_pyopencl, "mindspore": make_mindspore}


# ---- the measurement ----

def rounds(contenders, seconds):
    """Every contender in turn, again and again: {name: [seconds]}; at least 3 rounds, at most 400, behind a warm-up."""
    for contender in contenders.values():
        for _ in range(3):  # jits record at the second call
            contender.run()
    times = {name: [] for name in contenders}
    end = time.perf_counter() + seconds
    while len(times["closs"]) < 3 or (len(times["closs"]) < 400 and time.perf_counter() < end):
        for name, contender in contenders.items():
            start = time.perf_counter()
            contender.run()
            times[name].append(time.perf_counter() - start)
    return times


def median_ratio(times, one, other):
    return statistics.median(a / b for a, b in zip(times[one], times[other]))


def agrees(value, expected, elements):
    """Sums of 2^24 and more in plain float stray by thousandths."""
    return abs(value - expected) <= (1e-5 if elements <= 1 << 20 else 1e-2) * abs(expected)


def contenders_of(library, peers, loss, work, data, failed):
    """closs and the peers that can do it, after their losses were compared."""
    contenders = {"closs": closs(library, loss, work, data)}
    contenders["closs"].run()
    expected = contenders["closs"].result()
    for peer in peers:
        try:
            contender = MAKERS[peer](library, loss, work, data)
            if contender is None:
                continue
            if isinstance(contender, Contender):
                contender.run()
            value = contender.result()
        except Exception as error:  # whatever a peer has to say; the others go on
            failed.setdefault(peer, str(error).strip().splitlines()[0][:200] if str(error).strip() else repr(error))
            continue
        if not agrees(value, expected, data.elements):
            sys.exit(f"peers.py: {peer}: {loss}, {work}, {data.elements} elements: {value}, closs {expected}")
        contenders[peer] = contender
    return contenders


def own_contenders(library, data):
    """What closs is held against without peers: l1, forward."""
    found = {"closs": closs(library, "l1", "forward", data), "f16": closs(library, "l1", "forward", data, half=True),
             "empty": Contender(library, library.c.contender_empty())}
    if data.elements % 4096 == 0:
        found["plain sum"] = Contender(library, library.c.contender_uncompensated(
            data.elements, data.x.ctypes.data, data.y.ctypes.data))
        for layout in ("weighted", "broadcast", "strided", "transposed"):
            found[layout] = closs(library, "l1", "forward", data, layout)
    return found


def measure(library, options, failed):
    """{(loss, work): {power: times}}, and the same of the contenders that are our own as ("own", "")."""
    results = {}
    for power in options.powers:
        data = Data(1 << power, half=True)
        for loss in ("l1", "huber"):
            for work in WORKS:
                peers = [peer for peer in options.peers if peer not in failed]
                contenders = contenders_of(library, peers, loss, work, data, failed)
                print(f"2^{power} {loss} {work}: {', '.join(contenders)}", file=sys.stderr)
                results.setdefault((loss, work), {})[power] = rounds(contenders, options.seconds)
                del contenders
        results.setdefault(("own", ""), {})[power] = rounds(own_contenders(library, data), options.seconds)
    return results


# ---- the page ----

TITLES = {"forward": "loss", "gradient": "loss and the input's gradient", "both": "loss and both gradients"}


def cell(times, name):
    if name not in times:
        return "-"
    middle = 1e3 * statistics.median(times[name])
    return f"{middle:.3g}" if name == "closs" else f"{middle:.3g} ({median_ratio(times, 'closs', name):.2f})"


def table(heading, by_power, names=None):
    powers = sorted(by_power)
    names = names or list(dict.fromkeys(name for power in powers for name in by_power[power]))
    lines = [f"**{heading}**", "", "| | " + " | ".join(f"2^{power}" for power in powers) + " |",
             "| --- |" + " --- |" * len(powers)]
    lines += [f"| {name} | " + " | ".join(cell(by_power[power], name) for power in powers) + " |" for name in names]
    return lines + [""]


def aims(results):
    """(what, aim, measured, reached) of issue B's list, as far as this run has the figures."""
    rows = []

    def add(what, aim, values, good):
        if values:
            text = "; ".join(f"{name} {value:.2f}" for name, value in values)
            rows.append((what, aim, text, "yes" if all(good(value) for _, value in values) else "no"))

    def ratios(one, other, works, powers, losses=("l1", "huber")):
        return [(f"{loss} 2^{power}" + (f" {work}" if len(works) > 1 else ""), median_ratio(times, one, other))
                for loss in losses for work in works for power, times in results.get((loss, work), {}).items()
                if power in powers and one in times and other in times]
    every, own = sorted(results[("own", "")]), results[("own", "")]
    large = [power for power in every if power >= 24]
    add("forward, speed of the plain OpenMP loop's", ">= 0.9", ratios("loop", "closs", ["forward"], large),
        lambda v: v >= 0.9)
    add("loss and both gradients, speed of a loop's with non-temporal stores", ">= 0.9",
        ratios("loop", "closs", ["both"], large), lambda v: v >= 0.9)
    for peer in ("torch.compile", "jax"):
        add(f"forward, {peer}'s time over closs's", ">= 1", ratios(peer, "closs", ["forward"], every), lambda v: v >= 1)
        add(f"with gradient, {peer}'s time over closs's", ">= 4", ratios(peer, "closs", ["gradient"], large),
            lambda v: v >= 4)
    add("forward, torch eager's time over closs's", ">= 10", ratios("torch", "closs", ["forward"], [26]),
        lambda v: v >= 10)
    add("with gradient, torch eager's time over closs's", ">= 20", ratios("torch", "closs", ["gradient"], [26]),
        lambda v: v >= 20)

    def ours(one, other, powers):
        return [(f"2^{power}", median_ratio(own[power], one, other)) for power in powers
                if power in own and one in own[power] and other in own[power]]
    add("f16 operands, time over f32's", "<= 0.6", ours("f16", "closs", [26]), lambda v: v <= 0.6)
    add("n = 1024, time over an empty launch's", "<= 1.3", ours("closs", "empty", [10]), lambda v: v <= 1.3)
    add("canonical sum, time over a plain sum's", "<= 1.15", ours("closs", "plain sum", [26]), lambda v: v <= 1.15)
    add("the same in cache", "<= 1.7", ours("closs", "plain sum", [14, 17]), lambda v: v <= 1.7)
    # Bytes that a layout reads, over those of two contiguous arrays.
    moved = {"weighted": 1.5, "broadcast": 0.5, "strided": 4032 / 4096, "transposed": 1.0}
    values = [(f"{layout} 2^{power}", share * median_ratio(own[power], "closs", layout)) for layout, share in moved.items()
              for power in large if layout in own[power]]
    add("strided, broadcast, weighted: bytes per second over the contiguous kernel's", ">= 0.7", values,
        lambda v: v >= 0.7)
    return rows


def versions(peers):
    from importlib import metadata
    packages = dict.fromkeys(package for peer in peers for package in PACKAGES[peer])
    return ", ".join(f"{package} {metadata.version(package)}" for package in packages)


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def page(library, options, results, failed):
    used = [peer for peer in options.peers if peer not in failed]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    lines = [f"Machine: {processor()}, {os.cpu_count()} threads; OpenCL device {library.c.contenders_device().decode()}; "
             f"{platform.python_implementation()} {platform.python_version()}; {versions(used)}; closs "
             f"{commit.stdout.strip() or 'of no repository'}. {time.strftime('%Y-%m-%d')}.", "",
             "Milliseconds; in brackets the median over the rounds of closs's time over the peer's (below 1: closs is faster).",
             ""]
    for (loss, work), by_power in results.items():
        if loss != "own":
            lines += table(f"{loss}, {TITLES[work]}, f32", by_power)
    lines += table("l1, loss: closs against itself", results[("own", "")])
    lines += ["## The aims", "", "| what | aim | measured | reached |", "| --- | --- | --- | --- |"]
    lines += [f"| {' | '.join(row)} |" for row in aims(results)]
    if failed:
        lines += ["", "Left out: " + "; ".join(f"{peer} ({why})" for peer, why in failed.items()) + "."]
    return "\n".join(lines)


COLOURS = {"closs": "#000000", "loop": "#0072b2", "clblast": "#cc79a7", "numpy": "#999999", "torch": "#e69f00",
           "torch.compile": "#d55e00", "jax": "#009e73", "mindspore": "#882255", "tinygrad": "#56b4e9",
           "pyopencl": "#7a68a6"}


def draw(picture, results):
    """Time against size, loss and loss with gradient of l1."""
    script = ["set terminal pngcairo size 1200,520 noenhanced font 'sans,10'", f"set output '{picture}'",
              "set logscale xy", "set logscale x 2", "set xlabel 'elements'", "set ylabel 'ms'", "set grid",
              "set key left top", "set format x '2^%L'",
              "set key font ',9'"]
    panels = ["set multiplot layout 1,2"]
    for work in ("forward", "gradient"):
        by_power = results[("l1", work)]
        names = list(dict.fromkeys(name for times in by_power.values() for name in times))
        plots = []
        for number, name in enumerate(names):
            script.append(f"${work}{number} << END")
            script += [f"{1 << power} {1e3 * statistics.median(times[name])}" for power, times in sorted(by_power.items())
                       if name in times]
            script.append("END")
            plots.append(f"${work}{number} using 1:2 with linespoints pointtype 7 linewidth {3 if name == 'closs' else 1.5} "
                         f"linecolor rgb '{COLOURS[name]}' title '{name}'")
        panels += [f'set title "l1, {TITLES[work]}, f32"', "plot " + ", ".join(plots)]
    panels.append("unset multiplot")
    subprocess.run(["gnuplot", "-"], input="\n".join(script + panels) + "\n", text=True, check=True)


def main():
    options = arguments()
    if "CLOSS_PEERS_READY" not in os.environ:
        install(options)
    os.chdir(options.environment)  # MindSpore leaves a folder where it runs
    library, failed = Library(), {}
    results = measure(library, options, failed)
    text = page(library, options, results, failed)
    print(text)
    if options.write is not None:
        old = options.write.read_text(encoding="utf-8")
        head, _, rest = old.partition(BEGIN)
        _, found, tail = rest.partition(END)
        if not found:
            sys.exit(f"peers.py: {options.write}: no {BEGIN} and {END}")
        options.write.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")
        draw(options.write.with_suffix(".png"), results)


if __name__ == "__main__":
    main()
