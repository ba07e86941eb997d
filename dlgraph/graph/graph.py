"""A network, layer by layer."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from dlgraph.custom_layer import CustomLayer, CustomWeightLayer
from dlgraph.errors import ModelError, UnsupportedError
from dlgraph.formats import LOGIT_FRACTION, WEIGHT_FRACTION, Float32Array, biases_from_float, weights_from_float
from dlgraph.graph.activations import activation_named
from dlgraph.graph.checks import given_padding, is_whole, one_of, padding_of, rows_and_columns, whole
from dlgraph.graph.definition import Definition, check_nodes
from dlgraph.graph.goal import GoalOf, goal_named
from dlgraph.graph.initialisers import INITIALISERS, Initialiser, initial_values
from dlgraph.graph.nodes import HeldWeights, Node, WeightHome, no_weights
from dlgraph.graph.optimiser import Schedule, checked_optimiser, checked_schedule
from dlgraph.graph.simplify import Simplifier
from dlgraph.graph.values import Value, image_shape, shape_like
from dlgraph.graph.words import layer_words, n_parameters, optimiser_words, product, taken_words
from dlgraph.layer_graph import (
    INPUT, Activation, ActivationLayer, AddLayer, ConcatenateLayer, ConvolutionLayer, DenseLayer, DropoutLayer, PaddingLayer,
    Pooling, PoolingLayer, ReshapeLayer)
from dlgraph.layers import NO_PADDING, WeightLayer
from dlgraph.optimisers import Optimiser
from dlgraph.tables import table

#: Beyond it, the values kept by dropout would be multiplied by more than the arithmetic holds.
LARGEST_RATE = 0.999
POOLINGS = {"average": Pooling.AVERAGE, "max": Pooling.MAXIMUM, "maximum": Pooling.MAXIMUM}


class Graph:
    """A network, built layer by layer; :func:`dlgraph.from_graph` trains it.

    Every method that adds a layer takes values, which methods before it returned, and returns the layer's value::

        graph = dlgraph.Graph("digits")
        x = graph.input((64,))
        hidden = graph.dense(x, 32, "relu", name="hidden")
        graph.loss(graph.dense(hidden, 10, "softmax", name="output"), "sparse_categorical_crossentropy", metrics=["accuracy"])
        graph.optimiser = dlgraph.Sgd(0.3)

    Values are flat (n,), lines (positions, channels) or images (height, width, channels), without the batch.  The graph holds
    the weights as float32, those that are trained after every epoch.  Each layer is used once and has weights of its own:
    arrays given are copied.  Where a layer would change nothing (dropout of rate 0, flattening what is flat), there is none.

    :param name: in errors and reports
    :param seed: of the weights at the start, and of every random choice in training unless ``from_graph`` is told another one;
        0 .. 2**32 - 1
    :ivar nodes: the layers, each behind those whose values it takes
    """

    def __init__(self, name: str = "graph", seed: int = 0) -> None:
        if not isinstance(name, str) or not name:
            raise ModelError(f"Graph was given name={name!r}. dlgraph accepts a text.")
        if not is_whole(seed) or not 0 <= seed < 2**32:
            raise ModelError(f"Graph {name!r} was given seed={seed!r}. dlgraph accepts a whole number from 0 to {2**32 - 1}.")
        self.name = name
        self.seed = int(seed)
        self.nodes: list[Node] = []
        #: Of every layer's value, as users see it.
        self._shapes: list[tuple[int, ...]] = []
        self._input: Value | None = None
        self._output: Value | None = None
        self._goal_of: GoalOf | None = None
        self._optimiser: Optimiser | None = None
        self._schedule: Schedule | None = None
        self._closed = False

    # ------------------------------------------------------------------ the layers

    def input(self, shape: Sequence[int]) -> Value:
        """The samples.

        :param shape: of one, without the batch
        :raises ModelError: for axes that are no whole numbers from 1, or a second input
        """
        self._refuse_closed()
        if self._input is not None:
            raise ModelError(f"Graph {self.name!r} has an input already, of shape {self._input.shape}. dlgraph accepts one; join "
                             f"several along an axis of one array, and take them apart with reshape and convolutions.")
        if not isinstance(shape, (tuple, list)) or not all(is_whole(n) and n >= 1 for n in shape):
            raise ModelError(f"Graph {self.name!r} was given an input of shape {shape!r}. dlgraph accepts a tuple of whole numbers "
                             f"from 1, such as (784,) or (28, 28, 1).")
        self._input = Value(self, INPUT, tuple(int(n) for n in shape))
        return self._input

    def dense(self, value: Value, n_units: int, activation: Any = "linear", *, use_bias: bool = True,
              weights: Any = "glorot_uniform", biases: Any = "zeros", name: str | None = None,
              home: WeightHome | None = None) -> Value:
        """A fully connected layer on a flat value.

        :param activation: ``"linear"``, ``"relu"``, ``"leaky_relu"``, ``"sigmoid"``, ``"tanh"``, ``"softmax"`` (at the output), or
            what :func:`dlgraph.graph.leaky_relu` returns
        :param weights: at the start: an array (n_inputs, n_units), an :class:`~dlgraph.graph.Initialiser`, or its name
        :param biases: at the start, likewise: (n_units,)
        :param name: unique in the graph; None for ``"dense_1"`` and so on
        :param home: where the weights live instead of in the graph, then ``weights`` and ``biases`` are left out
        :return: of shape (n_units,)
        """
        name = self._start(name, "dense", [value])
        if len(value.shape) != 1:
            raise ModelError(f"Dense layer {name!r} gets samples of shape {value.shape}. dlgraph accepts Dense layers on flat "
                             f"samples (one axis); put a Flatten layer, of a graph its flatten(value), before it.")
        n_units = whole(name, "n_units", n_units)
        layer = DenseLayer(name, no_weights(value.shape[0], n_units), no_weights(n_units), bool(use_bias), Activation.LINEAR)
        return self._add_weights(layer, value, activation, (value.shape[0], n_units), weights, biases, home)

    def convolution(self, value: Value, n_channels: int, kernel: Any, activation: Any = "linear", *, strides: Any = 1,
                    padding: Any = "valid", use_bias: bool = True, weights: Any = "glorot_uniform", biases: Any = "zeros",
                    name: str | None = None, home: WeightHome | None = None) -> Value:
        """A convolution of an image or a line (a cross-correlation, as in Keras).

        :param n_channels: that go out
        :param kernel: rows and columns, or a number for both; of a line, positions
        :param strides: likewise
        :param padding: ``"valid"``: none; ``"same"``, as TensorFlow has it; of a line ``"causal"``; or zeros:
            ((above, below), (left, right)), of a line (before, after)
        :param weights: as in :meth:`dense`: (kernel height, kernel width, channels in, channels out), of a line (positions, ...)
        :param biases: as in :meth:`dense`, like activation, use_bias, name and home
        """
        name = self._start(name, "convolution", [value])
        on_line = self._on_line(name, value)
        n_channels = whole(name, "n_channels", n_channels)
        size = rows_and_columns(name, "kernel", kernel, on_line)
        stride = rows_and_columns(name, "strides", strides, on_line)
        zeros = padding_of(name, padding, on_line, value.image, size, stride)
        layer = ConvolutionLayer(name, no_weights(*size, value.shape[-1], n_channels), no_weights(n_channels), bool(use_bias),
                                 Activation.LINEAR, strides=stride, padding=zeros)
        shape = (*(size[:1] if on_line else size), value.shape[-1], n_channels)
        return self._add_weights(layer, value, activation, shape, weights, biases, home)

    def pooling(self, value: Value, kind: Any, size: Any = None, *, strides: Any = None, padding: Any = "valid",
                name: str | None = None) -> Value:
        """The mean or the largest of each window, channel by channel.

        :param kind: ``"average"`` or ``"max"``
        :param size: of a window, as a convolution's kernel; None for the whole image: what goes out is flat then
        :param strides: None: as size
        :param padding: as of a convolution; it takes no part in mean or largest
        """
        name = self._start(name, "pooling", [value])
        on_line = self._on_line(name, value)
        found = POOLINGS.get(kind) if isinstance(kind, str) else kind
        if not isinstance(found, Pooling):
            raise ModelError(f"Layer {name!r} was given kind={kind!r}. dlgraph accepts {one_of(POOLINGS)}.")
        window = value.image[:2] if size is None else rows_and_columns(name, "size", size, on_line)
        stride = window if strides is None or size is None else rows_and_columns(name, "strides", strides, on_line)
        zeros = NO_PADDING if size is None else padding_of(name, padding, on_line, value.image, window, stride)
        layer = PoolingLayer(name, kind=found, size=window, strides=stride, padding=zeros)
        return self._add(Node(layer), [value], (value.shape[-1],) if size is None else None)

    def activation(self, value: Value, activation: Any, *, name: str | None = None) -> Value:
        """An activation by itself; behind a layer with weights whose value nobody else takes, it becomes part of that one.

        :param activation: as in :meth:`dense`
        """
        name = self._start(name, "activation", [value])
        applied = activation_named(name, activation)
        if applied.kind is Activation.LINEAR:
            return value
        if applied.kind is Activation.SOFTMAX and len(value.shape) != 1:
            raise ModelError(
                f"Layer {name!r} applies softmax to samples of shape {value.shape}. dlgraph accepts softmax over flat samples (one "
                f"axis), behind the last Dense layer; leave it out here.")
        layer = ActivationLayer(name, activation=applied.kind, negative_slope=applied.negative_slope)
        return self._add(Node(layer, activated_by=name), [value])

    def dropout(self, value: Value, rate: float, *, name: str | None = None) -> Value:
        """In training, each value is 0 with probability ``rate``, else multiplied by 1 / (1 - rate).

        :param rate: 0 to 0.999
        """
        name = self._start(name, "dropout", [value])
        if not _is_number(rate) or not 0 <= rate <= LARGEST_RATE:
            raise ModelError(f"Dropout layer {name!r} has rate={rate!r}, which dlgraph does not support. It accepts rate=0 to "
                             f"{LARGEST_RATE}; build the layer with that.")
        return self._add(Node(DropoutLayer(name, rate=float(rate))), [value]) if rate else value

    def zero_padding(self, value: Value, padding: Any, *, name: str | None = None) -> Value:
        """Zeros around an image or a line.

        :param padding: a number for all sides, ((above, below), (left, right)), of a line (before, after)
        """
        name = self._start(name, "padding", [value])
        zeros = given_padding(name, padding, self._on_line(name, value))
        return value if zeros == NO_PADDING else self._add(Node(PaddingLayer(name, padding=zeros)), [value])

    def reshape(self, value: Value, shape: Sequence[int], *, name: str | None = None) -> Value:
        """The same values, in their order, in another shape.

        :param shape: without the batch; one axis may be -1: what is left for it
        """
        name = self._start(name, "reshape", [value])
        size = prod(value.shape)
        if not isinstance(shape, (tuple, list)) or not all(map(is_whole, shape)):
            raise ModelError(f"Layer {name!r} was given shape={shape!r}. dlgraph accepts a tuple of whole numbers, one of which "
                             f"may be -1.")
        target = tuple(int(n) for n in shape)
        if -1 in target:
            rest = -prod(target)
            target = tuple(size // max(rest, 1) if n == -1 else n for n in target)
        if prod(target) != size or min(target, default=1) < 1:
            raise ModelError(f"Reshape layer {name!r} asks for the shape {target}, but a sample has {size} values there (shape "
                             f"{value.shape}). Give axes whose product is {size}.")
        if image_shape(target) == value.image:
            return Value(self, value.node, target)
        return self._add(Node(ReshapeLayer(name, shape=image_shape(target))), [value], target)

    def flatten(self, value: Value, *, name: str | None = None) -> Value:
        """The same values, in their order, as one axis."""
        name = self._start(name, "flatten", [value])
        return self.reshape(value, (prod(value.shape),), name=name)

    def add(self, values: Iterable[Value], *, name: str | None = None) -> Value:
        """The sum of values of one shape."""
        taken = self._several(values)
        name = self._start(name, "add", taken)
        if len({value.shape for value in taken}) > 1:
            raise ModelError(f"Add layer {name!r} gets samples of the shapes {' and '.join(str(v.shape) for v in taken)}. dlgraph "
                             f"accepts samples of one shape; bring them to one, such as with a convolution or Reshape.")
        return self._add(Node(AddLayer(name)), taken) if len(taken) > 1 else taken[0]

    def concatenate(self, values: Iterable[Value], *, name: str | None = None) -> Value:
        """Values joined along their last axis."""
        taken = self._several(values)
        name = self._start(name, "concatenate", taken)
        if len({value.shape[:-1] for value in taken}) > 1:
            raise ModelError(f"Concatenate layer {name!r} gets samples of the shapes {' and '.join(str(v.shape) for v in taken)}. "
                             f"dlgraph joins the last axis; bring the others to one size each, such as with zero padding.")
        shape = (*taken[0].shape[:-1], sum(value.shape[-1] for value in taken))
        return self._add(Node(ConcatenateLayer(name)), taken, shape) if len(taken) > 1 else taken[0]

    def custom(self, value: Value, layer: CustomLayer, *, weights: Any = None, biases: Any = None,
               home: WeightHome | None = None) -> Value:
        """A layer of a kind from outside the package (:mod:`dlgraph.custom`).

        :param layer: an instance of its class, whose name is that of the layer in the graph; it is copied
        :param weights: at the start, of the shape that the instance's have: an array, an initialiser or its name as in
            :meth:`dense`; None: the instance's own numbers
        :param biases: likewise
        :param home: where the weights live instead of in the graph
        """
        if not isinstance(layer, CustomLayer):
            raise ModelError(f"Graph {self.name!r} was given {layer!r} as a layer. dlgraph accepts an instance of a layer kind, a "
                             f"subclass of dlgraph.custom.CustomLayer; its own layers have methods of their own.")
        name = self._start(layer.name, "custom", [value])
        if not isinstance(layer, CustomWeightLayer):
            if weights is not None or biases is not None:
                raise ModelError(f"Layer {name!r} was given weights, but its kind {type(layer).__name__} has none.")
            return self._add(Node(layer), [value])
        if biases is not None and not layer.use_bias:
            raise ModelError(f"Layer {name!r} was given biases, but it has none. Build it with use_bias=True.")
        if home is None:
            shape, fans = layer.weights.shape, (layer.n_weight_rows, layer.n_units)
            given = layer.weights * 2.0**-WEIGHT_FRACTION if weights is None else weights
            arrays = [self._first_values(name, "weights", given, shape, fans)]
            if layer.use_bias:
                given = layer.biases * 2.0**-LOGIT_FRACTION if biases is None else biases
                arrays.append(self._first_values(name, "biases", given, (layer.n_units,), fans))
            _check_formats(name, arrays)
            home = HeldWeights(arrays)
        return self._add(Node(layer, home), [value])

    # ------------------------------------------------------------------ what it is trained for

    def loss(self, output: Value, loss: Any, *, from_logits: bool = False, metrics: Sequence[str] = ()) -> None:
        """Say which value is the output, and what is made small.

        :param output: of a dense layer, or of an activation behind one
        :param loss: ``"sparse_categorical_crossentropy"``, ``"categorical_crossentropy"``, ``"binary_crossentropy"`` or
            ``"mean_squared_error"``, each with its activation as ``docs/arithmetic.rst`` has it
        :param from_logits: the output is linear, and the loss applies the softmax or sigmoid
        :param metrics: ``["accuracy"]`` to count it, or none; also by the names that Keras has
        :raises ModelError: for what is not known; what does not go together is found by :meth:`definition`
        """
        self.set_goal(output, goal_named(self.name, loss, from_logits, metrics))

    def set_goal(self, output: Value, goal_of: GoalOf) -> None:
        """The same as :meth:`loss` with what makes the goal of the output layer.

        :raises ModelError: for an output that no dense layer makes
        """
        self._refuse_closed()
        self._check_values("The loss", [output])
        if not any(isinstance(node.layer, DenseLayer) for node in self.nodes):
            raise ModelError(f"Model {self.name!r} has no Dense layer, which dlgraph needs as the output. Add Flatten and "
                             f"Dense(units) behind the last layer.")
        if len(output.shape) != 1:
            raise ModelError(f"The output of model {self.name!r} has the shape {output.shape}. dlgraph accepts flat outputs (one "
                             f"axis) of a Dense layer; leave the last Reshape layer out, or add Flatten and Dense(units).")
        self._output, self._goal_of = output, goal_of

    @property
    def optimiser(self) -> Optimiser | None:
        """What the graph is trained with: ``dlgraph.Sgd``, ``Adam`` or ``RmsProp``; may be set between trainings as well."""
        return self._optimiser

    @optimiser.setter
    def optimiser(self, given: Optimiser) -> None:
        self._optimiser = checked_optimiser(self.name, given)

    @property
    def schedule(self) -> Schedule | None:
        """What gives the learning rate of every step, in place of the optimiser's number; set it as a function of the step.

        Reading gives (first step, number of steps) -> their rates.
        """
        return self._schedule

    @schedule.setter
    def schedule(self, given: Any) -> None:
        self._schedule = None if given is None else checked_schedule(self.name, given)

    def take_optimiser(self, optimiser: Optimiser, schedule: Schedule | None) -> None:
        """An optimiser that is checked already, and what gives its learning rates, where they are not one number."""
        self._optimiser, self._schedule = optimiser, schedule

    def definition(self) -> Definition:
        """The graph as it is trained, checked.

        :raises ModelError: where it lacks an input or a loss, or what it has cannot be trained
        """
        if self._input is None:
            raise ModelError(f"Graph {self.name!r} has no input. Begin it with graph.input(shape).")
        if self._output is None or self._goal_of is None:
            raise ModelError(f"Graph {self.name!r} has no loss. Say which value is the output, and what is made small: "
                             f"graph.loss(value, 'mean_squared_error').")
        taken = self._output.node
        used = {taken} | {i for node in self.nodes for i in node.layer.inputs}
        for number, node in enumerate(self.nodes):
            if number not in used or number > taken:
                raise ModelError(f"Nothing in graph {self.name!r} that leads to the output takes the value of layer {node.name!r}. "
                                 f"Let a layer take it, name it as the output of the loss, or leave it out.")
        image, nodes = Simplifier(self._input.image, self.nodes, taken).run()
        check_nodes(self.name, nodes)
        goal = self._goal_of(nodes[-1].weight_layer)
        return Definition(self, self._input.shape, image, goal, nodes)

    def close(self) -> None:
        """No more layers: there is a network of it."""
        self._closed = True

    def copy(self) -> Graph:
        """The same graph, with weights of its own that are those that there are now; layers may be added to it."""
        twin = Graph(self.name, self.seed)
        twin.nodes = [replace(node, home=HeldWeights(node.home.get_weights()) if node.home is not None else None)
                      for node in self.nodes]
        twin._shapes = list(self._shapes)
        twin._input = None if self._input is None else replace(self._input, graph=twin)
        twin._output = None if self._output is None else replace(self._output, graph=twin)
        twin._goal_of, twin._optimiser, twin._schedule = self._goal_of, self._optimiser, self._schedule
        return twin

    # ------------------------------------------------------------------ values and weights by name

    def __getitem__(self, name: str) -> Value:
        """The value of a layer.

        :raises ModelError: where there is no layer of that name
        """
        if name == "input" and self._input is not None:
            return self._input
        number = next((number for number, node in enumerate(self.nodes) if node.name == name), None)
        if number is None:
            raise ModelError(f"Graph {self.name!r} has no layer {name!r}. It has {self._names()}.")
        return Value(self, number, self._shapes[number])

    def get_weights(self, name: str) -> list[Float32Array]:
        """A layer's weights as float32: kernel, and bias where it has one; copies.

        :raises ModelError: where no layer of that name has weights
        """
        return [np.array(array, np.float32) for array in self._weight_node(name).weights.get_weights()]

    def set_weights(self, name: str, weights: Any, biases: Any = None) -> None:
        """Replace a layer's weights; a network of the graph goes on with them.

        :param weights: of the shape that :meth:`get_weights` gives
        :param biases: likewise; None leaves them
        :raises ModelError: for other shapes, or biases of a layer that has none
        :raises NumberFormatError: for weights outside -8 to 8, biases outside -256 to 256
        """
        node = self._weight_node(name)
        now = node.weights.get_weights()
        if biases is not None and len(now) == 1:
            raise ModelError(f"Layer {name!r} was given biases, but it has none. Build it with use_bias=True.")
        arrays = [_array(name, what, given, now[i].shape) if given is not None else now[i]
                  for i, (what, given) in enumerate((("weights", weights), ("biases", biases))) if i < len(now)]
        _check_formats(name, arrays)
        node.weights.set_weights(arrays)

    @property
    def n_parameters(self) -> int:
        """That are trained."""
        return sum(n_parameters(node.layer) for node in self.nodes)

    def __repr__(self) -> str:
        return f"<dlgraph.Graph {self.name!r} of {len(self.nodes)} layers, {self.n_parameters:,} parameters>"

    def __str__(self) -> str:
        """The layers as a table, as they were added."""
        first = f"Graph {self.name!r}: {len(self.nodes)} layers, {self.n_parameters:,} parameters"
        first += f", {optimiser_words(self._optimiser)}" if self._optimiser is not None else ", no optimiser yet"
        first += "" if self._output is not None else ", no loss yet"
        rows = [("layer", "does", "takes", "gives", "parameters")]
        rows += [("input", "", "", product(self._input.shape), "")] if self._input is not None else []
        for number, node in enumerate(self.nodes):
            takes = taken_words([Value(self, i, ()).name for i in node.layer.inputs])
            n = n_parameters(node.layer)
            rows.append((node.name, layer_words(node.layer), takes, product(self._shapes[number]), f"{n:,}" if n else ""))
        return "\n".join([first, *table(rows, 4)])

    # ------------------------------------------------------------------ below the surface

    def _start(self, name: Any, kind: str, values: list[Value]) -> str:
        """The name of a new layer, once what it takes is known to be of this graph."""
        self._refuse_closed()
        names = {node.name for node in self.nodes}
        if name is None:
            number = 1
            while f"{kind}_{number}" in names:
                number += 1
            name = f"{kind}_{number}"
        if not isinstance(name, str) or not name:
            raise ModelError(f"A {kind} layer of graph {self.name!r} was given name={name!r}. dlgraph accepts a text, or None for "
                             f"one that it makes.")
        if name in names:
            raise ModelError(f"Graph {self.name!r} has a layer {name!r} already. Each layer has a name of its own, by which "
                             f"errors, reports and weights know it; give another one.")
        self._check_values(f"Layer {name!r}", values)
        return name

    def _check_values(self, who: str, values: list[Value]) -> None:
        for value in values:
            if not isinstance(value, Value):
                hint = f" For the value of a layer by its name, give graph[{value!r}]." if isinstance(value, str) else ""
                raise ModelError(f"{who} of graph {self.name!r} was given {value!r} to take. dlgraph accepts values that the "
                                 f"graph's methods return: that of its input, and those of its layers.{hint}")
            if value.graph is not self:
                raise ModelError(f"{who} of graph {self.name!r} was given the value {value.name!r} of another graph, "
                                 f"{value.graph.name!r}. Layers belong to one graph; build a layer like it here.")

    def _several(self, values: Any) -> list[Value]:
        taken = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else []
        if not taken:
            raise ModelError(f"Graph {self.name!r} was given {values!r} to join. dlgraph accepts a list of values.")
        return taken

    def _on_line(self, name: str, value: Value) -> bool:
        """Whether a value is a line, not an image."""
        if len(value.shape) not in (2, 3):
            raise ModelError(f"Layer {name!r} gets samples of shape {value.shape}. dlgraph accepts images (height, width, "
                             f"channels) and lines (positions, channels) there; put reshape(value, shape) before it.")
        return len(value.shape) == 2

    def _refuse_closed(self) -> None:
        if self._closed:
            raise ModelError(f"Graph {self.name!r} is a network already, which has its layers and its loss. Add to another graph, "
                             f"such as graph.copy(), and make a network of that.")

    def _add(self, node: Node, values: list[Value], shape: tuple[int, ...] | None = None) -> Value:
        """Add a layer.

        :param shape: of its value; None: with as many axes as that of the first that it takes
        """
        node.layer = replace(node.layer, inputs=tuple(value.node for value in values))
        try:
            image = node.layer.shape_from([value.image for value in values])
        except UnsupportedError:                 # says the way out
            raise
        except ValueError as error:
            text = str(error)
            raise ModelError(f"{text[:1].upper()}{text[1:]}. Give it another size, or another padding.") from error
        self.nodes.append(node)
        self._shapes.append(shape if shape is not None else shape_like(image, values[0].shape))
        return Value(self, len(self.nodes) - 1, self._shapes[-1])

    def _add_weights(self, layer: WeightLayer, value: Value, activation: Any, shape: tuple[int, ...], weights: Any, biases: Any,
                     home: WeightHome | None) -> Value:
        """Add a layer with weights.

        :param shape: of its weights as users see them
        """
        applied = activation_named(layer.name, activation)
        layer.activation, layer.negative_slope = applied.kind, applied.negative_slope
        if home is None:
            receptive = prod(layer.weights.shape[:-2])
            fans = receptive * layer.weights.shape[-2], receptive * layer.n_units
            arrays = [self._first_values(layer.name, "weights", weights, shape, fans)]
            if layer.use_bias:
                arrays.append(self._first_values(layer.name, "biases", biases, (layer.n_units,), fans))
            _check_formats(layer.name, arrays)
            home = HeldWeights(arrays)
        return self._add(Node(layer, home, None if applied.kind is Activation.LINEAR else layer.name), [value])

    def _first_values(self, layer: str, what: str, given: Any, shape: tuple[int, ...], fans: tuple[int, int]) -> Float32Array:
        if isinstance(given, str):
            if given not in INITIALISERS:
                raise ModelError(f"Layer {layer!r} was given {what}={given!r}. dlgraph accepts {one_of(INITIALISERS)}, an "
                                 f"Initialiser, or an array of shape {shape}.")
            given = INITIALISERS[given]
        if isinstance(given, Initialiser):
            return initial_values(given, shape, fans, self.seed, f"{layer} {what}")
        return _array(layer, what, given, shape)

    def _weight_node(self, name: str) -> Node:
        found = next((node for node in self.nodes if node.name == name and node.home is not None), None)
        if found is None:
            raise ModelError(f"Graph {self.name!r} has no layer {name!r} with weights. These have: "
                             f"{self._names(with_weights=True)}.")
        return found

    def _names(self, with_weights: bool = False) -> str:
        names = [repr(node.name) for node in self.nodes if node.home is not None or not with_weights]
        return ", ".join(names) or "none yet"


def _is_number(given: Any) -> bool:
    return isinstance(given, (int, float, np.integer, np.floating)) and not isinstance(given, bool)


def _array(layer: str, what: str, given: Any, shape: tuple[int, ...]) -> Float32Array:
    """An array of a shape, as float32."""
    try:
        array = np.array(given, np.float32)
    except (TypeError, ValueError) as error:
        raise ModelError(f"Layer {layer!r} was given {what} that are no array of numbers: {error}. dlgraph accepts one of shape "
                         f"{shape}.") from error
    if array.shape != shape:
        raise ModelError(f"Layer {layer!r} was given {what} of shape {array.shape}. dlgraph accepts {shape} there.")
    return array


def _check_formats(layer: str, arrays: Sequence[Float32Array]) -> None:
    """:raises NumberFormatError: naming the layer and the first value that does not fit"""
    for array, convert in zip(arrays, (weights_from_float, biases_from_float)):
        convert(array, layer)
