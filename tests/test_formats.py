"""Conversions between Keras' floats and the formats: values, limits, errors."""
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlgraph import formats
from dlgraph.errors import DlgraphError, NumberFormatError
from dlgraph.layer_graph import Activation, DenseLayer, LayerGraph, Loss, Metric, Sgd


def test_weights_round_to_nearest_even_and_back():
    given_weights = np.array([[0.5, -8.0], [2.5 * 2**-28, 7.999]], np.float64)
    fixed = formats.weights_from_float(given_weights, "a")
    assert fixed.dtype == np.int32
    assert fixed.tolist() == [[2**27, -2**31], [2, round(7.999 * 2**28)]]
    back = formats.weights_to_float(fixed)
    assert back.dtype == np.float32 and back[0].tolist() == [0.5, -8.0]


@pytest.mark.parametrize("bad", [8.0, -8.1, np.nan, np.inf, 7.9999999999])
def test_weights_outside_name_layer_and_place(bad):
    weights = np.zeros((3, 2))
    weights[2, 1] = bad
    with pytest.raises(NumberFormatError, match=r"weights of layer 'hidden'.*\[2, 1\]"):
        formats.weights_from_float(weights, "hidden")


def test_biases():
    assert formats.biases_from_float([1.0, -256.0], "a").tolist() == [2**23, -2**31]
    with pytest.raises(ValueError, match="biases of layer 'a'"):
        formats.biases_from_float([256.0], "a")


def test_float32_weights_survive_the_round_trip():
    weights = np.random.default_rng(0).normal(0, 0.1, 1000).astype(np.float32)
    back = formats.weights_to_float(formats.weights_from_float(weights, "a"))
    assert np.abs(back - weights).max() <= 2.0**-29


@pytest.mark.parametrize("largest, fraction", [(0.0, 11), (1.0, 11), (15.9, 11), (16.0, 10), (255.0, 7), (32767.0, 0)])
def test_input_fraction(largest, fraction):
    assert formats.input_fraction(np.array([0.0, -largest])) == fraction


def test_input_fraction_errors():
    for bad in (32768.0, np.nan, np.inf):
        with pytest.raises(NumberFormatError):
            formats.input_fraction(np.array([bad]))
    assert formats.input_fraction(np.array([0.5]), option=15) == 15
    with pytest.raises(NumberFormatError):
        formats.input_fraction(np.array([2.0]), option=15)


def test_inputs():
    assert formats.inputs_from_float([[0.5, -1.0]], 11).tolist() == [[1024, -2048]]
    with pytest.raises(NumberFormatError, match=r"\[1, 0\]"):
        formats.inputs_from_float([[0.0], [16.0]], 11)


def test_codes_and_table():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    activations = formats.inputs_from_float(pixels / 255.0, 11)
    codes, table = formats.encode_inputs(activations)
    assert codes.dtype == np.uint8 and table is not None and table.dtype == np.int16
    assert np.array_equal(table[codes], activations)
    many = np.arange(-200, 200, dtype=np.int16).reshape(4, 100)
    codes, table = formats.encode_inputs(many)
    assert table is None and codes is many


def test_activation_fraction():
    assert [formats.activation_fraction(Activation(k)) for k in range(4)] == [11, 11, 13, 13]
    assert formats.activation_fraction(Activation.RELU, 15) == 15
    for bad in ((Activation.TANH, 15), (Activation.RELU, -1), (Activation.SOFTMAX, None)):
        with pytest.raises(NumberFormatError):
            formats.activation_fraction(*bad)


def test_targets_and_labels():
    assert formats.targets_from_float([[0.25, 0.75]], Loss.CATEGORICAL_CROSSENTROPY).tolist() == [[2**26, 3 * 2**26]]
    assert formats.targets_from_float([[-3.0]], Loss.MEAN_SQUARED_ERROR).tolist() == [[-3 * 2**23]]
    for bad, loss in (([[0.5, 0.6]], Loss.CATEGORICAL_CROSSENTROPY), ([[1.1]], Loss.BINARY_CROSSENTROPY),
                      ([[256.0]], Loss.MEAN_SQUARED_ERROR), ([[np.nan]], Loss.BINARY_CROSSENTROPY)):
        with pytest.raises(NumberFormatError):
            formats.targets_from_float(bad, loss)
    assert formats.labels_from_array(np.array([[1], [9]], np.uint8), 10).tolist() == [1, 9]
    for bad_label in (10, -1, 1.5):
        with pytest.raises(NumberFormatError, match="sample 1"):
            formats.labels_from_array(np.array([0, bad_label]), 10)


@given(st.floats(min_value=2.0**-40, max_value=2.0**29))
def test_rate_is_the_nearest_with_31_bits(rho):
    r = formats.rate(rho)
    assert 1 <= r.shift <= 62 and 0 <= r.mantissa < 2**31
    assert r.shift == 62 or r.mantissa >= 2**30
    assert abs(Fraction(r.mantissa, 2**r.shift) - Fraction(rho)) <= Fraction(1, 2**(r.shift + 1))


def test_rate_corners():
    assert formats.rate(0.0) == formats.Rate(0, 62)
    assert formats.rate(1.0) == formats.Rate(2**30, 30)
    assert formats.rate(1.0 - 2.0**-40) == formats.Rate(2**30, 30)
    assert formats.rate(2.0**-62) == formats.Rate(1, 62)
    assert formats.rate(2.0**-70) == formats.Rate(0, 62)
    assert formats.rate(2.0**30 - 1) == formats.Rate(2**31 - 2, 1)
    for bad in (2.0**30, -1.0, float("nan"), float("inf"), 2.0**30 - 2.0**-20):
        with pytest.raises(DlgraphError):
            formats.rate(bad)


def test_shifts_of_gradients():
    assert [formats.weight_gradient_shift(b) for b in (1, 16, 17, 32, 256)] == [0, 0, 1, 1, 4]
    assert [formats.bias_gradient_shift(b) for b in (1, 2, 3, 32, 33)] == [0, 1, 2, 5, 6]


@given(st.integers(-2**62, 2**62 - 1), st.integers(1, 62))
def test_round_shift(v, n):
    if v + 2**(n - 1) < 2**63:
        assert int(formats.round_shift(np.array([v], np.int64), n)[0]) == (v + 2**(n - 1)) // 2**n


def test_saturation_counts():
    values, clips = formats.saturate32(np.array([2**31, 2**31 - 1, -2**31, -2**31 - 1, 0]))
    assert clips == 2 and values.tolist() == [2**31 - 1, 2**31 - 1, -2**31, -2**31, 0]
    assert formats.saturate16(np.array([32768, -32768]))[1] == 1


def make_graph(activation, loss, n=2, from_logits=False):
    layer = DenseLayer("out", np.zeros((3, n), np.int32), np.zeros(n, np.int32), True, activation, input_fraction=11)
    return LayerGraph([layer], loss, from_logits, Metric.NONE, Sgd(0.1))


def test_outputs_and_losses():
    soft = make_graph(Activation.SOFTMAX, Loss.SPARSE_CATEGORICAL_CROSSENTROPY)
    linear = make_graph(Activation.LINEAR, Loss.MEAN_SQUARED_ERROR)
    assert formats.output_fraction(soft) == 28 and formats.output_fraction(linear) == 23
    assert formats.outputs_to_float(np.array([2**28], np.int32), soft).tolist() == [1.0]
    assert formats.mean_loss(3 * 2**23, 2, soft) == 1.5
    assert formats.mean_loss(3 * 2**23, 2, linear) == 0.75
