"""Random Keras models, the layer graphs they become, and what both compute."""
from __future__ import annotations

import keras
import numpy as np
from float_graph import evaluate
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from keras_models import on_host
from random_models import RandomModel

RATE = 0.25
#: Values move by less than this when they become numbers of 16 bits.
RESOLUTION = 2.0**-10


def sample_of(model: keras.Model, seed: int, n: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (n, *model.input_shape[1:])).astype(np.float32)


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.integers(0, 9))
def test_the_layer_graph_computes_what_the_model_does(random, n_steps) -> None:
    model = RandomModel(random).build(n_steps)
    x = sample_of(model, n_steps)
    net = on_host(model)
    assert all(np.allclose(a, b, rtol=0, atol=2.0**-23) for a, b in zip(net.get_weights(), model.get_weights(), strict=True))
    predicted = net.predict(x, verbose=0)
    expected = np.asarray(model(x, training=False))
    graph = net._graph()
    assert np.allclose(evaluate(graph, x), expected, atol=1e-4, rtol=1e-4)
    resolution = 2.0 ** -min([graph.input_fraction] + [layer.output_fraction for layer in graph.layers[:-1]])
    assert np.abs(predicted - expected).max() <= 10 * resolution * max(1, np.abs(expected).max())


def keras_gradients(model: keras.Model, x: np.ndarray, y: np.ndarray, weights: list[np.ndarray]) -> list[np.ndarray]:
    """Of a step of plain gradient descent from these weights, which the model has afterwards again."""
    model.set_weights(weights)
    model.train_on_batch(x, y)
    after = model.get_weights()
    model.set_weights(weights)
    return [(a - b) / RATE for a, b in zip(weights, after, strict=True)]


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.integers(0, 9))
def test_a_step_of_training_is_that_of_keras(random, n_steps) -> None:
    model = RandomModel(random, dropout=False).build(n_steps)
    model.run_eagerly = True
    model.optimizer.learning_rate = RATE
    x = sample_of(model, n_steps, 8)
    rng = np.random.default_rng(n_steps)
    y = rng.uniform(-1, 1, (8, 3)).astype(np.float32)
    before = model.get_weights()
    expected = keras_gradients(model, x, y, before)
    history = on_host(model).train(x, y, batch_size=8, shuffle=False, verbose=0)
    assume(not any(history.saturations))               # clipped numbers have another gradient
    found = [(a - b) / RATE for a, b in zip(before, model.get_weights(), strict=True)]
    allowed = [0.02 * np.abs(gradient).max() + 2e-3 for gradient in expected]
    if not near(found, expected, allowed):
        # where rectifiers and maxima bend: as far as Keras' gradient moves when numbers move by a resolution
        for _ in range(20):
            moved = [w + rng.uniform(-RESOLUTION, RESOLUTION, w.shape) for w in before]
            shifted = (x + rng.uniform(-RESOLUTION, RESOLUTION, x.shape)).astype(np.float32)
            beside = keras_gradients(model, shifted, y, moved)
            allowed = [max(limit, 1.2 * np.abs(a - b).max()) for limit, a, b in zip(allowed, beside, expected, strict=True)]
        assert near(found, expected, allowed)


def near(found: list[np.ndarray], expected: list[np.ndarray], allowed: list[float]) -> bool:
    return all(np.abs(a - b).max() <= limit for a, b, limit in zip(found, expected, allowed, strict=True))
