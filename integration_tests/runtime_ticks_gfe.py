# SPDX-License-Identifier: Apache-2.0
"""A GFE script of a timed simulation, run twice: RESULT [counts of each core]."""
import json
import sys

from pacman.model.graphs.machine import MachineEdge
from pacman.model.resources import ConstantSDRAM
from spinn_utilities.overrides import overrides
import spinnaker_graph_front_end as gfe
from spinn_front_end_common.abstract_models.impl import MachineDataSpecableVertex
from spinn_front_end_common.data import FecDataView
from spinn_front_end_common.interface.provenance import ProvidesProvenanceDataFromMachineImpl
from spinn_front_end_common.utilities.constants import SYSTEM_BYTES_REQUIREMENT
from spinnaker_graph_front_end.utilities import SimulatorVertex
from spinnaker_graph_front_end.utilities.data_utils import generate_system_data_region

SYSTEM, PARAMETERS, SDRAM, PROVENANCE = range(4)
PARTITION = "packets"
NAMES = ("ticks", "packets", "packets without payload", "wrong payloads", "user events",
         "transfers", "wrong transfers", "resumes")


class TicksVertex(SimulatorVertex, MachineDataSpecableVertex,
                  ProvidesProvenanceDataFromMachineImpl):
    """Sends to its partner at every tick."""

    def __init__(self, number):
        super().__init__(f"core {number}", "runtime_ticks.aplx")
        self.words = None

    @property
    @overrides(SimulatorVertex.sdram_required)
    def sdram_required(self):
        return ConstantSDRAM(
            SYSTEM_BYTES_REQUIREMENT + 4 + 16 + self.get_provenance_data_size(len(NAMES)))

    @overrides(MachineDataSpecableVertex.generate_machine_data_specification)
    def generate_machine_data_specification(self, spec, placement, iptags, reverse_iptags):
        generate_system_data_region(spec, SYSTEM, self)
        spec.reserve_memory_region(PARAMETERS, 4)
        spec.switch_write_focus(PARAMETERS)
        key = FecDataView.get_routing_infos().get_key_from(self, PARTITION)
        spec.write_value(key)
        spec.reserve_memory_region(SDRAM, 16)
        self.reserve_provenance_data_region(spec)
        spec.end_specification()

    def get_n_keys_for_partition(self, partition_id):
        return 256

    @property
    @overrides(ProvidesProvenanceDataFromMachineImpl._provenance_region_id)
    def _provenance_region_id(self):
        return PROVENANCE

    @property
    @overrides(ProvidesProvenanceDataFromMachineImpl._n_additional_data_items)
    def _n_additional_data_items(self):
        return len(NAMES)

    @overrides(ProvidesProvenanceDataFromMachineImpl.parse_extra_provenance_items)
    def parse_extra_provenance_items(self, label, x, y, p, provenance_data):
        self.words = [int(word) for word in provenance_data]


def main():
    """Two runs of two cores on one chip."""
    settings = json.loads(sys.argv[1])
    gfe.setup(model_binary_folder=settings["binaries"], machine_time_step=1000)
    pair = [TicksVertex(number) for number in range(2)]
    for vertex in pair:
        gfe.add_machine_vertex_instance(vertex)
    gfe.add_machine_edge_instance(MachineEdge(pair[0], pair[1]), PARTITION)
    gfe.add_machine_edge_instance(MachineEdge(pair[1], pair[0]), PARTITION)
    for milliseconds in settings["milliseconds"]:
        gfe.run(milliseconds)
    gfe.stop()
    print("RESULT " + json.dumps([dict(zip(NAMES, vertex.words)) for vertex in pair]))


if __name__ == "__main__":
    main()
