"""The homes of a network's weights as the user sees them: a graph by itself, or (``keras_side.py``) a Keras model.

All have what Keras callbacks ask of a model, and what the network needs: weights and the optimiser's state in and out as float32,
learning rates, and what is to be trained for.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol, Sequence

import numpy as np

from dlgraph.errors import ModelError
from dlgraph.formats import Float32Array
from dlgraph.graph import Definition, Goal
from dlgraph.graph.optimiser import checked_rate
from dlgraph.optimiser_formats import FloatState
from dlgraph.optimisers import Optimiser, Plane, Schedule


class ModelSide(Protocol):
    """Where the trained weights go, and what callbacks are given as their model."""

    @property
    def model(self) -> Any:
        """What callbacks see."""

    def read_weights(self) -> list[list[Float32Array]]:
        """Of each layer with weights, kernel and bias (where it has one), in the user's shapes."""

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
        """What is to be trained for now."""

    def build_metrics(self, labelled: bool) -> None:
        """Let Keras make its metrics, of which callbacks ask whether more is better."""


class GraphSide(ModelSide):
    """A graph by itself: what its layers hold is trained, and callbacks see this as their model.

    It is also what a reference twin has, of a graph of its own.

    :param definition: of the graph
    :param state: what the optimiser has gathered; None: nothing
    :param metrics: of a Keras model, only asked for their names and whether more is better
    :raises ModelError: for a graph without an optimiser
    """

    def __init__(self, definition: Definition, state: FloatState | None = None, metrics: Sequence[Any] = ()) -> None:
        self._graph = definition.graph
        self._nodes = definition.weight_nodes
        self._goal = definition.goal
        self._state = state
        self._planes = self.optimiser().planes
        self.name = self._graph.name
        self.metrics = list(metrics)
        self.optimizer = GraphOptimiser(self)
        self.stop_training = False
        self.history: Any = None
        self._initial_epoch: int | None = None

    def __getattr__(self, name: str) -> Any:
        """:raises AttributeError: for what only a Keras model has, saying what to do"""
        raise AttributeError(f"There is no Keras model behind this network, so callbacks find no {name!r} there. Leave those that "
                             f"save or load the model out of a graph's, or a twin's training.")

    @property
    def model(self) -> GraphSide:
        return self

    def get_weights(self) -> list[Float32Array]:
        """Copies, in the order of the layers."""
        return [array for arrays in self.read_weights() for array in arrays]

    def set_weights(self, weights: list[Any]) -> None:
        """Replace the weights, in the order of the layers."""
        now = self.read_weights()
        if len(weights) != sum(len(arrays) for arrays in now):
            raise ValueError(f"set_weights was given {len(weights)} arrays, but the network has "
                             f"{sum(len(arrays) for arrays in now)}.")
        given = iter(weights)
        self.write_weights([[np.asarray(next(given), np.float32).reshape(array.shape) for array in arrays] for arrays in now])

    def read_weights(self) -> list[list[Float32Array]]:
        return [[np.array(array, np.float32) for array in node.weights.get_weights()] for node in self._nodes]

    def write_weights(self, weights: list[list[Float32Array]]) -> None:
        for node, arrays in zip(self._nodes, weights, strict=True):
            node.weights.set_weights(arrays)

    def optimiser(self) -> Optimiser:
        found = self._graph.optimiser
        if found is None:
            raise ModelError(f"Graph {self._graph.name!r} has no optimiser. Give it one: graph.optimiser = dlgraph.Sgd(0.1).")
        return found

    def learning_rate(self) -> float:
        schedule = self.schedule()
        if schedule is not None:
            return schedule(self._state.iterations if self._state is not None else 0, 1)[0]
        return self.optimiser().learning_rate

    def set_learning_rate(self, rate: float) -> None:
        self._graph.take_optimiser(replace(self.optimiser(), learning_rate=checked_rate(rate)), self._graph.schedule)

    def schedule(self) -> Schedule | None:
        return self._graph.schedule

    def read_state(self, planes: Sequence[Plane]) -> FloatState:
        if self._state is None or tuple(planes) != self._planes:             # another optimiser begins with nothing
            self._planes = tuple(planes)
            self._state = FloatState(0, tuple(tuple(tuple(np.zeros_like(array) for _ in planes) for array in arrays)
                                              for arrays in self.read_weights()))
        return self._state

    def write_state(self, state: FloatState, planes: Sequence[Plane]) -> None:
        self._state, self._planes = state, tuple(planes)

    @property
    def iterations(self) -> int:
        """Updates so far."""
        return 0 if self._state is None else self._state.iterations

    def goal(self) -> Goal:
        return self._goal

    def build_metrics(self, labelled: bool) -> None:
        """They are built already."""


class GraphOptimiser:
    """What ``model.optimizer`` is to callbacks."""

    def __init__(self, side: GraphSide) -> None:
        self._side = side

    @property
    def learning_rate(self) -> float:
        """The value of a float32, as Keras' variable: what a callback multiplies again and again stays the same there and here."""
        return self._side.learning_rate()

    @learning_rate.setter
    def learning_rate(self, rate: Any) -> None:
        if self._side.schedule() is not None:
            raise TypeError("A schedule gives the learning rate, so it cannot be set. Leave out the schedule, or the callback that "
                            "sets it.")
        self._side.set_learning_rate(rate)

    @property
    def iterations(self) -> int:
        """Updates so far."""
        return self._side.iterations

    @property
    def name(self) -> str:
        """Of its kind."""
        return type(self._side.optimiser()).__name__
