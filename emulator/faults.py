"""Faults on request: what comes to harm in an emulated machine, how often, where and when.

:class:`Faults` says it all; a dictionary of its parameters is taken wherever one is, and dictionaries in its lists::

    {"drop": 1e-4, "duplicate": 1e-3, "datagram_loss": 0.02, "seed": 7,
     "packets": [{"kind": "lose", "key": 0x1000, "mask": 0xfffff000, "rate": 0.01}],
     "deaths": [{"core": (1, 1, 5), "at_ms": 6000}]}

Places are (x, y, link), with links 0 to 5 counted anticlockwise from the east, and (x, y, core), with *physical* cores 0
to 17.  Times are emulated.  What happens to packets and parts depends on nothing but the rules, the seed and the machine's
own course: the replay of a log repeats it to the cycle, on one host thread or two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import boards as layout
from .fault_checks import PACKET_TYPES, check_names, check_number, check_rate, checked_numbers, checked_rules, checked_types, shown
from .fault_rules import CERTAIN, KINDS, PACKET_KINDS, Death, PacketFault, SlowCore, check_holding

__all__ = ["DATAGRAM_KINDS", "KINDS", "MOST_RULES", "PACKET_KINDS", "PACKET_TYPES", "Death", "Faults", "PacketFault", "SlowCore"]

#: in the order of ``enum DatagramFault`` in ``src/faults.h``
DATAGRAM_KINDS = ("datagram_loss", "datagram_duplicate", "datagram_reorder")
#: rules about packets, deaths and slow cores in all (``MAX_FAULT_RULES``)
MOST_RULES = 64


@dataclass(frozen=True)
class Faults:
    """All that is to go wrong with a machine.

    The rates hold for every packet of ``types`` at every router; see :class:`PacketFault` for what the kinds are.  Those of
    datagrams hold for every datagram between host and board, of either direction, boot messages included; they act outside
    the board, before the log that ``record=`` keeps, and a duplicate of a request is let through although the first one is
    still being worked on.

    :param drop: rate
    :param lose: rate
    :param corrupt: rate
    :param duplicate: rate
    :param reorder: rate
    :param delay: rate
    :param datagram_loss: rate
    :param datagram_duplicate: rate
    :param datagram_reorder:
        rate of datagrams that are held back until one to three later ones of their direction have gone, or 2 ms of emulated
        time are over
    :param spare_commands: commands of SCP to SC&MP, 0 to 63, which nothing befalls, nor their answers
    :param spare_ports: ports of SDP, 1 to 7, likewise: what the host sends to such a port, and what comes from one
    :param seed: of all draws, 0 to 2**64 - 1; each seed gives another run, and always the same
    :param delay_us: longest time for which packets are held back, microseconds
    :param overtaken_by: longest number of packets that overtake one
    :param types: types of packet that the rates hold for, as in :class:`PacketFault`
    :param packets: rules for some packets only, or for a moment: :class:`PacketFault`, or dictionaries of its parameters
    :param deaths: parts that die: :class:`Death`, likewise
    :param slow: cores that are slow: :class:`SlowCore`, likewise
    :raises ValueError: says what was given, what is accepted, and what to do
    """

    drop: float = 0.0
    lose: float = 0.0
    corrupt: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    datagram_loss: float = 0.0
    datagram_duplicate: float = 0.0
    datagram_reorder: float = 0.0
    spare_commands: tuple[int, ...] = ()
    spare_ports: tuple[int, ...] = ()
    seed: int = 0
    delay_us: float = 100.0
    overtaken_by: int = 3
    types: tuple[str, ...] = ("mc",)
    packets: tuple[PacketFault, ...] = ()
    deaths: tuple[Death, ...] = ()
    slow: tuple[SlowCore, ...] = ()

    def __post_init__(self) -> None:
        for kinds, what in ((PACKET_KINDS, "packets"), (DATAGRAM_KINDS, "datagrams")):
            for name in kinds:
                check_rate(name, getattr(self, name))
            given = {name: getattr(self, name) for name in kinds if getattr(self, name)}
            if sum(given.values()) > 1:
                rates = ", ".join(shown(name, rate) for name, rate in given.items())
                raise ValueError(f"The rates of what befalls {what}, {rates}, add up to more than 1, but at most one thing "
                                 f"befalls each. Give smaller ones.")
        object.__setattr__(self, "spare_commands", checked_numbers("spare_commands", self.spare_commands, 0, 63, "commands of SCP"))
        object.__setattr__(self, "spare_ports", checked_numbers("spare_ports", self.spare_ports, 1, 7, "ports of SDP"))
        check_number("seed", self.seed, 0, 2 ** 64 - 1, "a seed, a whole number from 0 to 2**64 - 1", whole=True)
        check_holding("delay_us", self.delay_us, self.overtaken_by)
        object.__setattr__(self, "types", checked_types(self.types))
        object.__setattr__(self, "packets", checked_rules("packets", PacketFault, self.packets))
        object.__setattr__(self, "deaths", checked_rules("deaths", Death, self.deaths))
        object.__setattr__(self, "slow", checked_rules("slow", SlowCore, self.slow))
        if len(self._all()) > MOST_RULES:
            raise ValueError(f"{len(self._all())} rules about faults are too many: there can be {MOST_RULES} at a time, and "
                             f"each rate is one. Give key and mask of many packets rather than many rules.")

    @staticmethod
    def of(given: Faults | Mapping[str, Any] | None) -> Faults:
        """What a user gave, as :class:`Faults`.

        :param given: also a dictionary of its parameters, or None for no faults
        :raises ValueError: for anything else
        """
        if given is None:
            return Faults()
        if isinstance(given, Faults):
            return given
        if not isinstance(given, Mapping):
            raise ValueError(f"{shown('faults', given)} does not say which faults. Give a dictionary, such as "
                             f"faults={{'drop': 1e-4, 'seed': 7}}, or a spinnemu.Faults.")
        check_names(Faults, given, "faults")
        return Faults(**given)

    def check_board(self, board: str, boards: int = 1, *, booted: bool = True) -> None:
        """All places are on the board, and with ``booted`` there is something to boot.

        :param board: ``"spinn3"`` or ``"spinn5"``
        :param boards: how many of them
        :param booted: whether it is to start with SC&MP running
        :raises ValueError: otherwise
        """
        for rule in (*self.packets, *self.deaths, *self.slow):
            for name in ("link", "core", "to_core", "chip"):
                place = getattr(rule, name, None)
                if place is not None:
                    _check_on_board(name, place, board, boards)
        dead = [death for death in self.deaths if death.from_the_start]
        cores = {death.core for death in dead}
        if booted and (any(death.chip == (0, 0) for death in dead) or all((0, 0, core) in cores for core in range(layout.CORES))):
            raise ValueError("Chip (0, 0) has the board's Ethernet: with it dead from the start nothing would answer. Let it die "
                             "later (at_ms, after_ms or after_packets), or do not ask for a booted board (boot=False).")

    def _all(self) -> list[PacketFault | Death | SlowCore]:
        """Special rules about packets come before those for all."""
        flat = [PacketFault(kind, rate=getattr(self, kind), up_to_us=self.delay_us, overtaken_by=self.overtaken_by,
                            types=self.types)
                for kind in PACKET_KINDS if getattr(self, kind)]
        return [*self.packets, *flat, *self.deaths, *self.slow]

    def _text(self) -> str:
        """As ``src/fault_text.c`` reads it."""
        datagrams = " ".join(str(round(getattr(self, kind) * CERTAIN)) for kind in DATAGRAM_KINDS)
        spare = (sum(1 << each for each in set(numbers)) for numbers in (self.spare_commands, self.spare_ports))
        return ";".join((f"seed {self.seed}", f"datagrams {datagrams}", "spare {} {}".format(*spare),
                         *(f"rule {rule._text()}" for rule in self._all())))

    def _dead_from_the_start(self) -> str:
        """Names the board that has these parts dead."""
        return ";".join(sorted(death._text() for death in self.deaths if death.from_the_start))


def _check_on_board(name: str, place: tuple[int, ...], board: str, boards: int) -> None:
    x, y = place[:2]
    chips, machine = layout.chips(board, boards), layout.described(board, boards)
    if (x, y) not in chips:
        raise ValueError(f"{shown(name, place)} is not on {machine}, which has no chip ({x}, {y}). Its {len(chips)} chips go from "
                         f"(0, 0) to {max(chips)}.")
    if name == "link" and layout.neighbour(board, x, y, place[2], boards) is None:
        links = ", ".join(str(link) for link in range(layout.LINKS) if layout.neighbour(board, x, y, link, boards))
        raise ValueError(f"{shown(name, place)} leads nowhere: on {machine}, chip ({x}, {y}) has links {links}.")
