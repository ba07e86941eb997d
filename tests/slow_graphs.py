"""Layer graphs in plain Python integers, one number at a time, straight from docs/arithmetic.rst.

It shares no code with dlgraph: an image is a dictionary from (row, column, channel), and what is not in it is beyond it.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Any

from slow_arithmetic import Clips, activate, checked, clog2, correct, hashed, order, output, rate, rnd

INPUT = -1


def leaky_relu(a, slope, fx, clips):
    return clips.sat(rnd(a if a > 0 else (a * slope) >> 15, 23 - fx), 16), 2**15 if a > 0 else slope


def cells(shape):
    return product(*map(range, shape))


def flat(cell, shape):
    row, column, channel = cell
    return (row * shape[1] + column) * shape[2] + channel


def from_flat(values, shape):
    return {cell: int(values[flat(cell, shape)]) for cell in cells(shape)}


@dataclass
class Node:
    """One layer; what a kind does not need is left out.

    weights: {(kernel row, kernel column, input channel, unit): w}, of a dense layer (input's cell..., unit)
    """

    kind: str
    inputs: list[int]
    shape: tuple[int, int, int]
    in_shapes: list[tuple[int, int, int]]
    fx: int
    fx_out: int = 0
    weights: dict[tuple[int, ...], int] = field(default_factory=dict)
    biases: list[int] = field(default_factory=list)
    use_bias: bool = True
    activation: str = "linear"
    slope: int = 0
    size: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    padding: Any = ((0, 0), (0, 0))
    rate: float = 0.0
    clips: Clips = field(default_factory=Clips)

    def under(self, p):
        """Cells of the window at position p, in row-major order: (cell of the window, cell of the image)."""
        for u in cells(self.size):
            yield u, (p[0] * self.strides[0] - self.padding[0][0] + u[0], p[1] * self.strides[1] - self.padding[1][0] + u[1])

    def terms(self, p, j):
        """(index of the weight, cell of the input) for each term of a pre-activation."""
        if self.kind == "dense":
            return [((*q, j), q) for q in cells(self.in_shapes[0])]
        return [((*u, k, j), (*q, k)) for u, q in self.under(p) for k in range(self.in_shapes[0][2])]

    def activated(self, a):
        if self.activation == "leaky_relu":
            return leaky_relu(a, self.slope, self.fx_out, self.clips)
        return activate(self.activation, a, self.fx_out, self.clips)


class GraphNet:
    """Trains sample by sample, as the page says."""

    def __init__(self, nodes, input_shape, loss, from_logits, metric, seed):
        self.nodes, self.input_shape, self.seed = nodes, input_shape, seed
        self.loss, self.from_logits, self.metric = loss, from_logits, metric
        self.learns = []
        for node in nodes:
            self.learns.append(bool(node.weights) or any(i != INPUT and self.learns[i] for i in node.inputs))

    # ------------------------------------------------------------------ forward

    def forward_sample(self, x, training=False, epoch=0, index=0):
        """Values and what else the way back needs, by layer, and the output's pre-activations."""
        values, kept = {INPUT: from_flat(x, self.input_shape)}, {}
        for n, node in enumerate(self.nodes):
            xs = [values[i] for i in node.inputs]
            if node.weights:
                a = {}
                for p in cells(node.shape):
                    acc = sum((node.weights[u] * xs[0].get(q, 0)) >> 16 for u, q in node.terms(p[:2], p[2]))
                    checked(acc)
                    a[p] = node.clips.sat(rnd(acc, node.fx - 11) + node.biases[p[2]])
                if n + 1 == len(self.nodes):
                    return values, kept, [a[p] for p in cells(node.shape)]
                values[n], kept[n] = self.activate_all(node, a)
            elif node.kind == "activation":
                values[n], kept[n] = self.activate_all(node, {p: node.clips.sat(v << (23 - node.fx)) for p, v in xs[0].items()})
            elif node.kind in ("average", "maximum"):
                values[n], kept[n] = self.pool(node, xs[0])
            elif node.kind == "dropout":
                kept[n] = {p: hashed(self.seed, epoch, 2 + n, index, flat(p, node.shape))
                           >= min(round(node.rate * 2**32), 2**32 - 1) for p in xs[0]}
                m, e = rate(1.0 / (1.0 - node.rate))
                values[n] = {p: node.clips.sat(rnd(v * m, e), 16) if kept[n][p] else 0
                             for p, v in xs[0].items()} if training else xs[0]
            elif node.kind == "padding":
                values[n] = {(r, c, k): xs[0].get((r - node.padding[0][0], c - node.padding[1][0], k), 0)
                             for r, c, k in cells(node.shape)}
            elif node.kind == "reshape":
                values[n] = {p: xs[0][q] for p, q in zip(cells(node.shape), cells(node.in_shapes[0]), strict=True)}
            elif node.kind == "add":
                values[n] = {p: node.clips.sat(sum(x[p] for x in xs), 16) for p in cells(node.shape)}
            else:
                assert node.kind == "concatenate"
                values[n] = {(r, c, k): self.joined(node, xs, r, c, k) for r, c, k in cells(node.shape)}
        raise AssertionError

    @staticmethod
    def activate_all(node, a):
        pairs = {p: node.activated(v) for p, v in a.items()}
        return {p: v for p, (v, _) in pairs.items()}, {p: slope for p, (_, slope) in pairs.items()}

    @staticmethod
    def pool(node, x):
        """Values; and by position the cells of the window (average), or the largest (maximum)."""
        values, kept = {}, {}
        for r, c, k in cells(node.shape):
            inside = [(*q, k) for _, q in node.under((r, c)) if (*q, k) in x]
            if node.kind == "average":
                m, e = rate(1.0 / len(inside))
                values[r, c, k] = node.clips.sat(rnd(sum(x[q] for q in inside) * m, e), 16)
                kept[r, c, k] = inside
            else:
                largest = max(x[q] for q in inside)
                values[r, c, k] = largest
                kept[r, c, k] = next(q for q in inside if x[q] == largest)
        return values, kept

    @staticmethod
    def joined(node, xs, r, c, k):
        for x, shape in zip(xs, node.in_shapes, strict=True):
            if k < shape[2]:
                return x[r, c, k]
            k -= shape[2]
        raise AssertionError

    # ------------------------------------------------------------------ backward

    def backward_sample(self, values, kept, d, s, sb, grads, bias_grads):
        """Adds to the gradients.  d: of the outputs, flat."""
        errors = [{} for _ in self.nodes]

        def send(i, q, e):
            if i != INPUT and self.learns[i]:
                errors[i][q] = errors[i].get(q, 0) + e

        for n in range(len(self.nodes) - 1, -1, -1):
            node = self.nodes[n]
            if not self.learns[n]:
                continue
            i = node.inputs[0]
            e = {p: errors[n].get(p, 0) for p in cells(node.shape)}
            for v in e.values():
                checked(v)
            if node.weights:
                if n + 1 == len(self.nodes):
                    errors_here = from_flat(d, node.shape)
                else:
                    errors_here = {p: self.unit_error(node, v, kept[n][p]) for p, v in e.items()}
                for p, dj in errors_here.items():
                    bias_grads[n][p[2]] += dj if node.kind == "convolution" else dj >> sb[n]
                    for u, q in node.terms(p[:2], p[2]):
                        if q in values[i]:
                            grads[n][u] += ((dj >> s[n]) * values[i][q]) >> 16
                            send(i, q, (dj * (node.weights[u] >> 16)) >> 16)
            for p, v in e.items():
                if node.kind == "activation":
                    if node.activation in ("linear", "relu"):
                        send(i, p, v if kept[n][p] else 0)
                    else:
                        send(i, p, node.clips.sat(rnd(v * kept[n][p], 15)))
                elif node.kind == "average":
                    m, shift = rate(1.0 / len(kept[n][p]))
                    for q in kept[n][p]:
                        send(i, q, rnd(v * m, shift))
                elif node.kind == "maximum":
                    send(i, kept[n][p], v)
                elif node.kind == "dropout":
                    m, shift = rate(1.0 / (1.0 - node.rate))
                    send(i, p, node.clips.sat(rnd(v * m, shift)) if kept[n][p] else 0)
                elif node.kind == "padding":
                    q = (p[0] - node.padding[0][0], p[1] - node.padding[1][0], p[2])
                    if q in values[i]:
                        send(i, q, v)
                elif node.kind == "add":
                    for j in node.inputs:
                        send(j, p, v)
                elif node.kind == "concatenate":
                    k = p[2]
                    for j, shape in zip(node.inputs, node.in_shapes, strict=True):
                        if 0 <= k < shape[2]:
                            send(j, (p[0], p[1], k), v)
                        k -= shape[2]
            if node.kind == "reshape":
                for p, q in zip(cells(node.shape), cells(node.in_shapes[0]), strict=True):
                    send(i, q, e[p])

    @staticmethod
    def unit_error(node, e, slope):
        big = node.clips.sat(e << 4)
        if node.activation in ("linear", "relu"):
            return big if slope else 0
        if node.activation == "leaky_relu":
            return node.clips.sat(rnd(big * slope, 15))
        return rnd(big * slope, 15)

    # ------------------------------------------------------------------ passes

    def evaluate(self, xs, ys):
        """(outputs, loss sum, correct)."""
        last = self.nodes[-1]
        outputs, loss, n_correct = [], 0, 0
        for x, y in zip(xs, ys, strict=True):
            _, _, a = self.forward_sample(x)
            p, _, of_sample = output(last.activation, self.loss, self.from_logits, a, y, last.clips, training=False)
            outputs.append(p)
            loss += of_sample
            n_correct += correct(self.metric, last.activation, self.from_logits, self.loss, a, p, y)
        return outputs, loss, n_correct

    def train_epoch(self, xs, ys, epoch, batch_size, shuffle, lr):
        """(loss sum, correct)."""
        loss, n_correct, last = 0, 0, self.nodes[-1]
        positions = [node.shape[0] * node.shape[1] for node in self.nodes]
        s = [max(0, clog2(batch_size) + clog2(n) // 4 - 4) for n in positions]
        sb = [clog2(batch_size * n) for n in positions]
        for start in range(0, len(xs), batch_size):
            batch = [order(k, len(xs), self.seed, epoch) if shuffle else k
                     for k in range(start, min(start + batch_size, len(xs)))]
            grads = [dict.fromkeys(node.weights, 0) for node in self.nodes]
            bias_grads = [[0] * len(node.biases) for node in self.nodes]
            for k in batch:
                values, kept, a = self.forward_sample(xs[k], True, epoch, k)
                p, d, of_sample = output(last.activation, self.loss, self.from_logits, a, ys[k], last.clips, training=True)
                loss += of_sample
                n_correct += correct(self.metric, last.activation, self.from_logits, self.loss, a, p, ys[k])
                self.backward_sample(values, kept, d, s, sb, grads, bias_grads)
            for n, node in enumerate(self.nodes):
                if not node.weights:
                    continue
                m, e = rate(lr / len(batch) * 2.0**(16 - node.fx + s[n]))
                for u, g in grads[n].items():
                    checked(g)
                    node.weights[u] = node.clips.sat(node.weights[u] - rnd(g * m, e))
                if node.use_bias:
                    m, e = rate(lr / len(batch) * 2.0**(sb[n] - 5))
                    for j, g in enumerate(bias_grads[n]):
                        g = g >> sb[n] if node.kind == "convolution" else g
                        node.biases[j] = node.clips.sat(node.biases[j] - rnd(g * m, e))
        return loss, n_correct
