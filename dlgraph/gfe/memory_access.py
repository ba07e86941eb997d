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

from dlgraph.gfe.plain_scp import Block, read_plainly, write_plainly
from dlgraph.gfe.router_waits import acknowledged_waits

#: Below this GFE itself uses plain SCP (``load_data_specification.py``, MONITOR_CUTOFF).
FAST_BYTES = 12800
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
    fast: list[tuple[Placement, int, bytes]] = []
    plain: list[Block] = []
    may_be_fast = FecDataView.has_monitors() and not get_config_bool("Machine", "disable_advanced_monitor_usage_for_data_in")
    for placement, address, data in blocks:
        near = FecDataView.get_chip_at(placement.x, placement.y).ip_address is not None
        if may_be_fast and near and len(data) >= FAST_BYTES:
            fast.append((placement, address, data))
        else:
            plain.append((placement.x, placement.y, address, data))
    write_plainly(plain)
    with _streaming(bool(fast)):
        for placement, address, data in fast:
            _gatherer(placement).send_data_into_spinnaker(placement.x, placement.y, address, data)


@contextlib.contextmanager
def _limited_patience() -> Iterator[None]:
    """Let fast reads give up after :data:`FAST_READ_TRIES` waits, where GFE has 101."""
    before = gatherer_module.TIMEOUT_RETRY_LIMIT
    gatherer_module.TIMEOUT_RETRY_LIMIT = FAST_READ_TRIES
    try:
        yield
    finally:
        gatherer_module.TIMEOUT_RETRY_LIMIT = before


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
    large = [i for i, (_, _, n_bytes) in enumerate(blocks) if n_bytes >= FAST_BYTES // 4]
    found: dict[int, bytes] = {}
    with _streaming(sum(blocks[i][2] for i in large) >= FAST_BYTES and FecDataView.has_monitors()) as streaming:
        for i in large if streaming else ():
            data = _read_fast(*blocks[i])
            if data is None:
                break
            found[i] = data
    rest = [i for i in range(len(blocks)) if i not in found]
    plain = read_plainly([(place.x, place.y, address, n_bytes) for place, address, n_bytes in (blocks[i] for i in rest)])
    found.update(zip(rest, plain, strict=True))
    return [found[i] for i in range(len(blocks))]
