"""Layer kinds from outside: the arithmetic is their class's own (:mod:`dlgraph.custom_layer`), checked for what it must be."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlgraph.custom_layer import Back, Clips, CustomLayer, CustomWeightLayer
from dlgraph.errors import LayerKindError
from dlgraph.formats import INT16_MAX, INT16_MIN, Int16Array, Int64Array
from dlgraph.layers import Int32Array
from dlgraph.reference.backend import Backend
from dlgraph.reference.rules import Batch, LayerRule, Parameters, WeightRule, register

_NOTHING = np.zeros(0, np.int32)


def _forward(layer: CustomLayer, shape: tuple[int, ...], x: Int16Array, parameters: Parameters) -> tuple[Int16Array, int]:
    clips = Clips()
    y = _checked(layer, "forward", layer.forward(x.astype(np.int64), *parameters, clips), (len(x), *shape))
    if y.size and not (INT16_MIN <= y.min() and y.max() <= INT16_MAX):
        raise LayerKindError(f"{type(layer).__name__}.forward (layer {layer.name!r}) gave values from {y.min()} to {y.max()}. They "
                             f"go out as 16-bit numbers; clip them with clips.to16(...).")
    return y.astype(np.int16), clips.count


def _backward(layer: CustomLayer, x: Int16Array, e: Int64Array, parameters: Parameters, shift: int) -> tuple[Back, int]:
    clips = Clips()
    back = layer.backward(x.astype(np.int64), e.astype(np.int64), *parameters, shift, clips)
    if not isinstance(back, Back):
        raise LayerKindError(f"{type(layer).__name__}.backward (layer {layer.name!r}) gave a {type(back).__name__}. It has to "
                             f"give a dlgraph.custom.Back(errors, weights, biases).")
    back.errors = _checked(layer, "backward, errors:", back.errors, x.shape)
    return back, clips.count


def _checked(layer: CustomLayer, what: str, found: object, shape: tuple[int, ...]) -> Int64Array:
    if not isinstance(found, np.ndarray) or found.dtype.kind != "i" or found.shape != shape:
        given = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise LayerKindError(f"{type(layer).__name__}.{what} (layer {layer.name!r}) gave {given}. It has to give whole numbers "
                             f"(int64) of the shape {shape}.")
    return np.ascontiguousarray(found, np.int64)


@register(CustomLayer)
class CustomRule(LayerRule[CustomLayer]):
    """A kind without parameters."""

    def forward(self, batch: Batch, inputs: list[Int16Array]) -> tuple[Int16Array, Int16Array]:
        y, clips = _forward(self.layer, self.shape, inputs[0], (_NOTHING, _NOTHING))
        self.clipped(batch, clips)
        return y, inputs[0]

    def backward(self, batch: Batch, kept: Int16Array, e: Int64Array) -> list[Int64Array]:
        back, clips = _backward(self.layer, kept, e, (_NOTHING, _NOTHING), 0)
        self.clipped(batch, clips)
        return [back.errors]


@dataclass
class _WayBack:
    """Stands for the errors ``d`` of other kinds with weights until the shift of the gradient is known."""

    batch: Batch
    e: Int64Array
    back: Back | None = None


@register(CustomWeightLayer)
class CustomWeightRule(WeightRule[CustomWeightLayer]):
    """A kind with parameters.  Its class makes errors and gradients at once: the first that is asked for lets it."""

    def forward(self, batch: Batch, inputs: list[Int16Array]) -> tuple[Int16Array, tuple[Int16Array, None]]:  # type: ignore[override]
        y, clips = _forward(self.layer, self.shape, inputs[0], batch.parameters[self.number])
        self.clipped(batch, clips)
        return y, (inputs[0], None)

    def unit_errors(self, batch: Batch, slopes: None, e: Int64Array) -> _WayBack:  # type: ignore[override]
        return _WayBack(batch, e)

    def weight_gradients(self, backend: Backend, x: Int16Array, d: _WayBack, shift: int) -> Int64Array:  # type: ignore[override]
        d.back, clips = _backward(self.layer, x, d.e, d.batch.parameters[self.number], shift)
        self.clipped(d.batch, clips)
        return _checked(self.layer, "backward, weights:", d.back.weights, self.layer.weights.shape)

    def bias_gradients(self, backend: Backend, d: _WayBack, shift: int) -> Int64Array:  # type: ignore[override]
        assert d.back is not None
        return _checked(self.layer, "backward, biases:", d.back.biases, (self.layer.n_units,)) >> shift

    def partial_errors(self, backend: Backend, d: _WayBack, weights: Int32Array) -> Int64Array:  # type: ignore[override]
        assert d.back is not None
        return d.back.errors

    def sums(self, backend: Backend, x: Int16Array, weights: Int32Array) -> Int64Array:
        raise LayerKindError(f"Layer {self.layer.name!r} gives the network's outputs, which a {type(self.layer).__name__} cannot. "
                             f"End the network with a Dense layer.")
