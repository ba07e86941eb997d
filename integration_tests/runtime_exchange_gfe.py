# SPDX-License-Identifier: Apache-2.0
"""A GFE script for the core-side runtime: cores exchange vectors in pairs.

One process runs one simulation. Arguments as JSON on the command line, results
as one line of JSON behind the word RESULT. The current folder must hold a
spiNNakerGraphFrontEnd.cfg that names the machine.
"""
import json
import socket
import struct
import sys
import threading
import time

import numpy
from pacman.model.graphs.machine import MachineEdge
from pacman.model.resources import MultiRegionSDRAM
from spinn_utilities.overrides import overrides
import spinnaker_graph_front_end as gfe
from spinn_front_end_common.data import FecDataView
from spinn_front_end_common.interface.buffer_management.buffer_models import (
    AbstractReceiveBuffersToHost, AbstractReceiveRegionsToHost)
from spinn_front_end_common.abstract_models import AbstractRewritesDataSpecification
from spinn_front_end_common.interface.buffer_management.recording_utilities import (
    get_recording_header_array, get_recording_header_size)
from spinn_front_end_common.interface.provenance import ProvidesProvenanceDataFromMachineImpl
from spinn_front_end_common.utilities.constants import SYSTEM_BYTES_REQUIREMENT
from spinn_front_end_common.utilities.helpful_functions import (
    locate_memory_region_for_placement)
from spinnaker_graph_front_end.utilities import SimulatorVertex
from spinnaker_graph_front_end.utilities.data_utils import generate_steps_system_data_region
from spinn_front_end_common.abstract_models.impl import MachineDataSpecableVertex

SYSTEM, PARAMETERS, INPUT, RESULT, PROVENANCE, RECORDING = range(6)
TASKS = {"exchange": 0, "fail": 1, "crash": 2, "idle": 3}
KEYS_PER_VERTEX = 128
PARTITION = "exchange"
N_PROVENANCE = 4


class ExchangeVertex(
        SimulatorVertex, MachineDataSpecableVertex, AbstractRewritesDataSpecification,
        AbstractReceiveRegionsToHost, AbstractReceiveBuffersToHost,
        ProvidesProvenanceDataFromMachineImpl):
    """One core of a pair."""

    def __init__(self, label, values, n_steps, task, spin_us):
        super().__init__(label, "runtime_exchange.aplx")
        self.values = numpy.asarray(values, dtype="uint32")
        self.n_steps = n_steps
        self.task = task
        self.spin_us = spin_us
        self.provenance = []
        self._reload = False

    @property
    @overrides(SimulatorVertex.sdram_required)
    def sdram_required(self):
        cost = MultiRegionSDRAM()
        cost.add_cost(SYSTEM, SYSTEM_BYTES_REQUIREMENT)
        cost.add_cost(PARAMETERS, 20)
        cost.add_cost(INPUT, self.values.nbytes)
        cost.add_cost(RESULT, self.values.nbytes)
        cost.add_cost(PROVENANCE, self.get_provenance_data_size(N_PROVENANCE))
        cost.add_cost(RECORDING, get_recording_header_size(1) + self.values.nbytes)
        return cost

    def get_n_keys_for_partition(self, partition_id):
        return KEYS_PER_VERTEX

    def _parameters(self):
        key = FecDataView.get_routing_infos().get_key_from(self, PARTITION)
        return [key, len(self.values), self.n_steps, TASKS[self.task], self.spin_us]

    @overrides(MachineDataSpecableVertex.generate_machine_data_specification)
    def generate_machine_data_specification(self, spec, placement, iptags, reverse_iptags):
        generate_steps_system_data_region(spec, SYSTEM, self)
        spec.reserve_memory_region(PARAMETERS, 20)
        spec.switch_write_focus(PARAMETERS)
        spec.write_array(self._parameters())
        spec.reserve_memory_region(INPUT, self.values.nbytes)
        spec.switch_write_focus(INPUT)
        spec.write_array(self.values)
        spec.reserve_memory_region(RESULT, self.values.nbytes)
        self.reserve_provenance_data_region(spec)
        spec.reserve_memory_region(RECORDING, get_recording_header_size(1))
        spec.switch_write_focus(RECORDING)
        spec.write_array(get_recording_header_array([self.values.nbytes]))
        spec.end_specification()

    def change(self, values, task):
        """Other input for the next run."""
        self.values = numpy.asarray(values, dtype="uint32")
        self.task = task
        self._reload = True

    @overrides(AbstractRewritesDataSpecification.regenerate_data_specification)
    def regenerate_data_specification(self, spec, placement):
        spec.reserve_memory_region(PARAMETERS, 20)
        spec.switch_write_focus(PARAMETERS)
        spec.write_array(self._parameters())
        spec.reserve_memory_region(INPUT, self.values.nbytes)
        spec.switch_write_focus(INPUT)
        spec.write_array(self.values)
        spec.end_specification()

    @overrides(AbstractRewritesDataSpecification.reload_required)
    def reload_required(self):
        return self._reload

    @overrides(AbstractRewritesDataSpecification.set_reload_required)
    def set_reload_required(self, new_value):
        self._reload = new_value

    @overrides(AbstractReceiveRegionsToHost.get_download_regions)
    def get_download_regions(self, placement):
        address = locate_memory_region_for_placement(placement, RESULT)
        return [(RESULT, address, self.values.nbytes)]

    @overrides(AbstractReceiveBuffersToHost.get_recorded_region_ids)
    def get_recorded_region_ids(self):
        return [0]

    @overrides(AbstractReceiveBuffersToHost.get_recording_region_base_address)
    def get_recording_region_base_address(self, placement):
        return locate_memory_region_for_placement(placement, RECORDING)

    @property
    @overrides(ProvidesProvenanceDataFromMachineImpl._provenance_region_id)
    def _provenance_region_id(self):
        return PROVENANCE

    @property
    @overrides(ProvidesProvenanceDataFromMachineImpl._n_additional_data_items)
    def _n_additional_data_items(self):
        return N_PROVENANCE

    @overrides(ProvidesProvenanceDataFromMachineImpl.parse_extra_provenance_items)
    def parse_extra_provenance_items(self, label, x, y, p, provenance_data):
        self.provenance.append([int(word) for word in provenance_data])

    def downloaded(self):
        """The result region as it was at the end of the last run."""
        data, _ = gfe.buffer_manager().get_download(self.placement, RESULT)
        return numpy.frombuffer(bytes(data), dtype="uint32")

    def recorded(self):
        """What all runs recorded."""
        data, missing = self.get_recording_channel_data(0)
        assert not missing
        return numpy.frombuffer(bytes(data), dtype="uint32")


class TimeAsker(threading.Thread):
    """Asks a core for its step counter all the while, by SDP port 3."""
    GET_TIME = 11
    SCP_PORT = 17893

    def __init__(self, host, vertex):
        super().__init__(daemon=True)
        self.host = host
        self.vertex = vertex
        self.answers = []
        self.ended = threading.Event()

    def run(self):
        """Ask as soon as there is a placement; an answer may be lost."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((self.host, self.SCP_PORT))
            sock.settimeout(1)
            for sequence in range(60000):
                if self.ended.wait(0.02):
                    return
                try:
                    place = self.vertex.placement
                    x, y, p = place.x, place.y, place.p
                    sock.send(struct.pack(
                        "<2x8B2H3I", 0x87, 0xff, 3 << 5 | p, 0xff, y, x, 0, 0,
                        self.GET_TIME, sequence, 0, 0, 0))
                    reply = sock.recv(512)
                    code, _, value = struct.unpack_from("<2HI", reply, 10)
                    if code == 0x80:
                        self.answers.append(value)
                except Exception:  # pylint: disable=broad-except
                    time.sleep(0.1)


def main():
    """Run as the arguments say."""
    settings = json.loads(sys.argv[1])
    n_pairs, n_values = settings["n_pairs"], settings["n_values"]
    generator = numpy.random.default_rng(settings["seed"])

    def fresh_values():
        return generator.integers(0, 2 ** 32, n_values, dtype="uint64").astype("uint32")

    gfe.setup(model_binary_folder=settings["binaries"], machine_time_step=1000)
    pairs = []
    for i in range(n_pairs):
        pair = [ExchangeVertex(
            f"core {i}.{j}", fresh_values(), settings["n_steps"],
            settings.get("task", "exchange"), settings.get("spin_us", 0)) for j in range(2)]
        for vertex in pair:
            gfe.add_machine_vertex_instance(vertex)
        pairs.append(pair)
    spread = settings.get("chips")
    for i, pair in enumerate(pairs):
        for j, vertex in enumerate(pair):
            if spread:
                vertex.set_fixed_location(*spread[(i * 2 + j) % len(spread)])
        gfe.add_machine_edge_instance(MachineEdge(pair[0], pair[1]), PARTITION)
        gfe.add_machine_edge_instance(MachineEdge(pair[1], pair[0]), PARTITION)

    asker = TimeAsker(settings["ask"], pairs[0][0]) if "ask" in settings else None
    if asker:
        asker.start()
    runs = []
    for run in range(settings["n_runs"]):
        if run > 0:
            for pair in pairs:
                for vertex in pair:
                    vertex.change(fresh_values(), settings.get("task", "exchange"))
        inputs = [[v.values.tolist() for v in pair] for pair in pairs]
        gfe.run_until_complete(settings.get("host_steps"))
        runs.append({
            "inputs": inputs,
            "results": [[v.downloaded().tolist() for v in pair] for pair in pairs]})
    if asker:
        asker.ended.set()
        asker.join()
    recorded = [[v.recorded().tolist() for v in pair] for pair in pairs]
    provenance = [[v.provenance for v in pair] for pair in pairs]
    places = [[(v.placement.x, v.placement.y, v.placement.p) for v in pair] for pair in pairs]
    gfe.stop()
    print("RESULT " + json.dumps({
        "runs": runs, "recorded": recorded, "provenance": provenance, "places": places,
        "answers": asker.answers if asker else None}))


if __name__ == "__main__":
    main()
