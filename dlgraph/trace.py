"""What a pass over a few samples left behind in every layer: activations, errors, gradients, as integers with their formats.

An executor makes a :class:`Trace`, on a machine from what its cores have sent, on the host from the same arithmetic; the
numbers are those of ``docs/arithmetic.rst``, bit for bit.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph import formats
from dlgraph.errors import DataError
from dlgraph.layer_graph import LayerGraph, Samples
from dlgraph.layers import INPUT, WeightLayer
from dlgraph.tables import table
from dlgraph.update_words import gradient_shift

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

#: Of the errors of values, s7.24.
PARTIAL_ERROR_FRACTION = 24
#: The name of the network's input among the layers of a trace.
INPUT_NAME = "input"
#: Samples that a trace may have: it holds every number of every layer.
MOST_TRACED = 256
#: The quantities of a layer, in the order of :class:`LayerTrace`.
QUANTITIES = ("activations", "errors", "unit_errors", "weight_gradient", "bias_gradient")

#: Why there are no errors.
NO_WEIGHTS_BEFORE = "the value depends on no weights, so nothing sends it errors"
NO_TAKERS = "nothing takes the outputs: see the unit errors"


@dataclass(frozen=True)
class Fixed:
    """Numbers in fixed point.

    :param bits: integers
    :param fraction: fraction bits of them
    :param scale: what a number of the value 1.0 stands for: 1, but for what is summed over samples, or weighted
    :param known: likewise shaped: where the number is known; None: everywhere
    """

    bits: npt.NDArray[Any]
    fraction: int
    scale: float = 1.0
    known: BoolArray | None = None

    @property
    def floats(self) -> FloatArray:
        """The real numbers, NaN where they are not known."""
        values = self.bits.astype(np.float64) * (2.0**-self.fraction * self.scale)
        return values if self.known is None else np.where(self.known, values, np.nan)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the integers and of the real numbers."""
        return self.bits.shape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.asarray(self.floats, dtype)


@dataclass
class LayerTrace:
    """One layer in a pass.

    :param kind: such as ``"dense"``; ``"input"`` for the network's input
    :param activations: (n_samples, height, width, channels), 16 bits: the layer's value; of the output layer the outputs, 32 bits
    :param errors: likewise shaped, s7.24: the derivative of each sample's loss by the value: what its takers sent back, added up
    :param unit_errors: likewise shaped, s3.28: the same by the pre-activations
    :param weight_gradient: in the shape of the weights: the derivative of the samples' mean loss
    :param bias_gradient: (n_units,), the same
    :param absent: name of a quantity -> why it is not there
    """

    name: str
    kind: str
    activations: Fixed | None = None
    errors: Fixed | None = None
    unit_errors: Fixed | None = None
    weight_gradient: Fixed | None = None
    bias_gradient: Fixed | None = None
    absent: dict[str, str] = field(default_factory=dict)

    def quantities(self) -> Iterator[tuple[str, Fixed]]:
        """Those that are there, with their names."""
        for name in QUANTITIES:
            value = getattr(self, name)
            if value is not None:
                yield name, value


@dataclass(frozen=True)
class StreamTrace:
    """What went along one stream.

    :param kind: such as ``"sums"``
    :param layer: of its producer
    :param producer: its vertex
    :param consumers: the vertices that it goes to
    :param samples: number of the sample of each row; where cores with the same parameters exchange what they have at the end of a
        batch, that of the segment, counted on over the batches of the epoch
    :param words: (rows, words): 32-bit signed integers, or pairs of 16-bit ones one by one; zeros are not sent, but are here.  What
        is exchanged at the end of a batch is as it lies in the cores' memory
    """

    kind: str
    layer: str
    producer: str
    consumers: tuple[str, ...]
    samples: npt.NDArray[np.int64]
    words: Fixed


@dataclass
class Trace:
    """A pass over a few samples, layer by layer; ``str()`` makes a table of it, ``trace["name"]`` is a layer.

    :param machine: where it was made, such as ``"emulated SpiNN-5 board"``
    :param n_samples: samples given
    :param training: whether errors and gradients were computed, and dropout was at work
    :param layers: from input to output, the network's input first
    :param streams: what went between cores; none on the host
    :param saturations: layer name -> values clipped to their format in this pass
    """

    machine: str
    n_samples: int
    training: bool
    layers: tuple[LayerTrace, ...]
    streams: tuple[StreamTrace, ...] = ()
    saturations: dict[str, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[LayerTrace]:
        return iter(self.layers)

    def __getitem__(self, name: str) -> LayerTrace:
        for layer in (*self.layers[1:], self.layers[0]):         # a layer may be called as the input is
            if layer.name == name:
                return layer
        raise DataError(f"There is no layer {name!r}. The trace has {_quoted(layer.name for layer in self.layers)}.")

    def probe(self, kind: str | None = None, layer: str | None = None) -> list[StreamTrace]:
        """What went along some streams.

        :param kind: such as ``"activations"``, ``"sums"``, ``"errors"``, ``"partial errors"``; None: all
        :param layer: that sends; None: all
        :raises DataError: for a kind or a layer of which there are none
        """
        for what, given, known in (("kind", kind, {each.kind for each in self.streams}),
                                   ("layer", layer, {each.layer for each in self.streams})):
            if given is not None and given not in known:
                raise DataError(f"No stream of the {what} {given!r} was recorded. There are {_quoted(sorted(known)) or 'none'}.")
        return [each for each in self.streams if kind in (None, each.kind) and layer in (None, each.layer)]

    def __str__(self) -> str:
        passed = "forward and back" if self.training else "forward"
        rows = [("layer", "kind", "shape", "quantity", "format", "smallest", "largest", "zero", "at its limit")]
        notes = []
        for layer in self.layers:
            for quantity, value in layer.quantities():
                rows.append((layer.name, layer.kind, "x".join(map(str, _shape(quantity, value))), quantity.replace("_", " "),
                             format_name(value), *_spread(value)))
            notes += [f"{layer.name}: no {quantity.replace('_', ' ')}, as {why}." for quantity, why in layer.absent.items()]
        first = f"{self.n_samples} samples {passed} on the {self.machine}"
        return "\n".join([first, *table(rows, n_left=5), *notes])


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def _shape(quantity: str, value: Fixed) -> tuple[int, ...]:
    """Of one sample where there is one number for each."""
    return value.shape if quantity.endswith("gradient") else value.shape[1:]


def format_name(value: Fixed) -> str:
    """Such as ``s4.11``; sums of gradients, which are wider, by their fraction."""
    bits = value.bits.dtype.itemsize * 8
    return f"s{bits - 1 - value.fraction}.{value.fraction}" if bits < 64 else f"fraction {value.fraction}"


def _spread(value: Fixed) -> tuple[str, str, str, str]:
    """Smallest and largest number, and how many are zero and at an end of the format."""
    known = value.bits if value.known is None else value.bits[value.known]
    if not known.size:
        return ("-",) * 4
    unit = 2.0**-value.fraction * value.scale
    limits = np.iinfo(known.dtype) if known.dtype.itemsize < 8 else np.iinfo(np.int32)
    clipped = int(np.count_nonzero((known == limits.min) | (known == limits.max)))
    return (f"{known.min() * unit:.4g}", f"{known.max() * unit:.4g}", f"{np.mean(known == 0):.0%}", str(clipped))


# --------------------------------------------------------------------------- what executors put into it

class TraceMaker:
    """Puts integers and their formats together to a trace.

    :param samples: that were passed
    :param training: forward and back
    """

    def __init__(self, graph: LayerGraph, samples: Samples, training: bool) -> None:
        self._graph = graph
        self._n = len(samples)
        self._unit = samples.weight_unit
        self._training = training
        kinds = [type(layer).__name__.removesuffix("Layer").lower() for layer in graph.layers]
        self._layers = [LayerTrace(layer.name, kind) for layer, kind in zip(graph.layers, kinds)]
        self._input = LayerTrace(INPUT_NAME, "input")
        if training:
            self._input.absent["errors"] = NO_WEIGHTS_BEFORE

    def activations(self, number: int, bits: npt.NDArray[Any], known: BoolArray | None = None) -> None:
        """A layer's value; of the output layer the outputs.

        :param number: of the layer, or INPUT
        :param known: see :class:`Fixed`
        """
        graph = self._graph
        if number == len(graph.layers) - 1:
            fraction = formats.output_fraction(graph)
        else:
            fraction = graph.input_fraction if number == INPUT else graph.layers[number].output_fraction
        shape = graph.input_shape if number == INPUT else graph.shapes[number]
        assert shape is not None
        self._of(number).activations = Fixed(bits.reshape(self._n, *shape), fraction, known=known)

    def errors(self, number: int, bits: npt.NDArray[Any]) -> None:
        """Of a layer's value: sums that fit 32 bits."""
        self._of(number).errors = Fixed(bits.reshape(self._n, *self._graph.shapes[number]).astype(np.int32),
                                        PARTIAL_ERROR_FRACTION, self._unit)

    def unit_errors(self, number: int, bits: npt.NDArray[Any]) -> None:
        """Of a layer with weights."""
        self._of(number).unit_errors = Fixed(bits.reshape(self._n, *self._graph.shapes[number]).astype(np.int32),
                                             formats.ERROR_FRACTION, self._unit)

    def gradients(self, number: int, weights: npt.NDArray[np.int64], biases: npt.NDArray[np.int64] | None) -> None:
        """Sums over the samples, of a layer with weights.

        :param biases: None where they are not known
        """
        layer = self._graph.layers[number]
        assert isinstance(layer, WeightLayer)
        n_positions = layer.n_positions(self._graph.shapes[number])
        fraction = 12 + layer.input_fraction - gradient_shift(layer, self._n, n_positions)
        traced = self._of(number)
        traced.weight_gradient = Fixed(weights, fraction, self._unit / self._n)
        if layer.use_bias and biases is not None:
            fraction = formats.ERROR_FRACTION - formats.bias_gradient_shift(self._n, n_positions)
            traced.bias_gradient = Fixed(biases, fraction, self._unit / self._n)

    def absent(self, number: int, quantity: str, why: str) -> None:
        """Say why something is not there."""
        self._of(number).absent.setdefault(quantity, why)

    def _of(self, number: int) -> LayerTrace:
        return self._input if number == INPUT else self._layers[number]

    def trace(self, machine: str, saturations: dict[str, int], streams: tuple[StreamTrace, ...] = ()) -> Trace:
        """All of it; what is missing for reasons that are the same everywhere gets them."""
        learns = self._graph_learns()
        for number, traced in enumerate(self._layers):
            if not self._training:
                traced.absent = {name: why for name, why in traced.absent.items() if name == "activations"}
                continue
            if number == len(self._layers) - 1:
                traced.absent["errors"] = NO_TAKERS
            elif not learns[number]:
                traced.absent["errors"] = NO_WEIGHTS_BEFORE
        return Trace(machine, self._n, self._training, (self._input, *self._layers), streams, saturations)

    def _graph_learns(self) -> list[bool]:
        learns: list[bool] = []
        for layer in self._graph.layers:
            learns.append(isinstance(layer, WeightLayer) or any(i != INPUT and learns[i] for i in layer.inputs))
        return learns
