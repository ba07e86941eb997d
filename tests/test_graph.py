"""Graphs built by hand: the same as those built from Keras models, in every bit, and everything else refused by name."""
from __future__ import annotations

from typing import Any, Callable

import keras
import numpy as np
import pytest
from keras_models import OUTPUT, data, equal, every_layer, mlp, on_host

import dlgraph
from dlgraph import Graph
from dlgraph.errors import DataError, ModelError, NumberFormatError
from dlgraph.executors import make_reference
from dlgraph.fingerprint import network_fields
from dlgraph.graph import Constant, Definition, Initialiser, Normal, Scaled, Uniform, Value, leaky_relu
from dlgraph.graph.initialisers import Numbers
from dlgraph.keras_translator import translate
from dlgraph.layer_graph import Metric
from dlgraph.order import hash_words

optimizers, callbacks = keras.optimizers, keras.callbacks


def no_machine(graph: Any, target: Any, **options: Any) -> Any:
    raise AssertionError("the machine was touched")


def on_reference(graph: Graph, **options: Any) -> dlgraph.Network:
    return dlgraph.from_graph(graph, executor_factory=make_reference, **options)


def small(*, loss: str = "sparse_categorical_crossentropy", seed: int = 1, optimiser: Any = None, **options: Any) -> Graph:
    """4-9-3."""
    graph = Graph("small", seed)
    hidden = graph.dense(graph.input((4,)), 9, "tanh", name="hidden")
    graph.loss(graph.dense(hidden, 3, OUTPUT[loss], name="out"), loss, metrics=["accuracy"], **options)
    graph.optimiser = optimiser or dlgraph.Sgd(0.1)
    return graph


def like_every_layer() -> Graph:
    """By hand what ``every_layer`` is in Keras."""
    graph = Graph("by hand")
    image = graph.reshape(graph.input((36,)), (6, 6, -1))
    a = graph.convolution(image, 3, 3, strides=2, padding="same", name="conv")
    b = graph.pooling(image, "average", 2, name="mean")
    c = graph.concatenate([a, graph.activation(a, "relu"), graph.activation(b, leaky_relu(0.25))], name="both")
    c = graph.pooling(c, "max", 2, strides=1, padding="same", name="max")
    block = graph.convolution(graph.zero_padding(c, 1), 7, 3, "tanh", name="block")
    d = graph.add([c, graph.dropout(block, 0.25)], name="sum")
    e = graph.convolution(graph.reshape(d, (9, 7)), 4, 2, "sigmoid", padding="causal", name="line")
    f = graph.pooling(graph.zero_padding(e, 1), "average", 2)
    ends = [graph.flatten(graph.pooling(f, "max", 3)), graph.pooling(f, "average"), graph.pooling(e, "max"),
            graph.pooling(d, "average"), graph.pooling(d, "max")]
    hidden = graph.activation(graph.dense(graph.concatenate(ends, name="all"), 8, name="hidden"), "relu")
    output = graph.activation(graph.dense(hidden, 3, name="output"), "softmax")
    graph.loss(output, "mean_squared_error")
    graph.optimiser = dlgraph.Sgd(0.01)
    return graph


def fields(definition: Definition) -> dict[str, Any]:
    """What the trained bits depend on, but for the weights."""
    return network_fields(definition.layers, {-1: 11}, definition.goal, definition.graph.optimiser, 0)


# ---------------------------------------------------------------------- the same as from Keras

def test_every_layer_as_from_keras() -> None:
    keras.utils.set_random_seed(1)
    model, graph = every_layer(), like_every_layer()
    model.optimizer.learning_rate = 0.01
    assert fields(graph.definition()) == fields(translate(model))
    for ours, theirs in zip(graph.definition().weight_nodes, translate(model).weight_nodes, strict=True):
        graph.set_weights(ours.name, *theirs.weights.get_weights())
    x, y = data(60, 36, loss="mean_squared_error")
    net, same = on_reference(graph, seed=7), on_host(model, seed=7)
    start = net.get_weights()
    assert equal(start, same.get_weights())
    history = net.train(x, y, epochs=2, batch_size=16, verbose=0)
    assert history.history == same.train(x, y, epochs=2, batch_size=16, verbose=0).history
    assert equal(net.get_weights(), same.get_weights()) and not equal(net.get_weights(), start)
    assert np.array_equal(net.predict(x, verbose=0), same.predict(x, verbose=0))


@pytest.mark.parametrize("ours, theirs", [
    (dlgraph.Sgd(0.1), lambda: optimizers.SGD(0.1)),
    (dlgraph.Sgd(0.05, 0.9, nesterov=True, weight_decay=0.01), lambda: optimizers.SGD(0.05, 0.9, True, weight_decay=0.01)),
    (dlgraph.Adam(0.01, amsgrad=True), lambda: optimizers.Adam(0.01, amsgrad=True)),
    (dlgraph.RmsProp(0.005, momentum=0.5), lambda: optimizers.RMSprop(0.005, momentum=0.5)),
], ids=["sgd", "nesterov", "amsgrad", "rmsprop"])
@pytest.mark.parametrize("loss", OUTPUT)
def test_losses_and_optimisers_as_from_keras(loss, ours, theirs) -> None:
    model = mlp(4, 9, 3, loss=loss, activation="tanh")
    model.compile(theirs(), loss, metrics=["accuracy"])
    graph = small(loss=loss, optimiser=ours)
    for name, layer in zip(("hidden", "out"), model.layers, strict=True):
        graph.set_weights(name, *layer.get_weights())
    x, y = data(50, loss=loss)
    net, same = on_reference(graph, seed=3), on_host(model, seed=3)
    assert net.train(x, y, epochs=2, verbose=0).history == same.train(x, y, epochs=2, verbose=0).history
    assert equal(net.get_weights(), model.get_weights())
    assert net.evaluate(x, y, verbose=0) == same.evaluate(x, y, verbose=0)


def test_a_model_becomes_a_graph_whose_weights_live_in_the_model() -> None:
    model = mlp(4, 9, 3)
    net = on_host(model)
    assert isinstance(net.graph, Graph) and net.graph.n_parameters == model.count_params()
    alone, twin = on_reference(net.graph.copy()), net.reference()              # the same without the model
    before = model.get_weights()
    assert alone.train(*data(), verbose=0).history == twin.train(*data(), verbose=0).history
    assert equal(alone.get_weights(), twin.get_weights()) and equal(model.get_weights(), before)
    name = model.layers[0].name
    net.train(*data(), verbose=0)
    assert equal(net.graph.get_weights(name), model.layers[0].get_weights())
    net.graph.set_weights(name, np.zeros((4, 9)))
    assert not model.layers[0].get_weights()[0].any() and not net.get_weights()[0].any()
    with pytest.raises(ModelError, match="is a network already"):
        net.graph.dense(net.graph["input"], 3)


def test_the_twin_has_a_graph_of_its_own() -> None:
    graph = small()
    net = on_reference(graph)
    twin = net.reference()
    before = graph.get_weights("out")
    twin.train(*data(), verbose=0)
    assert equal(graph.get_weights("out"), before) and not equal(twin.graph.get_weights("out"), before)
    net.train(*data(), verbose=0)
    assert equal(net.get_weights(), twin.get_weights()) and equal(graph.get_weights("out"), twin.graph.get_weights("out"))


# ---------------------------------------------------------------------- shapes, names, weights

@pytest.mark.parametrize("make, shape", [
    (lambda g, x: g.dense(g.flatten(x), 5), (5,)),
    (lambda g, x: g.convolution(x, 5, 3), (4, 6, 5)),
    (lambda g, x: g.convolution(x, 5, (3, 1), strides=(2, 1), padding="same"), (3, 8, 5)),
    (lambda g, x: g.convolution(x, 5, 3, padding=((1, 0), (2, 2))), (5, 10, 5)),
    (lambda g, x: g.convolution(g.reshape(x, (16, 6)), 5, 3), (14, 5)),
    (lambda g, x: g.convolution(g.reshape(x, (16, 6)), 5, 3, padding=(2, 0)), (16, 5)),
    (lambda g, x: g.pooling(x, "max", 2), (3, 4, 2)),
    (lambda g, x: g.pooling(x, "average", (3, 2), strides=1), (4, 7, 2)),
    (lambda g, x: g.pooling(x, "average"), (2,)),
    (lambda g, x: g.pooling(g.reshape(x, (16, 6)), "max", 4), (4, 6)),
    (lambda g, x: g.zero_padding(x, 1), (8, 10, 2)),
    (lambda g, x: g.zero_padding(x, ((1, 0), (0, 2))), (7, 10, 2)),
    (lambda g, x: g.zero_padding(g.reshape(x, (16, 6)), (1, 2)), (19, 6)),
    (lambda g, x: g.reshape(x, (4, -1)), (4, 24)),
    (lambda g, x: g.flatten(x), (96,)),
    (lambda g, x: g.add([x, g.activation(x, "relu")]), (6, 8, 2)),
    (lambda g, x: g.concatenate([x, g.activation(x, "relu")]), (6, 8, 4)),
    (lambda g, x: g.dropout(x, 0.5), (6, 8, 2)),
])
def test_shapes(make: Callable[[Graph, Value], Value], shape) -> None:
    graph = Graph()
    value = make(graph, graph.input((6, 8, 2)))
    assert value.shape == shape and graph[value.name].shape == shape


def test_what_changes_nothing_is_no_layer() -> None:
    graph = Graph()
    x = graph.input((1, 1, 4))
    for value in (graph.dropout(x, 0), graph.zero_padding(x, 0), graph.add([x]), graph.concatenate([x]),
                  graph.activation(x, "linear"), graph.flatten(x)):
        assert value.name == "input" and not graph.nodes
    assert graph.flatten(x).shape == (4,)


def test_names_are_made_where_none_are_given() -> None:
    graph = Graph()
    x = graph.input((4,))
    graph.dense(x, 2, name="dense_2")
    assert [graph.dense(x, 2).name for _ in range(2)] == ["dense_1", "dense_3"]


def test_arrays_given_are_copied() -> None:
    graph, kernel = Graph(), np.full((4, 2), 0.5)
    x = graph.input((4,))
    for name in ("a", "b"):
        graph.dense(x, 2, weights=kernel, biases=[1, 2], name=name)
    kernel[:] = 9
    graph.set_weights("a", np.zeros((4, 2)))
    graph.get_weights("a")[0][:] = 7
    assert not graph.get_weights("a")[0].any() and (graph.get_weights("b")[0] == 0.5).all()
    assert graph.get_weights("a")[1].tolist() == [1, 2] and graph.get_weights("a")[0].dtype == np.float32


def test_weights_set_between_trainings_are_taken_over() -> None:
    x, y = data()
    graph = small()
    net = on_reference(graph)
    start = net.get_weights()                                     # as they are in the number format
    net.train(x, y, verbose=0)
    trained = net.get_weights()
    assert equal(graph.get_weights("hidden"), trained[:2])
    graph.set_weights("hidden", *start[:2])
    graph.set_weights("out", *start[2:])
    assert equal(net.get_weights(), start) and not equal(start, trained)
    net.train(x, y, verbose=0)
    assert not equal(net.get_weights(), start) and not equal(net.get_weights(), trained)       # epoch 1 has another order


def test_the_optimiser_may_change_between_trainings() -> None:
    x, y = data()
    net, same = on_reference(small()), on_reference(small(optimiser=dlgraph.Sgd(0.05)))
    net.graph.optimiser = dlgraph.Sgd(0.05)
    net.train(x, y, verbose=0)
    same.train(x, y, verbose=0)
    assert equal(net.get_weights(), same.get_weights())
    net.graph.optimiser = dlgraph.Adam(0.01)
    net.train(x, y, verbose=0)
    assert not equal(net.get_weights(), same.get_weights())


def test_a_schedule_as_that_of_keras() -> None:
    x, y = data(50)
    model = mlp(4, 9, 3, activation="tanh")
    model.compile(optimizers.SGD(optimizers.schedules.PiecewiseConstantDecay([1, 3], [0.25, 0.125, 0.5])),
                  "sparse_categorical_crossentropy", metrics=["accuracy"])
    graph = small()
    graph.schedule = lambda step: 0.25 if step <= 1 else 0.125 if step <= 3 else 0.5
    for name, layer in zip(("hidden", "out"), model.layers, strict=True):
        graph.set_weights(name, *layer.get_weights())
    net, same = on_reference(graph, seed=2), on_host(model, seed=2)
    twin = net.reference()
    for each in (net, same, twin):
        each.train(x, y, epochs=3, batch_size=20, verbose=0)
    assert equal(net.get_weights(), same.get_weights()) and equal(net.get_weights(), twin.get_weights())


def test_keras_callbacks() -> None:
    x, y = data()
    graph = small()
    net = on_reference(graph)
    rates = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    stop = callbacks.EarlyStopping("val_accuracy", mode="max", patience=1, restore_best_weights=True)
    history = net.train(x, y, epochs=30, validation_data=(x, y), verbose=0, callbacks=[rates, stop])
    assert len(history.epoch) < 30 and graph.optimiser.learning_rate == np.float32(0.1) / 2 ** len(history.epoch)
    best = max(history.history["val_accuracy"])
    assert net.evaluate(x, y, verbose=0)[1] == best
    with pytest.raises(AttributeError, match="no Keras model behind this network"):
        net.train(x, y, verbose=0, callbacks=[callbacks.ModelCheckpoint("never.keras", save_freq="epoch")])


def test_checkpoints(tmp_path) -> None:
    x, y = data()
    path = tmp_path / "graph.npz"
    whole = on_reference(small(optimiser=dlgraph.Sgd(0.1, 0.9)))
    whole.train(x, y, epochs=3, verbose=0)
    on_reference(small(optimiser=dlgraph.Sgd(0.1, 0.9))).train(x, y, epochs=2, verbose=0, checkpoint=path)
    graph = small(seed=1, optimiser=dlgraph.Sgd(0.1, 0.9))
    net = dlgraph.load_checkpoint(path, graph, executor_factory=make_reference)
    net.train(x, y, epochs=3, verbose=0, checkpoint=path)
    assert equal(net.get_weights(), whole.get_weights()) and equal(graph.get_weights("hidden"), whole.get_weights()[:2])


# ---------------------------------------------------------------------- weights at the start

def test_numbers_are_those_of_the_generator() -> None:
    import zlib

    found = Numbers(5, "a weights").uniform((2, 3), 4)
    key = zlib.crc32(b"a weights")
    expected = [[(hash_words(5, key, 0, 3 * i + j, 4) + 0.5) / 2**32 for j in range(3)] for i in range(2)]
    assert found.tolist() == expected


def test_weights_at_the_start_depend_on_seed_and_name_alone() -> None:
    def weights(seed: int, name: str, before: int) -> np.ndarray:
        graph = Graph("g", seed)
        x = graph.input((6,))
        for _ in range(before):
            graph.dense(x, 3)
        return graph.get_weights(graph.dense(x, 5, name=name).name)[0]

    assert np.array_equal(weights(1, "a", 0), weights(1, "a", 2))
    assert not np.array_equal(weights(1, "a", 0), weights(2, "a", 0))
    assert not np.array_equal(weights(1, "a", 0), weights(1, "b", 0))


@pytest.mark.parametrize("initialiser, variance, largest", [
    ("glorot_uniform", 2 / (9 * 8 + 9 * 500), (6 / (9 * 508)) ** 0.5), ("he_uniform", 2 / (9 * 8), (6 / (9 * 8)) ** 0.5),
    ("lecun_uniform", 1 / (9 * 8), (3 / (9 * 8)) ** 0.5), ("glorot_normal", 2 / (9 * 508), None),
    ("he_normal", 2 / (9 * 8), None), ("lecun_normal", 1 / (9 * 8), None), (Scaled(3, "out"), 3 / (9 * 500), None),
    (Uniform(0.3), 0.03, 0.3), (Normal(0.2), 0.04, None), (Constant(0.5), 0.25, 0.5), ("zeros", 0, 0)], ids=str)
def test_moments_of_initialisers(initialiser, variance, largest) -> None:
    """36,000 numbers: the mean of their squares has a relative deviation below 0.75%."""
    graph = Graph()
    graph.convolution(graph.input((4, 4, 8)), 500, 3, weights=initialiser, name="c")
    values = graph.get_weights("c")[0].astype(np.float64)
    assert np.mean(values**2) == pytest.approx(variance, rel=0.03)
    if not isinstance(initialiser, Constant):
        assert abs(values.mean()) <= 4 * (variance / values.size) ** 0.5
    if largest is not None:
        assert 0.99 * largest <= np.abs(values).max() <= largest * (1 + 1e-6)
    assert not graph.get_weights("c")[1].any()


def test_an_initialiser_of_ones_own() -> None:
    class Steps(Initialiser):
        def values(self, shape, fan_in, fan_out, numbers):
            return np.arange(np.prod(shape)).reshape(shape) / fan_in / fan_out

    graph = Graph()
    graph.dense(graph.input((4,)), 2, weights=Steps(), name="d")
    assert graph.get_weights("d")[0].tolist() == (np.arange(8).reshape(4, 2) / 8).tolist()


# ---------------------------------------------------------------------- what is refused

def wanting(change: Callable[[Graph, Value], Any]) -> Callable[[], Any]:
    """A graph of 6 x 6 x 2 samples, changed."""
    def make() -> Any:
        graph = Graph("net")
        return change(graph, graph.input((6, 6, 2)))
    return make


def ending(change: Callable[[Graph, Value], Value], loss: Any = "mean_squared_error", **options: Any) -> Callable[[], Any]:
    """A graph with an output, made a network."""
    def make() -> Any:
        graph = Graph("net")
        graph.loss(change(graph, graph.input((4,))), loss, **options)
        graph.optimiser = dlgraph.Sgd(0.1)
        return dlgraph.from_graph(graph, executor_factory=no_machine)
    return make


def of_another_graph(graph: Graph, x: Value) -> Value:
    other = Graph("other")
    return graph.flatten(other.convolution(other.input((6, 6, 2)), 2, 3, name="theirs"))


def trained_with(optimiser: Any) -> Callable[[], Any]:
    return lambda: small(optimiser=optimiser)


REFUSED = {
    # ---- names, inputs
    "graph's name": (lambda: Graph(3), "name=3"),
    "seed": (lambda: Graph("net", -1), "seed=-1", "4294967295"),
    "second input": (wanting(lambda g, x: g.input((4,))), "'net' has an input already", "(6, 6, 2)"),
    "open axis": (lambda: Graph("net").input((None, 4)), "(None, 4)", "whole numbers"),
    "input's size": (lambda: Graph("net").input(784), "784", "(784,)"),
    "name used twice": (wanting(lambda g, x: [g.convolution(x, 2, 3, name="c") for _ in range(2)]), "a layer 'c' already",
                        "another one"),
    "no name": (wanting(lambda g, x: g.flatten(x, name=3)), "name=3"),
    "a name in place of a value": (wanting(lambda g, x: g.flatten("c")), "was given 'c' to take", "graph['c']"),
    "an array in place of a value": (wanting(lambda g, x: g.add([x, np.zeros(3)])), "array([0., 0., 0.])", "graph's methods"),
    "value of another graph": (wanting(of_another_graph), "'theirs' of another graph, 'other'", "build a layer like it here"),
    "unknown name": (wanting(lambda g, x: g["c"]), "no layer 'c'", "none yet"),
    "nothing to join": (wanting(lambda g, x: g.concatenate([])), "[] to join", "list of values"),
    # ---- shapes
    "dense layer on an image": (wanting(lambda g, x: g.dense(x, 3, name="d")), "'d'", "(6, 6, 2)", "flatten"),
    "units": (wanting(lambda g, x: g.dense(g.flatten(x), 0, name="d")), "'d' was given n_units=0", "from 1"),
    "channels": (wanting(lambda g, x: g.convolution(x, 2.5, 3, name="c")), "n_channels=2.5"),
    "kernel": (wanting(lambda g, x: g.convolution(x, 2, (3, 3, 3), name="c")), "kernel=(3, 3, 3)", "(rows, columns)"),
    "kernel of a line": (wanting(lambda g, x: g.convolution(g.reshape(x, (36, 2)), 2, (3, 3), name="c")), "kernel=(3, 3)",
                         "one number"),
    "strides": (wanting(lambda g, x: g.convolution(x, 2, 3, strides=0, name="c")), "strides=0"),
    "too large a kernel": (wanting(lambda g, x: g.convolution(x, 2, 7, name="c")), "'c' has windows of 7 x 7", "6 x 6"),
    "padding": (wanting(lambda g, x: g.convolution(x, 2, 3, padding="full", name="c")), "padding='full'", "'same'"),
    "causal padding of an image": (wanting(lambda g, x: g.convolution(x, 2, 3, padding="causal")), "padding='causal'"),
    "negative padding": (wanting(lambda g, x: g.zero_padding(x, -1, name="p")), "padding=-1"),
    "windows in the padding": (wanting(lambda g, x: g.pooling(x, "max", 2, padding=((2, 0), (0, 0)), name="p")),
                               "lie in the padding"),
    "convolution on a vector": (wanting(lambda g, x: g.convolution(g.flatten(x), 2, 3, name="c")), "(72,)", "reshape"),
    "kind of pooling": (wanting(lambda g, x: g.pooling(x, "median", 2, name="p")), "kind='median'", "'average'"),
    "reshape": (wanting(lambda g, x: g.reshape(x, (5, -1), name="r")), "'r'", "72 values"),
    "reshape to text": (wanting(lambda g, x: g.reshape(x, "flat", name="r")), "shape='flat'"),
    "sum of two shapes": (wanting(lambda g, x: g.add([x, g.pooling(x, "max", 2)], name="s")), "'s'", "(6, 6, 2) and (3, 3, 2)"),
    "join of two sizes": (wanting(lambda g, x: g.concatenate([x, g.pooling(x, "max", 2)], name="j")), "'j'", "(3, 3, 2)"),
    "dropout": (wanting(lambda g, x: g.dropout(x, 1.0, name="d")), "rate=1.0", "0 to 0.999"),
    "activation": (wanting(lambda g, x: g.activation(x, "gelu", name="a")), "'a' was given activation='gelu'", "'tanh'"),
    "softmax of an image": (wanting(lambda g, x: g.activation(x, "softmax", name="a")), "'a'", "flat"),
    "slope": (lambda: leaky_relu(2), "slope 2", "below 2"),
    # ---- weights
    "weights' shape": (wanting(lambda g, x: g.convolution(x, 5, 3, weights=np.zeros((3, 3, 2, 4)), name="c")), "(3, 3, 2, 4)",
                       "accepts (3, 3, 2, 5)"),
    "weights no array": (wanting(lambda g, x: g.convolution(x, 5, 3, weights=[[1], [2, 3]], name="c")), "no array of numbers"),
    "initialiser": (wanting(lambda g, x: g.convolution(x, 5, 3, weights="orthogonal", name="c")), "'orthogonal'", "'he_normal'"),
    "fan": (lambda: Scaled(1.0, "both"), "fan='both'"),
    "biases of a layer without": (wanting(lambda g, x: g.set_weights(g.convolution(x, 1, 1, use_bias=False, name="c").name,
                                                                     np.zeros((1, 1, 2, 1)), [0])), "'c'", "use_bias"),
    "weights of a layer without": (wanting(lambda g, x: g.get_weights(g.flatten(x, name="f").name)), "'f' with weights"),
    # ---- loss, metrics, output
    "no input": (lambda: dlgraph.from_graph(Graph("net")), "'net' has no input", "graph.input"),
    "no loss": (lambda: dlgraph.from_graph(wanting(lambda g, x: g)()), "'net' has no loss", "graph.loss"),
    "no optimiser": (lambda: _without_optimiser(), "'net' has no optimiser", "dlgraph.Sgd"),
    "no dense layer": (ending(lambda g, x: g.activation(x, "relu")), "no Dense layer"),
    "output not flat": (ending(lambda g, x: g.reshape(g.dense(x, 6), (3, 2))), "(3, 2)", "flat outputs"),
    "output of a sum": (ending(lambda g, x: g.add([x, g.dense(x, 4)], name="s")), "Add layer 's'"),
    "loss": (ending(lambda g, x: g.dense(x, 3), "mae"), "'mae'", "'mse'"),
    "loss and activation": (ending(lambda g, x: g.dense(x, 3, name="o"), "categorical_crossentropy"), "'o'", "'linear'",
                            "'softmax'"),
    "from_logits": (ending(lambda g, x: g.dense(x, 3), from_logits=1), "from_logits=1"),
    "metric": (ending(lambda g, x: g.dense(x, 3), metrics=["mae"]), "'mae'", "'accuracy'"),
    "two metrics": (ending(lambda g, x: g.dense(x, 3), metrics=["accuracy", "binary_accuracy"]), "two ways"),
    "metric of labels": (ending(lambda g, x: g.dense(x, 3), metrics=["sparse_categorical_accuracy"]), "does not go with the loss"),
    "layer that nobody takes": (ending(lambda g, x: (g.dense(x, 2, name="lost"), g.dense(x, 3))[1]), "layer 'lost'",
                                "leave it out"),
    "layer behind the output": (ending(lambda g, x: g[[o := g.dense(x, 2, name="o"), g.dense(o, 3, name="behind")][0].name]),
                                "layer 'behind'"),
    "softmax inside": (ending(lambda g, x: g.dense(g.dense(x, 3, "softmax", name="s"), 3)), "'s'", "inside the network"),
    "loss of another graph's value": (lambda: Graph("net").loss(small()["out"], "mse"), "'out' of another graph, 'small'"),
    # ---- optimiser
    "optimiser by name": (trained_with("sgd"), "'sgd'", "dlgraph.Sgd(0.1"),
    "negative rate": (trained_with(dlgraph.Sgd(-0.1)), "-0.1", "from 0"),
    "rate no number": (trained_with(dlgraph.Sgd("fast")), "learning_rate='fast'"),
    "weight decay": (trained_with(dlgraph.Sgd(0.1, weight_decay=-1)), "weight_decay=-1"),
    "momentum": (trained_with(dlgraph.Sgd(0.1, 1.5)), "momentum", "0..1"),
    "beta": (trained_with(dlgraph.Adam(0.1, beta_2=1.0)), "beta_2"),
    "schedule": (lambda: setattr(small(), "schedule", 0.1), "schedule 0.1", "function of the step"),
    "rate of a schedule": (lambda: _scheduled(lambda step: -1), "learning rate is -1"),
    # ---- networks
    "a Keras model": (lambda: dlgraph.from_graph(mlp(4, 3)), "a Sequential", "dlgraph.from_keras"),
    "a layer more": (lambda: _closed().dense(_closed()["out"], 3), "is a network already", "graph.copy()"),
}


def _without_optimiser() -> dlgraph.Network:
    graph = Graph("net")
    graph.loss(graph.dense(graph.input((4,)), 3), "mse")
    return dlgraph.from_graph(graph)


def _scheduled(schedule: Any) -> None:
    graph = small()
    graph.schedule = schedule
    dlgraph.from_graph(graph, executor_factory=no_machine).train(*data(), verbose=0)


def _closed() -> Graph:
    graph = small()
    dlgraph.from_graph(graph, executor_factory=no_machine)
    return graph


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_a_machine_is_touched(case) -> None:
    make, *words = REFUSED[case]
    with pytest.raises(ModelError) as refusal:
        make()
    for word in words:
        assert word in str(refusal.value)
    assert str(refusal.value).endswith((".", ")"))


def test_weights_outside_the_format_are_refused() -> None:
    graph = small()
    for kernel, biases, word in ((np.full((4, 9), 8.5), None, "weights of layer 'hidden'"),
                                 (np.zeros((4, 9)), np.full(9, np.nan), "biases of layer 'hidden'")):
        with pytest.raises(NumberFormatError, match=word):
            graph.set_weights("hidden", kernel, biases)
    wide = Graph()
    with pytest.raises(NumberFormatError, match="'wide'"):
        wide.dense(wide.input((4,)), 3, weights=Uniform(100), name="wide")


def test_accuracy_is_counted_as_keras_does() -> None:
    def metric(n: int, loss: str, activation: str) -> Metric:
        graph = Graph()
        graph.loss(graph.dense(graph.input((4,)), n, activation), loss, metrics=["accuracy"])
        return graph.definition().goal.metric

    assert metric(3, "sparse_categorical_crossentropy", "softmax") is Metric.SPARSE_CATEGORICAL_ACCURACY
    assert metric(3, "mse", "linear") is Metric.CATEGORICAL_ACCURACY
    assert metric(1, "bce", "sigmoid") is Metric.BINARY_ACCURACY


# ---------------------------------------------------------------------- what print shows

def test_a_graph_in_words() -> None:
    graph = Graph("words")
    assert str(graph) == "Graph 'words': 0 layers, 0 parameters, no optimiser yet, no loss yet\n" \
                         "  layer  does  takes  gives  parameters"
    x = graph.input((6, 6, 2))
    c = graph.convolution(x, 3, (3, 2), leaky_relu(0.25), strides=2, padding=((1, 0), (0, 0)), use_bias=False, name="c")
    graph.add([c, graph.dropout(graph.pooling(c, "max", 2, strides=1, padding="same", name="p"), 0.25, name="d")], name="s")
    graph.optimiser = dlgraph.Adam(0.01, amsgrad=True)
    rows = [line.split("  ") for line in str(graph).splitlines()]
    words = [[part.strip() for part in row if part.strip()] for row in rows]
    assert words == [
        ["Graph 'words': 4 layers, 36 parameters, Adam(learning_rate=0.01, amsgrad=True), no loss yet"],
        ["layer", "does", "takes", "gives", "parameters"], ["input", "6 x 6 x 2"],
        ["c", "convolution 3 x 2, every 2 x 2, zeros 1+0 x 0+0, leaky_relu 0.25, no bias", "input", "3 x 3 x 3", "36"],
        ["p", "maximum of 2 x 2, every 1 x 1, zeros 0+1 x 0+1", "c", "3 x 3 x 3"], ["d", "dropout 0.25", "p", "3 x 3 x 3"],
        ["s", "add", "c + d", "3 x 3 x 3"]]


def test_a_network_in_words_before_it_runs() -> None:
    graph = Graph("net")
    c = graph.convolution(graph.input((8, 8, 1)), 4, 3, "relu", name="c")
    flat = graph.flatten(graph.dropout(graph.pooling(c, "average", 2, name="p"), 0.5, name="d"), name="f")
    graph.loss(graph.dense(flat, 3, "softmax", name="out"), "sparse_categorical_crossentropy", metrics=["accuracy"])
    graph.optimiser = dlgraph.Sgd(0.1)
    net = dlgraph.from_graph(graph, dlgraph.Emulated(board="spinn3"), executor_factory=no_machine, replicas=2,
                             cuts={"c": (2, 1, 1), "out": (2, 1)}, n_sources=1, window=3, activation_fractions={"c": 9})
    told = net.describe()
    assert told.n_parameters == graph.n_parameters == 40 + 111
    assert [(layer.name, layer.takes, layer.gives, layer.values) for layer in told.layers] == [
        ("c", ("input",), (6, 6, 4), "s6.9"), ("p", ("c",), (3, 3, 4), "s6.9"), ("d", ("p",), (3, 3, 4), "s6.9"),
        ("out", ("d",), (1, 1, 3), "s3.28")]
    assert told.cores["c"].cut == "2 x 1 tiles" and told.cores["c"].n_cores == 4 and set(told.cores) == {"input", "c", "out"}
    assert told.cores["out"].cut == "2 x 1 slices, 1 group" and told.cores["out"].n_cores == 6
    assert told.runs_on == {"p": "c", "d": "c"} and told.n_cores == 11 and told.replicas == 2 and told.window == 3
    assert (told.n_chips, told.exact, told.problem) == (1, False, None) and told.samples_per_second > 0
    text = str(net)
    for word in ("net, sparse_categorical_crossentropy and sparse_categorical_accuracy, Sgd(learning_rate=0.1): 151 parameters",
                 "on c", "2 x 1 tiles", "11 cores on at least 1 chip, 2 replicas, 3 samples in flight", "emulated SpiNN-3 board",
                 "in batches of 32"):
        assert word in text
    assert "\n" not in repr(net)
    assert str(net.reference()).endswith("On the reference on this computer.")


def test_a_network_that_does_not_fit_says_so_in_words() -> None:
    graph = small()
    net = dlgraph.from_graph(graph, dlgraph.Emulated(board="spinn3"), executor_factory=no_machine, replicas=40, cuts={})
    told = net.describe()
    assert not told.cores and "cores, the machine has 60" in told.problem and told.problem in str(net)
    with pytest.raises(DataError, match="batch_size=0"):
        net.describe(batch_size=0)
    with pytest.raises(DataError, match="input_density=2"):
        net.describe(input_density=2)


def test_of_many_values_taken_the_first_are_named() -> None:
    graph = Graph()
    x = graph.input((4,))
    graph.concatenate([graph.dense(x, 2, name=name) for name in "abcde"])
    assert "  a + b + 3 more  " in str(graph).splitlines()[-1]
