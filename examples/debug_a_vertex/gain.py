"""The layer kind that is debugged, y = w * x with a weight for each channel: a class, and a C file for each stage of the search."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlgraph.custom import Back, Clips, CustomWeightLayer, Int32Array, Int64Array, layer_gradient, layer_kind, layer_round

WEIGHT_FRACTION = 28          # weights are s3.28: 1.0 is 2**28


@dataclass
class Gain(CustomWeightLayer):
    """y = w * x; weights (channels,).  As `dlgraph new-vertex gain` writes it; its arithmetic is right."""

    def forward(self, x: Int64Array, weights: Int32Array, biases: Int32Array, clips: Clips) -> Int64Array:
        """16-bit values of a batch: (batch, height, width, channels)."""
        return clips.to16(layer_round(weights.astype(np.int64) * x, WEIGHT_FRACTION))

    def backward(self, x: Int64Array, e: Int64Array, weights: Int32Array, biases: Int32Array, shift: int, clips: Clips) -> Back:
        """Errors of x, and the gradient of the weights, from the errors e of y (s7.24)."""
        errors = clips.to32(layer_round(weights.astype(np.int64) * e, WEIGHT_FRACTION))
        gradients = layer_gradient(clips.unit_errors(e), x, shift)
        return Back(errors, gradients.sum(axis=(0, 1, 2)))


@layer_kind("gain_by_twos.c")
class GainByTwos(Gain):
    """Two channels at a time, to be faster; something is wrong with it."""


@layer_kind("gain_that_tells.c")
class GainThatTells(Gain):
    """The same mistake, and lines in IOBUF."""


@layer_kind("gain.c")
class GainMended(Gain):
    """The mistake mended."""


@layer_kind("gain_that_crashes.c")
class GainThatCrashes(Gain):
    """The loop of two channels at a time with another end."""


@layer_kind("gain_that_hangs.c")
class GainThatHangs(Gain):
    """A loop before it that has none."""
