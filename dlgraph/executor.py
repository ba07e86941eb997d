"""The interface between what the user sees and what computes: a machine, or the reference on the host."""
from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Callable, Mapping, Sequence

from dlgraph.cycles import Cycles
from dlgraph.errors import UnsupportedError
from dlgraph.layer_graph import Int32Array, LayerGraph, PassResult, Samples
from dlgraph.mapping.expected import ChosenCut
from dlgraph.mapping.plan import Core, Stream
from dlgraph.optimisers import Optimiser, OptimiserState
from dlgraph.set_up import SetUp, Upload
from dlgraph.trace import StreamTrace, Trace
from dlgraph.traffic import LinkTraffic, Traffic
from dlgraph.vertex_report import VertexReport

#: Called at most a few times per second with (samples done, loss sum so far, correct so far).
Progress = Callable[[int, int, int], None]
#: The value of a float32; of a schedule, one for every batch of the epoch.
LearningRate = float | Sequence[float]


@dataclass(frozen=True)
class CoreWork:
    """What one core did in a pass on a machine.

    :param layer: name of the layer that it belongs to
    :param kind: of its vertex, such as ``"weight slice"``
    :param predicted_cycles: what the cost model expects of the slowest core of this kind, per sample in training
    :param n_samples: that it did
    :param cycles: of 200 MHz, from the start of the pass to the core's end of it
    :param waiting_cycles: of these, asleep
    :param label: of its vertex; with what follows, empty where it is not known
    :param chip: (x, y) of the chip that it is on
    :param dtcm_bytes: of data memory that it asks for, as the mapping counts it
    :param sdram_bytes: of its chip's SDRAM
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
    label: str = ""
    chip: tuple[int, int] | None = None
    dtcm_bytes: int = 0
    sdram_bytes: int = 0


@dataclass(frozen=True)
class PassPackets:
    """What only an emulated machine counts of a pass; what is loaded before and read after it is not in it.

    :param routed: multicast packets, each counted at every router that it passes
    :param links: of every chip; packets of all types, also those of monitors and SC&MP
    """

    routed: int
    links: tuple[LinkTraffic, ...]


@dataclass(frozen=True)
class Mapped:
    """How a network lies on a machine.

    :param n_chips: that its cores stand on; 0 where that is not known
    :param places: chip and core of each, while the network is on a machine; likewise the first keys of streams
    """

    chosen: ChosenCut
    n_chips: int
    places: Mapping[Core, tuple[int, int, int]] = field(default_factory=dict)
    keys: Mapping[Stream, int] = field(default_factory=dict)


class Executor(ABC):
    """Trains and evaluates one :class:`LayerGraph`.  Parameters and the optimiser's state live in the executor between calls.

    The graph's arrays are what an executor starts from, with an optimiser that has not made a step; it does not write to
    them.
    """

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        #: Of the network on the machine, when it was last mapped and loaded.
        self.set_up = SetUp()

    def prepare(self, samples: Sequence[Samples]) -> None:
        """Announce the data sets that the next calls will use, so that room is made for all of them at once."""

    @abstractmethod
    def train_epoch(self, samples: Samples, epoch: int, batch_size: int, shuffle: bool,
                    learning_rate: LearningRate, progress: Progress | None = None) -> PassResult:
        """Train on every sample once, in the order of (seed, epoch), the last partial batch included.

        :raises NumberFormatError: for rates outside the format, before anything runs
        """

    @abstractmethod
    def forward(self, samples: Samples, keep_outputs: bool,
                progress: Progress | None = None) -> PassResult:
        """Pass every sample forward, in the order given, with loss and accuracy where there are targets."""

    def trace(self, samples: Samples, epoch: int, training: bool) -> Trace:
        """Pass samples forward, and in training back, as one batch, and say what was computed in every layer.

        Parameters and the optimiser's state stay as they are.

        :param epoch: whose choice of dropout is taken; a sample's index is its place here
        :param training: samples have labels or targets
        :raises NumberFormatOverflow: where a sum does not fit
        """
        raise UnsupportedError(f"{type(self).__name__} does not say what it computed in every layer.")

    @abstractmethod
    def parameters(self) -> list[tuple[Int32Array, Int32Array]]:
        """(weights s3.28, biases s8.23) of every layer as they are after the last finished epoch."""

    @abstractmethod
    def set_parameters(self, parameters: list[tuple[Int32Array, Int32Array]]) -> None:
        """Replace the parameters, as :meth:`parameters` gives them."""

    @abstractmethod
    def optimiser_state(self) -> OptimiserState:
        """What the optimiser has gathered until the last finished epoch."""

    @abstractmethod
    def set_optimiser_state(self, state: OptimiserState) -> None:
        """Replace it, as :meth:`optimiser_state` gives it."""

    def set_optimiser(self, optimiser: Optimiser) -> None:
        """Change the optimiser's numbers.

        :raises ValueError: if it keeps other state than the one before
        """
        if (optimiser.kind, optimiser.planes) != (self.graph.optimiser.kind, self.graph.optimiser.planes):
            raise ValueError("another kind of optimiser needs another executor")
        self.graph.optimiser = optimiser

    def vertices(self) -> list[VertexReport]:
        """What every vertex counted in the last pass, in the last fill of it where it ran in several, and what its program wrote;
        none on the host.
        """
        return []

    def recorded(self, training: bool) -> tuple[StreamTrace, ...]:
        """What probes recorded in the last epoch, or in the last pass forward; nothing on the host, and without probes."""
        return ()

    def work(self) -> list[CoreWork]:
        """What every core did in the last pass, in the last fill of it where it ran in several; none on the host."""
        return []

    def pass_packets(self) -> PassPackets | None:
        """Packets of the last pass, in all fills of it; None where they are not counted by router."""
        return None

    def upload(self) -> Upload | None:
        """Of the samples of the last pass, in all fills of it; None where they were there already, and on the host."""
        return None

    def traffic(self) -> Traffic | None:
        """What became of the packets since the graph was put on the machine; None on the host, or without a machine."""
        return None

    def cycles(self) -> Cycles | None:
        """Where the cycles of the last pass went, of the last part of it where it ran in several; None where nobody counted."""
        return None

    def mapped(self) -> Mapped | None:
        """How the network was cut for the last pass; None before the first one, and on the host."""
        return None

    def end_session(self) -> None:
        """Let another executor use the machine, which stays as it is; the next call begins anew on it."""

    def close(self) -> None:
        """Give back what the executor holds: machine, processes, files."""


def rates_of_batches(learning_rate: LearningRate, n_batches: int) -> list[float]:
    """The learning rate of every batch of an epoch.

    :raises ValueError: if there is another number of them
    """
    if isinstance(learning_rate, (int, float)):
        return [float(learning_rate)] * n_batches
    if len(learning_rate) != n_batches:
        raise ValueError(f"there are {len(learning_rate)} learning rates for {n_batches} batches")
    return [float(rate) for rate in learning_rate]
