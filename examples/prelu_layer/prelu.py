"""PReLU as a layer kind of one's own: ``y = x`` where ``x >= 0``, else ``a * x``, with a slope for each channel to train.

The same arithmetic as prelu.c, in NumPy.
"""
from __future__ import annotations

import numpy as np

from dlgraph.custom import (Back, Clips, CustomWeightLayer, Int32Array, Int64Array, ModelError, Use, image_shape, layer_gradient,
                            layer_kind, layer_round, no_weights)

SLOPE_FRACTION = 28


@layer_kind("prelu.c", keras="PReLU")
class PReluLayer(CustomWeightLayer):
    """Keras' ``PReLU(shared_axes=[1, 2])``; weights (channels,)."""

    keras_options = {"alpha_regularizer": (None,), "alpha_constraint": (None,)}

    def forward(self, x: Int64Array, weights: Int32Array, biases: Int32Array, clips: Clips) -> Int64Array:
        """x, or a times it, rounded."""
        return np.where(x >= 0, x, clips.to16(np.where(x >= 0, 0, layer_round(weights.astype(np.int64) * x, SLOPE_FRACTION))))

    def backward(self, x: Int64Array, e: Int64Array, weights: Int32Array, biases: Int32Array, shift: int, clips: Clips) -> Back:
        """Errors times the slope of the line, and the gradient of the slopes: the sum of e times x where x < 0."""
        below = x < 0
        errors = np.where(below, clips.to32(np.where(below, layer_round(weights.astype(np.int64) * e, SLOPE_FRACTION), 0)), e)
        gradients = layer_gradient(clips.unit_errors(np.where(below, e, 0)), np.where(below, x, 0), shift)
        return Back(errors, gradients.sum(axis=(0, 1, 2)))

    @classmethod
    def from_keras(cls, use: Use) -> PReluLayer:
        """From a layer that shares its slopes over all positions."""
        height, width, channels = image_shape(use.input.shape)
        shared = list(use.config["shared_axes"] or [])
        positions = list(range(1, len(use.input.shape)))
        if height * width > 1 and shared != positions:
            raise ModelError(f"PReLU layer {use.name!r} has shared_axes={shared}. This layer kind has one slope for each channel: "
                             f"build it with shared_axes={positions}.")
        return cls(use.name, no_weights(channels))
