"""Where a core finds the slots of a stream by its number: a table that is looked into at one place as a rule.

C side: ``places`` in ``c_models/streams/stream_slots.h``.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

EMPTY = 0xffffffff
N_MULTIPLIERS = 64
_GOLDEN = 0x9e3779b1             # odd, and its multiples lie far apart (Knuth, The Art of Computer Programming, 6.4)


def n_places(n_streams: int) -> int:
    """Words of the table: at most half full, and an empty one behind whatever is full."""
    return (1 << table_bits(n_streams)) + n_streams + 1


def table_bits(n_streams: int) -> int:
    """The places that are looked for first: a power of two, at least twice the streams."""
    return max(1, (2 * n_streams - 1).bit_length())


@dataclass(frozen=True)
class Places:
    """The table.

    :param multiplier: a stream's place is looked for at ``(number * multiplier mod 2**32) >> shift`` first
    :param n_led_on: streams that are not there, but in a place behind it
    """

    multiplier: int
    shift: int
    words: tuple[int, ...]
    n_led_on: int


def find_places(numbers: Sequence[int], first_slots: Sequence[int]) -> Places:
    """The table with the fewest streams that are not in their first place, of some multipliers.

    :param numbers: of the streams, 16 bits each
    :param first_slots: of each, 16 bits
    """
    shift = 32 - table_bits(len(numbers))
    best: Places | None = None
    for i in range(N_MULTIPLIERS):
        multiplier = (_GOLDEN + 2 * i * 0x3c6ef372) & 0xffffffff | 1
        found = _fill(numbers, first_slots, multiplier, shift)
        if best is None or found.n_led_on < best.n_led_on:
            best = found
        if best.n_led_on == 0:
            break
    assert best is not None
    return best


def _fill(numbers: Sequence[int], first_slots: Sequence[int], multiplier: int, shift: int) -> Places:
    words = [EMPTY] * n_places(len(numbers))
    n_led_on = 0
    for number, slot in zip(numbers, first_slots, strict=True):
        place = ((number * multiplier) & 0xffffffff) >> shift
        n_led_on += words[place] != EMPTY
        while words[place] != EMPTY:
            place += 1
        words[place] = number | slot << 16
    return Places(multiplier, shift, tuple(words), n_led_on)
