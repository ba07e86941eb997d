"""Looking inside a network: traces and comparisons, with the reference in place of the machine."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from keras_models import OUTPUT, data, equal, every_layer, keras, layers, mlp, on_host, sequential

import dlgraph
from dlgraph.comparison import compare
from dlgraph.errors import DataError, DoesNotFit, MachineError
from dlgraph.formats import Rate
from dlgraph.gfe.readout import GradientReadout, gradients
from dlgraph.layer_graph import (
    INPUT, Activation, ConvolutionLayer, DenseLayer, LayerGraph, Loss, Metric, Samples, Sgd)
from dlgraph.mapping.cuts import explicit_cut
from dlgraph.mapping.plan import make_plan
from dlgraph.mapping.sent_log import logged_vectors, samples_logged
from dlgraph.mapping.sent_values import stage_values
from dlgraph.mapping.stages import find_stages
from dlgraph.reference import ReferenceExecutor
from dlgraph.reference.optimisers import update
from dlgraph.trace import Trace, TraceMaker
from dlgraph.update_words import Array, Step, array_of, constants, step
from dlgraph.vertex_report import VertexReport, VertexReports
from small_nets import PAIRS, random_graph, random_samples


def test_the_gradient_is_what_training_uses() -> None:
    """One step of training, made of the traced gradients."""
    rng = np.random.default_rng(3)
    graph = random_graph(rng, [12, 9, 5], [Activation.TANH], PAIRS[0])
    samples = random_samples(rng, graph, 20)
    executor = ReferenceExecutor(graph)
    trace = executor.trace(samples, 0, training=True)
    before = executor.parameters()
    assert equal([a for pair in before for a in pair], [a for layer in graph.layers for a in (layer.weights, layer.biases)])
    executor.train_epoch(samples, 0, 20, False, 0.25)
    held = constants(graph.optimiser)
    for number, (layer, old, new) in enumerate(zip(graph.layers, before, executor.parameters(), strict=True)):
        for part, traced in enumerate((trace[layer.name].weight_gradient, trace[layer.name].bias_gradient)):
            words = step(graph.optimiser, 0.25, 0, 20, 1.0, array_of(number, part, layer, 20))
            assert traced.fraction == array_of(number, part, layer, 20).gradient_fraction and traced.scale == 1 / 20
            expected, _, clips = update(held, words, old[part], traced.bits, np.zeros((0,), np.int32))
            assert clips == 0
            np.testing.assert_array_equal(expected, new[part])


def test_every_kind_of_layer_beside_keras() -> None:
    model = every_layer(loss="categorical_crossentropy")
    net = on_host(model, seed=2)
    x, _ = data(12, n_inputs=36)
    comparison = net.compare(x)
    assert comparison.equal and {row.layer for row in comparison} == {"input", *(layer.name for layer in net.trace(x))}
    assert all(row.keras is not None and row.keras.largest < 0.004 and row.keras_size > 0.02 for row in comparison)
    assert {row.quantity for row in comparison} == {"activations"}
    y = np.eye(3)[np.arange(12) % 3]
    with_dropout = net.compare(x, y)
    assert with_dropout.equal and all(row.keras is None for row in with_dropout)
    assert "dropout" in with_dropout.notes[0] and "dropout" in str(with_dropout)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "binary_crossentropy", "mean_squared_error"])
def test_errors_and_gradients_beside_keras(loss: str) -> None:
    """Also of samples that count differently; Keras' loss is a mean, of which errors are each sample's own."""
    keras.utils.set_random_seed(1)
    model = sequential(layers.Conv2D(3, 3, padding="same"), layers.Activation("tanh"), layers.AveragePooling2D(2, name="mean"),
                       layers.Flatten(), layers.Dense(8, "sigmoid", name="hidden"), layers.Dense(4, OUTPUT[loss]), shape=(6, 6, 2),
                       loss=loss)
    x, y = data(10, n_inputs=72, n_outputs=4, loss=loss)
    weights = np.linspace(0.25, 3.0, 10)
    net = on_host(model)
    before = model.get_weights()
    comparison = net.compare(x.reshape(10, 6, 6, 2), y, weights)
    assert comparison.equal and equal(before, model.get_weights())
    found = {(row.layer, row.quantity): row for row in comparison if row.keras is not None}
    convolution = model.layers[0].name
    assert {(convolution, "weight_gradient"), (convolution, "bias_gradient"), (convolution, "errors"), ("mean", "errors"),
            ("hidden", "errors"), ("hidden", "unit_errors"), ("hidden", "weight_gradient"), (model.layers[-1].name, "activations"),
            (model.layers[-1].name, "unit_errors")} <= set(found)
    for row in found.values():
        assert row.keras.largest <= 0.01 * max(row.keras_size, 0.05), row
        assert row.keras_size > 1e-3


def test_a_difference_is_found_and_named() -> None:
    net = on_host(mlp(6, 5, 3))
    x, y = data(7, n_inputs=6)
    trace = net.trace(x, y)
    name = net.model.layers[0].name
    other = net.reference().trace(x, y)
    assert compare(trace, other, None).equal
    errors = trace[name].errors
    errors.bits[4, 0, 0, 2] += 3
    comparison = compare(trace, other, None, ("a note",))
    row = comparison.of(name, "errors")
    assert not comparison.equal and row.reference.n_different == 1 and row.reference.n == 35
    assert (row.reference.largest, row.reference.at) == (3.0, (4, 0, 0, 2))
    text = str(comparison)
    assert "NOT as in the reference" in text and f"{name}, errors: 1 of 35 numbers differ" in text and text.endswith("a note")
    trace[name].errors = replace(errors, known=errors.bits == other[name].errors.bits)           # what is not known is not compared
    assert compare(trace, other, None).equal


def test_what_a_trace_says() -> None:
    net = on_host(mlp(6, 5, 3))
    x, y = data(7, n_inputs=6)
    state = net.get_weights()
    trace = net.trace(x, y)
    assert equal(state, net.get_weights()) and net.train(x, y, batch_size=7, verbose=0).epoch == [0]
    hidden, last = net.model.layers[0].name, net.model.layers[1].name
    assert [layer.name for layer in trace] == ["input", hidden, last]
    inputs = trace["input"].activations
    assert inputs.shape == (7, 1, 1, 6) and np.allclose(inputs.floats[:, 0, 0], x, atol=2**-12)
    assert trace[last].activations.shape == (7, 1, 1, 3)
    assert trace[last].errors is None and "nothing takes the outputs" in trace[last].absent["errors"]
    # of cross-entropy and softmax: p - y
    assert np.allclose(trace[last].unit_errors.floats[:, 0, 0], trace[last].activations.floats[:, 0, 0] - np.eye(3)[y], atol=1e-6)
    assert np.allclose(np.asarray(trace[last].bias_gradient), trace[last].unit_errors.floats.mean(axis=(0, 1, 2)), atol=1e-5)
    forward = net.trace(x)
    assert not forward.training and forward[hidden].errors is None and forward[hidden].weight_gradient is None
    for text, words in ((str(trace), ("forward and back", "weight gradient", "s7.24", f"{last}: no errors, as nothing takes")),
                        (str(forward), ("7 samples forward on the reference", hidden))):
        assert all(word in text for word in words)
    with pytest.raises(DataError, match="no layer 'dense_7'.*'input'"):
        trace["dense_7"]
    with pytest.raises(DataError, match="No stream of the kind 'sums' was recorded. There are none"):
        trace.probe("sums")


def test_cores_of_their_own_for_every_layer_that_computes() -> None:
    net = on_host(every_layer())
    net.trace(data(4, n_inputs=36)[0])
    graph = net._graph()
    together, alone = find_stages(graph), find_stages(graph, own_cores=True)
    assert any(stage.operations for stage in together) and not any(stage.operations for stage in alone)
    computing = {i for stage in together for i in (stage.layer, *stage.operations)}
    assert {stage.layer for stage in alone} == computing and INPUT in computing


@pytest.mark.parametrize("call, words", [
    (lambda net, x, y: net.trace(np.zeros((257, 6)), np.zeros(257)), "X has 257 samples.*at most 256.*X\\[:32\\]"),
    (lambda net, x, y: net.trace(x, sample_weight=np.ones(7)), "sample_weight was given without y.*give both or neither"),
    (lambda net, x, y: net.compare(x[:, :5], y), "5"),
    (lambda net, x, y: net.compare(x, y[:3]), "X has 7 samples, but y has 3"),
    (lambda net, x, y: net.vertices(), "no vertices on a machine now. Call train"),
])
def test_what_cannot_be_looked_at(call, words: str) -> None:
    x, y = data(7, n_inputs=6)
    with pytest.raises(DataError, match=words):
        call(on_host(mlp(6, 5, 3)), x, y)


def test_what_vertices_say() -> None:
    well = VertexReport("dense weight slice, units 0..3", "dense", "weight slice", (1, 2), 3, 100, 2_000_000, 1_500_000, 700, 0,
                        900, 0, 0, 0, 0)
    ill = replace(well, label="dense neuron group", kind="neuron group", packets_resent=4, packets_repeated=2,
                  packets_foreign=1, requests=1, saturations=5, written=("[WARNING] (a.c: 1): odd",))
    assert str(well) == ("dense weight slice, units 0..3, on chip (1, 2) core 3: did 100 samples in 10 ms of machine time, awake "
                         "25% of it; sent 700 packets, got 900. Nothing came amiss, nothing was clipped, and it wrote nothing.")
    assert ill.remarks == ["asked once for packets that had not come", "sent 4 packets again, as they had not come to somebody",
                           "got 2 packets that it had", "got 1 packets of no stream of its own, and ignored them",
                           "clipped 5 values to their number format", "wrote: [WARNING] (a.c: 1): odd"]
    both = VertexReports("emulated board", (well, ill))
    assert both.of("dense", "neuron group") == [ill] and len(both) == 2
    assert "Nothing came amiss" in str(VertexReports("emulated board", (well,)))
    assert "dense neuron group: it asked once" in str(both) and "1,2" in str(both)
    with pytest.raises(DataError, match="no vertices of layer 'other'.*dense \\(weight slice\\), dense \\(neuron group\\)"):
        both.of("other")


def test_the_step_that_tells_the_gradient() -> None:
    rng = np.random.default_rng(4)
    before = rng.integers(-2**27, 2**27, (9, 4)).astype(np.int32), np.zeros(4, np.int32)
    gradient = rng.integers(-2**30, 2**30, (9, 4)), np.array([0, 1, -1, 2**31 - 1])
    readout = GradientReadout()
    words = readout.of(Array(28, 23, 0, 0))
    assert words.step == words.last_step and not words.table
    told = Step(*words.step[:2], Rate(*words.step[2:4]))
    after = tuple(update(readout.constants, told, old, sums, np.zeros((0,), np.int32))[0]
                  for old, sums in zip(before, gradient, strict=True))
    found, = gradients([before], [after], ["dense"])
    for got, wanted in zip(found, gradient, strict=True):
        np.testing.assert_array_equal(got, wanted)
    clipped = np.where(before[0] == before[0].max(), np.int32(2**31 - 1), after[0])
    with pytest.raises(MachineError, match="gradients of layer 'dense' are too large.*Trace fewer samples"):
        gradients([before], [(clipped, after[1])], ["dense"])


def test_what_nobody_takes_may_not_be_known() -> None:
    """A convolution of every other pixel leaves the last row and column of what it takes."""
    rng = np.random.default_rng(5)
    first = ConvolutionLayer("first", rng.integers(-9, 9, (3, 3, 1, 2)).astype(np.int32), np.zeros(2, np.int32), True,
                             Activation.RELU, input_fraction=11)
    second = ConvolutionLayer("second", rng.integers(-9, 9, (1, 1, 2, 2)).astype(np.int32), np.zeros(2, np.int32), True,
                              Activation.RELU, strides=(2, 2))
    last = DenseLayer("last", rng.integers(-9, 9, (18, 3)).astype(np.int32), np.zeros(3, np.int32), True, Activation.SOFTMAX)
    graph = LayerGraph([first, second, last], Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False, Metric.NONE, Sgd(0.1), 0, (8, 8, 1))
    stages = find_stages(graph)
    plan = make_plan(graph, stages, explicit_cut(stages, {"first": (2, 1, 1)}, 1, 2))
    assert samples_logged(plan) == 4
    sent = {(core, logged.vector): np.ones((3, logged.n_words), np.int32)
            for core in plan.cores for logged in logged_vectors(plan, core)}
    values, known = stage_values(plan, stages[1], sent, 3)
    assert values.shape == known.shape == (3, 6, 6, 2)
    taken = np.zeros((6, 6), np.bool_)
    taken[::2, ::2] = True
    assert known[:, taken].all() and not known[:, 5, 5].any()
    np.testing.assert_array_equal(values[known].reshape(-1, 2), np.tile([1, 0], (np.count_nonzero(known) // 2, 1)))
    traced = TraceMaker(graph, Samples(np.zeros((3, 64), np.int16)), False)
    traced.activations(0, values, known)
    floats = traced.trace("nowhere", {})["first"].activations.floats
    assert np.isnan(floats[:, 5, 5]).all() and not np.isnan(floats[:, ::2, ::2]).any()


def test_an_executor_of_its_own_for_every_layer() -> None:
    """Cut anew, with an update that tells the gradient, and with what training has so far; the one that trains is left alone."""
    made: list[tuple[ReferenceExecutor, dict[str, object]]] = []

    class Executor(ReferenceExecutor):
        ended = 0

        def end_session(self) -> None:
            self.ended += 1

    def factory(graph: LayerGraph, target: object, **options: object) -> Executor:
        executor = Executor(graph)
        made.append((executor, options))
        return executor

    x, y = data(40, n_inputs=6)
    model = mlp(6, 5, 3)
    model.compile("adam", "sparse_categorical_crossentropy")
    net = dlgraph.from_keras(model, executor_factory=factory, cuts=None, placement_seed=2)
    net.train(x, y, verbose=0)
    trains, options = made[0]
    state = trains.optimiser_state()
    assert net.compare(x[:9], y[:9]).equal and len(made) == 2 and trains.ended == 1
    traces, own_options = made[1]
    assert options == {"cuts": None, "placement_seed": 2} and own_options == {"own_cores": True} and traces.ended == 1
    assert isinstance(traces.graph.optimiser, Sgd) and not traces.graph.optimiser.planes
    assert equal([a for pair in trains.parameters() for a in pair], [a for pair in traces.parameters() for a in pair])
    net.trace(x[:9], y[:9], every_layer=False)
    assert len(made) == 2 and trains.optimiser_state().iterations == state.iterations == 2
    assert equal([a for pair in trains.optimiser_state().slots for a in pair], [a for pair in state.slots for a in pair])


def test_what_does_not_fit_on_cores_of_their_own() -> None:
    class TooLarge(ReferenceExecutor):
        def trace(self, samples: Samples, epoch: int, training: bool) -> Trace:
            raise DoesNotFit("The network needs 900 cores.")

    net = dlgraph.from_keras(mlp(6, 5, 3), executor_factory=lambda graph, target, **options: TooLarge(graph))
    with pytest.raises(DoesNotFit, match="needs 900 cores. This is with cores of its own.*every_layer=False looks at"):
        net.trace(data(4, n_inputs=6)[0])
