"""Reading and writing SDRAM of the machine, by the fast way where it pays."""
from __future__ import annotations

import contextlib
import time
from typing import Iterator, Sequence

from pacman.model.placements import Placement
from spinn_front_end_common.data import FecDataView
from spinn_front_end_common.utilities.exceptions import SpinnFrontEndException
from spinn_front_end_common.utility_models import DataSpeedUpPacketGatherMachineVertex
from spinn_front_end_common.utility_models import data_speed_up_packet_gatherer_machine_vertex as gatherer_module
from spinn_front_end_common.utility_models.streaming_context_manager import StreamingContextManager
from spinn_utilities.config_holder import get_config_bool

from dlgraph.gfe.router_waits import acknowledged_waits

#: Below this GFE itself uses plain SCP (``load_data_specification.py``, MONITOR_CUTOFF).
FAST_BYTES = 12800
#: Written at once by plain SCP, 256 bytes a request.  Sequence numbers come again after 65,536 requests: where one is still
#: unanswered, SpiNNMan forgets that request and waits for it for ever (``scp_request_pipeline.py``, ``_requests``).
PLAIN_BYTES = 1 << 22
#: Waits of 2 s without an answer, beside the first and the last, before a fast read is given up.
FAST_READ_TRIES = 2
#: Seconds in which GFE waits for the next datagram of a fast read (``_TIMEOUT_PER_RECEIVE_IN_SECONDS``).
FAST_READ_WAIT = 2.0


@contextlib.contextmanager
def _streaming(wanted: bool) -> Iterator[bool]:
    """The extra monitors ready to stream, their routes loaded; router time-outs off meanwhile."""
    if not wanted:
        yield False
        return
    with acknowledged_waits(), StreamingContextManager(list(FecDataView.iterate_gathers())):
        yield True


def _gatherer(placement: Placement) -> DataSpeedUpPacketGatherMachineVertex:
    """The packet gatherer of the placement's board."""
    chip = FecDataView.get_chip_at(placement.x, placement.y)
    return FecDataView.get_gatherer_by_xy(chip.nearest_ethernet_x, chip.nearest_ethernet_y)


def write_blocks(blocks: Sequence[tuple[Placement, int, bytes]]) -> None:
    """Write (placement, address, bytes) blocks.

    Only chips with Ethernet are written the fast way: to others it was measured to take 20 times as long as plain SCP (blocks of
    200 kB: 4 to 15 seconds, emulated), with GFE waiting for answers most of the time.
    """
    large = any(len(data) >= FAST_BYTES for _, _, data in blocks)
    fast = large and FecDataView.has_monitors() and not get_config_bool(
        "Machine", "disable_advanced_monitor_usage_for_data_in")
    with _streaming(fast) as streaming:
        for placement, address, data in blocks:
            near = FecDataView.get_chip_at(placement.x, placement.y).ip_address is not None
            if streaming and near and len(data) >= FAST_BYTES:
                _gatherer(placement).send_data_into_spinnaker(placement.x, placement.y, address, data)
            else:
                for start in range(0, len(data), PLAIN_BYTES):
                    FecDataView.write_memory(placement.x, placement.y, address + start, data[start:start + PLAIN_BYTES])


@contextlib.contextmanager
def _limited_patience() -> Iterator[None]:
    """Let fast reads give up after :data:`FAST_READ_TRIES` waits, where GFE has 101."""
    before = gatherer_module.TIMEOUT_RETRY_LIMIT
    gatherer_module.TIMEOUT_RETRY_LIMIT = FAST_READ_TRIES
    try:
        yield
    finally:
        gatherer_module.TIMEOUT_RETRY_LIMIT = before


def _read_plainly(placement: Placement, address: int, n_bytes: int) -> bytes:
    return bytes(FecDataView.read_memory(placement.x, placement.y, address, n_bytes))


def _read_fast(placement: Placement, address: int, n_bytes: int) -> bytes | None:
    """By the extra monitor; None where that cannot be trusted, as something did not come within 2 s.

    The datagram that lets a monitor begin is sent once.  Where it is lost, the monitor knows neither the address nor the
    transaction, and whatever GFE asks it to send again in the next 101 waits of 2 s is not sent.  Where it is only late, what GFE
    asks for again comes beside what comes anyhow, and the packet gatherer puts words of both into one datagram: data of the right
    length with wrong words in it (``data_speed_up_packet_gatherer_machine_vertex.py``, ``_receive_data``).
    """
    monitor = FecDataView.get_monitor_by_xy(placement.x, placement.y)
    begun = time.monotonic()
    try:
        with _limited_patience():
            data = bytes(_gatherer(placement).get_data(monitor, FecDataView.get_placement_of_vertex(monitor), address, n_bytes))
    except SpinnFrontEndException:
        return None
    return data if time.monotonic() - begun < FAST_READ_WAIT else None


def read_blocks(blocks: Sequence[tuple[Placement, int, int]]) -> list[bytes]:
    """Read (placement, address, number of bytes) blocks.

    Once a fast read has failed, the rest is read plainly: its monitor may still be sending.
    """
    large = sum(n_bytes for _, _, n_bytes in blocks) >= FAST_BYTES
    result = []
    with _streaming(large and FecDataView.has_monitors()) as streaming:
        for placement, address, n_bytes in blocks:
            data = None
            if streaming and n_bytes >= FAST_BYTES // 4:
                data = _read_fast(placement, address, n_bytes)
                streaming = data is not None
            result.append(_read_plainly(placement, address, n_bytes) if data is None else data)
    return result
