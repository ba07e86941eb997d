"""Puts together what cores, and an emulated machine, have counted of packets."""
from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

from dlgraph.mapping.plan import Core, Stream, StreamKind
from dlgraph.traffic import CoreTraffic, Fabric, LinkTraffic, StreamTraffic
from dlgraph.vertices.stream_config import asking, ends_in_order
from dlgraph.vertices.stream_counts import CoreCounts

if TYPE_CHECKING:
    import spinnemu

#: Of a chip.
N_LINKS = 6


def stream_traffic(counted: Mapping[Core, CoreCounts], layer_of: Mapping[Core, str]) -> tuple[StreamTraffic, ...]:
    """Every stream, with what its producer and its consumers counted.

    :param counted: of all cores of the plan
    :param layer_of: names of layers
    """
    requests: dict[Stream, int] = {}
    for core, counts in counted.items():
        for end, own in zip(ends_in_order(core), counts.into, strict=True):
            requests[end.stream] = requests.get(end.stream, 0) + own.requests
    found = []
    for core, counts in counted.items():
        for stream, sent in zip(core.streams_out, counts.out, strict=True):
            if stream.kind is StreamKind.REQUESTS:           # carries nothing but requests
                continue
            found.append(StreamTraffic(
                stream.kind.value, core.label, layer_of[core],
                tuple(dict.fromkeys(layer_of[consumer] for consumer in stream.consumers)),
                tuple(consumer.label for consumer in stream.consumers), sent.sent, sent.resent,
                requests.get(stream, 0)))
    return tuple(found)


def core_traffic(counted: Mapping[Core, CoreCounts], layer_of: Mapping[Core, str]) -> tuple[CoreTraffic, ...]:
    """Every core, with what was sent to it and what it counted.

    :param counted: of all cores of the plan
    :param layer_of: names of layers
    """
    addressed = dict.fromkeys(counted, 0)
    for core, counts in counted.items():
        along = {stream: sent.sent for stream, sent in zip(core.streams_out, counts.out, strict=True)}
        for end, own in zip(ends_in_order(core), counts.into, strict=True):
            along[asking(core, end)] += own.requests
        for stream, n in along.items():
            for consumer in stream.consumers:
                addressed[consumer] += n
    return tuple(CoreTraffic(core.label, layer_of[core], n, counted[core].received) for core, n in addressed.items())


def fabric(before: spinnemu.Counters | None, after: spinnemu.Counters | None) -> Fabric | None:
    """What the machine counted between two moments; None if it did not count."""
    if before is None or after is None:
        return None
    links = tuple(LinkTraffic(*at, packets - before.link_packets[at], after.dropped_at[at] - before.dropped_at[at])
                  for at, packets in sorted(after.link_packets.items()) if at[2] < N_LINKS)
    sent, delivered, dropped = (getattr(after, name)["mc"] - getattr(before, name)["mc"]
                                for name in ("sent", "delivered", "dropped"))
    return Fabric(sent, delivered, dropped, after.lost_on_request - before.lost_on_request,
                  after.deliveries_missing - before.deliveries_missing, links)
