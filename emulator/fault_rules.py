"""Rules about faults: packets that come to harm, parts that die, cores that are slow."""

from __future__ import annotations

from dataclasses import dataclass

from .fault_checks import (PACKET_TYPES, Place, check_moments, check_number, check_rate, checked_place, checked_types,
                           shown)

#: in the order of ``enum FaultKind`` in ``src/faults.h``, in which rules about packets are tried
PACKET_KINDS = ("lose", "drop", "corrupt", "duplicate", "reorder", "delay")
KINDS = (*PACKET_KINDS, "kill_link", "kill_core", "kill_chip", "slow_core")
#: a packet is held back no longer, microseconds
LONGEST_DELAY_US = 1e7
#: a certain event: probabilities are in units of 2**-63
CERTAIN = 2 ** 63
SLOWEST = 1000
_ANYWHERE, _ON_LINK, _FROM_CORE, _TO_CORE = range(4)         # enum FaultPlace
_CYCLES_PER_MS = 200_000
_NEVER = 2 ** 64 - 1
_SLOW_UNIT = 256
_SYSTEM_KEYS = 0xffff0000


def check_holding(name: str, up_to_us: object, overtaken_by: object) -> None:
    """How long packets are held back, under the name that the user knows it by."""
    check_number(name, up_to_us, 0, LONGEST_DELAY_US, "a time in microseconds, above 0 and up to 10,000,000", above=True)
    check_number("overtaken_by", overtaken_by, 1, 65535, "a number of packets, from 1 to 65,535", whole=True)


def _cycles(milliseconds: float | None, absent: int) -> int:
    return absent if milliseconds is None else min(round(milliseconds * _CYCLES_PER_MS), _NEVER - 1)


def _line(kind: str, rule: PacketFault | Death | SlowCore, part: Place, *, place: int = _ANYWHERE, types: int = 0,
          system: bool = False, both: bool = False, key: int = 0, mask: int = 0, every: int = 0, amount: int = 0,
          hold: int = 0, rate: int = 0, until: int = _NEVER, left: int = _NEVER) -> str:
    """A rule as ``src/fault_text.c`` reads it."""
    x, y, number = (*part, 0, 0, 0)[:3]
    start = _cycles(rule.at_ms if rule.after_ms is None else rule.after_ms, 0)
    numbers = (KINDS.index(kind), place, x, y, number, types, system, both, key, mask, every, amount, hold, rate,
               rule.after_ms is not None, start, until, rule.after_packets or 0, left)
    return " ".join(str(int(each)) for each in numbers)


@dataclass(frozen=True)
class PacketFault:
    """Packets of some kind come to harm, at a rate, one in so many, or from a moment on.

    Faults strike where a router takes a packet from one of its inputs.  A packet that passes three routers is struck
    with three times the probability, and a fault strikes all that would have become of the packet from there on.

    :param kind:
        ``"drop"``: the router gives the packet up as if its way had stayed blocked; the re-injector may save it from
        the dump registers.
        ``"lose"``: it vanishes without a trace.
        ``"corrupt"``: one bit of key or payload is wrong, and so is its parity; a router puts it into its error
        registers and does not route it.
        ``"duplicate"``: it is routed twice.
        ``"reorder"``: it is held back until one to ``overtaken_by`` later packets of the same input have gone, or
        ``up_to_us`` are over.
        ``"delay"``: it is held back for a time, uniform up to ``up_to_us``.
    :param rate:
        probability for each packet; where several rates hold for a packet, one draw decides, so that each stays
        what it is
    :param every: strike one packet in so many, instead of at a rate
    :param at_ms:
        not before this time since power-on; where neither rate nor every is given, the first packet from then on
    :param after_ms: likewise, since the faults were given
    :param until_ms: not from this time on; on the clock of ``at_ms`` or ``after_ms``
    :param after_packets:
        not before cores have sent so many multicast packets since the faults were given, SC&MP's signals not counted
    :param packets: strike no more than so many
    :param link: (x, y, link): only packets that left chip (x, y) by that link
    :param core: (x, y, core): only packets that this core sent
    :param to_core:
        (x, y, core): only copies on their way from the router to this core.  They can be lost, or corrupt: then the
        core's communications controller shows a parity error instead of a multicast packet
    :param key: only packets with this key, in the bits of ``mask``
    :param mask: of 32 bits, all ones if not given
    :param types:
        types of packet: ``"mc"``, ``"p2p"``, ``"nn"``, ``"fr"``.  SC&MP's own multicast signals, with keys from
        0xffff0000, are spared unless ``key`` and ``mask`` ask for nothing else
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
            raise ValueError(f"{shown('kind', self.kind)} does not befall packets. Accepted are "
                             f"{', '.join(map(repr, PACKET_KINDS))}; parts that die are given by deaths=[...].")
        self._check_how_many()
        self._check_where()
        check_holding("up_to_us", self.up_to_us, self.overtaken_by)

    def _check_how_many(self) -> None:
        check_moments(self.at_ms, self.after_ms, self.after_packets)
        if self.rate is not None:
            check_rate("rate", self.rate)
        for name, most in (("every", 2 ** 32 - 1), ("packets", 2 ** 62)):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), 1, most, "a number of packets, of 1 or more", whole=True)
        if self.rate is not None and self.every is not None:
            raise ValueError(f"{shown('rate', self.rate)} and {shown('every', self.every)} cannot both be. Give one of them.")
        if all(each is None for each in (self.rate, self.every, self.at_ms, self.after_ms, self.after_packets, self.packets)):
            raise ValueError(f"A rule about packets, {shown('kind', self.kind)}, does not say how many. Give a rate, such as "
                             f"rate=0.01, or every=100, or a moment: at_ms, after_ms or after_packets.")
        if self.until_ms is not None:
            start = self.at_ms if self.after_ms is None else self.after_ms
            check_number("until_ms", self.until_ms, start or 0, 1e12, "a time in milliseconds after the rule's begin",
                         above=True)

    def _check_where(self) -> None:
        places = [name for name in ("link", "core", "to_core") if getattr(self, name) is not None]
        if len(places) > 1:
            given = " and ".join(shown(name, getattr(self, name)) for name in places)
            raise ValueError(f"{given} cannot both be. Give a rule for each.")
        for name in places:
            place = checked_place(name, getattr(self, name), "link" if name == "link" else "core")
            object.__setattr__(self, name, place)
        if self.to_core is not None and self.kind not in ("lose", "corrupt"):
            raise ValueError(f"{shown('to_core', self.to_core)} does not go with {shown('kind', self.kind)}: copies on their "
                             f"way to a core are lost or corrupt. Give kind='lose' or kind='corrupt', or a place where "
                             f"routers take packets, link=... or core=....")
        for name in ("key", "mask"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), 0, 2 ** 32 - 1, "a number of 32 bits", whole=True)
        if self.mask is not None and self.key is None:
            raise ValueError(f"mask={self.mask:#x} has no key. Give key=... as well.")
        if self.key is not None and self.mask is not None and self.key & ~self.mask:
            raise ValueError(f"key={self.key:#x} has bits that mask={self.mask:#x} has not: no packet is like that. Give "
                             f"key={self.key & self.mask:#x}.")
        object.__setattr__(self, "types", checked_types(self.types))

    def _text(self) -> str:
        place = next((code for code, part in ((_ON_LINK, self.link), (_FROM_CORE, self.core), (_TO_CORE, self.to_core))
                      if part is not None), _ANYWHERE)
        mask = 0 if self.key is None else 0xffffffff if self.mask is None else self.mask
        key = self.key or 0
        one = self.rate is None and self.every is None and self.until_ms is None
        return _line(
            self.kind, self, self.link or self.core or self.to_core or (), place=place,
            types=sum(1 << PACKET_TYPES.index(each) for each in set(self.types)),
            system=mask & key & _SYSTEM_KEYS == _SYSTEM_KEYS, key=key, mask=mask, every=self.every or 0,
            amount=self.overtaken_by, hold=max(1, round(self.up_to_us * _CYCLES_PER_MS / 1000)),
            rate=CERTAIN if self.rate is None else round(self.rate * CERTAIN), until=_cycles(self.until_ms, _NEVER),
            left=self.packets if self.packets is not None else 1 if one else _NEVER)


@dataclass(frozen=True)
class Death:
    """A link, a core or a chip dies: now, at a moment, or before there is power.

    Give one of ``link``, ``core`` and ``chip``.  Without a moment, what is given when the machine is started was dead
    before it was switched on: SC&MP and the host find out as on a board.  What died stays dead, also when the machine
    is reset.

    A dead link makes no handshake: packets for it wait, and are dropped in time; what is on the wire still arrives.  A
    dead core's clock stands still; what it gave to its communications controller still leaves, and what comes for it
    waits until there is no more room.  A dead chip does and answers nothing; packets in it vanish.

    :param link: (x, y, link)
    :param core: (x, y, core)
    :param chip: (x, y)
    :param at_ms: time since power-on; a time before the machine is ready means as soon as it is
    :param after_ms: time since the faults were given
    :param after_packets:
        when cores have sent so many multicast packets since the faults were given, SC&MP's signals not counted
    :param both_ways: False: what leaves (x, y) by the link does not arrive, the other way it still does
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
            found = " and ".join(shown(name, getattr(self, name)) for name in given) or "none of them"
            raise ValueError(f"A death is that of one part. Give link=(x, y, link), core=(x, y, core) or chip=(x, y), "
                             f"not {found}.")
        name, = given
        object.__setattr__(self, name, checked_place(name, getattr(self, name), "" if name == "chip" else name))
        check_moments(self.at_ms, self.after_ms, self.after_packets)
        if not isinstance(self.both_ways, bool):
            raise ValueError(f"{shown('both_ways', self.both_ways)} is not True or False.")

    @property
    def from_the_start(self) -> bool:
        """Whether the part is dead before there is power, if the machine starts with this rule."""
        return not self.at_ms and self.after_ms is None and not self.after_packets

    def _text(self) -> str:
        kind = "kill_link" if self.link else "kill_core" if self.core else "kill_chip"
        return _line(kind, self, self.link or self.core or self.chip or (), both=self.both_ways)


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
        object.__setattr__(self, "core", checked_place("core", self.core, "core"))
        check_number("factor", self.factor, 1, SLOWEST, f"a factor of slowness, from 1 to {SLOWEST}")
        check_moments(self.at_ms, self.after_ms, self.after_packets)

    def _text(self) -> str:
        return _line("slow_core", self, self.core, amount=round(self.factor * _SLOW_UNIT))
