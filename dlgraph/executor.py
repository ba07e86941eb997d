"""The interface between what the user sees and what computes: a machine, or the reference on the host."""
from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Callable, Sequence

from dlgraph.layer_graph import Int32Array, LayerGraph, PassResult, Samples

#: Called at most a few times per second with (samples done, loss sum so far, correct so far).
Progress = Callable[[int, int, int], None]


class Executor(ABC):
    """Trains and evaluates one :class:`LayerGraph`.  Parameters live in the executor between calls.

    The graph's arrays are what an executor starts from; it does not write to them.
    """

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph

    def prepare(self, samples: Sequence[Samples]) -> None:
        """Announce the data sets that the next calls will use, so that room is made for all of them at once."""

    @abstractmethod
    def train_epoch(self, samples: Samples, epoch: int, batch_size: int, shuffle: bool,
                    learning_rate: float, progress: Progress | None = None) -> PassResult:
        """Train on every sample once, in the order of (seed, epoch), the last partial batch included."""

    @abstractmethod
    def forward(self, samples: Samples, keep_outputs: bool,
                progress: Progress | None = None) -> PassResult:
        """Pass every sample forward, in the order given, with loss and accuracy where there are targets."""

    @abstractmethod
    def parameters(self) -> list[tuple[Int32Array, Int32Array]]:
        """(weights s3.28, biases s8.23) of every layer as they are after the last finished epoch."""

    @abstractmethod
    def set_parameters(self, parameters: list[tuple[Int32Array, Int32Array]]) -> None:
        """Replace the parameters, as :meth:`parameters` gives them."""

    def close(self) -> None:
        """Give back what the executor holds: machine, processes, files."""
