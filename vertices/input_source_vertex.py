"""The vertex that sends the samples (C side: ``c_models/layers/input_source.c``)."""
from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt

from dlgraph.mapping.plan import Core, Plan
from dlgraph.vertices.network_vertex import NetworkVertex
from dlgraph.vertices.regions import Region

TABLE_BYTES = 512
MAX_CODE_BYTES = 2


def row_bytes(n_inputs: int, code_bytes: int) -> int:
    """Bytes of one sample in SDRAM: whole words, and an even number of codes."""
    return -(-n_inputs * code_bytes // 4) * 4


class InputSourceVertex(NetworkVertex):
    """Holds samples in SDRAM and sends them in the order of the epoch.

    :param sample_bytes: size of its sample region
    """

    def __init__(self, core: Core, plan: Plan, sample_bytes: int) -> None:
        super().__init__(core, plan, "dlgraph_input_source.aplx")
        self.sample_bytes = sample_bytes

    @property
    def n_inputs(self) -> int:
        """Values per sample."""
        return prod(self.core.box.shape)

    def shape_words(self) -> npt.NDArray[np.uint32]:
        layout = self.core.layout
        assert layout is not None
        rows, columns, channels = layout.box.shape
        if layout.pitch == 1:
            runs = (rows, columns, layout.width)
        else:
            runs = (rows * columns, channels, layout.pitch)
        return np.array([*runs, row_bytes(self.n_inputs, MAX_CODE_BYTES), len(self.core.inlet_words)], np.uint32)

    def extra_regions(self) -> dict[Region, int]:
        return {Region.SAMPLES: self.sample_bytes, Region.TABLE: TABLE_BYTES}
