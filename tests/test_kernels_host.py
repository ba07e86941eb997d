"""The kernels' C on the host against the NumPy reference; the tables; how exact the functions are."""
from __future__ import annotations

import ctypes

import host_kernels
import numpy as np
import pytest
import slow_arithmetic as slow
from arm_kernels import KERNELS
from host_kernels import address

from dlgraph import formats
from dlgraph.layer_graph import Activation
from dlgraph.optimisers import Sgd
from dlgraph.order import half_bits, order, round_keys
from dlgraph.reference import dense, functions, optimisers, tables
from dlgraph.update_words import Step, constants

INT32 = np.iinfo(np.int32)


@pytest.fixture(scope="module")
def host():
    return host_kernels.shared()


def spread(rng, n=3000):
    """Signed 32-bit numbers of every size, and the corners."""
    sizes = 2.0 ** rng.uniform(0, 31, n)
    values = np.concatenate([sizes, -sizes, np.arange(-300, 300), 2**np.arange(31), -(2**np.arange(32)),
                             [INT32.max, INT32.max - 1, INT32.min, INT32.min + 1]])
    return np.unique(values.astype(np.int64).clip(INT32.min, INT32.max))


def test_tables_are_what_the_formulas_give():
    for name, text in tables.c_headers().items():
        assert text == (KERNELS / name).read_text()
    assert tables.exp2_table() == slow.EXP2 and tables.ln_table() == slow.LN
    assert tables.ln_reciprocal_table() == slow.RB


def test_functions_in_c_and_numpy_and_plain_integers(host):
    rng = np.random.default_rng(1)
    signed = spread(rng)
    positive = np.unique(np.abs(signed).clip(0, INT32.max))
    unit = np.unique(np.concatenate([2**30 + (positive >> 1), [2**30, 2**31]]))
    big = np.unique(np.concatenate([(2.0 ** rng.uniform(31, 62, 3000)).astype(np.int64),
                                    2**np.arange(31, 62), 2**np.arange(32, 62) - 1]))
    cases = [("exp_neg", positive, functions.exp_neg, slow.exp_neg), ("recip", unit, functions.recip, slow.recip),
             ("sigma", signed, functions.sigma, slow.sigma), ("tanh_31", signed, functions.tanh, slow.tanh),
             ("ln_big", big, functions.ln_big, slow.ln_big)]
    for name, values, in_numpy, in_python in cases:
        result = in_numpy(values).tolist()
        in_c = getattr(host, name)
        assert result == [in_c(v) for v in values.tolist()], name
        assert result == [in_python(v) for v in values.tolist()], name


def test_exp_is_exact_to_2_to_the_minus_23():
    """z / ln 2 is cut to 23 bits behind the point: ln 2 * 2**-23 is the largest error."""
    z = np.unique(np.concatenate([np.arange(5000), np.linspace(0, 2**31 - 1, 200_000).astype(np.int64),
                                  np.linspace(0, 22 * 2**23, 200_000).astype(np.int64)]))
    error = functions.exp_neg(z) - np.exp(-z / 2**23) * 2**31
    assert -2 < error.min() and error.max() < np.log(2) * 2**8 + 2       # in units of 2**-31


def test_reciprocal_is_exact_to_2_to_the_minus_28():
    d = np.unique(np.linspace(2**30, 2**31, 300_001).astype(np.int64))
    error = functions.recip(d) - 2.0**61 / d
    assert np.abs(error).max() < 4            # in units of 2**-30


def test_sigmoid_and_tanh_are_exact_to_2_to_the_minus_24():
    """A quarter of the exponential's error; tanh twice that."""
    a = np.unique(np.concatenate([np.arange(-5000, 5000), np.linspace(-2**28, 2**28, 300_001).astype(np.int64)]))
    sigmoid = 1 / (1 + np.exp(-a / 2**23))
    assert np.abs(functions.sigma(a) - sigmoid * 2**31).max() < 48
    assert np.abs(functions.tanh(a) - np.tanh(a / 2**23) * 2**31).max() < 96
    assert functions.sigma(np.array([INT32.min, INT32.max])).tolist() == [0, 2**31]
    symmetric = functions.sigma(a[a != 0]) + functions.sigma(-a[a != 0])
    assert np.all(symmetric == 2**31)


def test_logarithm_is_exact_to_a_unit():
    v = np.unique((2.0 ** np.linspace(31, 61.9, 300_001)).astype(np.int64))
    error = functions.ln_big(v) - np.log(v / 2.0**31) * 2**23
    assert np.abs(error).max() < 1.0          # in units of 2**-23


@pytest.mark.parametrize("kind", [Activation.LINEAR, Activation.RELU, Activation.SIGMOID, Activation.TANH])
@pytest.mark.parametrize("fraction", [0, 5, 11, 13, 14])
def test_activations(host, kind, fraction):
    rng = np.random.default_rng(2)
    a = spread(rng, 300)
    x, slope, clips = functions.activate(a, kind, fraction)
    e = rng.permutation(a)
    a_32, e_32 = a.astype(np.int32), e.astype(np.int32)
    d, error_clips = functions.hidden_error(e, slope, kind)
    got_x, got_slope, got_d = np.zeros(a.size, np.int16), np.zeros(a.size, np.uint16), np.zeros(a.size, np.int32)
    count = ctypes.c_uint32()
    host.activate_all(kind.value, 0, address(a_32), a.size, fraction, address(got_x), address(got_slope),
                      ctypes.byref(count))
    np.testing.assert_array_equal(got_x, x)
    np.testing.assert_array_equal(got_slope, slope)
    assert count.value == clips
    count.value = 0
    host.unit_errors_all(kind.value, address(e_32), address(got_slope), e.size, address(got_d), ctypes.byref(count))
    np.testing.assert_array_equal(got_d, d)
    assert count.value == error_clips
    assert slope.min() >= 0 and slope.max() <= 2**15


@pytest.mark.parametrize("rows, columns", [(1, 1), (7, 5), (40, 24)])
def test_dense(host, rows, columns):
    rng = np.random.default_rng(3)
    weights = rng.integers(-2**28, 2**28, (rows, columns)).astype(np.int32)
    x = (rng.integers(-2**12, 2**12, rows) * (rng.random(rows) < 0.6)).astype(np.int16)
    d = rng.integers(-2**28, 2**28, columns).astype(np.int32)
    acc, e, gradient = np.zeros(columns, np.int32), np.zeros(rows, np.int32), np.zeros((rows, columns), np.int32)
    host.dense_forward_c(address(acc), address(weights), address(x), rows, columns)
    host.dense_backward_c(address(e), address(weights), address(d), rows, columns)
    host.dense_gradient_c(address(gradient), address(x), address(d), rows, columns)
    assert np.array_equal(acc, dense.forward(x[None], weights)[0])
    assert np.array_equal(e, dense.backward(d[None], weights)[0])
    assert np.array_equal(gradient, dense.gradient(x[None], d[None], 0))
    assert host.q_flag_read_and_clear_c() == 0


@pytest.mark.parametrize("shift", [1, 20, 31, 32, 33, 40, 62])
def test_update(host, shift):
    rng = np.random.default_rng(shift)
    weights, gradient = (rng.integers(INT32.min, INT32.max, 500).astype(np.int32) for _ in range(2))
    mantissa = int(rng.integers(2**30, 2**31))
    step = Step(mantissa, shift, formats.Rate(0, 62))
    nothing = np.zeros((0, 500), np.int32)
    expected, _, clips = optimisers.update(constants(Sgd(0.1)), step, weights, gradient.astype(np.int64), nothing)
    assert host.sgd_update_c(address(weights), address(gradient), 500, mantissa, shift) == clips
    assert np.array_equal(weights, expected) and not gradient.any()


@pytest.mark.parametrize("n", [1, 2, 3, 100, 4097])
def test_order(host, n):
    keys = np.array(round_keys(11, 2), np.uint32)
    result = [host.order_sample(k, n, half_bits(n), address(keys)) for k in range(n)]
    assert result == order(n, 11, 2).tolist()
