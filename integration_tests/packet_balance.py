"""Whether packets are conserved: what was sent, times the consumers, is what came, and what is counted as lost.

Every session on a machine is looked at when it ends (``conftest.py``), whatever test it is of.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Sequence

from dlgraph.gfe.executor import GfeExecutor
from dlgraph.traffic import CoreTraffic, Traffic
from dlgraph.vertices import PassParameters
from dlgraph.vertices.regions import Region

if TYPE_CHECKING:
    import spinnemu


@dataclass(frozen=True)
class Losses:
    """What a machine counts as lost, in copies that cores did not get.

    :param lost: by faults on request, but for drops
    :param dropped: with packets that routers gave up, re-injected or not
    :param added: got twice by faults on request
    :param unsaved: packets that routers gave up and no re-injector sent again
    """

    lost: int = 0
    dropped: int = 0
    added: int = 0
    unsaved: int = 0


def losses(traffic: Traffic, before: spinnemu.Counters | None, after: spinnemu.Counters | None) -> Losses:
    """Since the session began; of a board, what its re-injectors know."""
    chips = traffic.chips or ()
    if before is None or after is None or traffic.fabric is None:
        unsaved = sum(chip.overflowed + chip.missed for chip in chips)
        return Losses(dropped=1 << 32 if unsaved else 0, unsaved=unsaved)
    return Losses(after.deliveries_lost - before.deliveries_lost, after.deliveries_dropped - before.deliveries_dropped,
                  after.deliveries_added - before.deliveries_added,
                  traffic.fabric.dropped - sum(chip.reinjected for chip in chips))


def unexplained(cores: Sequence[CoreTraffic], counted: Losses) -> list[str]:
    """What does not balance; nothing if all does.

    A packet that is re-injected goes where it was to go: nothing of it is missing.  Where packets were lost or doubled, a machine
    says how many copies, but not at which cores: then all cores are held against that.
    """
    most = counted.lost + (counted.dropped if counted.unsaved else 0)
    least = -counted.added
    wrong = [f"{core.vertex}: {core.addressed} sent to it, {core.received} came"
             for core in cores if not least <= core.missing <= most]
    missing = sum(core.missing for core in cores)
    if not least <= missing <= most:
        wrong.append(f"{missing} copies are missing in all; the machine counts {counted}")
    return wrong


def check_balance(executor: GfeExecutor) -> list[str]:
    """What does not balance in an executor's session, which is about to end; nothing where there is none or a part has died."""
    after: Any = executor.target.counters()
    if after is not None and any(count for kind, count in after.faults.items() if kind.startswith("kill_")):
        return []
    traffic = executor.traffic()
    if traffic is None:
        return []
    wrong = unexplained(traffic.cores, losses(traffic, executor._counters_before, after))
    if wrong or traffic.missing or any(stream.requests for stream in traffic.streams):
        _let_cores_tell(executor)
        traffic = executor.traffic()
        assert traffic is not None
        wrong = unexplained(traffic.cores, losses(traffic, executor._counters_before, executor.target.counters()))
    return wrong


def _let_cores_tell(executor: GfeExecutor) -> None:
    """An empty pass: at its end cores tell what they have sent and got since they ended the last one."""
    executor.session.write([(vertex, Region.PASS, 0, PassParameters().words().tobytes()) for vertex in executor._vertices])
    executor._parameters_on_machine = False
    executor.session.run_pass(executor.set_up)
