"""The network as integers: what a translator makes, what every executor trains.

A :class:`LayerGraph` is a chain of dense layers with integer parameters in the formats of ``docs/arithmetic.rst``,
one loss and one optimiser.  It knows nothing of Keras (above it) or of machines (below it).
"""
from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import numpy.typing as npt

Int32Array = npt.NDArray[np.int32]


class Activation(Enum):
    """What a layer does to its pre-activations; the value is the number the machine knows it by."""

    LINEAR = 0
    RELU = 1
    SIGMOID = 2
    TANH = 3
    SOFTMAX = 4


class Loss(Enum):
    """How a sample's error is counted; the value is the number the machine knows it by."""

    SPARSE_CATEGORICAL_CROSSENTROPY = 0
    CATEGORICAL_CROSSENTROPY = 1
    BINARY_CROSSENTROPY = 2
    MEAN_SQUARED_ERROR = 3


class Metric(Enum):
    """How "accuracy" is counted; the value is the number the machine knows it by."""

    NONE = 0
    SPARSE_CATEGORICAL_ACCURACY = 1
    CATEGORICAL_ACCURACY = 2
    BINARY_ACCURACY = 3


@dataclass
class DenseLayer:
    """A fully connected layer followed by its activation.

    :param name: the Keras layer's name, used in errors and reports
    :param weights: int32 (n_inputs, n_units), s3.28
    :param biases: int32 (n_units,), s8.23; zeros where the layer has no bias
    :param use_bias: whether the biases are trained
    :param activation: what follows the sum
    :param input_fraction: ``fx``, fraction bits of the 16-bit activations that come in
    """

    name: str
    weights: Int32Array
    biases: Int32Array
    use_bias: bool
    activation: Activation
    input_fraction: int

    @property
    def n_inputs(self) -> int:
        return int(self.weights.shape[0])

    @property
    def n_units(self) -> int:
        return int(self.weights.shape[1])


@dataclass
class Sgd:
    """Plain stochastic gradient descent.

    :param learning_rate: the value of the float32 that Keras holds
    """

    learning_rate: float


@dataclass
class LayerGraph:
    """A chain of dense layers, in order from input to output.

    :param from_logits: the loss applies the softmax or sigmoid that the linear output layer lacks
    :param seed: unsigned 32-bit seed of every random choice
    """

    layers: list[DenseLayer]
    loss: Loss
    from_logits: bool
    metric: Metric
    optimiser: Sgd
    seed: int = 0

    @property
    def n_inputs(self) -> int:
        return self.layers[0].n_inputs

    @property
    def n_outputs(self) -> int:
        return self.layers[-1].n_units


@dataclass
class Samples:
    """Samples in the machine's form: what goes to SDRAM.

    :param codes: (n_samples, n_inputs), uint8 indices into ``table`` (where X has at most 256 distinct
        values) or int16 activations of fraction ``layers[0].input_fraction`` (then ``table`` is None)
    :param table: int16 (256,) or None
    :param labels: int32 (n_samples,) class numbers, for sparse categorical cross-entropy, else None
    :param targets: int32 (n_samples, n_outputs) of fraction 28 (cross-entropies) or 23 (mean squared error), else None

    Both None: samples for ``predict``.
    """

    codes: npt.NDArray[np.uint8] | npt.NDArray[np.int16]
    table: npt.NDArray[np.int16] | None = None
    labels: Int32Array | None = None
    targets: Int32Array | None = None

    def __len__(self) -> int:
        return int(self.codes.shape[0])

    @property
    def activations(self) -> npt.NDArray[np.int16]:
        """int16 (n_samples, n_inputs): the activations that the input vertices send."""
        if self.table is None:
            return self.codes  # type: ignore[return-value]
        return self.table[self.codes]


@dataclass
class PassResult:
    """What one pass over samples (a training epoch, or forward only) gave.

    :param loss_sum: sum of the samples' losses, fraction 23, exact (0 without targets)
    :param n_correct: samples (binary accuracy: outputs) counted right
    :param n_samples: samples in the pass
    :param outputs: int32 (n_samples, n_outputs), fraction by :func:`dlgraph.formats.output_fraction`, where asked for
    :param saturations: layer name -> number of clipped values, where counted
    :param machine_cycles: cycles of 200 MHz from the first sample to the last update, 0 on the host
    """

    loss_sum: int
    n_correct: int
    n_samples: int
    outputs: Int32Array | None = None
    saturations: dict[str, int] = field(default_factory=dict)
    machine_cycles: int = 0
