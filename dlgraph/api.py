"""The calls that most users need: ``from_keras``, ``from_graph``, ``fit`` and ``load_checkpoint``."""
from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import numpy as np

from dlgraph.arguments import NOT_SUPPORTED, WITHOUT_EFFECT, check_file, check_integer
from dlgraph.callbacks import History
from dlgraph.checkpoint import read_seed_and_fields
from dlgraph.errors import DataError, ModelError
from dlgraph.executors import ExecutorFactory, check_options, make_executor
from dlgraph.fingerprint import Fields
from dlgraph.formats import INT16_MAX, activation_fraction
from dlgraph.graph import Definition, Graph
from dlgraph.keras_side import KerasSide
from dlgraph.keras_translator import translate
from dlgraph.layers import ActivationLayer, WeightLayer
from dlgraph.machines import Machine, resolve
from dlgraph.model_side import GraphSide, ModelSide
from dlgraph.network import Network

LARGEST_GRADIENT_SHIFT = 15


def from_keras(model: Any, machine: Machine | None = None, seed: int = 0, *, input_max: float | None = None,
               activation_fractions: dict[str, int] | None = None,
               gradient_shifts: dict[str, int] | None = None, executor_factory: ExecutorFactory = make_executor,
               **options: Any) -> Network:
    """A network on a machine, from a compiled Keras 3 model (``keras`` or ``tf.keras``).

    :param model: a compiled Sequential or Functional model with one input and one output
    :param machine: ``dlgraph.Emulated()``, ``dlgraph.Board(hostname)`` or ``dlgraph.Spalloc(server, user=...)``; None for
        the machine that ``DLGRAPH_MACHINE`` or the user's Graph Front End configuration names, else an emulated board
    :param seed: of every random choice, 0 .. 2**32 - 1
    :param input_max: the largest \\|X\\| there will be; by default that of the first data the network sees
    :param activation_fractions: layer's name -> fraction bits of its 16-bit activations; by default 11, and 13 for tanh
        and sigmoid
    :param gradient_shifts: Dense or convolution layer's name -> how far its errors are shifted right before they enter the
        weights' gradient, 0 to 15; by default as the batch size and the size of the image ask for
    :param executor_factory: what computes, in place of the machine; for tests
    :param options: of the mapping, see :class:`dlgraph.gfe.executor.GfeExecutor`
    :raises ModelError: for what dlgraph cannot train
    :raises NumberFormatError: for weights outside the number format
    """
    definition = translate(model)
    return _network(KerasSide(model, definition), definition, machine, seed, input_max, activation_fractions, gradient_shifts,
                    executor_factory, options)


def from_graph(graph: Graph, machine: Machine | None = None, seed: int | None = None, *, input_max: float | None = None,
               activation_fractions: dict[str, int] | None = None,
               gradient_shifts: dict[str, int] | None = None, executor_factory: ExecutorFactory = make_executor,
               **options: Any) -> Network:
    """A network on a machine, from a graph built by hand; the graph holds the trained weights after every epoch.

    No layers can be added to the graph afterwards; its weights, optimiser and schedule may be changed between trainings.

    :param graph: with a loss and an optimiser
    :param machine: as for :func:`from_keras`, like all others
    :param seed: of every random choice; None for the graph's
    :raises ModelError: for what is no graph, or one that cannot be trained, by what is missing or wrong
    :raises NumberFormatError: for weights outside the number format
    """
    if not isinstance(graph, Graph):
        hint = " For a Keras model, call dlgraph.from_keras." if hasattr(graph, "layers") else ""
        raise ModelError(f"from_graph was given a {type(graph).__name__}. It accepts a dlgraph.Graph.{hint}")
    definition = graph.definition()
    return _network(GraphSide(definition), definition, machine, graph.seed if seed is None else seed, input_max,
                    activation_fractions, gradient_shifts, executor_factory, options)


def _network(side: ModelSide, definition: Definition, machine: Machine | None, seed: int, input_max: float | None,
             activation_fractions: dict[str, int] | None, gradient_shifts: dict[str, int] | None,
             executor_factory: ExecutorFactory, options: dict[str, Any]) -> Network:
    """What a graph becomes, wherever its weights live."""
    seed = check_integer("seed", seed, 0)
    if seed >= 2**32:
        raise DataError(f"seed={seed} is too large. Give a whole number from 0 to {2**32 - 1}.")
    _check_input_max(input_max)
    fractions = _check_fractions(activation_fractions, definition)
    _set_gradient_shifts(gradient_shifts, definition)
    check_options(options)
    return Network(side, definition, resolve(machine), seed, input_max, fractions, executor_factory, options)


def fit(model: Any, X: Any, y: Any, *, machine: Machine | None = None, seed: int = 0, **arguments: Any) -> History:
    """Train a Keras model on a machine, in one call; the model holds the trained weights afterwards.

    :param model: as for :func:`from_keras`
    :param X: as for :meth:`Network.train`, like y
    :param arguments: all others of :meth:`Network.train` and :func:`from_keras`
    """
    of_train = set(inspect.signature(Network.train).parameters) | set(NOT_SUPPORTED) | set(WITHOUT_EFFECT)
    training = {name: value for name, value in arguments.items() if name in of_train}
    building = {name: value for name, value in arguments.items() if name not in of_train}
    with from_keras(model, machine, seed, **building) as net:
        return net.train(X, y, **training)


def load_checkpoint(path: Any, model: Any, machine: Machine | None = None, *,
                    executor_factory: ExecutorFactory = make_executor, **options: Any) -> Network:
    """A network as a checkpoint has it; the Keras model holds its weights, the optimiser's state and the learning rate.

    Nothing is trained and no machine touched.  Seed and number formats are the file's, so that ``train`` of what is returned goes
    on in the same bits; ``model.history`` has the course until then.

    :param path: of a file that ``train(..., checkpoint=path)`` wrote
    :param model: compiled, of the same architecture, loss and kind of optimiser; or such a graph
    :param machine: as for :func:`from_keras`, like executor_factory and the options of the mapping
    :raises CheckpointError: where the file cannot be read, or is of another network, by what differs
    """
    file = check_file("path", path)
    seed, fields = read_seed_and_fields(file)
    of_graph = isinstance(model, Graph)
    fractions, shifts = _formats_of(fields, model.definition() if of_graph else translate(model))
    make = from_graph if of_graph else from_keras
    net = make(model, machine, seed, activation_fractions=fractions, gradient_shifts=shifts, executor_factory=executor_factory,
               **options)
    net.load_checkpoint(file)
    return net


def _formats_of(fields: Fields, net: Definition) -> tuple[dict[str, int], dict[str, int]]:
    """``activation_fractions`` and ``gradient_shifts``, from what a checkpoint says of its layers."""
    fractions, shifts = {}, {}
    for number, layer in enumerate(net.layers):
        there = fields.get(f"layer {number}")
        if not isinstance(there, dict):
            continue
        fraction, shift = there.get("activation_fraction"), there.get("gradient_shift")
        if isinstance(fraction, int) and isinstance(layer, (WeightLayer, ActivationLayer)):
            fractions[layer.name] = fraction
        if isinstance(shift, int) and isinstance(layer, WeightLayer):
            shifts[layer.name] = shift
    return fractions, shifts


def _check_input_max(input_max: Any) -> None:
    if input_max is None:
        return
    ok = isinstance(input_max, (int, float, np.integer, np.floating)) and not isinstance(input_max, bool)
    if not ok or not 0 < input_max <= INT16_MAX:
        raise DataError(f"input_max={input_max!r} cannot be used. Give a number above 0, up to {INT16_MAX}.")


def _check_fractions(fractions: dict[str, int] | None, net: Definition) -> dict[str, int]:
    makers = {layer.name: layer for layer in net.layers[:-1] if isinstance(layer, (WeightLayer, ActivationLayer))}
    for name, fraction in (fractions or {}).items():
        if name not in makers:
            raise DataError(f"activation_fractions names the layer {name!r}. It accepts the hidden layers with weights or "
                            f"an activation of their own: {_names(makers)}.")
        activation_fraction(makers[name].activation, check_integer(f"activation_fractions[{name!r}]", fraction, 0))
    return dict(fractions or {})


def _set_gradient_shifts(shifts: dict[str, int] | None, net: Definition) -> None:
    layers = {node.name: node.weight_layer for node in net.weight_nodes}
    for name, given in (shifts or {}).items():
        if name not in layers:
            raise DataError(f"gradient_shifts names the layer {name!r}. It accepts the layers with weights: "
                            f"{_names(layers)}.")
        shift = check_integer(f"gradient_shifts[{name!r}]", given, 0)
        if shift > LARGEST_GRADIENT_SHIFT:
            raise DataError(f"gradient_shifts[{name!r}]={shift} is too large. Give a whole number from 0 to "
                            f"{LARGEST_GRADIENT_SHIFT}.")
        layers[name].gradient_shift = shift


def _names(layers: Iterable[str]) -> str:
    return ", ".join(map(repr, layers)) or "there are none in this model"
