"""How far apart packets are sent, so that links never fill.

A router hands on one packet at a time: while the one at its head waits for a link, nothing passes, whatever its way.  Two
routers that fill the link between them from both ends wait for each other until they drop packets.  On average links are far from
full; what fills them is that many cores send at once, where they all got what they waited for from the same packets.

So each core keeps a distance between its packets.  A *family* of streams is what is sent at about the same time: streams of one
kind from one stage to another, of one replica where only one takes its turn.  Were all its producers to send at once, each link
would be used up to :data:`LOAD` of what it carries, and no core would get more than it can receive.
"""
from __future__ import annotations

from typing import Callable, Hashable, Mapping

from dlgraph.mapping.annealing import LEAST_SPREAD, worth_annealing
from dlgraph.mapping.neighbourhoods import CHIP_CORES
from dlgraph.mapping.plan import EXCHANGED, Core, CoreKind, Plan, Stream

Chip = tuple[int, int]

#: Cycles of 200 MHz that a packet with payload takes on a link: 6.7-7.3 million packets/s without payload, 72/40 of the time with
#: it (network_tester, examples/link_throughput.R).
LINK_CYCLES = 50
#: Share of a link that a family uses, were all to send at once.  256 samples in batches of 128, one SpiNN-5: with 0.8 LeNet-4
#: takes 76,400 cycles a sample and has 82,600 of 1.3 million packets dropped, with 0.4 it takes 58,300 and has 1,000 dropped.
LOAD = 0.4
#: The same of what cores with the same parameters exchange at the end of a batch, when nothing else is on its way: with 0.4
#: LeNet-4 takes 60,100 cycles a sample.
EXCHANGE_LOAD = 0.8
#: The same of the network's input: few cores send it, the same packets to all.  784-300-10 in batches of 32 takes 21,900 cycles a
#: sample, 23,100 with 0.65.
INPUT_LOAD = 0.78
#: A core takes so long to receive a packet (docs/streams.rst), and a little for the work that it interrupts.  Where those that send
#: to it at once do it faster, its router waits, and with it whoever needs that router: without this LeNet-4 has 65,000 packets
#: dropped, and takes 100,300 cycles a sample.
CORE_CYCLES = 45
#: Words that a core receives of a family, from which on that counts: the 77 of a neuron group of 784-300-10 make no router drop
#: packets, LeNets' tiles receive hundreds.
LEAST_BURST = 128
#: Of a chip's six, that lead towards those that it exchanges packets with.
LIKELY_LINKS = 2
#: A core takes longer from packet to packet by itself.
LEAST_SPACING = 40


def pace(plan: Plan, chip_of: Mapping[Core, Chip]) -> None:
    """Set the distance of the packets of every stream, for cores that stand on these chips."""
    _pace(plan, lambda stream: {link for consumer in stream.consumers for link in way(chip_of[stream.producer], chip_of[consumer])})


def pace_anywhere(plan: Plan) -> None:
    """The same where it is not known where cores will stand: neighbourhoods, and replicas, are taken to have a chip each, with
    :data:`LIKELY_LINKS` in use that lead there and as many that lead away.
    """
    room = LEAST_SPREAD if worth_annealing(plan) else CHIP_CORES
    chips: dict[Core, Hashable] = {}
    for number, cores in enumerate(plan.neighbourhoods):
        for place, core in enumerate(cores):
            alone = plan.replicas_of(core) > 1 and plan.cut.shared
            chips[core] = ("replica", core.replica) if alone else (number, place // room)

    def links(stream: Stream) -> set[Hashable]:
        ends = {chips[consumer] for consumer in stream.consumers} - {chips[stream.producer]}
        return {("to", end) for end in ends} | {("from", chips[stream.producer]) for _ in ends}

    _pace(plan, links, LIKELY_LINKS)


def _pace(plan: Plan, links_of: Callable[[Stream], set[Hashable]], n_links: int = 1) -> None:
    """:param n_links: that share the load of what ``links_of`` takes for one"""
    families: dict[Hashable, list[Stream]] = {}
    for stream in plan.streams:
        if stream.n_words and stream.consumers:
            families.setdefault(_family(plan, stream), []).append(stream)
    for streams in families.values():
        _pace_family(streams, {stream: links_of(stream) for stream in streams}, n_links)


def _family(plan: Plan, stream: Stream) -> Hashable:
    consumer = stream.consumers[0]
    # replicas take turns, or each goes its own way; only the ends of batches are the same for all
    alone = stream.kind not in EXCHANGED and plan.replicas_of(consumer) >= plan.replicas_of(stream.producer)
    return stream.kind, stream.producer.stage, consumer.stage, consumer.replica if alone else None


def _pace_family(streams: list[Stream], links_of: Mapping[Stream, set[Hashable]], n_links: int) -> None:
    words: dict[Core, int] = {}
    for stream in streams:
        words[stream.producer] = words.get(stream.producer, 0) + stream.n_words
    load: dict[Hashable, float] = {}
    at_cores: dict[Core, float] = {}
    received: dict[Core, int] = {}
    for stream, links in links_of.items():
        share = stream.n_words / words[stream.producer]
        for link in links:
            load[link] = load.get(link, 0.0) + share
        for consumer in stream.consumers:
            at_cores[consumer] = at_cores.get(consumer, 0.0) + share
            received[consumer] = received.get(consumer, 0) + stream.n_words
    # the same for all: packets may go other ways than these
    for_links = round(LINK_CYCLES / _share(streams[0]) / n_links * max(load.values(), default=0.0))
    for_cores = round(CORE_CYCLES * max((share for core, share in at_cores.items() if received[core] >= LEAST_BURST), default=0.0))
    for stream, links in links_of.items():
        spacing = max(for_links if links else 0, for_cores if for_cores > CORE_CYCLES or stream.kind in EXCHANGED else 0)
        stream.spacing = spacing if spacing >= LEAST_SPACING else 0


def _share(stream: Stream) -> float:
    """Of what a link carries."""
    if stream.kind in EXCHANGED:
        return EXCHANGE_LOAD
    return INPUT_LOAD if stream.producer.kind is CoreKind.INPUT_SOURCE else LOAD


def way(start: Chip, end: Chip) -> list[tuple[Chip, Chip]]:
    """Links from chip to chip: of the shortest ways the one whose diagonal links come first."""
    found = []
    x, y = start
    while (x, y) != end:
        dx, dy = end[0] - x, end[1] - y
        step = (_sign(dx), _sign(dy)) if dx * dy > 0 else (_sign(dx), 0) if dx else (0, _sign(dy))
        found.append(((x, y), (x + step[0], y + step[1])))
        x, y = x + step[0], y + step[1]
    return found


def _sign(n: int) -> int:
    return (n > 0) - (n < 0)
