"""What a training gives back, whatever it ran on."""
from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class EpochOutcome:
    """One epoch.

    :param member: which of several networks, from 1, where they are trained one after the other
    :param samples: that were trained on
    :param seconds: of training alone: machine time on SpiNNaker, wall time elsewhere
    :param loss: mean over the epoch, as Keras shows it; None where nobody asked
    :param test_accuracy: share of the test images, 0 .. 1, by the sum of the outputs of the members so far; None where nobody asked
    """

    member: int
    samples: int
    seconds: float
    loss: float | None
    test_accuracy: float | None


@dataclass(frozen=True)
class EnergyOutcome:
    """Energy of the epochs of a training.

    :param method: ``"published constants"``, ``"RAPL"``, ``"stated power"``, ``"NVML"`` or ``"nvidia-smi"``
    :param estimate: whether nothing was measured
    :param joules: of the whole device: the board, all processor packages, the GPU
    :param share_joules: of the part of it that was used; None where the whole device was
    :param idle_joules: of ``joules``, what the idle device takes in the same time; None where that is not known
    :param host_joules: of the computer beside the device; not in ``joules``; None where none is needed or it is not known
    :param parts: name -> joules, as far as they are told apart
    """

    method: str
    estimate: bool
    joules: float
    share_joules: float | None = None
    idle_joules: float | None = None
    host_joules: float | None = None
    parts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Cores:
    """Of a SpiNNaker board: what the largest member took.

    :param network: cores that run vertices of the network
    :param loaded: those, and the monitors
    :param chips: that the network's cores stand on
    """

    network: int
    loaded: int
    chips: int


@dataclass(frozen=True)
class Outcome:
    """One training.

    :param machine: what it ran on, in words
    :param emulated: whether ``seconds`` of the epochs are emulated
    :param setup_seconds: of wall time before the first epoch, for compiling (XLA); None where that is not told apart
    :param wall_seconds: from the beginning to the end, everything included
    :param others_share: of this computer's processor time, what other programs took meanwhile, 0 .. 1; None where it does not
        matter
    """

    machine: str
    emulated: bool
    epochs: tuple[EpochOutcome, ...]
    wall_seconds: float
    setup_seconds: float | None = None
    energy: EnergyOutcome | None = None
    cores: Cores | None = None
    others_share: float | None = None

    @property
    def samples(self) -> int:
        """Of all epochs."""
        return sum(epoch.samples for epoch in self.epochs)

    @property
    def seconds(self) -> float:
        """Of training, all epochs."""
        return sum(epoch.seconds for epoch in self.epochs)


@dataclass(frozen=True)
class Swept:
    """Speed in batches of one size, from a short trial or from the cost model."""

    batch: int
    samples_per_s: float


#: A larger batch must be faster by more than this to be worth it.
WORTH = 0.1


def tuned_batch(sweep: list[Swept]) -> int:
    """The smallest batch that is at most a tenth slower than the fastest one: beyond it, batches grow for nothing.

    :param sweep: at least one
    """
    fastest = max(each.samples_per_s for each in sweep)
    return min(each.batch for each in sweep if each.samples_per_s >= (1 - WORTH) * fastest)
