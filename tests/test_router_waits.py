"""After words are streamed out of several boards, every router is set as before."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from spinn_front_end_common.utility_models import DataSpeedUpPacketGatherMachineVertex as Gatherer
from spinn_front_end_common.utility_models import data_speed_up_packet_gatherer_machine_vertex as gatherer_module
from spinn_front_end_common.utility_models.streaming_context_manager import StreamingContextManager

from dlgraph.gfe.router_waits import set_back_on_every_board

BOARDS = 3
USUAL = (1, 8), (0, 0), True


class Machine:
    """Of boards whose routers each have two waits; whether dropped packets are re-injected is set for all at once."""

    def __init__(self) -> None:
        self.waits = [[*USUAL[:2]] for _ in range(BOARDS)]
        self.reinjects = USUAL[2]

    def lead_monitor(self, *chip: int) -> SimpleNamespace:
        assert chip == (0, 0)

        def set_packets(*, multicast: bool, **others: bool) -> None:
            self.reinjects = multicast

        status = SimpleNamespace(
            router_wait1_timeout_parameters=self.waits[0][0], router_wait2_timeout_parameters=self.waits[0][1],
            **{f"is_reinjecting_{kind}": self.reinjects
               for kind in ("multicast", "point_to_point", "nearest_neighbour", "fixed_route")})
        return SimpleNamespace(get_reinjection_status=lambda: status, set_reinjection_packets=set_packets)

    def gatherer(self, board: int) -> Any:
        """With the stock methods, but for what they ask the board."""
        def set_wait(number: int) -> Any:
            return lambda timeout: self.waits[board].__setitem__(number, timeout)

        made = SimpleNamespace(
            _LONG_TIMEOUT=Gatherer._LONG_TIMEOUT, _SHORT_TIMEOUT=Gatherer._SHORT_TIMEOUT, _TEMP_TIMEOUT=Gatherer._TEMP_TIMEOUT,
            _ZERO_TIMEOUT=Gatherer._ZERO_TIMEOUT, _last_status=None, set_router_wait1_timeout=set_wait(0),
            set_router_wait2_timeout=set_wait(1), clear_reinjection_queue=lambda: None, load_system_routing_tables=lambda: None,
            load_application_routing_tables=lambda: None)
        made.set_cores_for_data_streaming = lambda: Gatherer.set_cores_for_data_streaming(made)
        made.unset_cores_for_data_streaming = lambda: Gatherer.unset_cores_for_data_streaming(made)
        return made

    def is_as_usual(self) -> bool:
        return self.reinjects and all((*waits, True) == USUAL for waits in self.waits)


def stream(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Once; the machine as it is left."""
    machine = Machine()
    monkeypatch.setattr(gatherer_module, "FecDataView", SimpleNamespace(get_monitor_by_xy=machine.lead_monitor))
    with StreamingContextManager([machine.gatherer(board) for board in range(BOARDS)]):
        assert not machine.reinjects and all(waits[0] == Gatherer._LONG_TIMEOUT for waits in machine.waits)
    return machine


def test_every_board_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with set_back_on_every_board():
        assert stream(monkeypatch).is_as_usual()


def test_the_stock_software_leaves_other_boards_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once this fails, nothing is to be mended any more."""
    machine = stream(monkeypatch)
    assert machine.waits[0] == [*USUAL[:2]] and not machine.reinjects
    assert [waits[0] for waits in machine.waits[1:]] == 2 * [Gatherer._LONG_TIMEOUT]


def test_nothing_is_streamed_without_a_board() -> None:
    with set_back_on_every_board(), StreamingContextManager([]):
        pass
