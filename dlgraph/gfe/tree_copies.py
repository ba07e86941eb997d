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

from dlgraph.errors import MachineError
from dlgraph.gfe.pass_end import survey
from dlgraph.gfe.plain_scp import write_plainly

#: Where SC&MP copies from and to; binaries and routing tables lie there while they are loaded (SpiNNMan's ``_EXECUTABLE_ADDRESS``).
BUFFER_ADDRESS = 0x67800000
#: No more than what binaries are known to take there: ITCM.
BUFFER_BYTES = 32 << 10
#: For cores to take a binary, as GFE waits for them to be READY; and between two looks.
READY_SECONDS, POLL_SECONDS = 10.0, 0.005
#: Of a core that takes nothing from the buffers any more: it has its binary, or will not.
DONE = frozenset(state.value for state in (CPUState.READY, CPUState.RUN_TIME_EXCEPTION, CPUState.WATCHDOG))

Place = tuple[int, int]
#: Chip -> those that copy from it.
Tree = Mapping[Place, list[Chip]]


def pruned(tree: Tree, root: Place, wanted: Collection[Place]) -> Tree:
    """Without branches on which no chip is wanted.

    :raises MachineError: where a chip that is wanted is on no branch
    """
    kept: dict[Place, list[Chip]] = defaultdict(list)
    order, seen = [root], {root}
    for place in order:                                       # grows as it goes
        below = {(chip.x, chip.y) for chip in tree[place]} - seen
        order += below
        seen |= below
    needed = set(wanted)
    if not needed <= seen:
        raise MachineError(f"Chips {', '.join(map(str, sorted(needed - seen)))} cannot be loaded: none of the links over which the "
                           "machine was booted leads to them. Boot it again.")
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
        if not wait:                                          # cores would not stay in the state that is looked for
            whole(transceiver, core_subsets, executable, app_id, n_bytes=n_bytes, wait=wait)
            return
        cores = {(each.x, each.y): set(each.processor_ids) for each in core_subsets.core_subsets if len(each)}
        with _only_to(cores):
            whole(transceiver, core_subsets, executable, app_id, n_bytes=n_bytes, wait=wait)
        _wait_until_taken(cores)

    BaseTransceiver.execute_flood = execute_flood             # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        BaseTransceiver.execute_flood = whole                 # type: ignore[method-assign]


def _wait_until_taken(cores: Mapping[Place, Collection[int]]) -> None:
    """Until cores have their binary; what has not by then, GFE will miss as well.

    Chips are asked one by one: where a packet gets lost, a count of the whole machine comes back as less than there is.

    :param cores: of chips
    """
    missing = set(cores)
    deadline = time.monotonic() + READY_SECONDS
    while True:
        states = survey({}, missing).states
        missing = {chip for chip in missing if chip not in states or any(states[chip][p] not in DONE for p in cores[chip])}
        if not missing or time.monotonic() >= deadline:
            return
        time.sleep(POLL_SECONDS)


def spread(data: bytes, chips: Collection[Place]) -> int:
    """Put bytes into the system buffers of chips, until something else is loaded.

    :param data: whole words, at most :data:`BUFFER_BYTES`
    :return: where they lie
    :raises MachineError: where a chip cannot be reached
    """
    assert len(data) <= BUFFER_BYTES and len(data) % 4 == 0
    root = FecDataView.get_machine().boot_chip
    write_plainly([(root.x, root.y, BUFFER_ADDRESS, data)])
    checksum = int(np.frombuffer(data, "<u4").sum(dtype=np.uint32))
    with _only_to(chips):
        ApplicationCopyRunProcess(FecDataView.get_scamp_connection_selector()).run(
            len(data), FecDataView.get_app_id(), CoreSubsets(), checksum, wait=True)
    return BUFFER_ADDRESS
