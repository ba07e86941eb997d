"""Setting how long routers wait, so that it is known that each does.

Before words are streamed out of a board, its routers are told to wait almost for ever rather than drop packets.  GFE asks the
board's packet gatherer to tell all extra monitors in one multicast packet, which nobody acknowledges
(``data_speed_up_packet_gatherer.c``, ``send_timeout``).  Where a chip does not get it, or gets it late, its router goes on
dropping packets that find no room for some microseconds.  Words are then missing in the middle of what is read, and nothing says
so.  An extra monitor also takes the command by SCP (``extra_monitor_support.c``, ``reinjection_set_timeout_sdp``), and answers.
"""
from __future__ import annotations

import contextlib
from typing import Iterator, Sequence

from pacman.model.placements import Placement
from spinn_front_end_common.data import FecDataView
from spinn_front_end_common.utilities.utility_objs.extra_monitor_scp_messages import SetRouterTimeoutMessage
from spinn_front_end_common.utility_models import DataSpeedUpPacketGatherMachineVertex
from spinnman.processes import AbstractMultiConnectionProcess

#: The first: from when a packet finds no room until emergency routing is tried; the second: from then until it is dropped.
FIRST_WAIT, SECOND_WAIT = 1, 2


class _SetWaits(AbstractMultiConnectionProcess):      # type: ignore[type-arg]
    """Asks several monitors at a time, and again where one does not answer."""

    def __call__(self, monitors: Sequence[Placement], mantissa: int, exponent: int, wait: int) -> None:
        with self._collect_responses():
            for place in monitors:
                self._send_request(SetRouterTimeoutMessage(place.x, place.y, place.p, timeout_mantissa=mantissa,
                                                           timeout_exponent=exponent, wait=wait))


def monitors_of(gatherer: DataSpeedUpPacketGatherMachineVertex) -> list[Placement]:
    """Where the extra monitors of a gatherer's board are."""
    own = FecDataView.get_placement_of_vertex(gatherer)
    places = [FecDataView.get_placement_of_vertex(monitor) for monitor in FecDataView.iterate_monitors()]
    return [place for place in places
            if (place.chip.nearest_ethernet_x, place.chip.nearest_ethernet_y) == (own.x, own.y)]


def set_wait(gatherer: DataSpeedUpPacketGatherMachineVertex, timeout: tuple[int, int], wait: int) -> None:
    """Set one wait time in all routers of a gatherer's board.

    :param timeout: (mantissa, exponent), 0 to 15 each, as in the router's control register
    :param wait: :data:`FIRST_WAIT` or :data:`SECOND_WAIT`
    :raises SpinnmanException: where a monitor does not answer
    """
    _SetWaits(FecDataView.get_scamp_connection_selector())(monitors_of(gatherer), *timeout, wait)


@contextlib.contextmanager
def acknowledged_waits() -> Iterator[None]:
    """Meanwhile GFE's gatherers set wait times with :func:`set_wait`."""
    stock = (DataSpeedUpPacketGatherMachineVertex.set_router_wait1_timeout,
             DataSpeedUpPacketGatherMachineVertex.set_router_wait2_timeout)

    def set_first(gatherer: DataSpeedUpPacketGatherMachineVertex, timeout: tuple[int, int]) -> None:
        set_wait(gatherer, timeout, FIRST_WAIT)

    def set_second(gatherer: DataSpeedUpPacketGatherMachineVertex, timeout: tuple[int, int]) -> None:
        set_wait(gatherer, timeout, SECOND_WAIT)

    DataSpeedUpPacketGatherMachineVertex.set_router_wait1_timeout = set_first       # type: ignore[method-assign,assignment]
    DataSpeedUpPacketGatherMachineVertex.set_router_wait2_timeout = set_second      # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        (DataSpeedUpPacketGatherMachineVertex.set_router_wait1_timeout,             # type: ignore[method-assign]
         DataSpeedUpPacketGatherMachineVertex.set_router_wait2_timeout) = stock     # type: ignore[method-assign]
