"""Everything that training changes, and its way from Keras' floats to the machine's integers and back."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlgraph.errors import NumberFormatError
from dlgraph.formats import (LOGIT_FRACTION, WEIGHT_FRACTION, Float32Array, biases_from_float, biases_to_float,
                             weights_from_float, weights_to_float)
from dlgraph.layers import Int32Array, WeightLayer
from dlgraph.optimiser_formats import FloatState, plane_from_float, plane_to_float
from dlgraph.optimisers import BIASES, WEIGHTS, OptimiserState, Plane

Parameters = list[tuple[Int32Array, Int32Array]]
#: Of each layer with weights, kernel and bias (where it has one), in Keras' shapes.
Floats = list[list[Float32Array]]


@dataclass(frozen=True)
class TrainingState:
    """Everything that training changes, replaced as a whole when an epoch is finished.

    :param parameters: (weights s3.28, biases s8.23) of every layer
    :param optimiser: what the optimiser has gathered
    :param orders: of every finished epoch: number of samples, whether shuffled
    """

    parameters: Parameters
    optimiser: OptimiserState
    orders: tuple[tuple[int, bool], ...] = ()


def parameters_from_float(layers: Sequence[WeightLayer], weights: Floats) -> Parameters:
    """Kernels and biases in fixed point.

    :raises NumberFormatError: naming the layer and the value that does not fit
    """
    parameters: Parameters = []
    for layer, arrays in zip(layers, weights, strict=True):
        try:
            biases = biases_from_float(arrays[1], layer.name) if layer.use_bias else np.zeros(layer.n_units, np.int32)
            parameters.append((weights_from_float(arrays[0], layer.name).reshape(layer.weights.shape), biases))
        except NumberFormatError as error:
            raise NumberFormatError(f"The model's weights cannot be used: {error}. dlgraph accepts weights from -8 to 8 and "
                                    f"biases from -256 to 256; start from smaller ones.") from error
    return parameters


def parameters_to_float(layers: Sequence[WeightLayer], parameters: Parameters, like: Floats) -> Floats:
    """Kernels and biases as float32.

    :param like: arrays of the shapes wanted
    """
    return [[weights_to_float(weights).reshape(arrays[0].shape)] + ([biases_to_float(biases)] if layer.use_bias else [])
            for layer, arrays, (weights, biases) in zip(layers, like, parameters, strict=True)]


def optimiser_from_float(layers: Sequence[WeightLayer], state: FloatState, planes: Sequence[Plane]) -> OptimiserState:
    """The optimiser's state in the machine's words.

    :raises NumberFormatError: naming the layer and the value that does not fit
    """
    slots = []
    for layer, parts in zip(layers, state.slots, strict=True):
        made = []
        for part, fraction, shape in ((WEIGHTS, WEIGHT_FRACTION, layer.weights.shape),
                                      (BIASES, LOGIT_FRACTION, (layer.n_units,))):
            words = np.zeros((len(planes), *shape), np.int32)
            for number, plane in enumerate(planes if part < len(parts) else ()):
                what = f"the optimiser's {plane.value} of layer {layer.name!r}"
                words[number] = plane_from_float(parts[part][number], plane, fraction, what).reshape(shape)
            made.append(words)
        slots.append((made[0], made[1]))
    return OptimiserState(state.iterations, tuple(slots))


def optimiser_to_float(state: OptimiserState, planes: Sequence[Plane], like: Floats) -> FloatState:
    """The optimiser's state as float32.

    :param like: weights of the shapes wanted
    """
    slots = []
    for arrays, words in zip(like, state.slots, strict=True):
        slots.append(tuple(tuple(plane_to_float(part[number], plane, fraction).reshape(array.shape)
                                 for number, plane in enumerate(planes))
                           for array, part, fraction in zip(arrays, words, (WEIGHT_FRACTION, LOGIT_FRACTION))))
    return FloatState(state.iterations, tuple(slots))
