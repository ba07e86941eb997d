"""Counts of core states that the machine could not complete.

SC&MP asks every chip when it is asked how many cores are in a state.  Where a chip's answer is late or lost, as when routers drop
packets, it says so, without a count; SpiNNMan 7.4.1 takes one for granted (``count_state_response.py``) and breaks off what waits.
A count that was not made counts nothing: whoever waits for cores asks again.

Each board counts its own chips, from its Ethernet chip to the right and up.  Where the edges of a machine of several boards meet
and a board lies across one, SC&MP 4.0 leaves the chips behind the edge out (``scamp-cmd.c``, ``cmd_count``); SpiNNMan would find
that out after a hundred counts.
"""
from __future__ import annotations

import contextlib
from typing import Any, Iterator

from spinn_front_end_common.data import FecDataView
from spinn_machine import Chip, CoreSubsets
from spinnman.messages.scp.enums import SCPResult
from spinnman.messages.scp.impl.count_state_response import CountStateResponse
from spinnman.transceiver.base_transceiver import BaseTransceiver

COUNT_BYTES = 4
#: Counts after which SpiNNMan asks the cores themselves, where it is known that counts leave some out.
COUNTS_IN_VAIN = 2


def is_counted(chip: Chip) -> bool:
    """Whether SC&MP has a chip's cores in the count of its board."""
    return bool(chip.x >= chip.nearest_ethernet_x and chip.y >= chip.nearest_ethernet_y)


@contextlib.contextmanager
def cores_left_out() -> Iterator[None]:
    """Lets SpiNNMan ask cores soon that no count has."""
    stock = BaseTransceiver.wait_for_cores_to_be_in_state

    def wait(self: BaseTransceiver, all_core_subsets: CoreSubsets, *arguments: Any, **options: Any) -> None:
        machine = FecDataView.get_machine()
        if not all(is_counted(machine[subset.x, subset.y]) for subset in all_core_subsets.core_subsets):
            options.setdefault("counts_between_full_check", COUNTS_IN_VAIN)
        stock(self, all_core_subsets, *arguments, **options)

    BaseTransceiver.wait_for_cores_to_be_in_state = wait     # type: ignore[method-assign]
    try:
        yield
    finally:
        BaseTransceiver.wait_for_cores_to_be_in_state = stock        # type: ignore[method-assign]


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
