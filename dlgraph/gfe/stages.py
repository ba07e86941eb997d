"""Which stage of the set-up GFE is in: it names each algorithm to its own timer, and shows bars that a program cannot read."""
from __future__ import annotations

import contextlib
from typing import Iterator

from spinn_front_end_common.interface.provenance import FecTimer

from dlgraph import set_up
from dlgraph.set_up import SetUp

#: GFE's name of an algorithm -> the stage that begins with it; others belong to the stage before them.
STAGE_OF = {
    "Splitter reset": set_up.PLACING,
    "Application Router": set_up.ROUTING,
    "Zoned routing info allocator": set_up.KEYS,
    "Global allocate": set_up.KEYS,
    "Ordered covering compressor": set_up.TABLES,
    "Pair compressor": set_up.TABLES,
    "Pair unordered compressor": set_up.TABLES,
    "Pair on chip router compression": set_up.TABLES,
    "Graph data specification writer": set_up.REGIONS,
    "Load system data specification": set_up.LOADING_MONITORS,
    "Load Application data specification": set_up.LOADING_REGIONS,
    "Routing table loader": set_up.LOADING_TABLES,
    "Load executable app images": set_up.LOADING_BINARIES,
    "Create database interface": set_up.STARTING,
}


@contextlib.contextmanager
def stages_told(clock: SetUp) -> Iterator[None]:
    """Meanwhile the clock hears of GFE's stages."""
    stock = FecTimer.__enter__

    def enter(timer: FecTimer) -> FecTimer:
        stage = STAGE_OF.get(timer._algorithm)
        if stage is not None:
            clock.begin(stage)
        return stock(timer)

    FecTimer.__enter__ = enter                               # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        FecTimer.__enter__ = stock                           # type: ignore[method-assign]
