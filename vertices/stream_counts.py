"""What a core counts of each stream since it was started (C side: ``streams_copy_counts``, ``stream_t`` and ``stream_out_t``).

All counts are modulo 2**32.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlgraph.mapping.plan import Core

#: Words of ``stream_t`` (``c_models/streams/stream_state.h``) and where it counts.
IN_WORDS, RECEIVED, REQUESTS = 10, 8, 9
#: Likewise of ``stream_out_t`` (``c_models/streams/stream_out.h``).
OUT_WORDS, SENT, RESENT = 14, 12, 13


@dataclass(frozen=True)
class InCounts:
    """Of a stream into a core.

    :param received: packets, but for requests
    :param requests: for samples of it that had not come, sent by this core
    """

    received: int
    requests: int


@dataclass(frozen=True)
class OutCounts:
    """Of a stream out of a core.

    :param sent: packets, but for requests
    :param resent: of these, because somebody asked
    """

    sent: int
    resent: int


def count_bytes(core: Core) -> int:
    """Behind the core's result."""
    return 4 * (IN_WORDS * len(core.streams_in) + OUT_WORDS * len(core.streams_out))


def read_counts(core: Core, data: bytes) -> tuple[list[InCounts], list[OutCounts]]:
    """What comes in, as the core numbers it (``stream_config.ends_in_order``), and what goes out, as the plan does.

    :raises ValueError: if the length is wrong
    """
    if len(data) != count_bytes(core):
        raise ValueError(f"the counts of {core.label} have {count_bytes(core)} bytes, not {len(data)}")
    words = np.frombuffer(data, "<u4")
    n_in = IN_WORDS * len(core.streams_in)
    into, out = words[:n_in].reshape(-1, IN_WORDS), words[n_in:].reshape(-1, OUT_WORDS)
    return ([InCounts(int(row[RECEIVED]), int(row[REQUESTS])) for row in into],
            [OutCounts(int(row[SENT]), int(row[RESENT])) for row in out])
