"""What every machine vertex of a network shares."""
from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Iterable

import numpy as np
import numpy.typing as npt
from pacman.model.placements import Placement
from pacman.model.resources import ConstantSDRAM
from spinn_front_end_common.abstract_models.impl import MachineDataSpecableVertex
from spinn_front_end_common.data import FecDataView
from spinn_front_end_common.interface.ds import DataSpecificationGenerator
from spinn_front_end_common.utilities.constants import SIMULATION_N_BYTES, SYSTEM_BYTES_REQUIREMENT
from spinn_machine.tags import IPTag, ReverseIPTag
from spinnaker_graph_front_end.utilities import SimulatorVertex
from spinnaker_graph_front_end.utilities.data_utils import generate_steps_system_data_region

from dlgraph.mapping.plan import Core, Plan, Stream
from dlgraph.mapping.sent import log_words
from dlgraph.vertices.packing import PLAIN_WIDTH, most_bytes, packed
from dlgraph.vertices.pass_parameters import PASS_PARAMETER_BYTES, RESULT_BYTES, PassParameters
from dlgraph.vertices.regions import PACKED_REGIONS, Region
from dlgraph.vertices.stream_config import KEY_BITS, N_BLOCKS, config_blocks, n_config_words
from dlgraph.vertices.stream_counts import count_bytes


class NetworkVertex(SimulatorVertex, MachineDataSpecableVertex):
    """A machine vertex of the plan: one core with its streams.

    :param core: what it holds, from the plan
    :param plan: the plan, for the layout of keys
    :param binary: name of the ``.aplx``
    """

    #: Where its binary is, if not among dlgraph's own.
    binary_folder: Path | None = None

    def __init__(self, core: Core, plan: Plan, binary: str) -> None:
        super().__init__(core.label, binary)
        self.core = core
        self.plan = plan
        self._vertices: dict[Core, NetworkVertex] = {}

    def connect(self, vertices: dict[Core, NetworkVertex]) -> None:
        """Tell the vertex which vertex each core has become, to find the keys of what comes in."""
        self._vertices = vertices

    def binary(self, folder: Path) -> Path:
        """The ``.aplx`` that it runs.

        :param folder: of dlgraph's own
        """
        return (self.binary_folder or folder) / str(self.get_binary_file_name())

    # ----------------------------------------------------------------- what kinds of vertex say of themselves

    @abstractmethod
    def shape_words(self) -> npt.NDArray[np.uint32]:
        """Content of the shape region."""

    @abstractmethod
    def extra_regions(self) -> dict[Region, int]:
        """Further regions and their sizes in bytes; written by the host between passes."""

    # ----------------------------------------------------------------- GFE

    def get_n_keys_for_partition(self, partition_id: str) -> int:
        return 1 << KEY_BITS

    def _region_sizes(self) -> dict[Region, int]:
        sizes = {Region.STREAMS: 4 * n_config_words(self.core, self.plan), Region.SHAPE: 4 * len(self.shape_words()),
                 Region.PASS: PASS_PARAMETER_BYTES, Region.RESULT: RESULT_BYTES + count_bytes(self.core),
                 Region.SENT: 4 * max(1, log_words(self.plan, self.core))}
        packed_words = [sizes[region] // 4 for region in PACKED_REGIONS]
        sizes[Region.PACKED] = most_bytes(packed_words, N_BLOCKS + len(PACKED_REGIONS) - 1)
        sizes.update(self.extra_regions())
        return {region: -(-size // 4) * 4 for region, size in sizes.items()}

    @property
    def sdram_bytes(self) -> int:
        """What it needs of its chip's SDRAM."""
        return SYSTEM_BYTES_REQUIREMENT + SIMULATION_N_BYTES + sum(self._region_sizes().values())

    @property
    def sdram_required(self) -> ConstantSDRAM:
        return ConstantSDRAM(self.sdram_bytes)

    def key_of(self, stream: Stream) -> int:
        """First key of a stream, as allocated."""
        return FecDataView.get_routing_infos().get_key_from(self._vertices[stream.producer], stream.partition)

    def generate_machine_data_specification(
            self, spec: DataSpecificationGenerator, placement: Placement,
            iptags: Iterable[IPTag] | None, reverse_iptags: Iterable[ReverseIPTag] | None) -> None:
        generate_steps_system_data_region(spec, Region.SYSTEM, self)
        for region, size in self._region_sizes().items():
            spec.reserve_memory_region(region, size, label=region.name.lower())
        # the core itself makes the regions of these; the first pass is an empty one
        data = packed([config_blocks(self.core, self.plan, self.key_of), [(self.shape_words(), PLAIN_WIDTH)],
                       [(PassParameters().words(), PLAIN_WIDTH)]])
        spec.switch_write_focus(Region.PACKED)
        spec.write_array(np.frombuffer(data, "<u4"))
        spec.end_specification()
