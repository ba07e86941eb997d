"""Words in fewer bytes: back again in Python, and in the C function that the cores run."""
from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dlgraph.vertices.packing import Block, most_bytes, packed, unpacked

LAYERS = Path(__file__).resolve().parents[1] / "c_models" / "layers"


def _made_up(seed: int) -> list[list[Block]]:
    """Rows that are partly alike, of words of every length."""
    rng = np.random.default_rng(seed)
    regions: list[list[Block]] = []
    for _ in range(3):
        blocks: list[Block] = []
        for _ in range(rng.integers(0, 4)):
            width = int(rng.integers(1, 15))
            words = rng.integers(0, 1 << 32, int(rng.integers(0, 80))) >> rng.choice([0, 8, 16, 24, 31])
            words[width:] = np.where(rng.random(len(words[width:])) < 0.7, words[:-width], words[width:])
            blocks.append((words.astype(np.uint32), width))
        regions.append(blocks)
    return regions


def _words(blocks: list[Block]) -> list[int]:
    return [int(word) for words, _ in blocks for word in words]


@pytest.fixture(scope="module")
def unpack(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The C function, compiled for this computer."""
    library = tmp_path_factory.mktemp("unpack") / "unpack.so"
    subprocess.run(["cc", "-std=gnu11", "-O1", "-shared", "-fPIC", str(LAYERS / "unpack.c"), "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.unpack.argtypes, loaded.unpack.restype = [ctypes.c_void_p, ctypes.c_void_p], ctypes.c_void_p
    return loaded


@pytest.mark.parametrize("seed", range(20))
def test_words_come_out_as_they_went_in(seed: int, unpack: ctypes.CDLL) -> None:
    regions = _made_up(seed)
    data = packed(regions)
    sizes = [len(_words(blocks)) for blocks in regions]
    assert len(data) % 4 == 0 and len(data) <= most_bytes(sizes, sum(map(len, regions)))
    assert [words.tolist() for words in unpacked(data, len(regions))] == [_words(blocks) for blocks in regions]
    place = start = ctypes.addressof(source := ctypes.create_string_buffer(data, len(data)))
    for blocks, size in zip(regions, sizes):
        room = np.full(size + 1, 0xdeadbeef, np.uint32)
        place = unpack.unpack(place, room.ctypes.data)
        assert room.tolist() == [*_words(blocks), 0xdeadbeef]           # and nothing behind them
    assert place - start <= len(source.raw)


def test_rows_that_are_alike_take_two_bits_a_word() -> None:
    rows = np.tile(np.array([7, 300, 1 << 20, 0], np.uint32), 100)
    assert len(packed([[(rows, 4)]])) == 3 + 1 + (1 + 2 + 4 + 1) + 99 + 1        # already whole words
