"""A plan with what the cost model expects of it, and why it may not fit.

A batch is modelled as a pipeline: the round trip is the sum of the stages that a sample passes on its way forward and back, and a
window of samples is in it.
"""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Mapping

from dlgraph.mapping import cost, memory
from dlgraph.mapping.cost import CAUTIOUS, MEASURED, Costs
from dlgraph.mapping.cost import Stage as StageCycles
from dlgraph.mapping.cuts import Cut
from dlgraph.mapping.fixed import Place
from dlgraph.mapping.input_density import InputDensity, mean_density
from dlgraph.mapping.looks import Looks
from dlgraph.mapping.pacing import pace_anywhere
from dlgraph.mapping.plan import MAX_WORDS, Core, CoreKind, Plan

#: Share of the queueing of exponential times.  Fitted, as the next, to the networks of benchmarks/results/expected_cycles.json.
QUEUEING = 0.4
#: Power in whose mean replicas and shared stages come together: the larger, the less they wait for each other.
WAITING = 3.0
MAX_STREAMS_IN = 1000            # c_models/streams counts slots in 16 bits


@dataclass(frozen=True)
class ChosenCut:
    """A plan and what the cost model expects of it.

    :param cycles_per_sample: in training, batch boundaries included
    :param cautious: the same by the costs that cuts are chosen by (:data:`~dlgraph.mapping.cost.CAUTIOUS`)
    :param stages: (number of the stage, kind of core) -> what its slowest core spends, of the samples of its replica
    :param batch_size: for which this is expected
    :param input_density: likewise: share of the network's inputs that are not zero
    :param fixed: cores whose places are given by hand
    """

    plan: Plan
    cycles_per_sample: float
    cautious: float
    stages: Mapping[tuple[int, CoreKind], StageCycles]
    batch_size: int
    input_density: InputDensity
    fixed: Mapping[Core, Place] = field(default_factory=dict)

    @property
    def cut(self) -> Cut:
        """How the network is cut."""
        return self.plan.cut

    @property
    def n_cores(self) -> int:
        """Cores that it takes."""
        return len(self.plan.cores)


def chosen(plan: Plan, batch_size: int, input_density: InputDensity) -> ChosenCut:
    """A plan with what the cost model expects of it, wherever its cores may stand."""
    pace_anywhere(plan)
    return expected(plan, batch_size, input_density)


def expected(plan: Plan, batch_size: int, input_density: InputDensity) -> ChosenCut:
    """A plan with what the cost model expects of it at the distances that its packets keep."""
    slowest = stage_cycles(plan, input_density)
    cycles = cycles_per_sample(plan.cut, slowest, batch_size, cost.network_cycles(plan, input_density))
    cautious = cautious_cycles(plan.cut, stage_cycles(plan, mean_density(input_density), CAUTIOUS), batch_size,
                               cost.network_cycles(plan, mean_density(input_density), CAUTIOUS))
    looks = Looks.for_interval(cycles * plan.cut.replicas)
    return ChosenCut(replace(plan, looks=looks), cycles, cautious, slowest, batch_size, input_density)


def stage_cycles(plan: Plan, input_density: InputDensity = 1.0, costs: Costs = MEASURED) -> dict[tuple[int, CoreKind], StageCycles]:
    """(number of the stage, kind of core) -> what its slowest core spends in training."""
    found: dict[tuple[int, CoreKind], StageCycles] = {}
    for core in plan.cores:
        spent = cost.core_cycles(plan, core, input_density, costs)
        before = found.get((core.stage, core.kind), StageCycles(0.0))
        found[core.stage, core.kind] = StageCycles(max(spent.cycles, before.cycles), max(spent.update, before.update),
                                                   max(spent.forward, before.forward), max(spent.backward, before.backward))
    return dict(sorted(found.items(), key=lambda item: (item[0][0], item[0][1].value)))


def cycles_per_sample(cut: Cut, stages: Mapping[tuple[int, CoreKind], StageCycles], batch_size: int,
                      network: float = 0.0) -> float:
    """Modelled cycles of a batch in training, per sample.

    Stages take longer for some samples than for others, so samples queue: a closed network of queues with N customers and
    exponential times hands on one in no more than D + (T - D) / N, where D is its slowest station's time and T that of all
    (Lazowska, Zahorjan, Graham and Sevcik, Quantitative System Performance, 1984, section 5.4: balanced system bounds).  Times
    here differ less than that: :data:`QUEUEING`.  Replicas and the stages that they share wait for each other, most where both
    take about as long.

    :param network: cycles that links need for a sample
    """
    # a probe takes what others take at the same time
    stations = {key: stage for key, stage in stages.items() if key[1] is not CoreKind.PROBE}
    round_trip = sum(stage.cycles + stage.forward + stage.backward for stage in stations.values())
    slowest = max(network, *(stage.cycles / cut.replicas_of(number) for (number, _), stage in stages.items()))
    update = max(stage.update for stage in stages.values()) / batch_size
    in_flight = cut.window * cut.replicas
    if not cut.shared:
        queueing = QUEUEING * max(0.0, round_trip - slowest) / min(in_flight, batch_size)
        return max(slowest + queueing, round_trip / in_flight) + update
    # errors that are on their way to a replica keep no later sample from the shared stages
    shared_trip = sum(stage.cycles + stage.forward for (number, _), stage in stations.items() if number in cut.shared)
    shared = max(slowest, shared_trip / (cut.shared_window or cut.window))
    steady = (shared ** WAITING + (round_trip / in_flight) ** WAITING) ** (1 / WAITING)
    return max(-(-batch_size // in_flight) * round_trip / batch_size, steady + round_trip / batch_size) + update


def cautious_cycles(cut: Cut, stages: Mapping[tuple[int, CoreKind], StageCycles], batch_size: int, network: float) -> float:
    """The same as cuts are chosen by: ``batch x max(slowest stage, round trip / window) + round trip``."""
    round_trip = sum(stage.cycles for (_, kind), stage in stages.items() if kind is not CoreKind.PROBE)
    shared_trip = sum(stage.cycles for (number, _), stage in stages.items() if number in cut.shared)
    slowest = max(stage.cycles / cut.replicas_of(number) for (number, _), stage in stages.items())
    update = max(stage.update for stage in stages.values())
    if not cut.shared:
        return max(slowest, round_trip / cut.window, network) + (round_trip + update) / batch_size
    return replicated_cycles(cut, max(slowest, network), round_trip, shared_trip, batch_size) + update / batch_size


def replicated_cycles(cut: Cut, slowest: float, round_trip: float, shared_trip: float, batch_size: int) -> float:
    """Likewise of a batch that replicas take in rounds, the shared stages one sample after the other."""
    rounds = -(-batch_size // (cut.replicas * cut.window))
    shared = max(slowest, shared_trip / (cut.shared_window or cut.window))
    return max(rounds * round_trip / batch_size, shared + round_trip / batch_size)


def complaints(plan: Plan, bytes_of: Mapping[Core, int] | None = None) -> dict[int, str]:
    """Why the plan does not fit cores, by stage; empty if it does.

    :param bytes_of: data memory that its cores need, where it is known already
    """
    found: dict[int, str] = {}
    for core in plan.cores:
        need = memory.core_bytes(plan, core) if bytes_of is None else bytes_of[core]
        name = plan.stages[core.stage].name
        if core.stage in found:
            continue
        if need > memory.DTCM_HEAP_BYTES:
            found[core.stage] = (f"layer {name!r}: a {core.kind.value} ({core.label}) needs {need} bytes of DTCM, there are "
                                 f"{memory.DTCM_HEAP_BYTES}")
        elif len(core.streams_in) > MAX_STREAMS_IN:
            found[core.stage] = (f"layer {name!r}: a {core.kind.value} has {len(core.streams_in)} incoming streams, possible are "
                                 f"{MAX_STREAMS_IN}")
        elif any(end.stream.extent > MAX_WORDS for end in core.streams_in):
            found[core.stage] = f"layer {name!r}: a stream of a {core.kind.value} has more than {MAX_WORDS} words"
    return found
