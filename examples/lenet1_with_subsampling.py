"""LeNet-1 as it was published, with its trainable sub-sampling as a layer kind of its own (``examples/subsampling_layer``).

LeCun et al., "Handwritten digit recognition with a back-propagation network", NIPS 1989: 2,578 parameters.  The network is that of
``lenet1_as_published.py``, which is made of dlgraph's own layers only.  Here a sub-sampling is one layer, whatever the number of
its maps, and the maps of H3 that see the same maps of H2 are one convolution.

It runs on an emulated SpiNN-3 board, and compares machine and reference in every bit.  The C file is compiled when it is first used
(pip install 'dlgraph[build,examples]').
"""
from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from lenet1_as_published import CONNECTIONS, PerInput, targets

import dlgraph
from dlgraph.custom import no_weights
from dlgraph.graph import Constant, Graph, Value

sys.path.append(str(Path(__file__).resolve().parent / "subsampling_layer"))
from subsampling import SubsamplingLayer  # noqa: E402


def subsampled(graph: Graph, maps: Value, name: str) -> Value:
    """The sum of each 2 x 2, times a coefficient, plus a bias, squashed: two parameters of a map, at the start those of a mean."""
    layer = SubsamplingLayer(name, no_weights(maps.shape[-1]), use_bias=True)
    return graph.activation(graph.custom(maps, layer, weights=Constant(0.25), biases="zeros"), "tanh", name=f"{name}_squashed")


def lenet1(seed: int = 0) -> Graph:
    """The graph, with the squared error of targets of 1 and -1; its maps H3 in groups of those that see the same."""
    graph = Graph("lenet1_with_subsampling", seed)
    start = PerInput()
    image = graph.input((28, 28, 1))
    h2 = [subsampled(graph, graph.convolution(image, 1, 5, "tanh", weights=start, name=f"h1_{i}"), f"h2_{i}") for i in range(4)]
    h3 = [graph.convolution(graph.concatenate([h2[j] for j in seen]), n_maps, 5, "tanh", weights=start,
                            name="h3_of_" + "_".join(map(str, seen)))
          for seen, n_maps in Counter(CONNECTIONS).items()]
    h4 = subsampled(graph, graph.concatenate(h3), "h4")
    output = graph.dense(graph.flatten(h4), 10, "tanh", weights=start, name="output")
    graph.loss(output, "mean_squared_error", metrics=["accuracy"])
    graph.optimiser = dlgraph.Sgd(0.3)
    return graph


def main(arguments: list[str] | None = None) -> float:
    """Train on scikit-learn's digits in MNIST's form; returns the accuracy on those held out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--samples", type=int, default=320, help="to train on, of 1,437")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reference", action="store_true", help="on this computer, without a machine")
    options = parser.parse_args(arguments)

    digits = dlgraph.data.digits()
    x, y = digits.x_train[:options.samples] / 255, targets(digits.y_train[:options.samples])
    held_out = digits.x_test / 255, targets(digits.y_test)
    graph = lenet1(options.seed)
    with dlgraph.from_graph(graph, dlgraph.Emulated(board="spinn3")) as board:
        twin = board.reference()
        twin.train(x, y, epochs=options.epochs, verbose=2 if options.reference else 0)
        if not options.reference:
            board.train(x, y, epochs=options.epochs, verbose=2)
            for ours, theirs in zip(board.get_weights(), twin.get_weights(), strict=True):
                assert np.array_equal(ours, theirs)
            print(board)
        _, accuracy = twin.evaluate(*held_out, verbose=0)
        print(f"\n{graph.n_parameters:,} parameters: {accuracy:.2%} of {len(held_out[0])} held-out digits")
    return float(accuracy)


if __name__ == "__main__":
    main()
