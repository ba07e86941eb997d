"""Values that meet have one fraction: the smallest of those they would have alone."""
from __future__ import annotations

import numpy as np
import pytest

from dlgraph.errors import NumberFormatError
from dlgraph.fractions import value_fractions
from dlgraph.layer_graph import (
    INPUT, Activation, ActivationLayer, AddLayer, ConcatenateLayer, DenseLayer, DropoutLayer, Layer, ReshapeLayer)


def dense(name: str, activation: Activation, source: int) -> DenseLayer:
    return DenseLayer(name, np.zeros((4, 4), np.int32), np.zeros(4, np.int32), True, activation, inputs=(source,))


def chain(*activations: Activation) -> list[Layer]:
    return [dense(f"d{i}", activation, i - 1) for i, activation in enumerate(activations)]


def test_of_a_chain_by_activation() -> None:
    layers = chain(Activation.RELU, Activation.TANH, Activation.SIGMOID, Activation.LINEAR, Activation.LEAKY_RELU,
                   Activation.SOFTMAX)
    assert value_fractions(layers, 7, {}) == {INPUT: 7, 0: 11, 1: 13, 2: 13, 3: 11, 4: 11}
    assert value_fractions(layers, 7, {"d1": 14, "d3": 2})[1] == 14


def test_options_outside_the_format_are_refused() -> None:
    with pytest.raises(NumberFormatError, match="0..14"):
        value_fractions(chain(Activation.TANH, Activation.LINEAR), 11, {"d0": 15})


def test_kept_through_layers_that_move_values() -> None:
    layers = [*chain(Activation.TANH), DropoutLayer("x", rate=0.5, inputs=(0,)), ReshapeLayer("r", shape=(2, 2, 1), inputs=(1,)),
              ActivationLayer("a", activation=Activation.RELU, inputs=(2,)), dense("out", Activation.SOFTMAX, 3)]
    assert value_fractions(layers, 11, {}) == {INPUT: 11, 0: 13, 1: 13, 2: 13, 3: 11}


def test_values_that_meet_have_the_smallest() -> None:
    # the input and d0 meet in 2, what follows from that meets d1 in 4; d3 stays alone
    layers = [dense("d0", Activation.TANH, INPUT), dense("d1", Activation.SIGMOID, 0), AddLayer("add", inputs=(INPUT, 0)),
              dense("d3", Activation.TANH, 2), ConcatenateLayer("both", inputs=(2, 1)),
              ConcatenateLayer("all", inputs=(4, 4)), dense("d6", Activation.TANH, 5), AddLayer("end", inputs=(3, 6)),
              dense("out", Activation.SOFTMAX, 7)]
    fractions = value_fractions(layers, 11, {"d1": 9})
    assert fractions == {INPUT: 9, 0: 9, 1: 9, 2: 9, 4: 9, 5: 9, 3: 13, 6: 13, 7: 13}
    assert value_fractions(layers, 4, {"d1": 9})[1] == 4


def test_groups_that_join_late() -> None:
    layers = [*chain(Activation.TANH, Activation.SIGMOID), dense("d2", Activation.RELU, INPUT),
              AddLayer("a", inputs=(0, 0)), AddLayer("b", inputs=(1, 2)), AddLayer("c", inputs=(4, 3)),
              dense("out", Activation.LINEAR, 5)]
    assert value_fractions(layers, 11, {}) == {INPUT: 11, **dict.fromkeys(range(6), 11)}
