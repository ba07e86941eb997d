"""Blocks that are written to SDRAM."""
from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest
from spinn_front_end_common.utilities.exceptions import SpinnFrontEndException
from spinn_front_end_common.utility_models import data_speed_up_packet_gatherer_machine_vertex as gatherer
from spinnman.connections import scp_request_pipeline
from spinnman.exceptions import SpinnmanException, SpinnmanTimeoutException
from spinnman.messages.scp.enums import SCPResult

from dlgraph.gfe import memory_access, plain_scp


def test_blocks_are_written_and_read_in_pieces(monkeypatch) -> None:
    """SpiNNMan must not run through all sequence numbers while a request is unanswered."""
    memory: dict[tuple[int, int, int], bytes] = {}
    at_once = []

    class Connected:
        def __init__(self, selector: object) -> None:
            pass

        def __call__(self, pieces) -> None:
            at_once.append(len(pieces))
            for x, y, address, data in pieces:
                assert 0 < len(data) <= 256
                if isinstance(data, memoryview):
                    data[:] = memory[x, y, address]
                else:
                    memory[x, y, address] = data

    monkeypatch.setattr(plain_scp, "_Writes", Connected)
    monkeypatch.setattr(plain_scp, "_Reads", Connected)
    monkeypatch.setattr(plain_scp, "FecDataView", SimpleNamespace(get_scamp_connection_selector=lambda: None))
    data = bytes(range(256)) * (9 << 12)
    plain_scp.write_plainly([(3, 4, 0x60001000, data), (1, 0, 0x70000000, b"few")])
    assert max(at_once) < 65536 and sum(at_once) == len(memory) == (9 << 12) + 1
    assert plain_scp.read_plainly([(1, 0, 0x70000000, 3), (3, 4, 0x60001000, len(data))]) == [b"few", data]


class Dead:
    """A connection to a board of which one chip does not answer."""

    remote_ip_address, chip_x, chip_y = "127.0.0.5", 0, 0
    def __init__(self) -> None:
        self.asked = 0
        self.open: list[int] = []

    def get_next_connection(self, request: object) -> Dead:
        return self

    def get_scp_data(self, request) -> bytes:
        return request.scp_request_header.sequence.to_bytes(2, "little")

    def send(self, data: bytes) -> None:
        self.asked += 1
        self.open.append(int.from_bytes(data, "little"))

    def receive_scp_response(self, seconds: float):
        if not self.open:
            raise SpinnmanTimeoutException("anything", seconds)
        return SCPResult.RC_P2P_NOREPLY, self.open.pop(0), b"", 0


@pytest.mark.parametrize("way", [
    lambda: plain_scp.write_plainly([(1, 1, 0x60000000, bytes(1 << 20))]),
    lambda: plain_scp.read_plainly([(1, 1, 0x60000000, 1 << 20)])])
def test_a_dead_chip_is_not_asked_for_each_piece(monkeypatch, way) -> None:
    """Each is asked for eleven times, and there are 4096."""
    board = Dead()
    monkeypatch.setattr(scp_request_pipeline.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(plain_scp, "FecDataView", SimpleNamespace(get_scamp_connection_selector=lambda: board))
    with pytest.raises(SpinnmanException):
        way()
    assert board.asked <= 11 * 16


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
        get_placement_of_vertex=lambda vertex: None))
    monkeypatch.setattr(memory_access, "read_plainly", lambda blocks: [b"p" * n_bytes for *_, n_bytes in blocks])
    monkeypatch.setattr(memory_access, "StreamingContextManager", lambda gathers: contextlib.nullcontext())
    n_bytes = memory_access.FAST_BYTES
    blocks = [(SimpleNamespace(x=1, y=1), address, n_bytes) for address in (0x60000000, 0x61000000)]
    assert memory_access.read_blocks(blocks) == 2 * [(b"p" if plain else b"f") * n_bytes]
    assert seen == (1 if plain else 2) * [memory_access.FAST_READ_TRIES] and gatherer.TIMEOUT_RETRY_LIMIT == patience > 10


def test_the_wait_is_that_of_the_stock_gatherer() -> None:
    assert gatherer.DataSpeedUpPacketGatherMachineVertex._TIMEOUT_PER_RECEIVE_IN_SECONDS == memory_access.FAST_READ_WAIT
