"""What a core counts of each stream since it was started (C side: ``streams_copy_counts``, ``stream_t`` and ``stream_out_t``).

All counts are modulo 2**32.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlgraph.mapping.plan import Core

#: Words of ``stream_t`` (``c_models/streams/stream_state.h``) and where it counts.
IN_WORDS, REQUESTS = 12, 11
#: Likewise of ``stream_out_t`` (``c_models/streams/stream_out.h``).
OUT_WORDS, SENT, RESENT = 14, 12, 13


@dataclass(frozen=True)
class InCounts:
    """Of a stream into a core.

    :param requests: for samples of it that had not come, sent by this core
    """

    requests: int


@dataclass(frozen=True)
class OutCounts:
    """Of a stream out of a core.

    :param sent: packets, but for requests
    :param resent: of these, because somebody asked
    """

    sent: int
    resent: int


@dataclass(frozen=True)
class CoreCounts:
    """Of a core.

    :param received: packets of every kind, also those that it has no use for
    :param into: what comes in, as the core numbers it (``stream_config.ends_in_order``)
    :param out: what goes out, as the plan does
    """

    received: int
    into: list[InCounts]
    out: list[OutCounts]


def count_bytes(core: Core) -> int:
    """Behind the core's result."""
    return 4 * (1 + IN_WORDS * len(core.streams_in) + OUT_WORDS * len(core.streams_out))


def read_counts(core: Core, data: bytes) -> CoreCounts:
    """What a core has counted.

    :raises ValueError: if the length is wrong
    """
    if len(data) != count_bytes(core):
        raise ValueError(f"the counts of {core.label} have {count_bytes(core)} bytes, not {len(data)}")
    received, words = np.frombuffer(data, "<u4", 1), np.frombuffer(data, "<u4", offset=4)
    n_in = IN_WORDS * len(core.streams_in)
    into, out = words[:n_in].reshape(-1, IN_WORDS), words[n_in:].reshape(-1, OUT_WORDS)
    return CoreCounts(int(received[0]), [InCounts(int(row[REQUESTS])) for row in into],
                      [OutCounts(int(row[SENT]), int(row[RESENT])) for row in out])
