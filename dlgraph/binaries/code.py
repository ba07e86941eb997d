"""Which function each piece of a binary's code is of: read from the ``.code`` file that ``c_models/build.py`` puts beside it."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dlgraph.binaries import BinariesError

#: Of a core.
ITCM_BYTES = 32 * 1024


@dataclass(frozen=True)
class Function:
    """One function, with the constants behind it.

    :param start: address in ITCM
    :param end: of what follows it
    :param source: below ``c_models/``, such as ``"kernels/dense.S"``; ``"outside/..."`` for a layer kind's own C file,
        ``"library"`` for the compiler's
    """

    start: int
    end: int
    source: str
    name: str


def functions_of(binary: Path) -> tuple[Function, ...]:
    """The functions of a binary in the order of their addresses.

    :param binary: its ``.aplx``
    :raises BinariesError: where there is no such file beside it, or it is damaged
    """
    path = binary.with_suffix(".code")
    way_out = f"Build the binaries again: remove the folder {path.parent}, or install dlgraph again."
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BinariesError(f"What the code of {binary.name} is made of cannot be read: {error}. {way_out}") from error
    found: list[Function] = []
    at = 0
    for number, line in enumerate(lines, start=1):
        try:
            start, end, source, name = line.split(" ")
            function = Function(int(start, 16), int(end, 16), source, name)
        except ValueError:
            function = None
        if function is None or not at <= function.start < function.end <= ITCM_BYTES or function.start % 2 or function.end % 2:
            raise BinariesError(f"Line {number} of {path} is no function's. {way_out}")
        found.append(function)
        at = function.end
    return tuple(found)
