"""Words in fewer bytes, for the way to a core (C side: ``c_models/layers/unpack.c``).

What a core is told of its streams and its shape comes in rows that are much alike, so of each word it is said how it differs
from the one above it.  Two bits, those of four words in a byte, the first word's lowest:

== ================================
0  the same as the word above
1  one byte, the others are zero
2  two bytes, the others are zero
3  four bytes
== ================================

Behind the bits of four words come their bytes, the highest of a word first.  A block begins with the number of words in a row (one
byte, not 0) and of all its words (two bytes, the lower first); a region is some blocks, and a byte of 0.
"""
from __future__ import annotations

from typing import Sequence

import numpy as np
import numpy.typing as npt

#: Words of a row where there are none that are known to be alike.
PLAIN_WIDTH = 8
MAX_WORDS = 0xffff
_HEADER_BYTES, _IN_A_BYTE, _WORD_BYTES = 3, 4, 4
_N_BYTES = np.array([0, 1, 2, 4])

#: (words, words in a row).
Block = tuple[npt.NDArray[np.uint32], int]


def most_bytes(n_words: Sequence[int], n_blocks: int) -> int:
    """What :func:`packed` makes is no longer, whatever the words are.

    :param n_words: of each region
    :param n_blocks: of all of them
    """
    return _WORD_BYTES * sum(n_words) + sum(n_words) // _IN_A_BYTE + (_HEADER_BYTES + 1) * n_blocks + len(n_words) + 3


def packed(regions: Sequence[Sequence[Block]]) -> bytes:
    """The blocks of each region, one region behind the other, filled up to whole words."""
    data = b"".join(b"".join(_block(words, width) for words, width in blocks) + b"\0" for blocks in regions)
    return data + bytes(-len(data) % _WORD_BYTES)


def _block(words: npt.NDArray[np.uint32], width: int) -> bytes:
    n_words = len(words)
    if n_words > MAX_WORDS:
        raise ValueError(f"{n_words} words of a block are more than {MAX_WORDS}")
    kinds = np.zeros(-(-n_words // _IN_A_BYTE) * _IN_A_BYTE, np.uint8)
    kinds[:n_words] = np.select([words <= 0xff, words <= 0xffff], [1, 2], 3)
    kinds[width:n_words][words[width:] == words[:-width]] = 0
    # every byte that there could be, and which of them there are
    fours = kinds.reshape(-1, _IN_A_BYTE)
    contents = np.zeros(len(kinds), ">u4")
    contents[:n_words] = words
    all_bytes = contents.view(np.uint8).reshape(len(fours), _IN_A_BYTE * _WORD_BYTES)
    there = np.arange(_WORD_BYTES) >= _WORD_BYTES - _N_BYTES[kinds][:, None]
    bits = (fours << np.array([0, 2, 4, 6], np.uint8)).sum(axis=1, keepdims=True, dtype=np.uint8)
    data = np.hstack([bits, all_bytes])[np.hstack([np.ones(bits.shape, bool), there.reshape(all_bytes.shape)])]
    return bytes([width]) + n_words.to_bytes(2, "little") + data.tobytes()


def unpacked(data: bytes, n_regions: int) -> list[npt.NDArray[np.uint32]]:
    """The words of each region, as a core finds them."""
    at = 0
    regions = []
    for _ in range(n_regions):
        words: list[int] = []
        while width := data[at]:
            n_words = int.from_bytes(data[at + 1:at + 3], "little")
            at += _HEADER_BYTES
            bits = 0
            for i in range(n_words):
                if i % _IN_A_BYTE == 0:
                    bits = data[at]
                    at += 1
                n_bytes = int(_N_BYTES[bits & 3])
                bits >>= 2
                words.append(int.from_bytes(data[at:at + n_bytes], "big") if n_bytes else words[-width])
                at += n_bytes
        at += 1
        regions.append(np.array(words, np.uint32))
    return regions
