"""Train a small network with the sub-sampling of the LeNets, a layer kind that dlgraph does not have, on an emulated board.

The network is built by hand, without Keras.  Run it in this folder; it needs scikit-learn (pip install 'dlgraph[examples]').
"""
from __future__ import annotations

import argparse

import numpy as np
from sklearn.datasets import load_digits
from subsampling import SubsamplingLayer

import dlgraph
from dlgraph.custom import no_weights
from dlgraph.graph import Constant


def build_graph() -> dlgraph.Graph:
    """5x5 kernels, sub-sampling of 2 x 2 with its coefficients and biases, classes."""
    graph = dlgraph.Graph("digits", seed=1)
    maps = graph.convolution(graph.input((8, 8, 1)), 8, 5, "tanh", padding="same", name="maps")
    layer = SubsamplingLayer("sampled", no_weights(8), use_bias=True, size=2)
    sampled = graph.custom(maps, layer, weights=Constant(0.25), biases="zeros")
    output = graph.dense(graph.flatten(graph.activation(sampled, "tanh", name="squashed")), 10, "softmax", name="classes")
    graph.loss(output, "sparse_categorical_crossentropy", metrics=["accuracy"])
    graph.optimiser = dlgraph.Sgd(0.1, momentum=0.9)
    return graph


def train(n_samples: int = 1437, epochs: int = 3, board: str = "spinn3") -> float:
    """Train on handwritten digits, compare with the reference in every bit; the accuracy on the last 360."""
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8, 1) / 16
    Xv, yv = X[-360:], y[-360:]
    n_samples = min(n_samples, len(X) - 360)
    graph = build_graph()
    with dlgraph.from_graph(graph, dlgraph.Emulated(board=board)) as net:
        twin = net.reference()
        net.train(X[:n_samples], y[:n_samples], epochs=epochs, batch_size=32, verbose=2)
        twin.train(X[:n_samples], y[:n_samples], epochs=epochs, batch_size=32, verbose=0)
        for ours, theirs in zip(net.get_weights(), twin.get_weights(), strict=True):
            assert np.array_equal(ours, theirs)
        print(net)
    coefficients, biases = graph.get_weights("sampled")
    print("coefficients:", coefficients.round(3), "biases:", biases.round(3), sep="\n")
    return float(twin.evaluate(Xv, yv, verbose=0)[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--board", default="spinn3", choices=("spinn3", "spinn5"))
    options = parser.parse_args()
    print(f"accuracy on digits never seen: {100 * train(epochs=options.epochs, board=options.board):.1f} %")
