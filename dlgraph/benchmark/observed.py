"""Looks over the shoulder of a network: what its executor and its machine counted in each epoch."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlgraph.energy import Energy, energy, share_used, system_cores
from dlgraph.executor import Executor
from dlgraph.executors import make_executor
from dlgraph.layer_graph import LayerGraph
from dlgraph.targets import MachineTarget

CLOCK_HZ = 200_000_000


@dataclass(frozen=True)
class _Packets:
    """Multicast packets since the machine was started: sent by cores, and copies that went over links."""

    sent: int
    forwarded: int


class Observed:
    """An executor factory for ``dlgraph.from_keras`` that keeps what it makes.

    :param board: ``"spinn5"`` or ``"spinn3"``
    """

    def __init__(self, board: str) -> None:
        self.board = board
        self.executor: Any = None
        self.target: Any = None
        self._before: _Packets | None = None
        self.counted: list[Energy] = []

    def __call__(self, graph: LayerGraph, target: MachineTarget, **options: Any) -> Executor:
        self.target = target
        target.start()
        self._before = self._packets()
        self.executor = make_executor(graph, target, **options)
        return self.executor

    @property
    def network_cores(self) -> int:
        """Cores that run vertices of the network."""
        return len(self.executor.results)

    @property
    def loaded_cores(self) -> int:
        """Those, and the monitors."""
        return self.network_cores + system_cores(self.board)

    @property
    def n_chips(self) -> int:
        """Chips that the network's cores stand on."""
        n_chips: int = self.executor.mapped().n_chips
        return n_chips

    @property
    def predicted_seconds_per_sample(self) -> float:
        """What the cost model expected."""
        return self.executor.chosen.cycles_per_sample / CLOCK_HZ

    @property
    def repeated(self) -> int:
        """Packets of the last pass that had come before."""
        return sum(result.packets_repeated for result in self.executor.results.values())

    def epoch_energy(self, machine_seconds: float) -> Energy | None:
        """Of the training epoch that has just ended, the last thing that the machine did; None where packets are not counted.

        Every packet passes the router of the chip that it comes from, and one more for each link that it goes over.
        """
        before, after = self._before, self._packets()
        self._before = after
        if before is None or after is None:
            return None
        awake = sum(result.cycles - result.waiting_cycles for result in self.executor.results.values()) / CLOCK_HZ
        routed = after.sent - before.sent + after.forwarded - before.forwarded
        return energy(self.board, machine_seconds, self.loaded_cores, awake, routed)

    def share(self, whole: Energy) -> Energy:
        """What of a board's energy is that of the chips in use; see :func:`dlgraph.energy.share_used`."""
        return share_used(whole, self.board, self.n_chips, self.network_cores)

    def _packets(self) -> _Packets | None:
        machine = getattr(self.target, "machine", None)
        if machine is None:
            return None
        counters = machine.counters()
        return _Packets(counters.sent["mc"], counters.forwarded["mc"])
