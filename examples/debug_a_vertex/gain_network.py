"""A network around the layer kind, as small as it gets, and samples for it."""
from __future__ import annotations

import numpy as np
from gain import Gain

import dlgraph
from dlgraph.custom import no_weights

rng = np.random.default_rng(1)
X = rng.random((8, 4, 4, 1))
y = rng.integers(0, 3, 8)


def network(kind: type[Gain], **options) -> dlgraph.Network:
    """Seven maps, a gain for each, three classes."""
    graph = dlgraph.Graph("gains", seed=1)
    maps = graph.convolution(graph.input((4, 4, 1)), 7, 3, name="maps")
    gains = graph.custom(maps, kind("gains", no_weights(7)), weights=[0.5, -0.5, 1.0, 2.0, -1.0, 1.5, 0.25])
    graph.loss(graph.dense(graph.flatten(gains), 3, "softmax", name="classes"), "sparse_categorical_crossentropy")
    graph.optimiser = dlgraph.Sgd(0.1)
    return dlgraph.from_graph(graph, machine=dlgraph.Emulated(board="spinn3"), **options)
