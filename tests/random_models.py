"""Random Keras models of every kind of layer that dlgraph takes: with branches, joins and nested models.

``random`` is what hypothesis gives as ``st.randoms(use_true_random=False)``, or a :class:`random.Random`.
"""
from __future__ import annotations

from math import prod
from typing import Any

import keras
import numpy as np
from keras_models import layers

ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "leaky_relu")
#: By number of axes of a sample: what may come next.
STEPS = {
    1: ("dense", "image", "any"),
    2: ("convolution", "average", "maximum", "padding", "flatten", "global", "image", "any", "any"),
    3: ("convolution", "convolution", "average", "maximum", "padding", "flatten", "global", "rows", "any", "any"),
}
ANYWHERE = ("activation", "dropout", "branch", "branch", "nested", "join")
MOST_VALUES = 300


class RandomModel:
    """Builds one model.

    :param dropout: whether it may have some
    """

    def __init__(self, random: Any, dropout: bool = True) -> None:
        self.random = random
        self.dropout = dropout

    def build(self, n_steps: int, loss: str = "mean_squared_error", output: str = "linear", n_outputs: int = 3) -> keras.Model:
        """A compiled model with random weights and biases.

        :param n_steps: about how many layers
        """
        shape = self.random.choice([(7,), (6, 2), (5, 4, 2), (4, 6, 1), (1, 5, 3), (2, 2, 3, 2), (4, 3)])
        x = keras.Input(shape)
        value = self._chain(x, n_steps)
        value = self._flat(value)
        if self.random.random() < 0.5:
            value = layers.Dense(n_outputs, activation=output)(value)
        else:
            value = layers.Activation(output)(layers.Dense(n_outputs)(value))
        model = keras.Model(x, value)
        model.compile("sgd", loss)
        self.randomise(model)
        return model

    def randomise(self, model: keras.Model) -> None:
        rng = np.random.default_rng(self.random.getrandbits(32))
        model.set_weights([rng.normal(0, 0.9 / np.sqrt(max(1, prod(w.shape[:-1]))), w.shape) if w.ndim > 1
                           else rng.normal(0, 0.2, w.shape) for w in model.get_weights()])

    def _chain(self, value: Any, n_steps: int) -> Any:
        for _ in range(n_steps):
            if len(value.shape) - 1 not in STEPS:
                value = layers.Reshape((-1, value.shape[-1]))(value)
            kind = self.random.choice(STEPS[len(value.shape) - 1])
            if kind == "any":
                kind = self.random.choice(ANYWHERE)
            value = getattr(self, f"_{kind}")(value)
        return value

    def _whole(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def _flat(self, value: Any) -> Any:
        if len(value.shape) == 2:
            return value
        return layers.Flatten()(value) if self.random.random() < 0.7 else layers.Reshape((-1,))(value)

    def _dense(self, value: Any) -> Any:
        return layers.Dense(self._whole(1, 9), activation=self.random.choice(ACTIVATIONS),
                            use_bias=self.random.random() < 0.8)(value)

    def _axes(self, value: Any) -> int:
        return len(value.shape) - 2

    def _convolution(self, value: Any) -> Any:
        one = self._axes(value) == 1
        kind = layers.Conv1D if one else layers.Conv2D
        padding = self.random.choice(["same", "valid", "causal"] if one else ["same", "valid"])
        size = tuple(self._whole(1, min(3, n) if padding == "valid" else 4) for n in value.shape[1:-1])
        return kind(self._whole(1, 4), size, strides=self._strides(value), padding=padding,
                    activation=self.random.choice(ACTIVATIONS), use_bias=self.random.random() < 0.8)(value)

    def _strides(self, value: Any) -> tuple[int, ...] | int:
        return self._whole(1, 3) if self.random.random() < 0.5 else tuple(self._whole(1, 3) for _ in value.shape[1:-1])

    def _pooling(self, value: Any, kinds: tuple[Any, Any]) -> Any:
        padding = self.random.choice(["same", "valid"])
        size = tuple(self._whole(1, min(3, n)) for n in value.shape[1:-1])
        strides = self.random.choice([None, self._strides(value)])
        return kinds[self._axes(value) - 1](size, strides, padding)(value)

    def _average(self, value: Any) -> Any:
        return self._pooling(value, (layers.AveragePooling1D, layers.AveragePooling2D))

    def _maximum(self, value: Any) -> Any:
        return self._pooling(value, (layers.MaxPooling1D, layers.MaxPooling2D))

    def _global(self, value: Any) -> Any:
        kinds = ((layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D),
                 (layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D))
        return self.random.choice(kinds)[self._axes(value) - 1](keepdims=self.random.random() < 0.5)(value)

    def _padding(self, value: Any) -> Any:
        if prod(value.shape[1:]) > MOST_VALUES:
            return value
        pairs = [(self._whole(0, 2), self._whole(0, 2)) for _ in value.shape[1:-1]]
        return layers.ZeroPadding1D(pairs[0])(value) if len(pairs) == 1 else layers.ZeroPadding2D(pairs)(value)

    def _flatten(self, value: Any) -> Any:
        return self._flat(value)

    def _image(self, value: Any) -> Any:
        n = prod(value.shape[1:])
        height = self.random.choice([i for i in range(1, n + 1) if n % i == 0])
        return layers.Reshape(self.random.choice([(height, -1), (height, n // height, 1), (1, height, -1), (2, -1, 1)]
                                                 if n % 2 == 0 else [(height, -1), (height, -1, 1)]))(value)

    def _rows(self, value: Any) -> Any:
        return layers.Reshape((value.shape[1] * value.shape[2], value.shape[3]))(value)

    def _activation(self, value: Any) -> Any:
        return self.random.choice([
            lambda: layers.ReLU(), lambda: layers.LeakyReLU(0.25), lambda: layers.LeakyReLU(alpha=1.5),
            lambda: layers.ReLU(negative_slope=0.5), lambda: layers.Activation(self.random.choice(ACTIVATIONS))])()(value)

    def _dropout(self, value: Any) -> Any:
        rate = self.random.choice([0.0, 0.3, 0.9] if self.dropout else [0.0])
        return layers.Dropout(rate, seed=self.random.choice([None, 3]))(value)

    def _nested(self, value: Any) -> Any:
        inside = keras.Input(value.shape[1:])
        functional = keras.Model(inside, self._chain(inside, self._whole(1, 2)))
        if self.random.random() < 0.5 and functional.layers[1:]:
            return functional(value)
        return keras.Sequential([functional, layers.ReLU()])(value)

    def _branch(self, value: Any) -> Any:
        """Two ways that meet again."""
        if prod(value.shape[1:]) > MOST_VALUES:
            return value
        ways = [self._chain(value, self._whole(0, 2)) for _ in range(2)]
        return self._meet(ways)

    def _join(self, value: Any) -> Any:
        """A value and what a layer makes of it: a residual connection."""
        return self._meet([value, self._activation(value)])

    def _meet(self, values: list[Any]) -> Any:
        shapes = [tuple(value.shape[1:]) for value in values]
        if len(set(shapes)) == 1 and self.random.random() < 0.6:
            return layers.Add()(values)
        if len({shape[:-1] for shape in shapes}) == 1 and self.random.random() < 0.8:
            return layers.Concatenate(axis=self.random.choice([-1, len(shapes[0])]))(values)
        flat = [self._flat(value) for value in values]
        if flat[0].shape != flat[1].shape or self.random.random() < 0.5:
            return layers.Concatenate()(flat)
        return layers.Add()(flat)
