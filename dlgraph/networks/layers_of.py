"""Keras layers as the networks use them: one activation, one way to start weights, seeds that belong to each layer."""
from __future__ import annotations

from typing import Any

from dlgraph.arguments import check_integer
from dlgraph.errors import DataError

#: Activation of hidden layers -> Keras' name of the start of the weights before it.  Both are uniform and keep the variance
#: of what passes: Glorot and Bengio, AISTATS 2010, for tanh; He et al., ICCV 2015, for ReLU, which drops half of it.
INITIALISERS = {"tanh": "GlorotUniform", "relu": "HeUniform"}
N_CLASSES = 10


class LayersOf:
    """Makes the layers of one network.

    :param activation: of hidden layers, ``"tanh"`` or ``"relu"``
    :param seed: of the weights, 0 .. 2**31 - 1; None for Keras' global random numbers
    :raises DataError: for others
    """

    def __init__(self, activation: str, seed: int | None) -> None:
        if activation not in INITIALISERS:
            raise DataError(f"activation={activation!r} is not known here. Give 'tanh' or 'relu'.")
        if seed is not None and check_integer("seed", seed, 0) >= 2**31:
            raise DataError(f"seed={seed} is too large. Give a whole number from 0 to {2**31 - 1}.")
        import keras       # takes seconds, and only those who want a model have it

        self.keras = keras
        self.activation = activation
        self._seed = seed
        self._n_made = 0

    def convolution(self, n_maps: int, name: str, padding: str = "valid") -> Any:
        """Kernels of 5 x 5 on all maps before it, then the activation."""
        return self.keras.layers.Conv2D(n_maps, 5, padding=padding, activation=self.activation, name=name,
                                        kernel_initializer=self._start(INITIALISERS[self.activation]))

    def subsampling(self, name: str) -> Any:
        """The mean of each 2 x 2."""
        return self.keras.layers.AveragePooling2D(2, name=name)

    def dense(self, n_units: int, name: str) -> Any:
        """A hidden layer."""
        return self.keras.layers.Dense(n_units, activation=self.activation, name=name,
                                       kernel_initializer=self._start(INITIALISERS[self.activation]))

    def output(self) -> Any:
        """One softmax unit per class."""
        return self.keras.layers.Dense(N_CLASSES, activation="softmax", name="output",
                                       kernel_initializer=self._start("GlorotUniform"))

    def model(self, name: str, shape: tuple[int, ...], layers: list[Any]) -> Any:
        """The layers as a built Sequential model."""
        return self.keras.Sequential([self.keras.Input(shape), *layers], name=name)

    def _start(self, kind: str) -> Any:
        number, self._n_made = self._n_made, self._n_made + 1
        seed = None if self._seed is None else (self._seed * 1009 + number) % 2**31
        return getattr(self.keras.initializers, kind)(seed=seed)
