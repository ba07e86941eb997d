"""Checks of what users say about faults: each error says what was given, what is accepted, and what to do."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from . import boards as layout

#: in the order of ``enum PacketType`` in ``src/packet.h``
PACKET_TYPES = ("mc", "p2p", "nn", "fr")
#: (x, y, link), (x, y, physical core) or (x, y)
Place = tuple[int, ...]
_Any = TypeVar("_Any")


def shown(name: str, value: object) -> str:
    """As a user would have written it."""
    return f"{name}={value!r}"


def check_number(name: str, value: object, least: float, most: float, what: str, *,
                 whole: bool = False, above: bool = False) -> None:
    """A finite number from ``least`` to ``most``; ``above``: not ``least`` itself.

    :param what: what it is to be, for the error
    """
    good = isinstance(value, int) or (isinstance(value, float) and not whole and math.isfinite(value))
    if isinstance(value, bool) or not good or not least <= value <= most or (above and value == least):  # type: ignore
        raise ValueError(f"{shown(name, value)} is not {what}.")


def check_rate(name: str, value: object) -> None:
    """A probability."""
    check_number(name, value, 0, 1, f"a rate. A rate is the probability for each packet or datagram, from 0 to 1; "
                                    f"for one in a hundred give {name}=0.01")


def checked_place(name: str, value: object, part: str) -> Place:
    """A place as a tuple.

    :param part: what is on the chip: ``"link"``, ``"core"``, or ``""`` for nothing
    """
    most = layout.TRIAD_SIZE - 1
    limits = {"link": (most, most, layout.LINKS - 1), "core": (most, most, layout.CORES - 1)}.get(part, (most, most))
    numbers = tuple(value) if isinstance(value, (tuple, list)) else ()
    if len(numbers) != len(limits) or not all(
            isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= limit for n, limit in zip(numbers, limits)):
        form = {"link": "(x, y, link), with links 0 to 5",
                "core": "(x, y, core), with physical cores 0 to 17"}.get(part, "(x, y)")
        raise ValueError(f"{shown(name, value)} is not a place on a board. Give {form}.")
    return numbers


def checked_numbers(name: str, value: object, least: int, most: int, what: str) -> tuple[int, ...]:
    """A list of whole numbers."""
    numbers = tuple(value) if isinstance(value, (tuple, list, set, frozenset, range)) else (None,)
    if not all(isinstance(n, int) and not isinstance(n, bool) and least <= n <= most for n in numbers):
        raise ValueError(f"{shown(name, value)} is not a list of {what}. Give numbers from {least} to {most}, such as "
                         f"{name}=({least},).")
    return numbers


def checked_types(value: object) -> tuple[str, ...]:
    """Types of packet."""
    types = tuple(value) if isinstance(value, (tuple, list, set, frozenset)) else ()
    if not types or not all(each in PACKET_TYPES for each in types):
        raise ValueError(f"{shown('types', value)} are not types of packet. Give some of "
                         f"{', '.join(map(repr, PACKET_TYPES))}, such as types=('mc', 'p2p').")
    return types


def check_moments(at_ms: object, after_ms: object, after_packets: object) -> None:
    """The times and counts that a rule may wait for."""
    for name, value in (("at_ms", at_ms), ("after_ms", after_ms)):
        if value is not None:
            check_number(name, value, 0, 1e12, "a time in milliseconds, of 0 or more")
    if at_ms is not None and after_ms is not None:
        raise ValueError(f"{shown('at_ms', at_ms)} and {shown('after_ms', after_ms)} cannot both be. Give at_ms for a "
                         f"time since power-on, or after_ms for one since the faults were given.")
    if after_packets is not None:
        check_number("after_packets", after_packets, 0, 2 ** 62, "a number of multicast packets, of 0 or more", whole=True)


def check_names(of: Any, given: Mapping[str, Any], what: str) -> None:
    """Every name is that of a field of the dataclass ``of``."""
    names = [field.name for field in fields(of)]
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(str(name), names, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"{name!r} is not known of {what}; known are {', '.join(names)}.{hint}")


def checked_rules(name: str, of: type[_Any], given: object) -> tuple[_Any, ...]:
    """A list of a dataclass, or of dictionaries of its parameters."""
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        raise ValueError(f"{shown(name, given)} is not a list. Give a list of {of.__name__} or of dictionaries of its "
                         f"parameters.")
    rules = []
    for rule in given:
        if isinstance(rule, Mapping):
            check_names(of, rule, f"an entry of {name}")
            try:
                rule = of(**rule)
            except TypeError as error:
                raise ValueError(f"{dict(rule)!r} in {name} lacks something: {error}.") from error
        if not isinstance(rule, of):
            raise ValueError(f"{rule!r} in {name} is not a {of.__name__}, nor a dictionary of its parameters.")
        rules.append(rule)
    return tuple(rules)
