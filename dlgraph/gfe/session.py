"""One simulation of GFE: set up, run in passes, stopped.

GFE keeps its state in the process, so there is one session at a time; opening another one closes the first.  This module is
the only place that knows of it.
"""
from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Callable, Iterator, Sequence

import spinnaker_graph_front_end as gfe
from pacman.model.graphs.machine import MachineEdge
from pacman.model.placements import Placement
from spinn_front_end_common.data import FecDataView
from spinn_front_end_common.utilities.helpful_functions import locate_memory_region_for_placement
from spinn_machine import Chip, CoreSubsets
from spinn_utilities.config_holder import get_config_str, set_config

from dlgraph.errors import MachineError
from dlgraph.gfe import counts, memory_access, patience, quiet, router_waits, tree_copies
from dlgraph.gfe.fewer_at_once import fewer_at_once
from dlgraph.gfe.monitors_last import monitors_last
from dlgraph.gfe.pass_end import Findings, PassBroken, survey, watched
from dlgraph.gfe.region_loading import regions_loaded_together
from dlgraph.gfe.reports_folder import why_it_cannot_be_written
from dlgraph.gfe.stages import stages_told
from dlgraph.mapping.placement import ChipRoom
from dlgraph.mapping.topology import ONE_BOARD, Topology
from dlgraph.set_up import SetUp
from dlgraph.traffic import ChipTraffic
from dlgraph.vertices import NetworkVertex
from dlgraph.vertices.regions import Region

#: What a core says that gives up waiting (c_models/layers/vertex.c).
WAITED_IN_VAIN = re.compile(r": stream \d+ is silent, sample \d+")
#: How GFE logs an error message of a core: x, y, p: text (source: line)
CORE_ERROR = re.compile(r"(\d+), (\d+), (\d+): (.*?)(?: \(\w+\.c: \d+\))?$")
#: How SpiNNMan says which core did not answer: x:y:p (ph: physical core)
CORE_ASKED = re.compile(r"(\d+):(\d+):(\d+)\(? \(ph")
MAX_CORE_ERRORS = 6
#: GFE's default, which a board takes nine seconds for where LeNet-5 is loaded, and the same algorithm on the host, which takes two;
#: spinnaker.cfg has their names.
_ON_CHIPS, _ON_HOST = "PairOnChipRouterCompression", "PairCompressor"
TABLES_BYTES = 1 << 20
#: How SpiNNMachine names machines whose edges meet: all of them, those on the left and the right, those above and below.
_AROUND, _AROUND_X, _AROUND_Y = "Wrapped", "HorWrap", "VerWrap"

#: Called when another session needs GFE: the owner closes its session.
_give_up: Callable[[], None] | None = None


def _free_cores(chip: Chip) -> int:
    """Cores of a chip that GFE does not reserve for its monitors."""
    reserved = FecDataView.get_all_monitor_cores() if chip.ip_address is None else FecDataView.get_ethernet_monitor_cores()
    return max(0, chip.n_placable_processors - reserved)


def _free_sdram(chip: Chip) -> int:
    """Bytes of a chip's SDRAM that GFE's monitors leave, and its tables of what is loaded."""
    monitors = FecDataView.get_all_monitor_sdram() if chip.ip_address is None else FecDataView.get_ethernet_monitor_sdram()
    return max(0, chip.sdram - int(monitors.get_total_sdram(0)) - TABLES_BYTES)


def _ethernet_of(chip: Chip) -> tuple[int, int]:
    """The chip that has its board's."""
    return chip.nearest_ethernet_x, chip.nearest_ethernet_y


class Session:
    """A graph on a machine.

    :param options: of GFE's ``[Machine]`` section; other options come from the user's cfg files
    :param binaries: folder of the ``.aplx`` files
    :param give_up: called when another session needs GFE
    :param n_boards: that it is to ask a server for; None where there is nothing to ask for
    :param clock: of an emulated machine, by which it is to have time to answer
    """

    def __init__(self, options: dict[str, str], binaries: Path, give_up: Callable[[], None], n_boards: int | None = None,
                 clock: patience.Clock | None = None) -> None:
        global _give_up
        if _give_up is not None:
            _give_up()
        #: Of what GFE has loaded: (x, y, p, region) -> address.
        self._pointers: dict[tuple[int, int, int, int], int] = {}
        self._vertices: list[NetworkVertex] = []
        self._open = False
        self._clock = clock
        with quiet.user_configuration(), quiet.quiet_logging(), self._talking():
            gfe.setup(model_binary_folder=str(binaries), n_boards_required=n_boards)
        self._open = True
        _give_up = give_up
        for option, value in options.items():
            set_config("Machine", option, value)
        # GFE empties IOBUF at the end of every run, before anybody has read what the vertices wrote
        set_config("Reports", "clear_iobuf_during_run", "False")
        if get_config_str("Mapping", "compressor") == _ON_CHIPS:
            set_config("Mapping", "compressor", _ON_HOST)

    @contextlib.contextmanager
    def _talking(self) -> Iterator[None]:
        """Around every call into GFE: whatever goes wrong, the session ends and the error says what GFE said."""
        with (quiet.own_signal_handlers(), quiet.captured_output() as said, quiet.logged_errors() as errors,
              counts.incomplete_counts(), counts.cores_left_out(), router_waits.set_back_on_every_board(),
              patience.waits_by(self._clock), fewer_at_once()):
            try:
                yield
                return
            except (KeyboardInterrupt, SystemExit) as error:      # GFE makes the second of the first
                self._abandon()
                raise KeyboardInterrupt from error
            except PassBroken as broken:
                broken.findings = replace(broken.findings, written=self._written_by_others(broken.findings))
                self._abandon(answers=broken.findings.ethernet is None)
                raise
            except Exception as error:
                cores = self._core_errors(errors)
                lost = None if cores else self._lost_parts(str(error))
                self._abandon()
                failure = error
        if cores:
            more = f"\n... and {len(cores) - MAX_CORE_ERRORS} more cores" if len(cores) > MAX_CORE_ERRORS else ""
            raise MachineError("The run on the machine failed:\n" + "\n".join(cores[:MAX_CORE_ERRORS]) + more) from failure
        if lost is not None:
            raise PassBroken(lost) from failure
        no_room = why_it_cannot_be_written()
        if no_room is not None:
            raise MachineError(f"The run on the machine failed: {failure}\n{no_room}") from failure
        tail = "\n".join(line for line in said.getvalue().splitlines()[-30:] if line.strip(" =|"))
        raise MachineError(f"The run on the machine failed: {failure}\n{tail}") from failure

    def _core_errors(self, errors: list[str]) -> list[str]:
        """What cores of the graph said was wrong, each with its vertex."""
        label_at = {self.placement(vertex).location: vertex.label for vertex in self._vertices} if errors else {}
        found = []
        for text in errors:
            match = CORE_ERROR.match(text)
            if match:
                x, y, p = (int(number) for number in match.groups()[:3])
                found.append(f"{label_at.get((x, y, p), 'a core')}, on chip ({x}, {y}) core {p}: {match.group(4)}")
        # those that waited for a core that crashed gave up as well, where the host looked late; they say nothing of the cause
        return [text for text in found if not WAITED_IN_VAIN.search(text)] or found

    def _places(self) -> dict[NetworkVertex, Placement]:
        return {vertex: self.placement(vertex) for vertex in self._vertices}

    def _lost_parts(self, failure: str) -> Findings | None:
        """Once something has gone wrong: chips that do not answer, of those with vertices and those that GFE asked in vain; or
        cores that it asked so.
        """
        with contextlib.suppress(Exception):
            places = self._places()
            asked = {tuple(map(int, match.groups())) for match in CORE_ASKED.finditer(failure)}
            chips = {(x, y) for x, y, _ in asked}
            unreachable = survey(places, chips).unreachable & survey(places, chips).unreachable
            speechless = [vertex for vertex, place in places.items() if place.location in asked]
            of_vertices = {place.location for place in places.values()}
            monitors = sorted((x, y, p) for x, y, p in asked - of_vertices if p != 0 and (x, y) not in unreachable)
            if unreachable or speechless or monitors:
                return Findings(places, {}, unreachable, speechless=speechless, monitors=monitors)
        return None

    @property
    def is_open(self) -> bool:
        """Whether the Graph Front End is set up."""
        return self._open

    def _abandon(self, answers: bool = True) -> None:
        """After an error or Ctrl-C: stop what runs on the machine, leave GFE.

        :param answers: whether the board does
        """
        global _give_up
        _give_up = None
        if not self._open:
            return
        self._open = False
        with contextlib.suppress(Exception):
            if FecDataView.has_transceiver():
                transceiver = FecDataView.get_transceiver()
                if answers:
                    transceiver.stop_application(FecDataView.get_app_id())
                transceiver.close()
        with contextlib.suppress(Exception):
            if FecDataView.has_allocation_controller():          # else a spalloc server's board stays ours
                FecDataView.get_allocation_controller().close()

    def add(self, vertices: Sequence[NetworkVertex]) -> None:
        """Add machine vertices and an edge for every consumer of every stream."""
        vertex_of = {vertex.core: vertex for vertex in vertices}
        with self._talking():
            self._vertices = list(vertices)
            for folder in sorted({str(vertex.binary_folder) for vertex in vertices if vertex.binary_folder is not None}):
                FecDataView.register_binary_search_path(folder)
            for vertex in vertices:
                vertex.connect(vertex_of)
                gfe.add_machine_vertex_instance(vertex)
            for vertex in vertices:
                for stream in vertex.core.streams_out:
                    for consumer in stream.consumers:
                        gfe.add_machine_edge_instance(MachineEdge(vertex, vertex_of[consumer]), stream.partition)

    def run_pass(self, set_up: SetUp) -> None:
        """Let every vertex do its pass; the first time also map, load and start.

        :param set_up: hears of these stages, until the pass has begun
        :raises PassBroken: where a part of the machine has died
        """
        with (self._talking(), regions_loaded_together(self._pointers), tree_copies.binaries_where_needed(), stages_told(set_up),
              monitors_last(), watched(self._places, lambda vertex: self._address(vertex, Region.RESULT), set_up.end)):
            gfe.run_until_complete()

    def chips(self) -> list[ChipRoom]:
        """The machine's chips with the cores and SDRAM that a graph may use: board after board, on each those nearest to the first
        one's Ethernet first.
        """
        with self._talking():
            gfe.get_number_of_available_cores_on_machine()            # makes GFE look at the machine
            machine = FecDataView.get_machine()
            start = machine.boot_chip
            found, seen = [start], {(start.x, start.y)}
            for chip in found:                                        # breadth first, growing as it goes
                for link in chip.router.links:
                    at = link.destination_x, link.destination_y
                    if at not in seen:
                        seen.add(at)
                        found.append(machine[at])
            boards = list(dict.fromkeys(_ethernet_of(chip) for chip in found))
            found.sort(key=lambda chip: boards.index(_ethernet_of(chip)))
            return [ChipRoom(chip.x, chip.y, _free_cores(chip), _free_sdram(chip)) for chip in found]

    def topology(self) -> Topology:
        """How the machine's chips are linked, once it has been looked at."""
        machine = FecDataView.get_machine()
        if len(machine.ethernet_connected_chips) == 1:
            return ONE_BOARD
        return Topology(machine.width if machine.wrap in (_AROUND, _AROUND_X) else 0,
                        machine.height if machine.wrap in (_AROUND, _AROUND_Y) else 0,
                        {(chip.x, chip.y): _ethernet_of(chip) for chip in machine.chips})

    def ethernet_addresses(self) -> list[str]:
        """Of the machine's boards, once it has been looked at."""
        return [str(chip.ip_address) for chip in FecDataView.get_machine().ethernet_connected_chips]

    def placement(self, vertex: NetworkVertex) -> Placement:
        """Chip and core of a vertex."""
        return FecDataView.get_placement_of_vertex(vertex)

    def physical_place(self, vertex: NetworkVertex) -> tuple[int, int, int]:
        """(x, y, physical core) of a vertex, as the machine counts them."""
        place = self.placement(vertex)
        return place.x, place.y, FecDataView.get_physical_core_id((place.x, place.y), place.p)

    def _address(self, vertex: NetworkVertex, region: Region) -> int:
        place = self.placement(vertex)
        known = self._pointers.get((place.x, place.y, place.p, region))
        if known is None:                                     # loaded by GFE's Java programs
            known = locate_memory_region_for_placement(place, region)
            self._pointers[place.x, place.y, place.p, region] = known
        return known

    def write(self, blocks: Sequence[tuple[NetworkVertex, Region, int, bytes]]) -> None:
        """Write (vertex, region, offset, bytes) blocks to SDRAM, between passes."""
        with self._talking():
            memory_access.write_blocks([(self.placement(vertex), self._address(vertex, region) + offset, data)
                                        for vertex, region, offset, data in blocks])

    def spread(self, data: bytes, vertices: Sequence[NetworkVertex]) -> int:
        """Put bytes once on every chip of some vertices, for the next pass.

        :param data: at most :data:`~dlgraph.gfe.tree_copies.BUFFER_BYTES`
        :return: where they lie, on all of these chips
        """
        with self._talking():
            places = [self.placement(vertex) for vertex in vertices]
            return tree_copies.spread(data, {(place.x, place.y) for place in places})

    def read(self, blocks: Sequence[tuple[NetworkVertex, Region, int]]) -> list[bytes]:
        """Read (vertex, region, number of bytes) blocks from SDRAM, between passes."""
        with self._talking():
            return memory_access.read_blocks([(self.placement(vertex), self._address(vertex, region), n_bytes)
                                              for vertex, region, n_bytes in blocks])

    def reinjection(self) -> tuple[ChipTraffic, ...] | None:
        """What every chip's re-injector has counted since it was loaded, between passes; None where there are none."""
        with self._talking():
            if not FecDataView.has_monitors():
                return None
            boot = FecDataView.get_machine().boot_chip
            found = FecDataView.get_monitor_by_xy(boot.x, boot.y).get_reinjection_status_for_vertices()
            return tuple(sorted((ChipTraffic(
                chip.x, chip.y, status.n_dropped_packets, status.n_reinjected_packets, status.n_dropped_packet_overflows,
                status.n_missed_dropped_packets, status.n_link_dumps, status.n_processor_dumps)
                for chip, status in found.items()), key=lambda chip: (chip.x, chip.y)))

    def written(self, vertices: Sequence[NetworkVertex]) -> list[str]:
        """What each vertex's program wrote into IOBUF since it was loaded."""
        with self._talking():
            return self._iobuf(vertices)

    def _iobuf(self, vertices: Sequence[NetworkVertex]) -> list[str]:
        places = [self.placement(vertex) for vertex in vertices]
        cores = CoreSubsets()
        for place in places:
            cores.add_processor(place.x, place.y, place.p)
        texts = {(buffer.x, buffer.y, buffer.p): buffer.iobuf for buffer in FecDataView.get_transceiver().get_iobuf(cores)}
        return [texts.get((place.x, place.y, place.p), "") for place in places]

    def _written_by_others(self, found: Findings) -> dict[NetworkVertex, str]:
        """Of programs from outside, as far as their chips answer: one that loops for ever looks like a dead core."""
        with contextlib.suppress(Exception):
            vertices = [vertex for vertex, place in found.places.items() if vertex.binary_folder is not None
                        and found.ethernet is None and (place.x, place.y) not in found.unreachable]
            if vertices:
                return dict(zip(vertices, self._iobuf(vertices), strict=True))
        return {}

    def close(self) -> None:
        """Stop the simulation; the machine is clean afterwards."""
        global _give_up
        if not self._open:
            return
        with self._talking():
            gfe.stop()
        self._open = False
        _give_up = None
