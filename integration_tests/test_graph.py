"""A graph built by hand on the machine: a branch, a join, weights in and out."""
from __future__ import annotations

import os

import numpy as np
import pytest

import dlgraph
from dlgraph.machines import MACHINE_VARIABLE, Board, Emulated

pytestmark = pytest.mark.timeout(300)


def residual() -> dlgraph.Graph:
    graph = dlgraph.Graph("residual", seed=4)
    first = graph.convolution(graph.input((8, 8, 1)), 4, 3, "relu", name="first")
    back = graph.convolution(first, 4, 3, "tanh", padding="same", name="back")
    joined = graph.dropout(graph.concatenate([graph.add([first, back]), back]), 0.25)
    hidden = graph.dense(graph.flatten(graph.pooling(joined, "average", 2)), 12, "relu", name="hidden")
    graph.loss(graph.dense(hidden, 3, "softmax", name="out"), "sparse_categorical_crossentropy", metrics=["accuracy"])
    graph.optimiser = dlgraph.Sgd(0.1, momentum=0.5)
    return graph


def test_a_graph_built_by_hand_equals_its_reference() -> None:
    rng = np.random.default_rng(3)
    x = rng.random((40, 8, 8, 1))
    y = (x.reshape(40, -1) @ rng.normal(size=(64, 3))).argmax(axis=1)
    host = os.environ.get(MACHINE_VARIABLE)
    graph = residual()
    with dlgraph.from_graph(graph, Board(host) if host else Emulated(board="spinn3")) as net:
        expected = net.describe(batch_size=16)
        twin = net.reference()
        assert net.train(x, y, epochs=2, batch_size=16, verbose=0).history == twin.train(x, y, epochs=2, batch_size=16,
                                                                                         verbose=0).history
        graph.set_weights("hidden", graph.get_weights("hidden")[0] / 2)
        twin.graph.set_weights("hidden", twin.graph.get_weights("hidden")[0] / 2)
        for each in (net, twin):
            each.train(x, y, batch_size=16, verbose=0)
        assert all(np.array_equal(a, b) for a, b in zip(net.get_weights(), twin.get_weights(), strict=True))
        assert np.array_equal(graph.get_weights("back")[0], twin.graph.get_weights("back")[0])
        lies = net.describe()
        assert lies.exact and not expected.exact and lies.n_chips >= 1
        assert lies.n_cores == net.report().n_cores and str(lies.n_cores) in str(net)
        assert [layer.name for layer in lies.layers] == [layer.name for layer in expected.layers]
