"""Setting how long routers wait, so that it is known that each does, and that each does as before in the end.

Before words are streamed out of a board, its routers are told to wait almost for ever rather than drop packets.  GFE asks the
board's packet gatherer to tell all extra monitors in one multicast packet, which nobody acknowledges
(``data_speed_up_packet_gatherer.c``, ``send_timeout``).  Where a chip does not get it, or gets it late, its router goes on
dropping packets that find no room for some microseconds.  Words are then missing in the middle of what is read, and nothing says
so.  An extra monitor also takes the command by SCP (``extra_monitor_support.c``, ``reinjection_set_timeout_sdp``), and answers.

Every board has a packet gatherer, and each notes how chip (0, 0) was set before it sets its own board's routers
(``data_speed_up_packet_gatherer_machine_vertex.py``, ``set_cores_for_data_streaming``).  From the second gatherer on, what it notes
is what the first has set on that chip: waits of 3.7 ms, and nothing re-injected.  That is what the boards beside the first are left
with in the end.  A pass of LeNet-1 on three boards jammed so: routers of the second and third board waited, those of the first
dropped what they did not take, in 40 ms 8,000 packets of 28,000 that were sent, and SC&MP said of chips that they do not answer.
"""
from __future__ import annotations

import contextlib
from typing import Iterator, Sequence

from pacman.model.placements import Placement
from spinn_front_end_common.data import FecDataView
from spinn_front_end_common.utilities.utility_objs.extra_monitor_scp_messages import SetRouterTimeoutMessage
from spinn_front_end_common.utility_models import DataSpeedUpPacketGatherMachineVertex
from spinn_front_end_common.utility_models.streaming_context_manager import StreamingContextManager
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


@contextlib.contextmanager
def set_back_on_every_board() -> Iterator[None]:
    """Meanwhile GFE's streaming leaves the routers of every board as those of the first one were."""
    stock = StreamingContextManager.__enter__

    def enter(streaming: StreamingContextManager) -> None:
        stock(streaming)
        for gatherer in streaming._gatherers[1:]:
            gatherer._last_status = streaming._gatherers[0]._last_status      # which was read before anything was set

    StreamingContextManager.__enter__ = enter                # type: ignore[method-assign]
    try:
        yield
    finally:
        StreamingContextManager.__enter__ = stock            # type: ignore[method-assign]
