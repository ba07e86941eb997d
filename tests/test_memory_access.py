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


@pytest.mark.parametrize("lost", [False, True])
def test_a_fast_read_whose_beginning_was_lost_is_read_plainly(monkeypatch, lost: bool) -> None:
    """The stock gatherer gives up after a few waits, and has its patience back afterwards."""
    patience = gatherer.TIMEOUT_RETRY_LIMIT
    seen = []

    def get_data(monitor, place, address, n_bytes):
        seen.append(gatherer.TIMEOUT_RETRY_LIMIT)
        if lost:
            raise SpinnFrontEndException("Failed to hear from the machine during 3 attempts.")
        return bytearray(b"f" * n_bytes)

    monkeypatch.setattr(memory_access, "_gatherer", lambda placement: SimpleNamespace(get_data=get_data))
    monkeypatch.setattr(memory_access, "FecDataView", SimpleNamespace(
        has_monitors=lambda: True, iterate_gathers=lambda: [], get_monitor_by_xy=lambda x, y: None,
        get_placement_of_vertex=lambda vertex: None, read_memory=lambda x, y, address, n_bytes: bytearray(b"p" * n_bytes)))
    monkeypatch.setattr(memory_access, "StreamingContextManager", lambda gathers: contextlib.nullcontext())
    n_bytes = memory_access.FAST_BYTES
    assert memory_access.read_blocks([(SimpleNamespace(x=1, y=1), 0x60000000, n_bytes)]) == [(b"p" if lost else b"f") * n_bytes]
    assert seen == [memory_access.FAST_READ_TRIES] and gatherer.TIMEOUT_RETRY_LIMIT == patience > 10
