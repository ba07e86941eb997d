"""Places that are given by hand, checked before there is a machine."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

from dlgraph.errors import DataError, DoesNotFit
from dlgraph.mapping.memory import CHIP_SDRAM_BYTES, sdram_bytes
from dlgraph.mapping.neighbourhoods import CHIP_CORES
from dlgraph.mapping.plan import Core, CoreKind, Plan

#: Chip, and a core of it or None.
Place = tuple[int, int, int | None]

#: Cores of a chip.  SC&MP runs on the first, the Graph Front End's monitors on the next: one, and one more on the chip with the
#: Ethernet.
N_CORES, FIRST_CORE = 18, 2
ETHERNET = (0, 0)
#: In machines of several boards, which lie side by side in threes, the same three in every 12 x 12 chips (SpiNNMachine,
#: ``spinnaker_triad_geometry.py``).
ETHERNETS_OF_TRIAD, TRIAD = ((0, 0), (4, 8), (8, 4)), 12
#: More rows or columns than a machine can have: coordinates have 8 bits.
MOST_CHIPS = 256


def has_ethernet(x: int, y: int, boards: int) -> bool:
    """Whether a chip has one, and with it one core less for vertices."""
    return (x, y) == ETHERNET if boards == 1 else (x % TRIAD, y % TRIAD) in ETHERNETS_OF_TRIAD


def chips_of_board(version: str) -> list[tuple[int, int]]:
    """Coordinates of all chips of a board, SpiNN-3 (4) or SpiNN-5 (48, a hexagon)."""
    if version == "3":
        return [(x, y) for x in range(2) for y in range(2)]
    return [(x, y) for x in range(8) for y in range(8) if -4 < x - y <= 4]


def fixed_places(plan: Plan, place: Any, version: str, boards: int = 1) -> dict[Core, Place]:
    """The cores whose places are given.

    :param place: label of a vertex, or name of a layer for all of its vertices but probes -> (x, y) of a chip or (x, y, p) of a
        core; a label counts more than a layer
    :param version: of the boards
    :param boards: how many; which chips several have is known once they are there (``placing.py``)
    :raises DataError: for what is no place, or of nothing
    :raises DoesNotFit: for more on a chip than it holds
    """
    if not isinstance(place, Mapping):
        raise DataError(f"place={place!r} cannot be used. Give label of a vertex, or name of a layer -> (x, y), such as "
                        f"place={{'hidden': (1, 0)}}.")
    of_label = {core.label: core for core in plan.cores}
    of_layer: dict[str, list[Core]] = {}
    for core in plan.cores:
        if core.kind is not CoreKind.PROBE:
            of_layer.setdefault(plan.stages[core.stage].name, []).append(core)
    chips = chips_of_board(version) if boards == 1 else None
    of_layers: dict[Core, Place] = {}
    of_labels: dict[Core, Place] = {}
    for name, given in place.items():
        if name not in of_label and name not in of_layer:
            raise DataError(f"place names {name!r}. It accepts names of layers ({_quoted(of_layer)}) and labels of vertices, "
                            f"which machine_graph() shows. Labels follow from the cut: give cuts as well, which fixes it.")
        where = _place(name, given, chips, version, boards)
        if name in of_label:
            of_labels[of_label[name]] = where
        elif where[2] is not None and len(of_layer[name]) > 1:
            raise DataError(f"place gives one core, {tuple(given)}, for the {len(of_layer[name])} vertices of layer {name!r}. Give "
                            f"a chip, (x, y), or places of the vertices, by their labels.")
        else:
            of_layers.update(dict.fromkeys(of_layer[name], where))
    fixed = {**of_layers, **of_labels}
    _check_room(plan, fixed, boards)
    return fixed


def _place(name: str, given: Any, chips: list[tuple[int, int]] | None, version: str, boards: int) -> Place:
    whole = (isinstance(given, Sequence) and not isinstance(given, str) and len(given) in (2, 3)
             and all(isinstance(n, Integral) and not isinstance(n, bool) for n in given))
    if not whole:
        raise DataError(f"place[{name!r}]={given!r} is no place. Give the coordinates of a chip, (x, y), or of a core, (x, y, p).")
    x, y = int(given[0]), int(given[1])
    p = int(given[2]) if len(given) == 3 else None
    if chips is None:
        if not (0 <= x < MOST_CHIPS and 0 <= y < MOST_CHIPS):
            raise DataError(f"place[{name!r}]={given!r}: no machine has a chip ({x}, {y}). Coordinates go from 0 to "
                            f"{MOST_CHIPS - 1}.")
    elif (x, y) not in chips:
        raise DataError(f"place[{name!r}]={given!r}: a SpiNN-{version} board has no chip ({x}, {y}). It has {len(chips)}, "
                        f"{_ranges(chips)}.")
    first = FIRST_CORE + has_ethernet(x, y, boards)
    if p is not None and not first <= p < N_CORES:
        raise DataError(f"place[{name!r}]={given!r}: core {p} of chip ({x}, {y}) is not for vertices. Give one of {first} .. "
                        f"{N_CORES - 1}; the others run monitors.")
    return x, y, p


def _ranges(chips: list[tuple[int, int]]) -> str:
    """Which there are, in words."""
    columns = {y: [x for x, other in chips if other == y] for _, y in chips}
    if all(len(row) == len(columns[0]) for row in columns.values()):
        return f"x in 0 .. {max(x for x, _ in chips)} and y in 0 .. {max(columns)}"
    return "; ".join(f"y = {y}: x in {min(row)} .. {max(row)}" for y, row in sorted(columns.items()))


def _check_room(plan: Plan, fixed: Mapping[Core, Place], boards: int) -> None:
    """What is given for one chip, or one core, must fit it."""
    on_chip: dict[tuple[int, int], list[Core]] = {}
    on_core: dict[Place, Core] = {}
    for core, where in fixed.items():
        on_chip.setdefault(where[:2], []).append(core)
        if where[2] is not None and on_core.setdefault(where, core) is not core:
            raise DataError(f"place gives core {where} to {on_core[where].label!r} and to {core.label!r}. A core runs one vertex; "
                            f"give another one.")
    for chip, cores in on_chip.items():
        room = CHIP_CORES - has_ethernet(*chip, boards)
        if len(cores) > room:
            raise DoesNotFit(f"place gives {len(cores)} vertices to chip {chip}, which has {room} cores for them: "
                             f"{_quoted(core.label for core in cores[:3])}, ... Place some of them elsewhere, or leave them out.")
        needed = sum(sdram_bytes(plan, core) for core in cores)
        if needed > CHIP_SDRAM_BYTES:
            raise DoesNotFit(f"What place gives to chip {chip} needs {needed} bytes of SDRAM; a chip has {CHIP_SDRAM_BYTES} for "
                             f"it. Place some of it elsewhere, or leave it out.")


def _quoted(names: Any) -> str:
    return ", ".join(map(repr, names))
