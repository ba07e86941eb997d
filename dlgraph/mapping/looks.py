"""When a waiting core asks for what has not come (C side: ``c_models/streams/stream_recovery.h``)."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Self

#: Cycles of 200 MHz between two looks: long for packets, short for a loss.
LONGEST, SHORTEST = 100_000, 60_000
#: Of the time from sample to sample: in this, a producer sends something again.
LATE = 2
#: A producer that gives no sign of life for so long is gone: 1 s.
SILENCE_CYCLES = 200_000_000


@dataclass(frozen=True)
class Looks:
    """Looks at the streams that a core waits for.

    :param cycles: from one to the next
    :param patient: without anything new, before a stream is asked for of which nothing has come; one of which some has come is
        asked for after one
    """

    cycles: int = LONGEST
    patient: int = 4

    @classmethod
    def for_interval(cls, cycles_per_sample: float) -> Self:
        """Of a network, or a replica of one, that takes so long from sample to sample."""
        cycles = round(min(LONGEST, max(SHORTEST, cycles_per_sample / 4)))
        return cls(cycles, max(4, -(-round(LATE * cycles_per_sample) // cycles)))

    @property
    def last(self) -> int:
        """Looks without a sign of life, before a producer is gone."""
        return -(-SILENCE_CYCLES // self.cycles)
