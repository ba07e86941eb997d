"""The same bytes on many chips: each copies from a neighbour that has them.

SC&MP's command 21 (``APP_COPY_RUN``) takes what lies at the start of a neighbour's system buffers over the link between them,
checks its sum, and may start it on cores.  GFE loads binaries so, each to all chips of the machine, wherever it is to run.  Here
chips are left out that neither need it nor lie on the way to one that does; and parameters that many cores begin with go the
same way.
"""
from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from typing import BinaryIO, Collection, Iterator, Mapping

import numpy as np
from spinn_front_end_common.data import FecDataView
from spinn_machine import Chip, CoreSubsets, Machine
from spinnman.model.enums import CPUState
from spinnman.processes import application_copy_run_process as stock
from spinnman.processes.application_copy_run_process import ApplicationCopyRunProcess
from spinnman.transceiver.base_transceiver import BaseTransceiver

from dlgraph.gfe.plain_scp import write_plainly

#: Where SC&MP copies from and to; binaries and routing tables lie there while they are loaded (SpiNNMan's ``_EXECUTABLE_ADDRESS``).
BUFFER_ADDRESS = 0x67800000
#: No more than what binaries are known to take there: ITCM.
BUFFER_BYTES = 32 << 10
#: For cores to take a binary, as GFE waits for them to be READY; and between two looks.
READY_SECONDS, POLL_SECONDS = 10.0, 0.005

Place = tuple[int, int]
#: Chip -> those that copy from it.
Tree = Mapping[Place, list[Chip]]


def pruned(tree: Tree, root: Place, wanted: Collection[Place]) -> Tree:
    """Without branches on which no chip is wanted."""
    kept: dict[Place, list[Chip]] = defaultdict(list)
    order = [root]
    for place in order:                                       # grows as it goes
        order += [(chip.x, chip.y) for chip in tree[place]]
    needed = set(wanted)
    for place in reversed(order):                             # the leaves first
        kept[place] = [chip for chip in tree[place] if (chip.x, chip.y) in needed]
        if kept[place]:
            needed.add(place)
    return kept


@contextlib.contextmanager
def _only_to(wanted: Collection[Place]) -> Iterator[None]:
    """SpiNNMan's copies meanwhile go to these chips, and to those on the way."""
    whole = stock._compute_parent_chips

    def parent_chips(machine: Machine) -> Tree:
        root = machine.boot_chip
        return pruned(whole(machine), (root.x, root.y), wanted)

    stock._compute_parent_chips = parent_chips
    try:
        yield
    finally:
        stock._compute_parent_chips = whole


@contextlib.contextmanager
def binaries_where_needed() -> Iterator[None]:
    """Meanwhile SpiNNMan copies a binary to no more chips than it must.

    A core that is started takes the binary from the buffers by itself, after SC&MP has answered.  Before the next binary comes it
    must have it; when all go to all chips, that takes so long that nobody need look.
    """
    whole = BaseTransceiver.execute_flood

    def execute_flood(transceiver: BaseTransceiver, core_subsets: CoreSubsets, executable: BinaryIO | bytes | str, app_id: int, *,
                      n_bytes: int | None = None, wait: bool = False) -> None:
        if not wait:                                          # cores would not stay where they are counted
            whole(transceiver, core_subsets, executable, app_id, n_bytes=n_bytes, wait=wait)
            return
        there = transceiver.get_core_state_count(app_id, CPUState.READY)
        with _only_to({(cores.x, cores.y) for cores in core_subsets.core_subsets if len(cores)}):
            whole(transceiver, core_subsets, executable, app_id, n_bytes=n_bytes, wait=wait)
        deadline = time.monotonic() + READY_SECONDS           # what is missing then GFE will miss as well
        while (transceiver.get_core_state_count(app_id, CPUState.READY) < there + len(core_subsets)
               and time.monotonic() < deadline):
            time.sleep(POLL_SECONDS)

    BaseTransceiver.execute_flood = execute_flood             # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        BaseTransceiver.execute_flood = whole                 # type: ignore[method-assign]


def spread(data: bytes, chips: Collection[Place]) -> int:
    """Put bytes into the system buffers of chips, until something else is loaded.

    :param data: whole words, at most :data:`BUFFER_BYTES`
    :return: where they lie
    """
    assert len(data) <= BUFFER_BYTES and len(data) % 4 == 0
    root = FecDataView.get_machine().boot_chip
    write_plainly([(root.x, root.y, BUFFER_ADDRESS, data)])
    checksum = int(np.frombuffer(data, "<u4").sum(dtype=np.uint32))
    with _only_to(chips):
        ApplicationCopyRunProcess(FecDataView.get_scamp_connection_selector()).run(
            len(data), FecDataView.get_app_id(), CoreSubsets(), checksum, wait=True)
    return BUFFER_ADDRESS
