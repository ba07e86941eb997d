"""The vertex that holds the output layer's units (C side: ``c_models/layers/output_group.c``)."""
from __future__ import annotations

from typing import Iterable

import numpy as np
import numpy.typing as npt
from pacman.model.placements import Placement
from pacman.model.resources import IPtagResource
from spinn_front_end_common.interface.ds import DataSpecificationGenerator
from spinn_machine.tags import IPTag, ReverseIPTag

from dlgraph.formats import mean_rate
from dlgraph.mapping.cuts import DenseCut
from dlgraph.mapping.plan import Core, Plan
from dlgraph.vertices.group_vertex import GroupVertex
from dlgraph.vertices.regions import Region


class OutputGroupVertex(GroupVertex):
    """Biases, outputs and errors of the output layer; holds labels or targets, counts loss and accuracy.

    :param target_bytes: size of the region of labels or targets
    :param output_bytes: size of the region of outputs
    :param progress_to: (IP address, UDP port) that hears of progress, or None
    """

    def __init__(self, core: Core, plan: Plan, target_bytes: int, output_bytes: int,
                 progress_to: tuple[str, int] | None) -> None:
        super().__init__(core, plan, "dlgraph_output_group.aplx")
        graph, cut = plan.graph, plan.cut.stages[core.stage]
        assert isinstance(cut, DenseCut)
        last = graph.output_layer
        mean = mean_rate(graph.n_outputs)
        self._before_tag = [self.n_units, len(cut.rows), (last.input_fraction + 12 - 23) & 0xffffffff, int(last.use_bias)]
        self._loss = [last.activation.value, graph.loss.value, graph.metric.value, int(graph.from_logits),
                      mean.mantissa, mean.shift]
        self._tag = 0
        self.target_bytes = target_bytes
        self.output_bytes = output_bytes
        self._progress_to = progress_to

    @property
    def iptags(self) -> list[IPtagResource]:
        if self._progress_to is None:
            return []
        address, port = self._progress_to
        return [IPtagResource(address, port, strip_sdp=False, traffic_identifier="dlgraph progress")]

    def generate_machine_data_specification(
            self, spec: DataSpecificationGenerator, placement: Placement,
            iptags: Iterable[IPTag] | None, reverse_iptags: Iterable[ReverseIPTag] | None) -> None:
        for tag in iptags or ():
            self._tag = tag.tag
        super().generate_machine_data_specification(spec, placement, iptags, reverse_iptags)

    def shape_words(self) -> npt.NDArray[np.uint32]:
        return np.array(self._before_tag + [self._tag] + self._loss + self.exchange_words, np.uint32)

    def extra_regions(self) -> dict[Region, int]:
        regions = super().extra_regions()
        regions.update({Region.SAMPLES: max(4, self.target_bytes), Region.OUTPUTS: max(4, self.output_bytes)})
        return regions
