"""Random Keras models, the layer graphs they become, and what both compute."""
from __future__ import annotations

import keras
import numpy as np
from float_graph import evaluate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras_models import on_host
from random_models import RandomModel


def sample_of(model: keras.Model, seed: int, n: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (n, *model.input_shape[1:])).astype(np.float32)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
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


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.integers(0, 9))
def test_a_step_of_training_is_that_of_keras(random, n_steps) -> None:
    model = RandomModel(random, dropout=False).build(n_steps)
    model.run_eagerly = True
    model.optimizer.learning_rate = 0.25
    x = sample_of(model, n_steps, 8)
    y = np.random.default_rng(n_steps).uniform(-1, 1, (8, 3)).astype(np.float32)
    before = model.get_weights()
    model.train_on_batch(x, y)
    expected = [(a - b) / 0.25 for a, b in zip(before, model.get_weights(), strict=True)]
    model.set_weights(before)
    on_host(model).train(x, y, batch_size=8, shuffle=False, verbose=0)
    for start, now, gradient in zip(before, model.get_weights(), expected, strict=True):
        assert np.abs((start - now) / 0.25 - gradient).max() <= 0.02 * np.abs(gradient).max() + 2e-3
