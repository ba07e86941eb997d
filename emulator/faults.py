"""Faults on request: what comes to harm in an emulated machine, how often, where and when.

:class:`Faults` says it all; a dictionary of its parameters is taken wherever one is, and dictionaries in its lists::

    {"drop": 1e-4, "duplicate": 1e-3, "datagram_loss": 0.02, "seed": 7,
     "packets": [{"kind": "lose", "key": 0x1000, "mask": 0xfffff000, "rate": 0.01}],
     "deaths": [{"core": (1, 1, 5), "at_ms": 6000}]}

Places are (x, y, link) with links 0 (east) to 5 (south) counted anticlockwise, and (x, y, core) with *physical* cores 0 to 17.
Times are emulated.  What happens to packets and parts depends on nothing but the rules, the seed and the machine's own course: the
replay of a log repeats it to the cycle, on one host thread or two.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from . import boards

#: in the order of ``enum FaultKind`` in ``src/faults.h``, in which rules about packets are tried
PACKET_KINDS = ("lose", "drop", "corrupt", "duplicate", "reorder", "delay")
_DEATHS = ("kill_link", "kill_core", "kill_chip")
KINDS = (*PACKET_KINDS, *_DEATHS, "slow_core")
DATAGRAM_KINDS = ("datagram_loss", "datagram_duplicate", "datagram_reorder")
#: in the order of ``enum PacketType`` in ``src/packet.h``
PACKET_TYPES = ("mc", "p2p", "nn", "fr")
#: rules about packets, deaths and slow cores in all (``MAX_FAULT_RULES``)
MOST_RULES = 64
#: a packet is held back no longer, microseconds
LONGEST_DELAY_US = 1e7
SLOWEST = 1000
_ANYWHERE, _ON_LINK, _FROM_CORE, _TO_CORE = range(4)
_CYCLES_PER_MS = 200_000
_NEVER = 2 ** 64 - 1
_CERTAIN = 2 ** 63
_SLOW_UNIT = 256
_SYSTEM_KEYS = 0xffff0000

Place = tuple[int, ...]
_Rule = TypeVar("_Rule", "PacketFault", "Death", "SlowCore")


# ---------------------------------------------------------------------- checks

def _shown(name: str, value: object) -> str:
    return f"{name}={value!r}"


def _number(name: str, value: object, least: float, most: float, what: str, *, whole: bool = False, above: bool = False) -> None:
    good = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not good or not math.isfinite(value) or not least <= value <= most or (above and value == least):  # type: ignore
        raise ValueError(f"{_shown(name, value)} is not {what}.")


def _rate(name: str, value: object) -> None:
    _number(name, value, 0, 1, f"a rate. A rate is the probability for each packet or datagram, from 0 to 1; for one in a hundred "
                               f"give {name}=0.01")


def _place(name: str, value: object, parts: str) -> Place:
    """A place as a tuple: x, y, and a link or a core."""
    most = {"link": boards.LINKS - 1, "core": boards.CORES - 1}.get(parts, 0)
    limits = (7, 7, most) if parts else (7, 7)
    numbers = tuple(value) if isinstance(value, (tuple, list)) else ()
    if len(numbers) != len(limits) or not all(
            isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= limit for n, limit in zip(numbers, limits)):
        form = {"link": "(x, y, link), with links 0 to 5", "core": "(x, y, core), with physical cores 0 to 17"}.get(parts, "(x, y)")
        raise ValueError(f"{_shown(name, value)} is not a place on a board. Give {form}.")
    return numbers


def _types(value: object) -> tuple[str, ...]:
    types = tuple(value) if isinstance(value, (tuple, list, set, frozenset)) else ()
    if not types or not all(each in PACKET_TYPES for each in types):
        raise ValueError(f"{_shown('types', value)} are not types of packet. Give some of {', '.join(map(repr, PACKET_TYPES))}, "
                         f"such as types=('mc', 'p2p').")
    return types


def _moments(rule: PacketFault | Death | SlowCore) -> None:
    """The times and counts that a rule may wait for."""
    for name in ("at_ms", "after_ms"):
        value = getattr(rule, name)
        if value is not None:
            _number(name, value, 0, 1e12, "a time in milliseconds, of 0 or more")
    if rule.at_ms is not None and rule.after_ms is not None:
        raise ValueError(f"{_shown('at_ms', rule.at_ms)} and {_shown('after_ms', rule.after_ms)} cannot both be. Give at_ms for a time "
                         f"since power-on, or after_ms for one since the faults were given.")
    if rule.after_packets is not None:
        _number("after_packets", rule.after_packets, 0, 2 ** 62, "a number of multicast packets, of 0 or more", whole=True)


def _known(of: type, given: Mapping[str, Any], what: str) -> None:
    names = [field.name for field in fields(of)]
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(str(name), names, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"{name!r} is not known of {what}; known are {', '.join(names)}.{hint}")


def _rules(name: str, of: type[_Rule], given: object) -> tuple[_Rule, ...]:
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        raise ValueError(f"{_shown(name, given)} is not a list. Give a list of {of.__name__} or of dictionaries of its parameters.")
    rules = []
    for rule in given:
        if isinstance(rule, Mapping):
            _known(of, rule, f"an entry of {name}")
            try:
                rule = of(**rule)
            except TypeError as error:
                raise ValueError(f"{dict(rule)!r} in {name} lacks something: {error}.") from error
        if not isinstance(rule, of):
            raise ValueError(f"{rule!r} in {name} is not a {of.__name__}, nor a dictionary of its parameters.")
        rules.append(rule)
    return tuple(rules)


def _cycles(milliseconds: float | None, absent: int) -> int:
    return absent if milliseconds is None else min(round(milliseconds * _CYCLES_PER_MS), _NEVER - 1)


def _line(kind: str, place: int, part: Place, *, rule: PacketFault | Death | SlowCore, types: int = 0, system: bool = False,
          both: bool = False, key: int = 0, mask: int = 0, every: int = 0, amount: int = 0, hold: int = 0, rate: int = 0,
          until: int = _NEVER, left: int = _NEVER) -> str:
    """A rule as ``src/fault_text.c`` reads it."""
    x, y, number = (*part, 0, 0, 0)[:3]
    start = _cycles(rule.at_ms if rule.after_ms is None else rule.after_ms, 0)
    return " ".join(str(int(value)) for value in (
        KINDS.index(kind), place, x, y, number, types, system, both, key, mask, every, amount, hold, rate,
        rule.after_ms is not None, start, until, rule.after_packets or 0, left))


# ---------------------------------------------------------------------- rules

@dataclass(frozen=True)
class PacketFault:
    """Packets of some kind come to harm, at a rate, one in so many, or from a moment on.

    Faults strike where a router takes a packet from one of its inputs.  A packet that passes three routers is struck with three
    times the probability, and a fault strikes all that would have become of the packet from there on.

    :param kind:
        ``"drop"``: the router gives the packet up as if its way had stayed blocked; the re-injector may save it from the dump
        registers.
        ``"lose"``: it vanishes without a trace.
        ``"corrupt"``: one bit of key or payload is wrong, and so is its parity; a router puts it into its error registers and does
        not route it.
        ``"duplicate"``: it is routed twice.
        ``"reorder"``: it is held back until one to ``overtaken_by`` later packets of the same input have gone, or ``up_to_us`` are over.
        ``"delay"``: it is held back for a time, uniform up to ``up_to_us``.
    :param rate: probability for each packet; of several rates that a packet is subject to, one draw decides, so each stays what it is
    :param every: strike one packet in so many, instead of at a rate
    :param at_ms: not before this time since power-on; where neither rate nor every is given, the first packet from then on
    :param after_ms: likewise, since the faults were given
    :param until_ms: not from this time on; on the clock of ``at_ms`` or ``after_ms``
    :param after_packets: not before cores sent so many multicast packets since the faults were given, SC&MP's signals not counted
    :param packets: strike no more than so many
    :param link: (x, y, link): only packets that left chip (x, y) by that link
    :param core: (x, y, core): only packets that this core sent
    :param to_core:
        (x, y, core): only copies on their way from the router to this core.  They can be lost, or corrupt: then the core's
        communications controller shows a parity error instead of a multicast packet
    :param key: only packets with this key, in the bits of ``mask``
    :param mask: of 32 bits, all ones if not given
    :param types:
        types of packet: ``"mc"``, ``"p2p"``, ``"nn"``, ``"fr"``.  SC&MP's own multicast signals, with keys from 0xffff0000, are spared
        unless ``key`` and ``mask`` ask for nothing else
    :param up_to_us: microseconds
    :param overtaken_by: later packets
    :raises ValueError: for anything else
    """

    kind: str
    rate: float | None = None
    every: int | None = None
    at_ms: float | None = None
    after_ms: float | None = None
    until_ms: float | None = None
    after_packets: int | None = None
    packets: int | None = None
    link: Place | None = None
    core: Place | None = None
    to_core: Place | None = None
    key: int | None = None
    mask: int | None = None
    types: tuple[str, ...] = ("mc",)
    up_to_us: float = 100.0
    overtaken_by: int = 3

    def __post_init__(self) -> None:
        if self.kind not in PACKET_KINDS:
            raise ValueError(f"{_shown('kind', self.kind)} does not befall packets. Accepted are {', '.join(map(repr, PACKET_KINDS))}; "
                             f"parts that die are given by deaths=[...].")
        _moments(self)
        if self.rate is not None:
            _rate("rate", self.rate)
        if self.every is not None:
            _number("every", self.every, 1, 2 ** 32 - 1, "a number of packets, of 1 or more", whole=True)
        if self.rate is not None and self.every is not None:
            raise ValueError(f"{_shown('rate', self.rate)} and {_shown('every', self.every)} cannot both be. Give one of them.")
        if self.packets is not None:
            _number("packets", self.packets, 1, 2 ** 62, "a number of packets, of 1 or more", whole=True)
        if all(each is None for each in (self.rate, self.every, self.at_ms, self.after_ms, self.after_packets, self.packets)):
            raise ValueError(f"A rule about packets, kind={self.kind!r}, does not say how many. Give a rate, such as rate=0.01, or every=100, "
                             f"or a moment: at_ms, after_ms or after_packets.")
        if self.until_ms is not None:
            start = self.at_ms if self.after_ms is None else self.after_ms
            _number("until_ms", self.until_ms, start or 0, 1e12, "a time in milliseconds after the rule's begin", above=True)
        self._check_where()
        _number("up_to_us", self.up_to_us, 0, LONGEST_DELAY_US, "a time in microseconds, above 0 and up to 10,000,000", above=True)
        _number("overtaken_by", self.overtaken_by, 1, 65535, "a number of packets, from 1 to 65,535", whole=True)

    def _check_where(self) -> None:
        places = [name for name in ("link", "core", "to_core") if getattr(self, name) is not None]
        if len(places) > 1:
            raise ValueError(f"{' and '.join(_shown(name, getattr(self, name)) for name in places)} cannot both be. Give a rule for each.")
        for name in places:
            object.__setattr__(self, name, _place(name, getattr(self, name), "link" if name == "link" else "core"))
        if self.to_core is not None and self.kind not in ("lose", "corrupt"):
            raise ValueError(f"to_core={self.to_core!r} does not go with kind={self.kind!r}: copies on their way to a core are lost or "
                             f"corrupt. Give kind='lose' or kind='corrupt', or a place where routers take packets: link=... or core=....")
        for name in ("key", "mask"):
            if getattr(self, name) is not None:
                _number(name, getattr(self, name), 0, 2 ** 32 - 1, "a number of 32 bits", whole=True)
        if self.mask is not None and self.key is None:
            raise ValueError(f"mask={self.mask:#x} has no key. Give key=... as well.")
        if self.key is not None and self.mask is not None and self.key & ~self.mask:
            raise ValueError(f"key={self.key:#x} has bits that mask={self.mask:#x} has not: no packet is like that. Give "
                             f"key={self.key & self.mask:#x}.")
        object.__setattr__(self, "types", _types(self.types))

    def _text(self) -> str:
        place = next((code for code, part in ((_ON_LINK, self.link), (_FROM_CORE, self.core), (_TO_CORE, self.to_core))
                      if part is not None), _ANYWHERE)
        mask = 0 if self.key is None else 0xffffffff if self.mask is None else self.mask
        key = self.key or 0
        one = self.rate is None and self.every is None and self.until_ms is None
        left = self.packets if self.packets is not None else 1 if one else _NEVER
        return _line(
            self.kind, place, self.link or self.core or self.to_core or (), rule=self,
            types=sum(1 << PACKET_TYPES.index(each) for each in set(self.types)),
            system=mask & key & _SYSTEM_KEYS == _SYSTEM_KEYS, key=key, mask=mask, every=self.every or 0, amount=self.overtaken_by,
            hold=max(1, round(self.up_to_us * _CYCLES_PER_MS / 1000)),
            rate=_CERTAIN if self.rate is None else round(self.rate * _CERTAIN), until=_cycles(self.until_ms, _NEVER), left=left)


@dataclass(frozen=True)
class Death:
    """A link, a core or a chip dies: now, at a moment, or before there is power.

    Give one of ``link``, ``core`` and ``chip``.  Without a moment, what is given when the machine is started was dead before it was
    switched on: SC&MP and the host find out as on a board.  What died stays dead, also when the machine is reset.

    A dead link makes no handshake: packets for it wait, and are dropped in time; what is on the wire still arrives.  A dead core's clock
    stands still; what it gave to its communications controller still leaves.  A dead chip does and answers nothing; packets in it
    vanish, and so do those of its cores that have not been read.

    :param link: (x, y, link)
    :param core: (x, y, core)
    :param chip: (x, y)
    :param at_ms: time since power-on; a time before the machine is ready means as soon as it is
    :param after_ms: time since the faults were given
    :param after_packets: when cores have sent so many multicast packets since the faults were given, SC&MP's signals not counted
    :param both_ways: False: only what leaves (x, y) by the link does not arrive
    :raises ValueError: for anything else
    """

    link: Place | None = None
    core: Place | None = None
    chip: Place | None = None
    at_ms: float | None = None
    after_ms: float | None = None
    after_packets: int | None = None
    both_ways: bool = True

    def __post_init__(self) -> None:
        given = [name for name in ("link", "core", "chip") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("A death is that of one part. Give link=(x, y, link), core=(x, y, core) or chip=(x, y)"
                             + (f", not {' and '.join(given)}." if given else "."))
        name, = given
        object.__setattr__(self, name, _place(name, getattr(self, name), "" if name == "chip" else name))
        _moments(self)
        if not isinstance(self.both_ways, bool):
            raise ValueError(f"{_shown('both_ways', self.both_ways)} is not True or False.")

    @property
    def from_the_start(self) -> bool:
        """Whether the part is dead before there is power, if the rule is one of those that a machine starts with."""
        return not self.at_ms and self.after_ms is None and not self.after_packets

    def _text(self) -> str:
        kind = "kill_link" if self.link else "kill_core" if self.core else "kill_chip"
        return _line(kind, _ANYWHERE, self.link or self.core or self.chip or (), rule=self, both=self.both_ways)


@dataclass(frozen=True)
class SlowCore:
    """A core's instructions take several times the cycles; its devices keep their pace.

    :param core: (x, y, core)
    :param factor: 1 (as fast as ever) to 1,000; rounded to a 256th
    :param at_ms: from this time since power-on
    :param after_ms: from this time since the faults were given
    :param after_packets: as for :class:`Death`
    :raises ValueError: for anything else
    """

    core: Place
    factor: float
    at_ms: float | None = None
    after_ms: float | None = None
    after_packets: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "core", _place("core", self.core, "core"))
        _number("factor", self.factor, 1, SLOWEST, f"a factor of slowness, from 1 to {SLOWEST}")
        _moments(self)

    def _text(self) -> str:
        return _line("slow_core", _ANYWHERE, self.core, rule=self, amount=round(self.factor * _SLOW_UNIT))


@dataclass(frozen=True)
class Faults:
    """All that is to go wrong with a machine.

    The rates hold for every packet of ``types`` at every router; see :class:`PacketFault` for what the kinds are.  Those of datagrams
    hold for every datagram between host and board, of either direction, boot messages included; they act outside the board, before the
    log that ``record=`` keeps, and a duplicate of a request is let through although the first one is still being worked on.

    :param drop: rate
    :param lose: rate
    :param corrupt: rate
    :param duplicate: rate
    :param reorder: rate
    :param delay: rate
    :param datagram_loss: rate
    :param datagram_duplicate: rate
    :param datagram_reorder:
        rate of datagrams that are held back until one to three later ones of their direction have gone, or 2 ms of emulated time are over
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
                _rate(name, getattr(self, name))
            given = {name: getattr(self, name) for name in kinds if getattr(self, name)}
            if sum(given.values()) > 1:
                raise ValueError(f"The rates of what befalls {what}, {', '.join(f'{k}={v!r}' for k, v in given.items())}, add up to more than "
                                 f"1, but a fault at most befalls each. Give smaller ones.")
        _number("seed", self.seed, 0, 2 ** 64 - 1, "a seed, a whole number from 0 to 2**64 - 1", whole=True)
        _number("delay_us", self.delay_us, 0, LONGEST_DELAY_US, "a time in microseconds, above 0 and up to 10,000,000", above=True)
        _number("overtaken_by", self.overtaken_by, 1, 65535, "a number of packets, from 1 to 65,535", whole=True)
        object.__setattr__(self, "types", _types(self.types))
        object.__setattr__(self, "packets", _rules("packets", PacketFault, self.packets))
        object.__setattr__(self, "deaths", _rules("deaths", Death, self.deaths))
        object.__setattr__(self, "slow", _rules("slow", SlowCore, self.slow))
        if len(self._all()) > MOST_RULES:
            raise ValueError(f"{len(self._all())} rules about faults are too many: there can be {MOST_RULES} at a time, each rate for one. "
                             f"Give key and mask of many packets rather than many rules.")

    @staticmethod
    def of(given: Faults | Mapping[str, Any] | None) -> Faults:
        """What a user gave, as :class:`Faults`.

        :param given: a dictionary of its parameters, or None for no faults
        :raises ValueError: for anything else
        """
        if given is None:
            return Faults()
        if isinstance(given, Faults):
            return given
        if not isinstance(given, Mapping):
            raise ValueError(f"{_shown('faults', given)} does not say which faults. Give a dictionary, such as "
                             f"faults={{'drop': 1e-4, 'seed': 7}}, or a spinnemu.Faults.")
        _known(Faults, given, "faults")
        return Faults(**given)

    def check_board(self, board: str, *, booted: bool = True) -> None:
        """Whether all places are on a board.

        :param board: ``"spinn3"`` or ``"spinn5"``
        :param booted: whether it is to start with SC&MP running
        :raises ValueError: if one is not, or if nothing would be there to boot
        """
        chips = boards.chips(board)
        for rule in (*self.packets, *self.deaths, *self.slow):
            for name in ("link", "core", "to_core", "chip"):
                place = getattr(rule, name, None)
                if place is None:
                    continue
                if place[:2] not in chips:
                    raise ValueError(f"{_shown(name, place)} is not on a {board} board, which has no chip {place[:2]}. Its {len(chips)} chips "
                                     f"go from (0, 0) to {max(chips)}.")
                if name == "link" and boards.neighbour(board, *place) is None:
                    raise ValueError(f"{_shown(name, place)} leads nowhere: on a {board} board, chip {place[:2]} has links "
                                     f"{', '.join(str(n) for n in range(boards.LINKS) if boards.neighbour(board, *place[:2], n))}.")
        dead = {death.core for death in self.deaths if death.core and death.from_the_start}
        if booted and (any(death.chip == (0, 0) and death.from_the_start for death in self.deaths)
                       or all((0, 0, core) in dead for core in range(boards.CORES))):
            raise ValueError("Chip (0, 0) has the board's Ethernet: with it dead from the start nothing would answer. Let it die later "
                             "(at_ms, after_ms or after_packets), or do not ask for a booted board (boot=False).")

    def _all(self) -> list[PacketFault | Death | SlowCore]:
        flat = [PacketFault(kind, rate=getattr(self, kind), up_to_us=self.delay_us, overtaken_by=self.overtaken_by, types=self.types)
                for kind in PACKET_KINDS if getattr(self, kind)]
        return [*self.packets, *flat, *self.deaths, *self.slow]

    def _text(self) -> str:
        """As ``src/fault_text.c`` reads it."""
        datagrams = " ".join(str(round(getattr(self, kind) * _CERTAIN)) for kind in DATAGRAM_KINDS)
        return ";".join((f"seed {self.seed}", f"datagrams {datagrams}", *(f"rule {rule._text()}" for rule in self._all())))

    def _dead_from_the_start(self) -> str:
        """Names the board that has these parts dead."""
        return ";".join(sorted(death._text() for death in self.deaths if death.from_the_start))
