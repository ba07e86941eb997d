"""The updates: C on the host against NumPy, C and assembly on an ARM executor that is not ours, and against real numbers."""
from __future__ import annotations

import ctypes
from dataclasses import replace

import arm_kernels
import host_kernels
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from host_kernels import address

from dlgraph.formats import Rate
from dlgraph.optimisers import Adam, Optimiser, RmsProp, Sgd
from dlgraph.reference import optimisers as reference
from dlgraph.update_words import Array, Constants, Step, constants, step

INT32 = np.iinfo(np.int32)
WEIGHTS = Array(28, 22, 0, 0)
BIASES = Array(23, 23, 0, 1)

RULES: dict[str, Optimiser] = {
    "sgd": Sgd(0.1), "sgd, decay": Sgd(0.1, weight_decay=0.01), "momentum": Sgd(0.1, momentum=0.9),
    "nesterov": Sgd(0.01, momentum=0.99, nesterov=True, weight_decay=1e-4), "adam": Adam(0.001),
    "adamw": Adam(0.001, weight_decay=0.004), "amsgrad": Adam(0.01, beta_1=0.5, beta_2=0.75, epsilon=1.0, amsgrad=True),
    "adam without memory": Adam(0.1, beta_1=0.0, beta_2=0.0), "rmsprop": RmsProp(0.001),
    "rmsprop, momentum": RmsProp(0.01, rho=0.5, momentum=0.5, epsilon=1e-20, weight_decay=0.1),
}


@pytest.fixture(scope="module")
def host():
    loaded = host_kernels.shared()
    loaded.optimiser_update_c.argtypes = [ctypes.c_void_p] * 5 + [ctypes.c_uint32]
    loaded.optimiser_update_c.restype = ctypes.c_uint32
    loaded.optimiser_n_planes.argtypes, loaded.optimiser_n_planes.restype = [ctypes.c_void_p], ctypes.c_uint32
    return loaded


@pytest.fixture(scope="module")
def machine():
    return arm_kernels.ArmKernels(arm_kernels.shared_elf())


def words(value: Constants | Step) -> np.ndarray:
    return np.array(value.words(), np.uint32)


def spread(rng: np.random.Generator, n: int) -> np.ndarray:
    """Signed 32-bit numbers of every size, zeros and the corners among them."""
    values = np.rint(2.0 ** rng.uniform(-1, 31, n) * rng.choice([-1, 1], n)).clip(INT32.min, INT32.max).astype(np.int64)
    values[rng.random(n) < 0.1] = 0
    corners = rng.choice([INT32.min, INT32.max, -1, 1, 2**30, -(2**30)], n)
    return np.where(rng.random(n) < 0.05, corners, values).astype(np.int32)


def run_c(host, held: Constants, now: Step, parameters, gradient, state):
    parameters, gradient, state = parameters.copy(), gradient.copy(), state.copy()
    a, b = words(held), words(now)
    assert host.optimiser_n_planes(address(a)) == len(state)
    clips = host.optimiser_update_c(address(a), address(b), address(parameters), address(gradient), address(state),
                                    parameters.size)
    assert not gradient.any()
    return parameters, state, clips


def assert_same(one, other) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("array", [WEIGHTS, BIASES], ids=["weights", "biases"])
@pytest.mark.parametrize("name", RULES)
def test_c_and_numpy_over_many_steps(host, name: str, array: Array) -> None:
    optimiser = RULES[name]
    rng = np.random.default_rng(1)
    n = 600
    parameters = rng.integers(-2**28, 2**28, n).astype(np.int32)
    state = np.zeros((len(optimiser.planes), n), np.int32)
    size = 2.0 ** rng.uniform(-2, 29, n)
    for iteration in range(60):
        gradient = np.rint(rng.normal(0, 1, n) * size).clip(INT32.min, INT32.max).astype(np.int32)
        gradient[rng.random(n) < 0.3] = 0
        if iteration % 20 == 7:
            gradient = spread(rng, n)
        now = step(optimiser, optimiser.learning_rate, iteration, 32 if iteration % 9 else 5, 1.0, array)
        expected = reference.update(constants(optimiser), now, parameters, gradient.astype(np.int64), state)
        assert_same(run_c(host, constants(optimiser), now, parameters, gradient, state), expected)
        parameters, state, _ = expected


def rates(least: int, most: int) -> st.SearchStrategy[Rate]:
    return st.builds(Rate, st.integers(2**30, 2**31 - 1), st.integers(least, most))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_c_and_numpy_on_any_numbers(data) -> None:
    host = host_kernels.shared()
    host.optimiser_update_c.restype = ctypes.c_uint32
    host.optimiser_update_c.argtypes = [ctypes.c_void_p] * 5 + [ctypes.c_uint32]
    optimiser = RULES[data.draw(st.sampled_from(sorted(RULES)))]
    adaptive = isinstance(optimiser, (Adam, RmsProp))
    now = Step(data.draw(st.integers(0, 2**31 - 1)), data.draw(st.integers(-60, 120) if adaptive else st.integers(1, 62)),
               data.draw(st.one_of(st.just(Rate(0, 62)), st.just(Rate(2**30, 30)), rates(31, 62))),
               data.draw(st.integers(2**30, 2**31 - 1)), data.draw(st.integers(31, 63)))
    held = constants(optimiser)
    if adaptive:
        held = replace(held, mean=data.draw(rates(31, 55)), square=data.draw(rates(31, 55)),
                       epsilon_exponent=data.draw(st.integers(0, 55)))
    held = replace(held, momentum=data.draw(st.integers(0, 2**30)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    n = 200
    state = np.zeros((len(optimiser.planes), n), np.int32)
    parameters = spread(rng, n)
    for _ in range(4):
        gradient = spread(rng, n)
        expected = reference.update(held, now, parameters, gradient.astype(np.int64), state)
        assert_same(run_c(host, held, now, parameters, gradient, state), expected)
        parameters, state, _ = expected


@pytest.mark.parametrize("name", RULES)
def test_on_arm(machine, host, name: str) -> None:
    optimiser = RULES[name]
    rng = np.random.default_rng(2)
    held = constants(optimiser)
    for n, array, extra in ((1, WEIGHTS, 0), (8, BIASES, 0), (200, WEIGHTS, 0), (61, WEIGHTS, -20), (61, BIASES, 9)):
        parameters = spread(rng, n)
        state = np.zeros((len(optimiser.planes), n), np.int32)
        for iteration in range(5):
            gradient = spread(rng, n)
            now = step(optimiser, optimiser.learning_rate, iteration, 32, 1.0, array)
            now = replace(now, shift=max(1, now.shift + extra))
            machine.reset()
            machine.take_q()
            places = [machine.put(v) for v in (words(held), words(now), parameters, gradient, state)]
            clips = machine.call("optimiser_update", *places, n)
            expected = run_c(host, held, now, parameters, gradient, state)
            assert_same((machine.get(places[2], parameters), machine.get(places[4], state), clips), expected)
            assert not machine.get(places[3], gradient).any()
            assert machine.take_q() == 0, "the update must leave Q to the checked sums"
            parameters, state, _ = expected


# --------------------------------------------------------------------------- against real numbers

def real_update(optimiser: Optimiser, w, g, planes, iteration):
    """Keras 3's rules in double precision; planes in the machine's order."""
    lr = optimiser.learning_rate
    w = w - w * optimiser.weight_decay * lr
    if isinstance(optimiser, Sgd):
        if not optimiser.momentum:
            return w - lr * g, planes
        v = planes[0] * optimiser.momentum - lr * g
        return w + (v * optimiser.momentum - lr * g if optimiser.nesterov else v), [v]
    if isinstance(optimiser, Adam):
        n = iteration + 1
        alpha = lr * np.sqrt(1 - optimiser.beta_2**n) / (1 - optimiser.beta_1**n)
        m = planes[0] + (g - planes[0]) * (1 - optimiser.beta_1)
        v = planes[1] + (g * g - planes[1]) * (1 - optimiser.beta_2)
        largest = [np.maximum(planes[2], v)] if optimiser.amsgrad else []
        return w - m * alpha / (np.sqrt(largest[0] if largest else v) + optimiser.epsilon), [m, v, *largest]
    assert isinstance(optimiser, RmsProp)
    v = planes[0] * optimiser.rho + (1 - optimiser.rho) * g * g
    move = lr * g / np.sqrt(v + optimiser.epsilon)
    if not optimiser.momentum:
        return w - move, [v]
    kept = planes[1] * optimiser.momentum + move
    return w - kept, [v, kept]


@pytest.mark.parametrize("magnitude", [1e-6, 1e-5, 1e-3, 0.1, 10.0])
@pytest.mark.parametrize("name", RULES)
def test_against_real_numbers(name: str, magnitude: float) -> None:
    """The way of parameters over 400 steps, against double precision fed with the same gradients.

    Off by at most half a unit of the parameter per rounding, and by 2e-5 of the way; momentum twice that for what is kept.
    """
    optimiser = RULES[name]
    rng = np.random.default_rng(3)
    n, n_steps, batch = 50, 400, 32
    array = Array(28, 20, 0, 0)
    parameters = rng.integers(-2**27, 2**27, n).astype(np.int32)
    state = np.zeros((len(optimiser.planes), n), np.int32)
    w, planes = parameters / 2.0**28, [np.zeros(n) for _ in optimiser.planes]
    start, way = w.copy(), np.zeros(n)
    drift = rng.normal(0, 1, n)
    for iteration in range(n_steps):
        wanted = magnitude * (drift + rng.normal(0, 1, n))
        sums = np.rint(wanted * batch * 2.0**20).clip(INT32.min, INT32.max).astype(np.int64)
        now = step(optimiser, optimiser.learning_rate, iteration, batch, 1.0, array)
        parameters, state, clips = reference.update(constants(optimiser), now, parameters, sums, state)
        before = w
        w, planes = real_update(optimiser, w, sums / batch / 2.0**20, planes, iteration)
        way += np.abs(w - before)
        if clips:                                  # an exploding rule has reached the end of the format
            assert np.abs(w).max() > 1.9
            return
    roundings = n_steps * (1 if isinstance(optimiser, (Adam, RmsProp)) and not planes[1:] else 12)
    allowed = 2e-5 * way + roundings * 2.0**-28
    assert np.all(np.abs(parameters / 2.0**28 - w) <= allowed), np.max(np.abs(parameters / 2.0**28 - w) / allowed)
    assert np.abs(w - start).max() > 0


def test_adam_moves_by_its_rate_however_small_the_gradient() -> None:
    """Where epsilon is nothing beside it: with a smaller one, down to a gradient of a unit."""
    optimiser = Adam(0.001, epsilon=1e-10)
    for size in (0.0, 1e-7, 1e-5, 1e-2, 1.0, 100.0):
        array = Array(28, 20 if size < 10 else 15, 0, 0)
        sums = np.array([max(1, round(size * 32 * 2.0**array.gradient_fraction))], np.int64)
        parameters, state = np.zeros(1, np.int32), np.zeros((2, 1), np.int32)
        for iteration in range(100):
            now = step(optimiser, 0.001, iteration, 32, 1.0, array)
            parameters, state, _ = reference.update(constants(optimiser), now, parameters, sums, state)
        assert -parameters[0] / 2.0**28 == pytest.approx(0.1, rel=0.05 if not size else 0.01 if size < 1e-6 else 1e-4)
