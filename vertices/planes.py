"""The planes of a vertex that gets partial errors back (C side: ``c_models/layers/planes.h``)."""
from __future__ import annotations

from dlgraph.mapping.plan import Core


def plane_words(core: Core) -> list[int]:
    """Their number, and ``plane_t`` of each."""
    words = [len(core.planes)]
    for plane in core.planes:
        block = plane.block
        words += [plane.first, block.first, block.run, block.n_runs, block.run_stride, block.n_outer, block.outer_stride]
    return words
