"""The tables of the elementary functions, from their formulas in ``docs/arithmetic.rst``.

They are computed in decimal arithmetic, so that no rounding of the host's ``exp`` and ``log`` can change a bit.
Run as a script, this writes the headers in ``c_models/kernels`` that hold them; a test compares the two.
"""
from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from pathlib import Path

LOG2_E_32 = 6196328019        #: log2(e) * 2**32
LN_2_31 = 1488522236          #: ln(2) * 2**31
RECIP_GUESS = 3129112985      #: linear first guess of 1/D, fraction 30
ROOT_FIRST = 64               #: the first argument in the table of roots
_ENTRIES = 256


def _rint(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_HALF_EVEN))


def exp2_table() -> list[int]:
    """``EXP2[i] = rint(2**31 * 2**(-i/256))``, unsigned 32 bits."""
    with localcontext() as context:
        context.prec = 40
        return [_rint(2**31 * Decimal(2) ** (Decimal(-i) / 256)) for i in range(_ENTRIES)]


def ln_table() -> list[int]:
    """``LN[i] = rint(2**31 * ln((2*i + 513) / 512))``."""
    with localcontext() as context:
        context.prec = 40
        return [_rint(2**31 * (Decimal(2 * i + 513) / 512).ln()) for i in range(_ENTRIES)]


def ln_reciprocal_table() -> list[int]:
    """``RB[i] = rint(2**31 * 512 / (2*i + 513))``."""
    with localcontext() as context:
        context.prec = 40
        return [_rint(Decimal(2**31 * 512) / (2 * i + 513)) for i in range(_ENTRIES)]


def root_table() -> list[int]:
    """``RT[i] = rint(2**26 * sqrt(i))``, i = 64 .. 256."""
    with localcontext() as context:
        context.prec = 40
        return [_rint(2**26 * Decimal(i).sqrt()) for i in range(ROOT_FIRST, 257)]


def reciprocal_table() -> list[int]:
    """``RC[i] = rint(2**38 / (256 + i))``, i = 0 .. 256."""
    with localcontext() as context:
        context.prec = 40
        return [_rint(Decimal(2**38) / (256 + i)) for i in range(257)]


def _c_array(name: str, comment: str, values: list[int]) -> str:
    rows = [", ".join(f"{v:#010x}" for v in values[i:i + 8]) for i in range(0, len(values), 8)]
    body = ",\n    ".join(rows)
    return f"/* {comment} */\nTABLE({name}, {len(values)}) = {{\n    {body}\n}};\n"


def _header(guard: str, arrays: list[str]) -> str:
    return "\n".join([
        "/* Made by dlgraph/reference/tables.py; the formulas are in docs/arithmetic.rst. */",
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
        '#include "table.h"',
        "",
        *arrays,
        "#endif",
        "",
    ])


def c_headers() -> dict[str, str]:
    """The headers of ``c_models/kernels`` that hold tables: name -> text."""
    return {
        "function_tables.h": _header("FUNCTION_TABLES_H", [
            _c_array("exp2_table", "rint(2**31 * 2**(-i/256))", exp2_table()),
            _c_array("ln_table", "rint(2**31 * ln((2*i + 513) / 512))", ln_table()),
            _c_array("ln_reciprocal_table", "rint(2**31 * 512 / (2*i + 513))", ln_reciprocal_table())]),
        "optimiser_tables.h": _header("OPTIMISER_TABLES_H", [
            _c_array("root_table", "rint(2**26 * sqrt(i)), i = 64 .. 256", root_table()),
            _c_array("reciprocal_table", "rint(2**38 / (256 + i)), i = 0 .. 256", reciprocal_table())]),
    }


if __name__ == "__main__":
    for name, text in c_headers().items():
        Path(__file__).resolve().parents[2].joinpath("c_models", "kernels", name).write_text(text, "ascii")
