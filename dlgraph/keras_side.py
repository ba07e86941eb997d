"""A Keras model as the home of a network's weights."""
from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from dlgraph.formats import Float32Array
from dlgraph.graph import Definition, Goal
from dlgraph.keras_translator import learning_rate, read_goal, read_optimiser, read_state, schedule_of, write_state
from dlgraph.keras_translator.translator import variables_of
from dlgraph.model_side import ModelSide
from dlgraph.optimiser_formats import FloatState
from dlgraph.optimisers import Optimiser, Plane, Schedule


class KerasSide(ModelSide):
    """The user's Keras model.

    :param model: the model
    :param definition: of the graph that was built from it
    """

    def __init__(self, model: Any, definition: Definition) -> None:
        self._model = model
        self._definition = definition
        self._nodes = definition.weight_nodes
        self._output = definition.output

    @property
    def model(self) -> Any:
        return self._model

    def read_weights(self) -> list[list[Float32Array]]:
        return [[np.asarray(array) for array in node.weights.get_weights()] for node in self._nodes]

    def write_weights(self, weights: list[list[Float32Array]]) -> None:
        for node, arrays in zip(self._nodes, weights, strict=True):
            node.weights.set_weights(arrays)

    @property
    def _variables(self) -> list[list[Any]]:
        return variables_of(self._definition)

    def optimiser(self) -> Optimiser:
        return read_optimiser(self.model.optimizer, self._variables)

    def learning_rate(self) -> float:
        return learning_rate(self.model.optimizer)

    def set_learning_rate(self, rate: float) -> None:
        self.model.optimizer.learning_rate = rate

    def schedule(self) -> Schedule | None:
        return schedule_of(self.model.optimizer)

    def read_state(self, planes: Sequence[Plane]) -> FloatState:
        return read_state(self.model.optimizer, self._variables, planes)

    def write_state(self, state: FloatState, planes: Sequence[Plane]) -> None:
        write_state(self.model.optimizer, state, self._variables, planes, self.model.trainable_variables)

    def goal(self) -> Goal:
        return read_goal(self.model, self._output.weight_layer)

    def build_metrics(self, labelled: bool) -> None:
        outputs = np.zeros((1, self._output.weight_layer.n_units), np.float32)
        targets = np.zeros((1,), np.int32) if labelled else outputs
        for metric in self.model.metrics:
            if hasattr(metric, "build") and getattr(metric, "built", True) is False:
                metric.build(targets, outputs)
