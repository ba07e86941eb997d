"""What a pass was like on the machine: which cores each layer took, how busy they were, against what was expected."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from dlgraph.executor import CoreWork
from dlgraph.layer_graph import PassResult
from dlgraph.progress import machine_seconds
from dlgraph.tables import table


@dataclass(frozen=True)
class StageReport:
    """The cores of one kind of one layer.

    :param kind: such as ``"weight slice"``
    :param cycles: per sample, that the busiest of them was awake
    :param predicted_cycles: what the cost model expected of that; None in a forward pass, as it models training
    :param busy: share of the pass that the busiest was awake, 0 to 1
    :param packets_sent: by all of them in the pass, like the counts that follow
    :param saturations: values clipped to their number format
    """

    layer: str
    kind: str
    n_cores: int
    cycles: float
    predicted_cycles: float | None
    busy: float
    packets_sent: int
    packets_received: int
    saturations: int


@dataclass(frozen=True)
class PassReport:
    """One pass over the samples; ``str()`` makes a table of it.

    Where the samples did not fit the machine's memory at once, the stages tell of the last part of the pass.

    :param title: such as ``"Epoch 2/5"``
    :param machine: such as ``"emulated SpiNN-5 board"``
    :param machine_seconds: from the first sample to the last update, at 200 MHz; 0 on the host
    :param stages: in order from input to output; empty on the host
    """

    title: str
    machine: str
    n_samples: int
    machine_seconds: float
    stages: tuple[StageReport, ...]

    @property
    def samples_per_second(self) -> float:
        """Of machine time; 0 on the host."""
        return self.n_samples / self.machine_seconds if self.machine_seconds else 0.0

    @property
    def n_cores(self) -> int:
        """Of all stages."""
        return sum(stage.n_cores for stage in self.stages)

    def __str__(self) -> str:
        first = f"{self.title} on the {self.machine}: {self.n_samples} samples"
        if not self.stages:
            return first
        lines = [f"{first}, {self.n_cores} cores, {self.machine_seconds:.4g} s of machine time, "
                 f"{self.samples_per_second:.0f} samples/s"]
        rows = [("layer", "kind", "cores", "cycles/sample", "predicted", "busy", "sent", "received", "clipped")]
        rows += [(stage.layer, stage.kind, str(stage.n_cores), f"{stage.cycles:.0f}",
                  "-" if stage.predicted_cycles is None else f"{stage.predicted_cycles:.0f}", f"{stage.busy:.0%}",
                  str(stage.packets_sent), str(stage.packets_received), str(stage.saturations)) for stage in self.stages]
        return "\n".join([*lines, *table(rows, 2)])


def pass_report(title: str, machine: str, result: PassResult, work: Sequence[CoreWork], training: bool) -> PassReport:
    """The report of a pass.

    :param work: of every core, as an executor gives it right after the pass
    """
    together: dict[tuple[str, str], list[CoreWork]] = {}
    for core in work:
        together.setdefault((core.layer, core.kind), []).append(core)
    longest = max((core.cycles for core in work), default=0)
    stages = [_stage(cores, longest, training) for cores in together.values()]
    return PassReport(title, machine, result.n_samples, machine_seconds(result), tuple(stages))


def _stage(cores: list[CoreWork], longest: int, training: bool) -> StageReport:
    awake = max(core.cycles - core.waiting_cycles for core in cores)
    n_samples = max(1, cores[0].n_samples)
    return StageReport(cores[0].layer, cores[0].kind, len(cores), awake / n_samples,
                       cores[0].predicted_cycles if training else None, awake / max(1, longest),
                       sum(core.packets_sent for core in cores), sum(core.packets_received for core in cores),
                       sum(core.saturations for core in cores))
