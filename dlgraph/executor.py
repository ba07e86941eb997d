"""The interface between what the user sees and what computes: a machine, or the reference on the host."""
from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Callable, Sequence

from dlgraph.layer_graph import Int32Array, LayerGraph, PassResult, Samples

#: Called at most a few times per second with (samples done, loss sum so far, correct so far).
Progress = Callable[[int, int, int], None]


@dataclass(frozen=True)
class CoreWork:
    """What one core did in a pass on a machine.

    :param layer: name of the layer that it belongs to
    :param kind: of its vertex, such as ``"weight slice"``
    :param predicted_cycles: what the cost model expects of the slowest core of this kind, per sample in training
    :param n_samples: that it did
    :param cycles: of 200 MHz, from the start of the pass to the core's end of it
    :param waiting_cycles: of these, asleep
    """

    layer: str
    kind: str
    predicted_cycles: float
    n_samples: int
    cycles: int
    waiting_cycles: int
    packets_sent: int
    packets_received: int
    saturations: int


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

    def work(self) -> list[CoreWork]:
        """What every core did in the last pass, in the last fill of it where it ran in several; none on the host."""
        return []

    def close(self) -> None:
        """Give back what the executor holds: machine, processes, files."""
