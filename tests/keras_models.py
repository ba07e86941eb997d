"""Small Keras models and data for the tests, and a network that computes on the host instead of a machine."""
from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import dlgraph  # noqa: E402
from dlgraph.executors import make_reference  # noqa: E402

layers = keras.layers

#: loss name -> output activation that goes with it.
OUTPUT = {"sparse_categorical_crossentropy": "softmax", "categorical_crossentropy": "softmax",
          "binary_crossentropy": "sigmoid", "mean_squared_error": "linear"}


def mlp(*widths: int, loss: Any = "sparse_categorical_crossentropy", activation: str = "relu", output: str | None = None,
        metrics: Any = ("accuracy",), rate: float = 0.1, seed: int = 1, use_bias: bool = True) -> keras.Sequential:
    """A compiled MLP, such as ``mlp(64, 32, 10)``."""
    keras.utils.set_random_seed(seed)
    if output is None:
        output = OUTPUT[loss]
    model = keras.Sequential(
        [keras.Input((widths[0],))]
        + [layers.Dense(n, activation=activation, use_bias=use_bias) for n in widths[1:-1]]
        + [layers.Dense(widths[-1], activation=output, use_bias=use_bias)])
    model.compile(keras.optimizers.SGD(rate), loss=loss, metrics=list(metrics) if metrics else None)
    return model


def sequential(*stack: Any, shape: tuple[int, ...] = (4,), optimizer: Any = "sgd",
               loss: Any = "mean_squared_error", **arguments: Any) -> keras.Sequential:
    """A compiled Sequential model of the layers given."""
    model = keras.Sequential([keras.Input(shape), *stack])
    model.compile(optimizer, loss=loss, **arguments)
    return model


def image_model(*stack: Any, shape: tuple[int, ...] = (6, 6, 2), **arguments: Any) -> keras.Sequential:
    """A compiled Sequential model of the layers given, on images, with Flatten and Dense behind them."""
    return sequential(*stack, layers.Flatten(), layers.Dense(2, name="out"), shape=shape, **arguments)


def functional(build: Any, shape: tuple[int, ...] = (4,), loss: Any = "mean_squared_error") -> keras.Model:
    """A compiled Functional model: ``build`` makes the output of the input."""
    x = keras.Input(shape)
    model = keras.Model(x, build(x))
    model.compile("sgd", loss)
    return model


def every_layer(module: Any = keras, loss: str = "mean_squared_error") -> Any:
    """A compiled model that branches and joins, with every kind of layer that dlgraph takes.

    :param module: ``keras`` or ``tf.keras``
    """
    kinds = module.layers
    x = module.Input((36,))
    image = kinds.Reshape((6, 6, 1))(x)
    a = kinds.Conv2D(3, 3, strides=2, padding="same", name="conv")(image)
    b = kinds.LeakyReLU(0.25)(kinds.AveragePooling2D(2, name="mean")(image))
    c = kinds.MaxPooling2D(2, strides=1, padding="same", name="max")(kinds.Concatenate(name="both")([a, kinds.ReLU()(a), b]))
    block = module.Sequential([module.Input((3, 3, 7)), kinds.ZeroPadding2D(1), kinds.Conv2D(7, 3, activation="tanh")])
    d = kinds.Add(name="sum")([c, kinds.Dropout(0.25)(block(c))])
    e = kinds.Conv1D(4, 2, padding="causal", activation="sigmoid", name="line")(kinds.Reshape((9, 7))(d))
    f = kinds.AveragePooling1D(2)(kinds.ZeroPadding1D(1)(e))
    ends = [kinds.Flatten()(kinds.MaxPooling1D(3)(f)), kinds.GlobalAveragePooling1D()(f), kinds.GlobalMaxPooling1D()(e),
            kinds.GlobalAveragePooling2D()(d), kinds.GlobalMaxPooling2D()(d)]
    hidden = kinds.Activation("relu")(kinds.Dense(8, name="hidden")(kinds.Concatenate(name="all")(ends)))
    model = module.Model(x, kinds.Softmax()(kinds.Dense(3, name="output")(hidden)))
    model.compile("sgd", loss)
    return model


def data(n: int = 60, n_inputs: int = 4, n_outputs: int = 3, loss: str = "sparse_categorical_crossentropy",
         seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random samples in [-1, 1] with targets that depend on them."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, n_inputs)).astype(np.float32)
    score = x @ rng.normal(size=(n_inputs, n_outputs))
    if loss == "sparse_categorical_crossentropy":
        return x, score.argmax(axis=1)
    if loss == "categorical_crossentropy":
        return x, np.eye(n_outputs, dtype=np.float32)[score.argmax(axis=1)]
    if loss == "binary_crossentropy":
        return x, (score > 0).astype(np.float32)
    return x, np.tanh(score).astype(np.float32)


def equal(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    """Whether two lists of arrays are the same, in dtype and every bit."""
    return len(a) == len(b) and all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def on_host(model: Any, **options: Any) -> dlgraph.Network:
    """A network whose machine is the reference."""
    return dlgraph.from_keras(model, executor_factory=make_reference, **options)
