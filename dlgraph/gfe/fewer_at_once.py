"""Fewer requests under way than SpiNNMan has, so that SC&MP has room for each.

SpiNNMan has eight unanswered at a time.  SC&MP keeps messages in buffers of which it has seven, as SpiNNMan boots it
(``n_shared_message_buffers``); a request for another chip takes one from its arrival until the last of its packets has gone.
Where eight come at once, one is dropped, and the host waits a second before it asks again; or a chip has no room for it and says
so, and the host waits 0.1 s.  More than three do not make writing faster: 1,200 times 256 bytes to 48 chips take 0.27 s on the
emulated board with three to seven under way, and a second more with eight.
"""
from __future__ import annotations

import contextlib
from typing import Any, Iterator

from spinnman.processes import abstract_multi_connection_process

#: Requests without an answer, over each connection.  One buffer is left to what the chip itself has to say.
UNDER_WAY = 6


@contextlib.contextmanager
def fewer_at_once() -> Iterator[None]:
    """Meanwhile all that SpiNNMan asks for."""
    stock: Any = abstract_multi_connection_process
    pipeline = stock.SCPRequestPipeLine

    def with_fewer(*arguments: Any, n_channels: int, intermediate_channel_waits: int, **others: Any) -> Any:
        n_channels = min(n_channels, UNDER_WAY)
        return pipeline(*arguments, n_channels=n_channels,
                        intermediate_channel_waits=min(intermediate_channel_waits, n_channels - 1), **others)

    stock.SCPRequestPipeLine = with_fewer
    try:
        yield
    finally:
        stock.SCPRequestPipeLine = pipeline
