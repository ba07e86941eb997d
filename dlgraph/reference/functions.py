"""Elementary functions and activations in integers, as ``docs/arithmetic.rst`` defines them.

Every function takes and returns int64 arrays of any shape; no intermediate value leaves 63 bits.
"""
from __future__ import annotations

import numpy as np

from dlgraph.formats import INT32_MAX, Int64Array, round_shift, saturate16, saturate32
from dlgraph.layer_graph import Activation
from dlgraph.reference.tables import LN_2_31, LOG2_E_32, RECIP_GUESS, exp2_table, ln_reciprocal_table, ln_table

ONE = 1 << 31                 #: 1.0 with fraction 31

_EXP2 = np.array(exp2_table(), np.int64)
_LN = np.array(ln_table(), np.int64)
_LN_RECIPROCAL = np.array(ln_reciprocal_table(), np.int64)


def exp_neg(z: Int64Array) -> Int64Array:
    """exp(-z), fraction 31.

    :param z: 0 .. 2**31 - 1, s8.23
    """
    # z * LOG2_E_32 takes 64 bits unsigned; its top bit is split off to stay within int64
    y = z + ((z * (LOG2_E_32 - 2**32)) >> 32)
    n, f = y >> 23, y & 0x7fffff
    u = ((f & 0x7fff) * LN_2_31) >> 23
    q = ONE - u + ((u * u) >> 32)
    t = (_EXP2[f >> 15] * q) >> 31
    return np.where(n > 31, 0, t >> np.minimum(n, 31))


def recip(d: Int64Array) -> Int64Array:
    """1/D, fraction 30.

    :param d: D with fraction 31, 2**30 .. 2**31
    """
    x = RECIP_GUESS - d
    for _ in range(4):
        t = (d * x) >> 31
        x = (x * (ONE - t)) >> 30
    return x


def sigma(a: Int64Array) -> Int64Array:
    """The logistic function of s8.23, fraction 31: 0 .. 2**31."""
    e = exp_neg(np.minimum(np.abs(a), INT32_MAX))
    x = np.minimum(recip((ONE + e) >> 1), ONE)
    return np.where(a >= 0, x, ONE - x)


def tanh(a: Int64Array) -> Int64Array:
    """tanh of s8.23, fraction 31: -2**31 .. 2**31."""
    return 2 * sigma(saturate32(2 * a)[0]) - ONE


def bit_length(v: Int64Array) -> Int64Array:
    """The number of bits of v > 0."""
    n = np.frexp(v.astype(np.float64))[1].astype(np.int64)
    return n - (v >> (n - 1) == 0)             # the conversion may have rounded up to the next power


def ln_big(v: Int64Array) -> Int64Array:
    """The natural logarithm of v / 2**31 >= 1, fraction 23.

    :param v: 2**31 .. 2**62
    """
    k = bit_length(v) - 32
    d = v >> k
    i = (d >> 23) & 255
    r = d - (ONE + (2 * i + 1) * 2**22)
    w = (r * _LN_RECIPROCAL[i]) >> 31
    log = _LN[i] + w - ((w * w) >> 32)
    return round_shift(log + k * LN_2_31, 8)


def activate(a: Int64Array, activation: Activation, fraction: int,
             negative_slope: int = 0) -> tuple[Int64Array, Int64Array, int]:
    """Activation of a hidden layer.

    :param a: pre-activations, s8.23
    :param fraction: ``fx`` of the result
    :param negative_slope: of a leaky ReLU, fraction 15
    :return: (x, 16 bits; f', fraction 15, 0 .. 2**15, of a leaky ReLU to 2**16 - 1; number of clips)
    """
    if activation is Activation.LEAKY_RELU:
        x, clips = saturate16(round_shift(np.where(a > 0, a, (a * negative_slope) >> 15), 23 - fraction))
        return x, np.where(a > 0, 1 << 15, negative_slope), clips
    if activation is Activation.LINEAR or activation is Activation.RELU:
        rectified = a if activation is Activation.LINEAR else np.maximum(a, 0)
        x, clips = saturate16(round_shift(rectified, 23 - fraction))
        slope = np.ones_like(a) if activation is Activation.LINEAR else (a > 0).astype(np.int64)
        return x, slope << 15, clips
    if activation is Activation.SIGMOID:
        s = sigma(a)
        return round_shift(s, 31 - fraction), sigmoid_slope(s), 0
    t = tanh(a)
    return round_shift(t, 31 - fraction), tanh_slope(t), 0


def sigmoid_slope(s: Int64Array) -> Int64Array:
    """f' of the sigmoid from its value of fraction 31; fraction 15."""
    return round_shift((s * (ONE - s)) >> 31, 16)


def tanh_slope(t: Int64Array) -> Int64Array:
    """f' of tanh from its value of fraction 31; fraction 15."""
    return round_shift(ONE - ((t * t) >> 31), 16)


def hidden_error(e: Int64Array, slope: Int64Array, activation: Activation) -> tuple[Int64Array, int]:
    """Errors of a hidden layer's units.

    :param e: partial errors added up, s7.24
    :param slope: f', fraction 15
    :return: (d, s3.28; number of clips)
    """
    error, clips = saturate32(e << 4)
    if activation in (Activation.LINEAR, Activation.RELU):
        return np.where(slope != 0, error, 0), clips
    error, more = saturate32(round_shift(error * slope, 15))       # only the slope of a leaky ReLU exceeds 1
    return error, clips + more
