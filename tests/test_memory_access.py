"""Blocks that are written to SDRAM."""
from __future__ import annotations

from types import SimpleNamespace

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
