"""Straight stretches of a page in which the registers are variables of C and no time is checked.

Kernels spend their time in loops.  There, beside the code that can stop after any instruction, a stretch of instructions
gets code for when all of it fits into what is left of the slice: the compiler keeps registers where it likes.  Whatever
does not go the short way leaves the stretch for the other code, right before that instruction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

#: instructions of a stretch; longer ones seldom fit into what is left
MOST, LEAST = 32, 4
_REGISTER = re.compile(r"r\[(\d+)\]")
_WRITTEN = re.compile(r"r\[(\d+)\] =(?!=)")
_LONG = re.compile(r"MULTIPLY_LONG\(.*, r\[(\d+)\], r\[(\d+)\]\);")


@dataclass(frozen=True)
class Stretch:
    """Code for instructions from ``first`` on, up to but without ``end``."""

    first: int
    end: int
    text: str
    #: instructions that it may leave before
    left_at: frozenset[int]


def _names(pattern: re.Pattern[str], text: str) -> set[int]:
    return {int(number) for found in pattern.findall(text) for number in ([found] if isinstance(found, str) else found)}


def _write_back(registers: set[int]) -> str:
    return " ".join(f"r[{n}] = r{n};" for n in sorted(registers))


def stretch(first: int, plain: Callable[[int], str | None], branch: Callable[[int], str | None],
            units: Mapping[int, int]) -> Stretch | None:
    """The stretch that starts at an instruction; None where it is not worth while.

    :param plain: the text of an instruction that goes straight on; None for any other
    :param branch: of one that is a branch inside the page, or None
    :param units: what is executed as one, from which instruction up to which: a stretch ends where one does, as the end of
        a slice may fall there and nowhere else
    """
    body: list[str] = []
    outs: list[str] = []
    used: set[int] = set()
    written: set[int] = set()
    left_at: set[int] = set()
    end, last = first, ""
    while end in units and end - first < MOST and not last:
        texts = [plain(k) for k in range(end, units[end])]
        if texts[-1] is None:
            last = branch(units[end] - 1) or ""
            texts = texts[:-1] if last else texts
        if None in texts:
            break
        for k, text in enumerate(texts, end):
            assert text is not None
            out = f"out_{first}_{k}"
            inside = re.sub(rf"\b(LOAD|STORE)\({k}, ", rf"\1_OR({out}, ", text).replace(f"INTERPRET({k});", f"goto {out};")
            if inside != text:
                outs.append(f"{out}: {_write_back(written)} goto {'step' if k == first else 'at'}_{k};\n")
                left_at.add(k)
            used |= _names(_REGISTER, text)
            written |= _names(_WRITTEN, text) | _names(_LONG, text)
            body.append(_REGISTER.sub(r"r\1", inside))
        end = units[end]
    if end - first < LEAST:
        return None
    variables = "".join(f"uint32_t r{n} = r[{n}];\n" for n in sorted(used))
    text = f"straight_{first}: {{\n{variables}{''.join(body)}{_write_back(written)}\n{last}goto at_{end};\n{''.join(outs)}}}\n"
    return Stretch(first, end, text, frozenset(left_at))
