# SPDX-License-Identifier: Apache-2.0
"""A GFE script that measures the core-side runtime: RESULT {name: cycles}."""
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
from spinnaker_graph_front_end.utilities.data_utils import generate_steps_system_data_region

SYSTEM, PARAMETERS, SDRAM, PROVENANCE = range(4)
PARTITION = "packets"
NAMES = ("receive: FIQ in assembly (x10)", "receive: FIQ in C (x10)",
         "receive: callback, priority -1 (x10)", "receive: callback, priority 0 (x10)",
         "send: runtime_send", "send: spin1_send_mc_packet", "read the cycle counter",
         "DMA of 256 bytes, waited for", "a line of the log", "packets lost")


class CostsVertex(SimulatorVertex, MachineDataSpecableVertex,
                  ProvidesProvenanceDataFromMachineImpl):
    """Role 0 measures, role 1 sends to it."""

    def __init__(self, role):
        super().__init__(f"role {role}", "runtime_costs.aplx")
        self.role = role
        self.words = None

    @property
    @overrides(SimulatorVertex.sdram_required)
    def sdram_required(self):
        return ConstantSDRAM(
            SYSTEM_BYTES_REQUIREMENT + 8 + 256 + self.get_provenance_data_size(len(NAMES)))

    @overrides(MachineDataSpecableVertex.generate_machine_data_specification)
    def generate_machine_data_specification(self, spec, placement, iptags, reverse_iptags):
        generate_steps_system_data_region(spec, SYSTEM, self)
        spec.reserve_memory_region(PARAMETERS, 8)
        spec.switch_write_focus(PARAMETERS)
        key = FecDataView.get_routing_infos().get_key_from(self, PARTITION)
        spec.write_array([key, self.role])
        spec.reserve_memory_region(SDRAM, 256)
        self.reserve_provenance_data_region(spec)
        spec.end_specification()

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
    """Run both roles on one chip."""
    settings = json.loads(sys.argv[1])
    gfe.setup(model_binary_folder=settings["binaries"], machine_time_step=1000)
    receiver, sender = CostsVertex(0), CostsVertex(1)
    gfe.add_machine_vertex_instance(receiver)
    gfe.add_machine_vertex_instance(sender)
    gfe.add_machine_edge_instance(MachineEdge(receiver, sender), PARTITION)
    gfe.add_machine_edge_instance(MachineEdge(sender, receiver), PARTITION)
    gfe.run_until_complete()
    gfe.stop()
    print("RESULT " + json.dumps(dict(zip(NAMES, receiver.words))))


if __name__ == "__main__":
    main()
