"""Binaries that are cut off or damaged never reach a machine."""
from __future__ import annotations

import hashlib
import random
import struct
from pathlib import Path

import pytest

from dlgraph import binaries
from dlgraph.binaries.aplx import complaint

WAY_OUT = "Build it again."


def aplx(*entries: tuple[int, int, int, int], content: bytes = b"") -> bytes:
    return b"".join(struct.pack("<4I", *entry) for entry in entries) + content


#: 40 bytes to ITCM, 8 to DTCM, 100 bytes of zeros behind those, start
WHOLE = aplx((2, 0, 64, 40), (2, 0x400000, 88, 8), (3, 0x400008, 100, 0), (4, 0, 0, 0), content=bytes(range(48)))


@pytest.mark.parametrize("content, says", [
    (b"", "empty"),
    (b"\x7fELF", "it has 4 bytes, and the table"),
    (WHOLE[:-1], "cut off: it has 111 bytes of at least 112"),
    (WHOLE[:50], "cut off"),
    (b"\x7fELF" + WHOLE, "entry 0 .* kind 1179403647"),
    (aplx((2, 0, 32, 8), (5, 0, 0, 0), content=b"12345678"), "entry 1 .* kind 5"),
    (aplx((4, 0, 0, 0)), "loads none"),
    (aplx((2, 0, 32, 0x8001), (4, 0, 0, 0), content=bytes(0x9000)), "32769 bytes at 0x00000000"),
    (aplx((3, 0x40fff0, 0x20, 0), (4, 0, 0, 0)), "32 bytes at 0x0040fff0"),
    (aplx((2, 0xe5000000, 32, 8), (4, 0, 0, 0), content=b"12345678"), "0xe5000000"),
    (aplx((2, 0, 0xffffffff, 8), (4, 0, 0, 0)), "cut off"),
])
def test_what_is_wrong_with_a_file(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "some.aplx"
    path.write_bytes(content)
    with pytest.raises(binaries.BinariesError, match=f"(?s){path} cannot be loaded: .*{says}.* {WAY_OUT}"):
        binaries.check([path], WAY_OUT)


def test_every_cut_is_found() -> None:
    assert complaint(WHOLE) is None
    assert all(complaint(WHOLE[:n]) for n in range(len(WHOLE)))


def test_bytes_that_are_none() -> None:
    """Nothing but words comes of it, whatever the bytes."""
    chooser = random.Random(3)
    for _ in range(5000):
        content = bytearray(WHOLE)
        for _ in range(chooser.randrange(1, 6)):
            content[chooser.randrange(len(content))] = chooser.randrange(256)
        found = complaint(bytes(content[:chooser.randrange(len(content) + 1)]))
        assert found is None or found


def test_a_changed_byte_is_found_by_the_checksum(tmp_path: Path) -> None:
    path = tmp_path / "some.aplx"
    path.write_bytes(WHOLE)
    checksums = {"some.aplx": hashlib.sha256(WHOLE).hexdigest()}
    binaries.check([path], WAY_OUT, checksums)
    path.write_bytes(WHOLE[:-1] + b"\0")
    with pytest.raises(binaries.BinariesError, match="not what was built"):
        binaries.check([path], WAY_OUT, checksums)
    with pytest.raises(binaries.BinariesError, match="other.aplx is missing"):
        binaries.check([path], WAY_OUT, {"other.aplx": ""})


def test_the_project_s_own_binaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a checksum, and the one that is damaged is named, before it is loaded."""
    folder = binaries.checked_binaries()
    listed = binaries._checksums(folder)
    assert set(listed) == {path.name for path in folder.glob("*.aplx")}
    for path in [*folder.glob("*.aplx"), folder / binaries.CHECKSUMS]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(binaries, "build_into_cache", lambda sources: tmp_path)
    binaries.binary_folder.__wrapped__()
    damaged = tmp_path / "dlgraph_input_source.aplx"
    content = bytearray(damaged.read_bytes())
    content[1000] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(binaries.BinariesError, match=f"{damaged} .* not what was built.* Remove the folder {tmp_path}"):
        binaries.binary_folder.__wrapped__()


def test_a_damaged_binary_of_the_front_end_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = binaries._system_binaries()
    assert {"extra_monitor_support.aplx", "data_speed_up_packet_gatherer.aplx"} <= {path.name for path in stock}
    cut = tmp_path / "extra_monitor_support.aplx"
    cut.write_bytes(stock[0].read_bytes()[:-100])
    monkeypatch.setattr(binaries, "_system_binaries", lambda: [cut])
    with pytest.raises(binaries.BinariesError, match=f"{cut} cannot be loaded: it is cut off.* SpiNNFrontEndCommon"):
        binaries.checked_binaries()
