"""The trainable sub-sampling of the LeNets as a layer kind of one's own: ``y = w * (sum of a window) + b``.

Each channel has a coefficient ``w`` and a bias ``b``, both trained; windows do not overlap.  LeCun, Bottou, Bengio and Haffner,
"Gradient-based learning applied to document recognition", Proc. IEEE 86 (1998), section II-B, layers S2 and S4.

The same arithmetic as subsampling.c, in NumPy.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlgraph.custom import Back, Clips, CustomWeightLayer, Int32Array, Int64Array, Windows, layer_gradient, layer_kind, layer_round

WEIGHT_FRACTION, BIAS_FRACTION = 28, 23


@layer_kind("subsampling.c")
@dataclass
class SubsamplingLayer(CustomWeightLayer):
    """Weights (channels,): the coefficients; biases (channels,).

    :param size: rows and columns of a window; what is left over below and to the right belongs to none
    """

    size: int = 2

    @property
    def keeps_fraction(self) -> bool:
        """A sum of values times a coefficient may be larger than they are: it has the format of a linear layer's value."""
        return False

    @property
    def windows(self) -> Windows:
        """Side by side."""
        return Windows((self.size, self.size), (self.size, self.size))

    @property
    def options(self) -> Sequence[int]:
        """What the C side must know."""
        return (self.size,)

    def cycles(self, taken: tuple[int, int, int], given: tuple[int, int, int]) -> float:
        """As measured on 2 x 2: some 370 for a window, forward and backward."""
        return 100.0 * float(np.prod(given)) + 67.0 * float(np.prod(taken))

    def forward(self, x: Int64Array, weights: Int32Array, biases: Int32Array, clips: Clips) -> Int64Array:
        """Coefficient times sum, and the bias in the fraction of this product; both rounded together."""
        fraction = WEIGHT_FRACTION + self.input_fraction
        products = weights.astype(np.int64) * self.split(x).sum(axis=(2, 4))
        sums = products + (biases.astype(np.int64) << (fraction - BIAS_FRACTION))
        return clips.to16(layer_round(sums, fraction - self.output_fraction))

    def backward(self, x: Int64Array, e: Int64Array, weights: Int32Array, biases: Int32Array, shift: int, clips: Clips) -> Back:
        """A window's error times the coefficient goes to all of its values; the coefficient's gradient has a term of each value."""
        back = clips.to32(layer_round(weights.astype(np.int64) * e, WEIGHT_FRACTION))
        to_all = back.repeat(self.size, axis=1).repeat(self.size, axis=2)
        errors = np.zeros_like(x)
        errors[:, :to_all.shape[1], :to_all.shape[2]] = to_all
        d = clips.unit_errors(e)
        gradients = layer_gradient(d[:, :, None, :, None], self.split(x), shift)
        return Back(errors, gradients.sum(axis=(0, 1, 2, 3, 4)), d.sum(axis=(0, 1, 2)))

    def split(self, x: Int64Array) -> Int64Array:
        """The windows: (batch, rows of windows, rows in a window, columns of windows, columns in a window, channels)."""
        rows, columns, channels = self.shape_from([x.shape[1:]])
        inside = x[:, :rows * self.size, :columns * self.size]
        return inside.reshape(len(x), rows, self.size, columns, self.size, channels)
