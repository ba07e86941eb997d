"""What the code of a core is there for: the groups in which its cycles are counted."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import PurePosixPath

from dlgraph.binaries.code import Function


class Work(Enum):
    """Of a core that is awake; all names as reports have them."""

    #: Kernels: products and sums, activations, pooling, losses, forward, back and for gradients.
    ARITHMETIC = "arithmetic"
    #: Of weights at the end of a batch: optimisers, and the exchange of gradients and parameters between replicas and tiles.
    UPDATE = "update"
    #: Packets: the interrupt, taking them to their place, looking for what is whole.
    RECEIVE = "receive"
    #: Packets: making and posting them, keeping a distance between them, holding them to be sent again.
    SEND = "send"
    #: Starting and ending DMA, and copying between SDRAM and the core's memory by instructions.
    MEMORY = "memory"
    #: The vertex's own program: what is done when, loops over samples.
    CONTROL = "control"
    #: Interrupts other than those of packets, messages from the host, looking for what was lost and recovering it.
    RUNTIME = "runtime"


#: Asleep: for packets, for DMA, or for others to end.
WAITING = "waiting"

#: By folder of ``c_models/``; by file where it differs.
_OF_FOLDER = {"kernels": Work.ARITHMETIC, "layers": Work.CONTROL, "streams": Work.SEND, "runtime": Work.RUNTIME,
              "outside": Work.ARITHMETIC, "library": Work.ARITHMETIC}
_OF_FILE = {
    Work.ARITHMETIC: ("layers/planes.c", "layers/unit_chain.c", "layers/unit_sums.c"),
    Work.UPDATE: ("kernels/momentum.S", "kernels/momentum.c", "kernels/optimisers.c", "kernels/sgd.S", "kernels/sgd.c",
                  "layers/exchange.c", "layers/kernel_share.c", "layers/trained.c"),
    Work.RECEIVE: ("streams/inlets.c", "streams/packet_ring.c", "streams/streams_receive.S", "streams/stream_in.c",
                   "streams/streams_drain.S", "streams/words_fold.S", "streams/words_clear.S"),
    Work.MEMORY: ("layers/copy_words.c", "runtime/src/dma.c", "runtime/src/memory.c"),
    Work.CONTROL: ("kernels/order.c",),
    Work.RUNTIME: ("streams/stream_late.c", "streams/stream_recovery.c", "streams/streams_start.c"),
}
_WORK_OF = {source: work for work, sources in _OF_FILE.items() for source in sources}
#: Where the fast interrupt begins (ARM DDI 0100, exception vectors), which is that of packets (c_models/streams/packet_ring.c).
_FIQ_VECTOR = 0x1c
_VECTORS_END = 0x20


def work_of(source: str) -> Work:
    """What a source is there for.

    :param source: as :class:`dlgraph.binaries.code.Function` names it
    """
    return _WORK_OF.get(source) or _OF_FOLDER[PurePosixPath(source).parts[0]]


def work_ranges(functions: Iterable[Function]) -> Iterator[tuple[int, int, Work]]:
    """(start, end, what for) of all code of a binary, neighbours that are for the same in one.

    :param functions: in the order of their addresses
    """
    runs = [(0, _FIQ_VECTOR, Work.RUNTIME), (_FIQ_VECTOR, _VECTORS_END, Work.RECEIVE)]
    for function in functions:
        start, work = runs[-1][1], work_of(function.source)
        if function.start > start:                       # the vectors' own code
            runs.append((start, function.start, Work.RUNTIME))
        runs.append((max(start, function.start), function.end, work))
    at = 0
    while at < len(runs):
        start, end, work = runs[at]
        while at + 1 < len(runs) and runs[at + 1][2] is work:
            at += 1
            end = runs[at][1]
        at += 1
        yield start, end, work
