# SPDX-License-Identifier: Apache-2.0
"""A program that trains on the board named on its command line until it is killed; it says when it does."""
from __future__ import annotations

import sys

from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import Activation
from dlgraph.machines import Board
from integration_tests.networks import OUTPUTS, make_graph, make_samples


def main(address: str) -> None:
    graph = make_graph([30, 20, 6], [Activation.RELU], OUTPUTS[0], seed=30)
    samples = make_samples(graph, 4000, seed=31)
    executor = GfeExecutor(graph, Board(address, board="spinn3").target())
    for epoch in range(10**6):
        executor.train_epoch(samples, epoch, 16, True, 0.1)
        print(f"epoch {epoch} is over", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
