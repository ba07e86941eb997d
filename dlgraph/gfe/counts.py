"""Counts of core states that the machine could not complete.

SC&MP asks every chip when it is asked how many cores are in a state.  Where a chip's answer is late or lost, as when routers drop
packets, it says so, without a count; SpiNNMan 7.4.1 takes one for granted (``count_state_response.py``) and breaks off what waits.
A count that was not made counts nothing: whoever waits for cores asks again.
"""
from __future__ import annotations

import contextlib
from typing import Iterator

from spinnman.messages.scp.enums import SCPResult
from spinnman.messages.scp.impl.count_state_response import CountStateResponse

COUNT_BYTES = 4


@contextlib.contextmanager
def incomplete_counts() -> Iterator[None]:
    """Lets SpiNNMan take answers without a count."""
    stock = CountStateResponse.read_data_bytestring

    def read(self: CountStateResponse, data: bytes, offset: int) -> None:
        accepted = self.scp_response_header.result in (SCPResult.RC_OK, SCPResult.RC_P2P_NOREPLY)
        if accepted and len(data) - offset < COUNT_BYTES:
            data, offset = bytes(COUNT_BYTES), 0
        stock(self, data, offset)

    CountStateResponse.read_data_bytestring = read           # type: ignore[method-assign]
    try:
        yield
    finally:
        CountStateResponse.read_data_bytestring = stock      # type: ignore[method-assign]
