"""What an emulated machine counts while a pass runs, without what is loaded and read before and after it."""
from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Callable, Iterator

from dlgraph.executor import PassPackets
from dlgraph.gfe.traffic import N_LINKS
from dlgraph.traffic import LinkTraffic

if TYPE_CHECKING:
    import spinnemu


class PassPacketCounter:
    """Adds up the packets of the runs that a pass consists of.

    :param counters: what the machine counts now; None where it does not count
    """

    def __init__(self, counters: Callable[[], spinnemu.Counters | None]) -> None:
        self._counters = counters
        self._runs: list[tuple[spinnemu.Counters, spinnemu.Counters]] = []

    def begin(self) -> None:
        """Another pass."""
        self._runs = []

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Around a run of the machine."""
        before = self._counters()
        yield
        after = self._counters()
        if before is not None and after is not None:
            self._runs.append((before, after))

    @property
    def packets(self) -> PassPackets | None:
        """Of the pass so far; None where nothing was counted."""
        if not self._runs:
            return None
        links: dict[tuple[int, int, int], tuple[int, int]] = {}
        routed = 0
        for before, after in self._runs:
            routed += sum(now.sent["mc"] * sign + now.forwarded["mc"] * sign for now, sign in ((after, 1), (before, -1)))
            for at, packets in after.link_packets.items():
                if at[2] < N_LINKS:
                    had, lost = links.get(at, (0, 0))
                    links[at] = (had + packets - before.link_packets[at], lost + after.dropped_at[at] - before.dropped_at[at])
        return PassPackets(routed, tuple(LinkTraffic(*at, *counted) for at, counted in sorted(links.items())))
