#!/usr/bin/env python3
"""closs fit against scikit-learn's HuberRegressor and QuantileRegressor: ratios of seconds in one run, to the same loss.

    tools/bench/fit_peers.py [CLOSS]      the program; default build/release/tools/closs/closs

Makes an environment of its own under build/peers (PyPI: numpy, scikit-learn) and, in it, 10^6 x 32 f32 data with a tenth
outliers. closs is timed as a whole process, reading its files; of scikit-learn fit() alone is. HuberRegressor's scale
times its epsilon is the delta that closs gets. QuantileRegressor's linear program takes too long there: it gets the
first 20000 rows, and so does closs. Medians of interleaved runs; under 8 minutes on two idle cores.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

root = pathlib.Path(__file__).resolve().parents[2]
folder = root / "build" / "peers"
if os.environ.get("CLOSS_PEERS") != "1":
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", "numpy", "scikit-learn"], check=True)
        (folder / "ready").touch()
    os.environ["CLOSS_PEERS"] = "1"
    os.execv(folder / "bin" / "python", [str(folder / "bin" / "python"), __file__, *sys.argv[1:]])

import numpy as np
from sklearn.linear_model import HuberRegressor, QuantileRegressor

closs = sys.argv[1] if len(sys.argv) > 1 else str(root / "build/release/tools/closs/closs")


def make(rows, columns):
    random = np.random.default_rng(0)
    x = random.standard_normal((rows, columns), dtype=np.float32)
    y = x @ random.standard_normal(columns) + 1.5 + 0.5 * random.standard_normal(rows)
    wrong = random.random(rows) < 0.1
    y[wrong] += 20 * random.standard_normal(wrong.sum())
    return x, y.astype(np.float32)


def closs_fit(name, *options):
    start = time.perf_counter()
    done = subprocess.run([closs, "fit", folder / f"{name}-x.npy", folder / f"{name}-y.npy", "--json", *options],
                          check=True, stdout=subprocess.PIPE)
    seconds = time.perf_counter() - start
    return seconds, np.array(json.loads(done.stdout)["coef"])


def peer_fit(model, x, y):
    start = time.perf_counter()
    model.fit(x, y)
    return time.perf_counter() - start, np.append(model.coef_, model.intercept_)


def mean_loss(x, y, coef, delta=None):
    size = np.abs(x.astype(np.float64) @ coef[:-1] + coef[-1] - y)
    if delta is None:
        return size.mean()
    return np.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta)).mean()


def compare(name, x, y, model, options, delta, runs):
    np.save(folder / f"{name}-x.npy", x)
    np.save(folder / f"{name}-y.npy", y)
    ratios = []
    for run in range(runs):
        peer_seconds, peer = peer_fit(model, x, y)
        limit = delta(model)
        if run == 0:
            closs_fit(name, *options(model))  # what is compiled once is kept
        seconds, ours = closs_fit(name, *options(model))
        ratios.append(peer_seconds / seconds)
        print(f"{name}: {type(model).__name__} {peer_seconds:.2f} s, loss {mean_loss(x, y, peer, limit):.9g}; "
              f"closs {seconds:.2f} s, loss {mean_loss(x, y, ours, limit):.9g}; ratio {ratios[-1]:.2f}", flush=True)
    print(f"{name}: median ratio {statistics.median(ratios):.2f} ({x.shape[0]} x {x.shape[1]}, {runs} runs)", flush=True)


x, y = make(1000000, 32)
huber = HuberRegressor(epsilon=1.35, alpha=0, max_iter=1000, tol=1e-5)
compare("huber", x, y, huber, lambda m: ["--loss", "huber", "--delta", repr(float(m.epsilon * m.scale_))],
        lambda m: m.epsilon * m.scale_, 3)
quantile = QuantileRegressor(quantile=0.5, alpha=0, solver="highs")
compare("l1", x[:20000], y[:20000], quantile, lambda m: ["--loss", "l1"], lambda m: None, 3)
