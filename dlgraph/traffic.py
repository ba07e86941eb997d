"""What became of the packets of a network since it was put on a machine: by stream, by router and by link."""
from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Sequence

#: In the text.
MOST_LINKS = 5


@dataclass(frozen=True)
class StreamTraffic:
    """One stream; its cores counted it themselves, on any machine, up to the end of the last pass.

    A packet may be sent to several cores at once: what is delivered are copies.

    :param kind: such as ``"activations"``
    :param producer: the vertex that sends
    :param from_layer: of the producer
    :param to_layers: of the consumers
    :param consumers: vertices that each packet goes to
    :param sent: packets, those sent again among them
    :param resent: packets sent again because somebody asked
    :param requests: how often a consumer asked for a sample that it had not got whole
    """

    kind: str
    producer: str
    from_layer: str
    to_layers: tuple[str, ...]
    consumers: tuple[str, ...]
    sent: int
    resent: int
    requests: int

    @property
    def copies(self) -> int:
        """One for each core that a packet goes to."""
        return self.sent * len(self.consumers)

    @property
    def delivered(self) -> int:
        """Copies that got to their place, each once: of all that was sent first, as a pass ends only when every sample is whole
        everywhere, by its checksum.
        """
        return (self.sent - self.resent) * len(self.consumers)


@dataclass(frozen=True)
class CoreTraffic:
    """What came to a core of the network; it counted itself, on any machine.

    :param vertex: what it runs
    :param layer: whose
    :param addressed: copies sent to it, requests among them
    :param received: copies that came, however often
    """

    vertex: str
    layer: str
    addressed: int
    received: int

    @property
    def missing(self) -> int:
        """Copies that did not come: lost, each of them asked for again if it mattered.  Negative where some came twice."""
        return self.addressed - self.received


@dataclass(frozen=True)
class ChipTraffic:
    """One chip's re-injector, the stock extra monitor of SpiNNFrontEndCommon (``ReInjectionStatus``): packets of all types that it
    takes, on any machine.

    :param dropped: packets that the router gave up and the monitor got
    :param reinjected: of these, sent again
    :param overflowed: of these, lost because its queue was full
    :param missed: times that the router gave up more before the monitor had looked, at least so many packets lost
    :param at_links: how often a link was what did not take the packet
    :param at_cores: how often a core was
    """

    x: int
    y: int
    dropped: int
    reinjected: int
    overflowed: int
    missed: int
    at_links: int
    at_cores: int


@dataclass(frozen=True)
class LinkTraffic:
    """One link out of a chip.

    :param packets: of all types that went over it
    :param dropped: that the router gave up while it was blocked
    """

    x: int
    y: int
    link: int
    packets: int
    dropped: int


@dataclass(frozen=True)
class Fabric:
    """What only an emulated machine counts.  Everything is in it, also what monitors and SC&MP sent.

    :param sent: multicast packets; one that is re-injected counts once more
    :param delivered: copies of multicast packets that came to cores
    :param dropped: multicast packets that routers gave up
    :param vanished: packets of all types lost by faults on request
    :param deliveries_missing: copies of multicast packets that cores did not get, dropped ones among them even if re-injected
    :param links: of every chip
    """

    sent: int
    delivered: int
    dropped: int
    vanished: int
    deliveries_missing: int
    links: tuple[LinkTraffic, ...]


@dataclass(frozen=True)
class Traffic:
    """Packets since the network was put on the machine; ``str()`` makes tables of it.

    :param machine: such as ``"emulated SpiNN-3 board"``
    :param streams: all that carry samples or credit
    :param cores: all of the network
    :param chips: None where there are no re-injectors, as the Graph Front End's configuration can have it
    :param fabric: None on a board: its routers do not count by link, and the Graph Front End clears what they count
    """

    machine: str
    streams: tuple[StreamTraffic, ...]
    cores: tuple[CoreTraffic, ...]
    chips: tuple[ChipTraffic, ...] | None
    fabric: Fabric | None

    @property
    def missing(self) -> int:
        """Copies that did not come, over all cores."""
        return sum(core.missing for core in self.cores)

    def as_json(self) -> dict[str, Any]:
        """Everything, made of what JSON has."""
        data = asdict(self)
        for row, stream in zip(data["streams"], self.streams, strict=True):
            row["copies"], row["delivered"] = stream.copies, stream.delivered
        for row, core in zip(data["cores"], self.cores, strict=True):
            row["missing"] = core.missing
        return data

    def __str__(self) -> str:
        lines = [f"Packets of the network on the {self.machine}:"]
        lines += _table(("stream", "from", "to", "streams", "sent", "copies", "delivered", "asked for", "resent"), 3,
                        _families(self.streams))
        lines.append(_arrivals(self.cores))
        if self.chips is not None:
            lines.append(_reinjection(self.chips))
        if self.fabric is not None:
            lines += _fabric(self.fabric)
        return "\n".join(lines)


def _families(streams: Sequence[StreamTraffic]) -> list[tuple[str, ...]]:
    """A row for the streams of one kind between the same layers."""
    together: dict[tuple[str, str, str], list[StreamTraffic]] = {}
    for stream in streams:
        together.setdefault((stream.kind, stream.from_layer, ", ".join(stream.to_layers)), []).append(stream)
    return [(*key, str(len(rows)), *(str(sum(getattr(row, name) for row in rows))
                                     for name in ("sent", "copies", "delivered", "requests", "resent")))
            for key, rows in together.items()]


def _arrivals(cores: Sequence[CoreTraffic]) -> str:
    addressed, received = (sum(getattr(core, name) for core in cores) for name in ("addressed", "received"))
    short = sorted((core for core in cores if core.missing > 0), key=lambda core: -core.missing)
    where = f" (most at {short[0].vertex}, of {len(short)} cores)" if short else ""
    return (f"Copies at {len(cores)} cores, requests among them: {addressed} addressed, {received} came, {addressed - received} "
            f"missing{where}")


def _reinjection(chips: Sequence[ChipTraffic]) -> str:
    dropped, reinjected, overflowed, missed = (sum(getattr(chip, name) for chip in chips)
                                               for name in ("dropped", "reinjected", "overflowed", "missed"))
    busy = [f"({chip.x}, {chip.y})" for chip in sorted(chips, key=lambda chip: -chip.dropped) if chip.dropped]
    where = f" (most on chip {busy[0]}, of {len(busy)})" if busy else ""
    return (f"Re-injectors of {len(chips)} chips: {dropped} packets dropped by routers{where}, {reinjected} re-injected, "
            f"{overflowed} lost to full queues, {missed} times more than one at once")


def _fabric(fabric: Fabric) -> list[str]:
    lines = [f"All multicast packets, counted by the emulated machine: {fabric.sent} sent, {fabric.delivered} copies delivered, "
             f"{fabric.dropped} dropped, {fabric.vanished} vanished on request; busiest links:"]
    busiest = sorted(fabric.links, key=lambda link: (-link.dropped, -link.packets, link.x, link.y, link.link))[:MOST_LINKS]
    return lines + _table(("chip", "link", "packets", "dropped"), 2,
                          [(f"({link.x}, {link.y})", str(link.link), str(link.packets), str(link.dropped)) for link in busiest])


def _table(head: tuple[str, ...], n_left: int, rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns side by side, the first ones to the left."""
    table = [head, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    return ["  " + "  ".join(text.ljust(width) if i < n_left else text.rjust(width)
                             for i, (text, width) in enumerate(zip(row, widths, strict=True))) for row in table]
