"""The vertex that records a stream (C side: ``c_models/layers/probe.c``)."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dlgraph.mapping.plan import Core, CoreKind, Plan
from dlgraph.mapping.probes import PROBE_RECORDED, record_bytes, segments_recorded
from dlgraph.vertices.network_vertex import NetworkVertex
from dlgraph.vertices.regions import Region


class ProbeVertex(NetworkVertex):
    """One more consumer of a stream, that writes what comes to SDRAM."""

    def __init__(self, core: Core, plan: Plan) -> None:
        super().__init__(core, plan, "dlgraph_probe.aplx")

    def shape_words(self) -> npt.NDArray[np.uint32]:
        recording = self.core.recording
        assert recording is not None
        gives_credit = self.core.streams_in[0].stream.producer.kind is CoreKind.INPUT_SOURCE
        return np.array([self.core.inlet_words[PROBE_RECORDED], recording.n_samples, int(recording.last), recording.ahead,
                         int(gives_credit), segments_recorded(self.core)], np.uint32)

    def extra_regions(self) -> dict[Region, int]:
        return {Region.OUTPUTS: record_bytes(self.core)}
