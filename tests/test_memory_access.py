"""Blocks that are written to SDRAM."""
from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest
from spinn_front_end_common.utilities.exceptions import SpinnFrontEndException
from spinn_front_end_common.utility_models import data_speed_up_packet_gatherer_machine_vertex as gatherer

from dlgraph.gfe import memory_access


def test_large_blocks_are_written_in_pieces(monkeypatch) -> None:
    """SpiNNMan must not run through all sequence numbers while a request is unanswered."""
    written = []
    monkeypatch.setattr(memory_access, "get_config_bool", lambda *_: False)
    monkeypatch.setattr(memory_access, "FecDataView", SimpleNamespace(
        has_monitors=lambda: False, get_chip_at=lambda x, y: SimpleNamespace(ip_address=None),
        write_memory=lambda x, y, address, data: written.append((x, y, address, data))))
    data = bytes(range(256)) * (9 << 12)
    memory_access.write_blocks([(SimpleNamespace(x=3, y=4), 0x60001000, data), (SimpleNamespace(x=1, y=0), 0x70000000, b"few")])
    assert len(written) == 4 and max(len(piece) for *_, piece in written) < 256 * 65536
    assert written.pop() == (1, 0, 0x70000000, b"few")
    assert b"".join(piece for *_, piece in written) == data
    assert [(x, y, address) for x, y, address, _ in written] == [
        (3, 4, 0x60001000 + sum(len(piece) for *_, piece in written[:i])) for i in range(3)]


@pytest.mark.parametrize("lost, seconds, plain", [(False, 0.1, False), (True, 8.0, True), (False, 2.1, True)])
def test_a_fast_read_that_waited_is_not_trusted(monkeypatch, lost: bool, seconds: float, plain: bool) -> None:
    """It, and what comes behind it, is read plainly; the stock gatherer has its patience back afterwards."""
    clock = [0.0]
    monkeypatch.setattr(memory_access.time, "monotonic", lambda: clock[0])
    patience = gatherer.TIMEOUT_RETRY_LIMIT
    seen = []

    def get_data(monitor, place, address, n_bytes):
        seen.append(gatherer.TIMEOUT_RETRY_LIMIT)
        clock[0] += seconds
        if lost:
            raise SpinnFrontEndException("Failed to hear from the machine during 3 attempts.")
        return bytearray(b"f" * n_bytes)

    monkeypatch.setattr(memory_access, "_gatherer", lambda placement: SimpleNamespace(get_data=get_data))
    monkeypatch.setattr(memory_access, "FecDataView", SimpleNamespace(
        has_monitors=lambda: True, iterate_gathers=lambda: [], get_monitor_by_xy=lambda x, y: None,
        get_placement_of_vertex=lambda vertex: None, read_memory=lambda x, y, address, n_bytes: bytearray(b"p" * n_bytes)))
    monkeypatch.setattr(memory_access, "StreamingContextManager", lambda gathers: contextlib.nullcontext())
    n_bytes = memory_access.FAST_BYTES
    blocks = [(SimpleNamespace(x=1, y=1), address, n_bytes) for address in (0x60000000, 0x61000000)]
    assert memory_access.read_blocks(blocks) == 2 * [(b"p" if plain else b"f") * n_bytes]
    assert seen == (1 if plain else 2) * [memory_access.FAST_READ_TRIES] and gatherer.TIMEOUT_RETRY_LIMIT == patience > 10


def test_the_wait_is_that_of_the_stock_gatherer() -> None:
    assert gatherer.DataSpeedUpPacketGatherMachineVertex._TIMEOUT_PER_RECEIVE_IN_SECONDS == memory_access.FAST_READ_WAIT
