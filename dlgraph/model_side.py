"""The two homes of a network's weights as the user sees them: a Keras model, or a stand-in on the host.

Both have what Keras callbacks ask of a model, and what the network needs: weights and the optimiser's state in and out as
float32, learning rates, and what the model is compiled for.
"""
from __future__ import annotations

from typing import Any, Protocol, Sequence

import numpy as np

from dlgraph.formats import Float32Array, float32_value
from dlgraph.keras_translator import (Goal, Schedule, Translation, learning_rate, read_goal, read_optimiser, read_state,
                                      schedule_of, write_state)
from dlgraph.optimiser_formats import FloatState
from dlgraph.optimisers import Optimiser, Plane


class ModelSide(Protocol):
    """Where the trained weights go, and what callbacks are given as their model."""

    @property
    def model(self) -> Any:
        """What callbacks see."""

    def read_weights(self) -> list[list[Float32Array]]:
        """Of each layer with weights, kernel and bias (where it has one), in Keras' shapes."""

    def write_weights(self, weights: list[list[Float32Array]]) -> None:
        """Replace them."""

    def optimiser(self) -> Optimiser:
        """As it is now."""

    def learning_rate(self) -> float:
        """That of the next step, a float32."""

    def set_learning_rate(self, rate: float) -> None:
        """Set it, where it is a number."""

    def schedule(self) -> Schedule | None:
        """What gives the learning rates of all steps, where they are not one number."""

    def read_state(self, planes: Sequence[Plane]) -> FloatState:
        """What the optimiser has gathered."""

    def write_state(self, state: FloatState, planes: Sequence[Plane]) -> None:
        """Replace it."""

    def goal(self) -> Goal:
        """What the model is compiled for now."""

    def build_metrics(self, labelled: bool) -> None:
        """Let Keras make its metrics, of which callbacks ask whether more is better."""


class KerasSide:
    """The user's Keras model.

    :param model: the model
    :param translation: what it was translated to
    """

    def __init__(self, model: Any, translation: Translation) -> None:
        self.model = model
        self._nodes = translation.weight_nodes
        self._output = translation.output

    def read_weights(self) -> list[list[Float32Array]]:
        """Of each layer with weights, kernel and bias (where it has one), in Keras' shapes."""
        return [[np.asarray(array) for array in node.keras_layer.get_weights()] for node in self._nodes]

    def write_weights(self, weights: list[list[Float32Array]]) -> None:
        """Replace them."""
        for node, arrays in zip(self._nodes, weights, strict=True):
            node.keras_layer.set_weights(arrays)

    @property
    def _variables(self) -> list[list[Any]]:
        return [list(node.keras_layer.weights) for node in self._nodes]

    def optimiser(self) -> Optimiser:
        """As it is now."""
        return read_optimiser(self.model.optimizer, self._variables)

    def learning_rate(self) -> float:
        """That of the next step, a float32."""
        return learning_rate(self.model.optimizer)

    def set_learning_rate(self, rate: float) -> None:
        """Set it, where it is a number."""
        self.model.optimizer.learning_rate = rate

    def schedule(self) -> Schedule | None:
        """What gives the learning rates of all steps, where they are not one number."""
        return schedule_of(self.model.optimizer)

    def read_state(self, planes: Sequence[Plane]) -> FloatState:
        """What the optimiser has gathered."""
        return read_state(self.model.optimizer, self._variables, planes)

    def write_state(self, state: FloatState, planes: Sequence[Plane]) -> None:
        """Replace it."""
        write_state(self.model.optimizer, state, self._variables, planes, self.model.trainable_variables)

    def goal(self) -> Goal:
        """What the model is compiled for now."""
        return read_goal(self.model, self._output)

    def build_metrics(self, labelled: bool) -> None:
        """Let Keras make its metrics, of which callbacks ask whether more is better."""
        outputs = np.zeros((1, self._output.weight_layer.n_units), np.float32)
        targets = np.zeros((1,), np.int32) if labelled else outputs
        for metric in self.model.metrics:
            if hasattr(metric, "build") and getattr(metric, "built", True) is False:
                metric.build(targets, outputs)


class StandInOptimiser:
    """What ``model.optimizer`` is to callbacks.

    :ivar iterations: updates so far
    """

    def __init__(self, learning_rate: float, iterations: int, name: str) -> None:
        self.learning_rate = learning_rate
        self.iterations = iterations
        self.name = name

    @property
    def learning_rate(self) -> float:
        """The value of a float32, as Keras' variable: what a callback multiplies again and again stays the same there and here."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: Any) -> None:
        self._learning_rate = float32_value(rate)


class StandIn:
    """What a reference twin's callbacks see as their model.

    :param name: the Keras model's name
    :param weights: of each layer with weights, kernel and bias, in Keras' shapes
    :param optimiser: the Keras model's
    :param state: what that has gathered
    :param schedule: of its learning rates, or None where it has a number
    :param goal: what the Keras model was compiled for
    :param metrics: the Keras model's metrics, only asked for their names and whether more is better
    """

    def __init__(self, name: str, weights: list[list[Float32Array]], optimiser: Optimiser, state: FloatState,
                 schedule: Schedule | None, goal: Goal, metrics: list[Any]) -> None:
        self.name = name
        self.metrics = metrics
        self.optimizer = StandInOptimiser(optimiser.learning_rate, state.iterations, type(optimiser).__name__)
        self.stop_training = False
        self.history: Any = None
        self._initial_epoch: int | None = None
        self._weights = weights
        self._optimiser = optimiser
        self._state = state
        self._schedule = schedule
        self._goal = goal

    def __getattr__(self, name: str) -> Any:
        """:raises AttributeError: for what only a Keras model has, saying what to do"""
        raise AttributeError(f"The twin that reference() makes has no Keras model, so callbacks find no {name!r} there. Leave "
                             f"those that save or load the model out of the twin's training.")

    @property
    def model(self) -> StandIn:
        """What callbacks see."""
        return self

    def get_weights(self) -> list[Float32Array]:
        """Copies, in Keras' order."""
        return [array.copy() for arrays in self._weights for array in arrays]

    def set_weights(self, weights: list[Any]) -> None:
        """Replace the weights, in Keras' order."""
        if len(weights) != sum(len(arrays) for arrays in self._weights):
            raise ValueError(f"set_weights was given {len(weights)} arrays, but the network has "
                             f"{sum(len(arrays) for arrays in self._weights)}.")
        given = iter(weights)
        self._weights = [[np.asarray(next(given), np.float32).reshape(array.shape) for array in arrays]
                         for arrays in self._weights]

    def read_weights(self) -> list[list[Float32Array]]:
        """Of each layer with weights, kernel and bias (where it has one), in Keras' shapes."""
        return self._weights

    def write_weights(self, weights: list[list[Float32Array]]) -> None:
        """Replace them."""
        self._weights = weights

    def optimiser(self) -> Optimiser:
        """As it is now."""
        return self._optimiser

    def learning_rate(self) -> float:
        """That of the next step, a float32."""
        if self._schedule is not None:
            return self._schedule(self._state.iterations, 1)[0]
        return self.optimizer.learning_rate

    def set_learning_rate(self, rate: float) -> None:
        """Set it, where it is a number."""
        self.optimizer.learning_rate = rate

    def schedule(self) -> Schedule | None:
        """What gives the learning rates of all steps, where they are not one number."""
        return self._schedule

    def read_state(self, planes: Sequence[Plane]) -> FloatState:
        """What the optimiser has gathered."""
        return self._state

    def write_state(self, state: FloatState, planes: Sequence[Plane]) -> None:
        """Replace it."""
        self._state = state
        self.optimizer.iterations = state.iterations

    def goal(self) -> Goal:
        """What the model is compiled for now."""
        return self._goal

    def build_metrics(self, labelled: bool) -> None:
        """They are built by the Keras side before the twin is made."""
