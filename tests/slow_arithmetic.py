"""The arithmetic once more, in plain Python integers, one number at a time, straight from docs/arithmetic.rst.

It shares no code with dlgraph: formulas are written as the page writes them, and tables come from the host's floats.
"""
from __future__ import annotations

import math
from fractions import Fraction

INT32 = 2**31
GOLDEN, MIX = 0x9e3779b1, 0x85ebca6b


class Clips:
    """Counts clips."""

    def __init__(self):
        self.n = 0

    def sat(self, v, bits=32):
        limit = 2**(bits - 1)
        c = max(-limit, min(limit - 1, v))
        self.n += c != v
        return c


def rnd(v, n):
    if n > 0:
        return (v + 2**(n - 1)) // 2**n
    return v * 2**-n


def checked(v):
    assert -INT32 <= v < INT32, "checked sum"


def rint(q: Fraction) -> int:
    """Nearest integer, ties to even: what Python's round does to a Fraction."""
    return round(q)


def clog2(n):
    k = 0
    while 2**k < n:
        k += 1
    return k


def rate(rho):
    if rho == 0:
        return 0, 62
    for e in range(62, 0, -1):
        m = rint(Fraction(rho) * 2**e)
        if m < 2**31:
            return m, e
    raise ValueError("rate")


EXP2 = [round(2**31 * 2**(-i / 256)) for i in range(256)]
LN = [round(2**31 * math.log((2 * i + 513) / 512)) for i in range(256)]
RB = [round(2**31 * 512 / (2 * i + 513)) for i in range(256)]


def exp_neg(z):
    y = (z * 6196328019) >> 32
    n, f = y >> 23, y & 0x7fffff
    i, r = f >> 15, f & 0x7fff
    u = (r * 1488522236) >> 23
    q = 2**31 - u + ((u * u) >> 32)
    t = (EXP2[i] * q) >> 31
    return 0 if n > 31 else t >> n


def recip(d):
    x = 3129112985 - d
    for _ in range(4):
        t = (d * x) >> 31
        x = (x * (2**31 - t)) >> 30
    return x


def sigma(a):
    e = exp_neg(min(abs(a), 2**31 - 1))
    x = min(recip((2**31 + e) >> 1), 2**31)
    return x if a >= 0 else 2**31 - x


def ln_big(v):
    k = v.bit_length() - 32
    d = v >> k
    i = (d >> 23) & 255
    r = d - (2**31 + (2 * i + 1) * 2**22)
    w = (r * RB[i]) >> 31
    log = LN[i] + w - ((w * w) >> 32)
    return rnd(log + k * 1488522236, 8)


def tanh(a):
    return 2 * sigma(max(-INT32, min(INT32 - 1, 2 * a))) - 2**31


def activate(kind, a, fx, clips):
    if kind == "linear":
        return clips.sat(rnd(a, 23 - fx), 16), 2**15
    if kind == "relu":
        return clips.sat(rnd(max(a, 0), 23 - fx), 16), 2**15 if a > 0 else 0
    if kind == "sigmoid":
        s = sigma(a)
        return rnd(s, 31 - fx), rnd((s * (2**31 - s)) >> 31, 16)
    t = tanh(a)
    return rnd(t, 31 - fx), rnd(2**31 - ((t * t) >> 31), 16)


def output(kind, loss, from_logits, a, y, clips, training):
    """One sample: (p, d, loss).  y: targets of the loss's fraction, or None."""
    n = len(a)
    m, e = rate(1.0 / n)

    def mean(v):
        return clips.sat(rnd(clips.sat(v) * m, e))

    top = max(a)
    below = [min(top - v, 2**31 - 1) for v in a]
    exps = [exp_neg(z) for z in below]
    total = sum(exps)
    k = total.bit_length() - 31
    x = recip(total >> k)
    soft = [min((v * x) >> (33 + k), 2**28) for v in exps]
    sig = [rnd(sigma(v), 3) for v in a]
    p = {"softmax": soft, "sigmoid": sig, "tanh": [rnd(tanh(v), 3) for v in a], "linear": list(a),
         "relu": [max(v, 0) for v in a]}[kind]
    if y is None:
        return p, None, 0

    if loss in ("scce", "cce"):
        assert kind == "softmax" or (kind == "linear" and from_logits)
        d = [soft[j] - y[j] for j in range(n)]
        return p, d, sum(y[j] * (ln_big(total) + below[j]) for j in range(n)) >> 28
    if loss == "bce":
        assert kind == "sigmoid" or (kind == "linear" and from_logits)
        d = [mean(sig[j] - y[j]) for j in range(n)]
        return p, d, sum(max(a[j], 0) - ((a[j] * y[j]) >> 28)
                         + ln_big(2**31 + exp_neg(min(abs(a[j]), 2**31 - 1))) for j in range(n))

    fine = kind in ("softmax", "sigmoid", "tanh")
    u = [clips.sat((rnd(p[j], 5) if fine else p[j]) - y[j]) for j in range(n)]
    total_loss = sum((v * v) >> 23 for v in u)
    if not training:
        return p, None, total_loss
    v = [clips.sat((p[j] if fine else p[j] << 5) - (y[j] << 5)) for j in range(n)]
    g = [mean(2 * w) for w in v]
    if kind == "linear":
        d = g
    elif kind == "relu":
        d = [g[j] if a[j] > 0 else 0 for j in range(n)]
    elif kind in ("sigmoid", "tanh"):
        d = [rnd(g[j] * activate(kind, a[j], 13, clips)[1], 15) for j in range(n)]
    else:
        c = sum((g[j] * p[j]) >> 28 for j in range(n))
        d = [clips.sat(rnd((g[j] - c) * p[j], 28)) for j in range(n)]
    return p, d, total_loss


def correct(metric, kind, from_logits, loss, a, p, y):
    if metric == "none":
        return 0
    if metric == "binary":
        count = 0
        for j in range(len(a)):
            if kind == "sigmoid" or from_logits:
                positive = a[j] > 0
            else:
                positive = p[j] > 2**(27 if kind in ("softmax", "tanh") else 22)
            count += positive == (y[j] > 2**(22 if loss == "mse" else 27))
        return count
    return int(a.index(max(a)) == y.index(max(y)))


def hashed(*words):
    h = 0x243f6a88
    for w in words:
        h = ((h ^ w) * GOLDEN) % 2**32
        h = h ^ (h >> 15)
        h = (h * MIX) % 2**32
        h = h ^ (h >> 13)
    return h


def order(k, n, seed, epoch):
    h = max(1, (clog2(n) + 1) // 2)
    mask = 2**h - 1
    while True:
        left, right = k >> h, k & mask
        for i in range(6):
            v = ((right ^ hashed(seed, epoch, 1, i, 0)) * GOLDEN) % 2**32
            v = v ^ (v >> 15)
            v = (v * MIX) % 2**32
            left, right = right, left ^ ((v >> 16) & mask)
        k = (left << h) | right
        if k < n:
            return k


class Layer:
    """weights[i][j], biases[j], kind, fx of its inputs."""

    def __init__(self, weights, biases, use_bias, kind, fx):
        self.weights = [list(row) for row in weights]
        self.biases = list(biases)
        self.use_bias, self.kind, self.fx = use_bias, kind, fx
        self.clips = Clips()


class Net:
    """Trains sample by sample, as the page says."""

    def __init__(self, layers, loss, from_logits, metric, seed):
        self.layers, self.loss, self.from_logits, self.metric, self.seed = layers, loss, from_logits, metric, seed

    def forward_sample(self, x):
        """Inputs of every layer, derivatives, and the output's pre-activations."""
        inputs, slopes = [list(x)], []
        for n, layer in enumerate(self.layers):
            a = []
            for j, b in enumerate(layer.biases):
                acc = sum((row[j] * v) >> 16 for row, v in zip(layer.weights, inputs[-1], strict=True))
                checked(acc)
                a.append(layer.clips.sat(rnd(acc, layer.fx - 11) + b))
            if n + 1 == len(self.layers):
                return inputs, slopes, a
            pairs = [activate(layer.kind, v, self.layers[n + 1].fx, layer.clips) for v in a]
            inputs.append([q[0] for q in pairs])
            slopes.append([q[1] for q in pairs])
        raise AssertionError

    def evaluate(self, xs, ys):
        """(outputs, loss sum, correct)."""
        outputs, loss, n_correct = [], 0, 0
        for x, y in zip(xs, ys, strict=True):
            _, _, a = self.forward_sample(x)
            p, _, of_sample = output(self.layers[-1].kind, self.loss, self.from_logits, a, y,
                                     self.layers[-1].clips, training=False)
            outputs.append(p)
            loss += of_sample
            n_correct += correct(self.metric, self.layers[-1].kind, self.from_logits, self.loss, a, p, y)
        return outputs, loss, n_correct

    def train_epoch(self, xs, ys, epoch, batch_size, shuffle, lr):
        """(loss sum, correct)."""
        loss, n_correct = 0, 0
        s, sb = max(0, clog2(batch_size) - 4), clog2(batch_size)
        for start in range(0, len(xs), batch_size):
            batch = [order(k, len(xs), self.seed, epoch) if shuffle else k
                     for k in range(start, min(start + batch_size, len(xs)))]
            grads = [[[0] * len(la.biases) for _ in la.weights] for la in self.layers]
            bias_grads = [[0] * len(la.biases) for la in self.layers]
            for k in batch:
                inputs, slopes, a = self.forward_sample(xs[k])
                p, d, of_sample = output(self.layers[-1].kind, self.loss, self.from_logits, a, ys[k],
                                         self.layers[-1].clips, training=True)
                loss += of_sample
                n_correct += correct(self.metric, self.layers[-1].kind, self.from_logits, self.loss, a, p, ys[k])
                for n in range(len(self.layers) - 1, -1, -1):
                    layer = self.layers[n]
                    for j, dj in enumerate(d):
                        bias_grads[n][j] += dj >> sb
                        for i, xi in enumerate(inputs[n]):
                            grads[n][i][j] += ((dj >> s) * xi) >> 16
                    if n:
                        before = self.layers[n - 1]
                        new = []
                        for i, row in enumerate(layer.weights):
                            e = sum((d[j] * (w >> 16)) >> 16 for j, w in enumerate(row))
                            checked(e)
                            big = before.clips.sat(e << 4)
                            slope = slopes[n - 1][i]
                            if before.kind in ("linear", "relu"):
                                new.append(big if slope else 0)
                            else:
                                new.append(rnd(big * slope, 15))
                        d = new
            for n, layer in enumerate(self.layers):
                m, e = rate(lr / len(batch) * 2.0**(16 - layer.fx + s))
                for i, row in enumerate(layer.weights):
                    for j in range(len(row)):
                        checked(grads[n][i][j])
                        row[j] = layer.clips.sat(row[j] - rnd(grads[n][i][j] * m, e))
                if layer.use_bias:
                    m, e = rate(lr / len(batch) * 2.0**(sb - 5))
                    for j in range(len(layer.biases)):
                        layer.biases[j] = layer.clips.sat(layer.biases[j] - rnd(bias_grads[n][j] * m, e))
        return loss, n_correct
