"""LeNet-1 as it was published, built by hand: sub-sampling that is trained, and a table of which maps see which.

LeCun et al., "Handwritten digit recognition with a back-propagation network", NIPS 1989: 2,578 parameters.  A trained
sub-sampling has a coefficient and a bias for each map: a mean and a 1 x 1 convolution of one map.  Where a map sees some of those
before it, it is a convolution of these, joined.  So every map is a layer of its own here.

It runs on an emulated board unless the environment variable ``DLGRAPH_MACHINE`` or a Graph Front End configuration names another
machine; with ``--reference`` on this computer, with the same bits.
"""
from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

import dlgraph
from dlgraph.graph import Constant, Graph, Initialiser, Value
from dlgraph.graph.initialisers import Numbers

#: Of each map of H3: the maps of H2 that it sees (table 1 of the paper).
CONNECTIONS = [(0,), (0, 1), (0, 1), (1,), (0, 1), (0, 1), (2,), (2, 3), (2, 3), (3,), (2, 3), (2, 3)]


@dataclass(frozen=True)
class PerInput(Initialiser):
    """Uniform between -2.4 and 2.4, divided by the inputs of a unit (LeCun et al. 1989 and 1998)."""

    def values(self, shape: tuple[int, ...], fan_in: int, fan_out: int, numbers: Numbers) -> np.ndarray:
        return 2.4 / fan_in * (2 * numbers.uniform(shape) - 1)


def subsampled(graph: Graph, value: Value, name: str) -> Value:
    """The mean of each 2 x 2, times a coefficient, and a bias: two parameters of a map."""
    mean = graph.pooling(value, "average", 2, name=f"{name}_mean")
    return graph.convolution(mean, 1, 1, "tanh", weights=Constant(1.0), name=name)


def lenet1(seed: int = 0) -> Graph:
    """The graph, with the squared error of targets of 1 and -1."""
    graph = Graph("lenet1_as_published", seed)
    start = PerInput()
    image = graph.input((28, 28, 1))
    h1 = [graph.convolution(image, 1, 5, "tanh", weights=start, name=f"h1_{i}") for i in range(4)]
    h2 = [subsampled(graph, value, f"h2_{i}") for i, value in enumerate(h1)]
    h3 = [graph.convolution(graph.concatenate([h2[j] for j in seen]), 1, 5, "tanh", weights=start, name=f"h3_{i}")
          for i, seen in enumerate(CONNECTIONS)]
    h4 = [subsampled(graph, value, f"h4_{i}") for i, value in enumerate(h3)]
    output = graph.dense(graph.flatten(graph.concatenate(h4)), 10, "tanh", weights=start, name="output")
    graph.loss(output, "mean_squared_error", metrics=["accuracy"])
    graph.optimiser = dlgraph.Sgd(0.3)
    return graph


def targets(labels: np.ndarray) -> np.ndarray:
    """1 for the class, -1 for the others."""
    return 2.0 * np.eye(10, dtype=np.float32)[labels] - 1.0


def main(arguments: list[str] | None = None) -> float:
    """Train on scikit-learn's digits in MNIST's form; returns the accuracy on those held out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--samples", type=int, help="to train on, of 1,437")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reference", action="store_true", help="on this computer, without a machine")
    options = parser.parse_args(arguments)

    digits = dlgraph.data.digits()
    x, y = digits.x_train[:options.samples] / 255, targets(digits.y_train[:options.samples])
    held_out = digits.x_test / 255, targets(digits.y_test)
    graph = lenet1(options.seed)
    with dlgraph.from_graph(graph) as board:
        net = board.reference() if options.reference else board
        net.train(x, y, epochs=options.epochs)
        _, accuracy = net.evaluate(*held_out, verbose=0)
        print(f"\n{graph.n_parameters:,} parameters, on the {net.machine}: {accuracy:.2%} of {len(held_out[0])} held-out digits")
    return float(accuracy)


if __name__ == "__main__":
    main()
