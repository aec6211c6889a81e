"""docs/numerics.md again, with NumPy: elements, the sum, means and gradients of f32 and f64, by that page's names.

Written from the page alone, to be read beside it; it shares nothing with the library, which tests/numerics compares
with it bit for bit. T is np.float32 or np.float64; all numbers are of type T, so that each operation rounds once, to T.
"""

from fractions import Fraction

import numpy as np

UINT = {np.float32: np.uint32, np.float64: np.uint64}
M = {np.float32: 23, np.float64: 52}
B = {np.float32: 127, np.float64: 1023}
SPLIT = {np.float32: 12, np.float64: 27}
SMALL = {np.float32: 24, np.float64: 53}
UP = {np.float32: 48, np.float64: 108}
SEED = {np.float32: 0x7EF311C7, np.float64: 0x7FDE623822FC16E6}
STEPS = {np.float32: 4, np.float64: 5}


def element(loss, d, p):
    T, z = type(p), abs(d)
    sign = np.where(d > 0, T(1), np.where(d < 0, T(-1), d))
    if loss == "mse":
        return d * d, d + d
    if loss == "smooth_l1" and p != 0:
        r = T(1) / p
        value = np.where(z < p, (T(0.5) * z) * (z * r), z - T(0.5) * p)
        return value, np.where(d <= -p, T(-1), np.where(d >= p, T(1), d * r))
    if loss == "huber":
        return np.where(z <= p, (T(0.5) * z) * z, p * (z - T(0.5) * p)), np.where(d < -p, -p, np.where(d > p, p, d))
    return z, sign


# The sum


def two_sum(a, b):
    t = a + b
    z = t - a
    return t, (a - (t - z)) + (b - z)


def merge(left, right):
    t, e = two_sum(left[0], right[0])
    return t, (left[1] + right[1]) + e


def total(terms):
    """The pair of the sum along the last axis."""
    lead, n = terms.shape[:-1], terms.shape[-1]
    chunks = max(1, -(-n // 4096))
    rows = np.zeros((*lead, chunks * 4096), terms.dtype)  # a missing term is +0
    rows[..., :n] = terms
    rows = rows.reshape(*lead, chunks, 64, 64)
    s = c = np.zeros((*lead, chunks, 64), terms.dtype)
    for i in range(64):
        s, e = two_sum(s, rows[..., i, :])
        c = c + e
    for h in (32, 16, 8, 4, 2, 1):
        s, c = merge((s[..., :h], c[..., :h]), (s[..., h:], c[..., h:]))
    s, c = s[..., 0], c[..., 0]
    while s.shape[-1] > 1:
        even = s.shape[-1] // 2 * 2
        merged = merge((s[..., 0:even:2], c[..., 0:even:2]), (s[..., 1:even:2], c[..., 1:even:2]))
        s, c = (np.concatenate((m, odd[..., even:]), axis=-1) for m, odd in zip(merged, (s, c)))
    return s[..., 0][()], c[..., 0][()]


def value_of(pair):
    s, c = pair
    return np.where(np.isfinite(s), s + c, s)[()]


# A pair times a factor


def hi(a):
    T = a.dtype.type
    return (a.view(UINT[T]) >> UINT[T](SPLIT[T]) << UINT[T](SPLIT[T])).view(T)


def lo(a):
    return a - hi(a)


def two_product(a, b):
    p = a * b
    e = hi(a) * hi(b) - p
    e = e + hi(a) * lo(b)
    e = e + lo(a) * hi(b)
    return p, e + lo(a) * lo(b)


def times(pair, factor):
    (s, c), (fh, fl) = pair, factor
    p, e = two_product(s, fh)
    k = s * fl + c * fh
    return np.where(np.isfinite(p), p + (e + k), p)[()]


def nearest(exact, T):
    """The T nearest to a fraction."""
    near = T(float(exact))
    around = (near, np.nextafter(near, T(-np.inf)), np.nextafter(near, T(np.inf)))
    return min(around, key=lambda v: abs(Fraction(float(v)) - exact))


def factor_of_mean(N, T):
    if N == 0:
        return T(np.inf), T(0)
    fh = nearest(Fraction(1, N), T)
    return fh, nearest(Fraction(1, N) - Fraction(float(fh)), T)


# The weighted mean


def field(v):
    return int(v.view(UINT[type(v)])) >> M[type(v)] & 2 * B[type(v)] + 1


def power(n, T):
    return np.ldexp(T(1), n)


def normal(v):
    T = type(v)
    first, n = (power(UP[T], T), -UP[T]) if field(v) <= SMALL[T] else (T(1), 0)
    E = min(field(v * first), 2 * B[T] - 1)
    return first, power(B[T] - E, T), n + E - B[T]


def scale(v, n):
    T, most = type(v), B[type(v)] - 1
    while n > most:
        v, n = v * power(most, T), n - most
    while n < -most:
        v, n = v * power(-most, T), n + most
    return v * power(n, T)


def recip(w):
    T = type(w)
    y = UINT[T](SEED[T] - int(w.view(UINT[T]))).view(T)
    for _ in range(STEPS[T]):
        t = w * y
        t = T(2) - t
        y = y * t
    return y


def scaled(v, d):
    first, second, n = normal(v)
    return v * first * second, d * first * second, n


def quotient(of, by):
    T, u, v = type(of[0]), value_of(of), value_of(by)
    if np.isnan(u) or np.isnan(v) or (np.isinf(u) and np.isinf(v)) or (u == 0 and v == 0):
        return T(np.nan)
    if np.isinf(u) or v == 0:
        return T(np.inf) if (u > 0) == (v >= 0) else T(-np.inf)
    if u == 0 or np.isinf(v):
        return T(0)
    (u, c), (v, d) = two_sum(*of), two_sum(*by)
    if v < 0:
        u, c, v, d = -u, -c, -v, -d
    u, c, n = scaled(u, c)
    v, d, m = scaled(v, d)
    y = recip(v)
    q = u * y
    p, e = two_product(q, v)
    r = ((u - p) - e) + (c - q * d)
    return scale(q + r * y, n - m)


def reciprocal(pair):
    T, v = type(pair[0]), value_of(pair)
    if np.isnan(v) or v == 0 or np.isinf(v):
        return (T(np.nan) if np.isnan(v) else T(np.inf) if v == 0 else T(0)), T(0)
    v, d = two_sum(*pair)
    sign = T(-1) if v < 0 else T(1)
    v, d, m = scaled(sign * v, sign * d)
    y = recip(v)
    p, e = two_product(y, v)
    rh = y + y * (((T(1) - p) - e) - y * d)
    p, e = two_product(rh, v)
    rl = (((T(1) - p) - e) - rh * d) * y
    return sign * scale(rh, -m), sign * scale(rl, -m)


# Losses and gradients


def stored(result):
    """+0 for every zero, and the one NaN."""
    return np.where(np.isnan(result), result.dtype.type(np.nan), result + result.dtype.type(0))


def gradient(terms, shape, k):
    """The gradient of an operand of this shape: the terms times k, summed where the operand was broadcast."""
    ones = (1,) * (terms.ndim - len(shape)) + shape
    summed = [i for i in range(terms.ndim) if ones[i] != terms.shape[i]]
    if not summed:
        return (terms * k).reshape(shape)
    kept = [i for i in range(terms.ndim) if i not in summed]
    columns = terms.transpose(kept + summed).reshape(*(terms.shape[i] for i in kept), -1)
    return times(total(columns), (k, terms.dtype.type(0))).reshape(shape)


def compute(loss, x, y, p, reduction, weight, over_weights, g):
    """The loss and both gradients. p is the parameter, weight an array or None, g of type T or an array."""
    T = x.dtype.type
    value, slope = element(loss, x - y, p)
    if weight is not None:
        w = np.broadcast_to(weight, value.shape)
        value, slope = value * w, slope * w
    if reduction == "none":
        result, slope, k = value, slope * g, T(1)
    else:
        pair = total(value.ravel())
        if reduction == "sum":
            result, k = value_of(pair), g
        elif weight is not None and over_weights:
            weights = total(w.ravel())
            result, k = quotient(pair, weights), times((g, T(0)), reciprocal(weights))
        else:
            factor = factor_of_mean(value.size, T)
            result, k = times(pair, factor), times((g, T(0)), factor)
    return stored(result), stored(gradient(slope, x.shape, k)), stored(-gradient(slope, y.shape, k))
