"""Puts together what cores, and an emulated machine, have counted of packets."""
from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

from dlgraph.mapping.plan import Core, Stream, StreamKind
from dlgraph.traffic import Fabric, LinkTraffic, StreamTraffic
from dlgraph.vertices.stream_config import ends_in_order
from dlgraph.vertices.stream_counts import InCounts, OutCounts

if TYPE_CHECKING:
    import spinnemu

#: Of a chip.
N_LINKS = 6


def stream_traffic(counted: Mapping[Core, tuple[list[InCounts], list[OutCounts]]],
                   layer_of: Mapping[Core, str]) -> tuple[StreamTraffic, ...]:
    """Every stream, with what its producer and its consumers counted.

    :param counted: of all cores of the plan
    :param layer_of: names of layers
    """
    taken: dict[Stream, list[InCounts]] = {}
    for core, (into, _) in counted.items():
        for end, own in zip(ends_in_order(core), into, strict=True):
            taken.setdefault(end.stream, []).append(own)
    found = []
    for core, (_, out) in counted.items():
        for stream, sent in zip(core.streams_out, out, strict=True):
            if stream.kind is StreamKind.REQUESTS:           # carries nothing but requests
                continue
            came = taken.get(stream, [])
            found.append(StreamTraffic(
                stream.kind.value, core.label, layer_of[core],
                tuple(dict.fromkeys(layer_of[consumer] for consumer in stream.consumers)),
                tuple(consumer.label for consumer in stream.consumers), sent.sent, sent.resent,
                sum(each.received for each in came), sum(each.requests for each in came)))
    return tuple(found)


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
