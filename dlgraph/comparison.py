"""A trace beside the reference, bit by bit, and beside Keras, in floating point."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph.tables import table
from dlgraph.trace import Fixed, Trace, format_name

Array = npt.NDArray[Any]

#: Of every layer of a trace: name of a quantity -> floats.
KerasFloats = Sequence[Mapping[str, Array]]


@dataclass(frozen=True)
class Difference:
    """Between two arrays of numbers.

    :param n_different: how many differ at all
    :param n: how many were compared
    :param largest: the largest difference, without its sign
    :param at: where it is: sample, row, column, channel of a value; the parameter of a gradient; None where nothing differs
    :param here: the machine's number there
    :param there: the other
    """

    n_different: int
    n: int
    largest: float
    at: tuple[int, ...] | None
    here: float
    there: float


@dataclass(frozen=True)
class ComparedQuantity:
    """One quantity of one layer.

    :param quantity: such as ``"errors"``, as in :class:`~dlgraph.trace.LayerTrace`
    :param format: such as ``"s4.11"``
    :param step: the smallest difference that this format has
    :param reference: difference of the bits; None where there are none to compare with
    :param keras: difference of the real numbers; likewise
    :param keras_size: the largest of Keras' numbers, without its sign
    """

    layer: str
    quantity: str
    format: str
    step: float
    reference: Difference | None
    keras: Difference | None
    keras_size: float = 0.0


@dataclass(frozen=True)
class Comparison:
    """All quantities, from input to output; ``str()`` makes a table of them.

    :param machine: where the trace was made
    :param notes: what was left out, and why
    """

    machine: str
    n_samples: int
    rows: tuple[ComparedQuantity, ...]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[ComparedQuantity]:
        return iter(self.rows)

    @property
    def equal(self) -> bool:
        """Whether every bit that was compared is the reference's."""
        return not any(row.reference is not None and row.reference.n_different for row in self.rows)

    def of(self, layer: str, quantity: str) -> ComparedQuantity:
        """:raises KeyError: if it was not compared"""
        for row in self.rows:
            if (row.layer, row.quantity) == (layer, quantity):
                return row
        raise KeyError(f"{quantity} of layer {layer!r}")

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [
            ("layer", "quantity", "format", "reference", "off Keras by", "of its largest", "at", "machine", "Keras")]
        rows += [(row.layer, row.quantity.replace("_", " "), row.format, _bits(row.reference), *_reals(row)) for row in self.rows]
        verdict = "every bit as in the reference" if self.equal else "NOT as in the reference: see below"
        lines = [f"{self.n_samples} samples on the {self.machine}: {verdict}", *table(rows, n_left=4)]
        for row in self.rows:
            if row.reference is not None and row.reference.n_different:
                off = row.reference
                lines.append(f"{row.layer}, {row.quantity.replace('_', ' ')}: {off.n_different} of {off.n} numbers differ from the "
                             f"reference, most at {_place(off.at)}: {off.here:.0f} instead of {off.there:.0f}.")
        return "\n".join([*lines, *self.notes])


def compare(trace: Trace, reference: Trace, keras: KerasFloats | None, notes: tuple[str, ...] = ()) -> Comparison:
    """Line up what they have in common.

    :param keras: of every layer of the trace, or None
    """
    rows = []
    for here, there, floats in zip(trace, reference, keras or [{}] * len(trace.layers), strict=True):
        for quantity, value in here.quantities():
            expected = getattr(there, quantity)
            real = floats.get(quantity)
            in_reals = None if real is None else _difference(value.floats, real.reshape(value.shape), value)
            rows.append(ComparedQuantity(
                here.name, quantity, format_name(value), 2.0**-value.fraction * value.scale,
                None if expected is None else _difference(value.bits, expected.bits, value), in_reals,
                0.0 if real is None else float(np.abs(real).max(initial=0.0))))
    return Comparison(trace.machine, trace.n_samples, tuple(rows), notes)


def _difference(here: Array, there: Array, value: Fixed) -> Difference:
    """Where the numbers are known."""
    off = np.abs(here.astype(np.float64) - there)
    if value.known is not None:
        off = np.where(value.known, off, 0.0)
    n = off.size if value.known is None else int(np.count_nonzero(value.known))
    n_different = int(np.count_nonzero(off))
    if not n_different:
        return Difference(0, n, 0.0, None, 0.0, 0.0)
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(off)), off.shape))
    return Difference(n_different, n, float(off[at]), at, float(here[at]), float(there[at]))


def _bits(difference: Difference | None) -> str:
    if difference is None:
        return "-"
    return "equal" if not difference.n_different else f"{difference.n_different} of {difference.n} differ"


def _reals(row: ComparedQuantity) -> tuple[str, ...]:
    if row.keras is None:
        return ("-",) * 5
    found = row.keras
    if found.at is None:
        return ("0", "0.00%", "-", "-", "-")
    share = f"{found.largest / row.keras_size:.2%}" if row.keras_size else "-"
    return (f"{found.largest:.3g}", share, _place(found.at), f"{found.here:.5g}", f"{found.there:.5g}")


def _place(at: tuple[int, ...] | None) -> str:
    return "-" if at is None else ",".join(map(str, at))
