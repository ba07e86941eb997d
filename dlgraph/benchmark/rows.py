"""Rows of the table: minimum, median and maximum over the repeats of a training."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlgraph.benchmark.outcome import Outcome
    from dlgraph.benchmark.record import Run

#: Shares of the test images that are to be right.
TARGETS = (0.98, 0.99)


@dataclass(frozen=True)
class Spread:
    """Of a quantity over repeats.

    :param n: repeats that have it
    """

    minimum: float
    median: float
    maximum: float
    n: int


@dataclass(frozen=True)
class Row:
    """Repeats of one training; quantities that no repeat has are None.

    :param machine: in words
    :param cores: of a SpiNNaker board: of the network, loaded, chips
    :param method: how energy is known
    :param estimate: whether it was not measured
    :param n_samples: of all epochs of a repeat
    :param figures: name -> spread; see :data:`FIGURES`
    """

    network: str
    device: str
    kind: str
    batch: int
    machine: str
    emulated: bool
    speed_only: bool
    cores: dict[str, int] | None
    method: str | None
    estimate: bool | None
    n_samples: int
    repeats: int
    figures: dict[str, Spread | None]

    def as_json(self) -> dict[str, Any]:
        """As ``schema.json`` has it."""
        return asdict(self)


def spread(values: Sequence[float | None], all_of: int) -> Spread | None:
    """Of the values that there are; the median only where every repeat has one, else that of those would flatter."""
    known = [value for value in values if value is not None]
    if not known or len(known) < all_of:
        return None
    return Spread(min(known), float(median(known)), max(known), len(known))


def seconds_to(outcome: Outcome, target: float) -> float | None:
    """Of training until the test images that are right are a share of at least ``target``; None where it is not reached.

    The network is looked at after each epoch, so this is a whole number of epochs; of several networks, their outputs added.
    """
    seconds = 0.0
    for epoch in outcome.epochs:
        seconds += epoch.seconds
        if epoch.test_accuracy is not None and epoch.test_accuracy >= target:
            return seconds
    return None


def _per_sample(name: str) -> Callable[[Run], float | None]:
    def figure(run: Run) -> float | None:
        value = None if run.outcome.energy is None else getattr(run.outcome.energy, name)
        return None if value is None else value / run.outcome.samples
    return figure


def _per_training(name: str) -> Callable[[Run], float | None]:
    def figure(run: Run) -> float | None:
        if run.outcome.energy is None or run.speed_only:
            return None
        value: float | None = getattr(run.outcome.energy, name)
        return value
    return figure


def _trained(figure: Callable[[Outcome], float | None]) -> Callable[[Run], float | None]:
    """None where only speed was asked for."""
    return lambda run: None if run.speed_only else figure(run.outcome)


#: Name -> from a run.  Joules of the whole device; of the part of it in use; of the idle device in the same time, which are among
#: those of the whole; of the host, which are not.
FIGURES: dict[str, Callable[[Run], float | None]] = {
    "accuracy": lambda run: run.outcome.epochs[-1].test_accuracy,
    "samples_per_s": lambda run: run.outcome.samples / run.outcome.seconds,
    "seconds_per_training": _trained(lambda outcome: outcome.seconds),
    "seconds_to_98": _trained(lambda outcome: seconds_to(outcome, TARGETS[0])),
    "seconds_to_99": _trained(lambda outcome: seconds_to(outcome, TARGETS[1])),
    "joules_per_sample": _per_sample("joules"),
    "joules_per_sample_share": _per_sample("share_joules"),
    "joules_per_sample_idle": _per_sample("idle_joules"),
    "joules_per_sample_host": _per_sample("host_joules"),
    "joules_per_training": _per_training("joules"),
    "joules_per_training_share": _per_training("share_joules"),
    "setup_seconds": lambda run: run.outcome.setup_seconds,
}


def rows_of(runs: Sequence[Run]) -> list[Row]:
    """One for each network, device and size of batch, in the order in which they were begun."""
    together: dict[tuple[str, str, str, int, str], list[Run]] = {}
    for run in runs:
        key = (run.key.network, run.key.device, run.key.kind, run.batch, run.outcome.machine)
        together.setdefault(key, []).append(run)
    return [_row(repeats) for repeats in together.values()]


def _row(runs: list[Run]) -> Row:
    first = runs[0]
    energy, cores = first.outcome.energy, first.outcome.cores
    return Row(first.key.network, first.key.device, first.key.kind, first.batch, first.outcome.machine, first.outcome.emulated,
               first.speed_only, None if cores is None else asdict(cores), None if energy is None else energy.method,
               None if energy is None else energy.estimate, first.outcome.samples, len(runs),
               {name: spread([figure(run) for run in runs], len(runs)) for name, figure in FIGURES.items()})
