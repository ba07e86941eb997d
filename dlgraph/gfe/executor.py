"""Training and evaluating a layer graph on a machine."""
from __future__ import annotations

import contextlib
import random
import time
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from dlgraph import formats, set_up
from dlgraph.binaries import checked_binaries
from dlgraph.binaries.custom import build_programs
from dlgraph.cycles import Cycles, VertexCycles
from dlgraph.errors import CoreLost, DoesNotFit, MachineError, NumberFormatOverflow, UnsupportedError
from dlgraph.executor import CoreWork, Executor, LearningRate, Mapped, PassPackets, Progress, rates_of_batches
from dlgraph.gfe import silence
from dlgraph.gfe.parameter_loads import ParameterLoads, parameter_loads
from dlgraph.gfe.pass_end import PassBroken
from dlgraph.gfe.pass_packets import PassPacketCounter
from dlgraph.gfe.pass_updates import PassUpdates, words_of_table
from dlgraph.gfe.profiling import Place, code_groups, cycles_of_pass
from dlgraph.gfe.progress_listener import ProgressListener, address_towards
from dlgraph.gfe.readout import GradientReadout, gradients
from dlgraph.gfe.recording import Recorder
from dlgraph.gfe.sample_store import Resident, SampleStore, code_rows, target_row_bytes, target_rows
from dlgraph.gfe.session import Session
from dlgraph.gfe.tracing import TraceGatherer
from dlgraph.gfe.traffic import core_traffic, fabric, stream_traffic
from dlgraph.layer_graph import Int32Array, LayerGraph, Loss, PassResult, Samples
from dlgraph.layers import WeightLayer
from dlgraph.mapping.boxes import flat_index
from dlgraph.mapping.expected import ChosenCut, expected
from dlgraph.mapping.cuts import Blocks
from dlgraph.mapping.input_density import DensityMap, InputDensity, density_map
from dlgraph.mapping.memory import core_bytes
from dlgraph.mapping.operations import operations_of
from dlgraph.mapping.pacing import pace_anywhere
from dlgraph.mapping.plan import Core, CoreKind, Plan
from dlgraph.mapping.placing import place_and_pace
from dlgraph.mapping.planning import cores_of, plan_for_board
from dlgraph.mapping.probes import Probe
from dlgraph.mapping.sent_log import samples_logged
from dlgraph.mapping.stages import find_stages
from dlgraph.optimisers import OptimiserState, fresh_state
from dlgraph.order import half_bits, order, round_keys
from dlgraph.reachability import SCP_PORT, find_address
from dlgraph.set_up import Upload
from dlgraph.targets import MachineTarget
from dlgraph.trace import StreamTrace, Trace
from dlgraph.traffic import Traffic
from dlgraph.update_words import array_of, batch_sizes, constants, gradient_shift
from dlgraph.vertex_report import VertexReport
from dlgraph.vertices import (
    ConvolutionTileVertex, InputSourceVertex, NetworkVertex, NeuronGroupVertex, OutputGroupVertex, PassParameters,
    ProbeVertex, UnitTileVertex, WeightSliceVertex, custom_tile_vertex)
from dlgraph.vertices.input_source_vertex import row_bytes
from dlgraph.vertices.pass_parameters import RESULT_BYTES, STATUS_OK, STATUS_SUM_OVERFLOW, VertexResult
from dlgraph.vertices.regions import Region
from dlgraph.vertices.stream_counts import count_bytes, read_counts
from dlgraph.vertices.trained_vertex import STEPS_BYTES, TrainedVertex
from dlgraph.without_collecting import without_collecting

if TYPE_CHECKING:
    import spinnemu

#: Cycles of 200 MHz between progress messages: four per second of machine time.
PROGRESS_CYCLES = 50_000_000
#: Room for samples in one vertex's SDRAM; larger data sets run in several fills.  A chip has 117 MB for applications.
MAX_REGION_BYTES = 96 << 20
MIN_REGION_BYTES = 64 << 10


#: Vertices that are made of nothing but the plan.
VERTEX_OF_KIND: dict[CoreKind, Callable[[Core, Plan], NetworkVertex]] = {
    CoreKind.WEIGHT_SLICE: WeightSliceVertex,
    CoreKind.NEURON_GROUP: NeuronGroupVertex,
    CoreKind.CONVOLUTION_TILE: ConvolutionTileVertex,
    CoreKind.UNIT_TILE: UnitTileVertex,
    CoreKind.CUSTOM_TILE: custom_tile_vertex,
    CoreKind.PROBE: ProbeVertex,
}


class GfeExecutor(Executor):
    """One layer graph on one machine.

    :param target: the machine; started at the first pass, stopped by :meth:`close`
    :param cuts: instead of the cost model's choice, layer name -> (row blocks, column blocks[, groups]) of dense layers,
        (tiles down, tiles across, channel blocks) of others; those not named stay whole.  With ``"sdram"`` behind its blocks a
        dense layer's weights stay in SDRAM.
    :param n_sources: input sources, with ``cuts``
    :param window: samples in flight, with ``cuts``
    :param replicas: of the network, with ``cuts``
    :param share_dense: whether they share the dense layers behind convolutions, with ``shared_window`` samples in flight there
    :param placement_seed: shuffles the order in which vertices are added, which decides where GFE places them
    :param max_region_bytes: room for samples in one vertex's SDRAM; what exceeds it runs in several fills
    :param own_cores: every layer that computes gets cores of its own: none runs on those of the layer before it
    :param place: label of a vertex, or name of a layer -> (x, y) of the chip, or (x, y, p) of the core, that it is to stand on; the
        others are placed around these
    :param probes: :class:`~dlgraph.mapping.probes.Probe` of streams that are to be recorded in every pass
    """

    def __init__(self, graph: LayerGraph, target: MachineTarget, *,
                 cuts: Mapping[str, Blocks] | None = None, n_sources: int = 1, window: int = 4, replicas: int = 1,
                 share_dense: bool = False, shared_window: int = 0, placement_seed: int | None = None,
                 max_region_bytes: int = MAX_REGION_BYTES, own_cores: bool = False,
                 place: Mapping[str, Sequence[int]] | None = None, probes: Sequence[Probe] = ()) -> None:
        super().__init__(graph)
        if place and placement_seed is not None:
            raise UnsupportedError("place and placement_seed were given. One names places of vertices, the other lets the Graph "
                                   "Front End put them anywhere; give one of them.")
        self._place, self._probes = place, probes
        #: What probes recorded in training, and in passes forward.
        self._recorders: dict[bool, Recorder] = {}
        #: Of these, that of the passes that are made now.
        self._recorder: Recorder | None = None
        self.target = target
        self._cuts, self._n_sources, self._window = cuts, n_sources, window
        self._replicas, self._share_dense, self._shared_window = replicas, share_dense, shared_window
        self._placement_seed = placement_seed
        self._max_region_bytes = max_region_bytes
        #: The same, less where the session's machine has less room.
        self._region_limit = max_region_bytes
        self._parameters = [(layer.weights.copy(), layer.biases.copy()) for layer in graph.weight_layers]
        self._state = fresh_state(graph.optimiser, self._parameters)
        self._stages = find_stages(graph, own_cores)
        #: Number of a layer with weights in the graph -> its place in the parameters.
        self._place_of = {number: place for place, number in enumerate(
            number for number, layer in enumerate(graph.layers) if isinstance(layer, WeightLayer))}
        self._parameters_on_machine = False
        #: Since it was mapped, no pass over samples has begun.
        self._setting_up = False
        self._session: Session | None = None
        self._listener: ProgressListener | None = None
        self._announced: list[Samples] = []
        self.chosen: ChosenCut | None = None
        #: That its cores stand on; 0 where the Graph Front End chose them.
        self.n_chips = 0
        self.plan: Plan | None = None
        #: What each vertex counted in the last run of the machine, by its label.
        self.results: dict[str, VertexResult] = {}
        self._batch_size = 1
        #: Of the machine, when the session began.
        self._counters_before: spinnemu.Counters | None = None
        self._packets = PassPacketCounter(target.counters)
        #: Of every core: its chip, bytes of DTCM, bytes of SDRAM.
        self._lies: dict[Core, tuple[tuple[int, int], int, int]] = {}
        #: Of the last pass, if the machine profiles.
        self._cycles: Cycles | None = None
        #: Of the samples of the last pass: bytes and seconds.
        self._uploaded: tuple[int, float] = (0, 0.0)
        #: Of the last pass that was begun.
        self._pass_parameters = PassParameters()

    # ----------------------------------------------------------------- the interface

    def mapped(self) -> Mapped | None:
        if self.chosen is None:
            return None
        session = self._session
        if session is None or not session.is_open:
            return Mapped(self.chosen, self.n_chips)
        keys = {stream: vertex.key_of(stream) for vertex in self._vertices for stream in vertex.core.streams_out}
        return Mapped(self.chosen, self.n_chips,
                      {vertex.core: session.placement(vertex).location for vertex in self._vertices}, keys)

    def recorded(self, training: bool) -> tuple[StreamTrace, ...]:
        recorder = self._recorders.get(training)
        return () if recorder is None else recorder.traces()

    def prepare(self, samples: Sequence[Samples]) -> None:
        self._announced = list(samples)

    def parameters(self) -> list[tuple[Int32Array, Int32Array]]:
        return [(weights.copy(), biases.copy()) for weights, biases in self._parameters]

    def set_parameters(self, parameters: list[tuple[Int32Array, Int32Array]]) -> None:
        self._parameters = [(weights.copy(), biases.copy()) for weights, biases in parameters]
        self._parameters_on_machine = False

    def optimiser_state(self) -> OptimiserState:
        return self._state.copy()

    def set_optimiser_state(self, state: OptimiserState) -> None:
        self._state = state.copy()
        self._parameters_on_machine = False

    def train_epoch(self, samples: Samples, epoch: int, batch_size: int, shuffle: bool,
                    learning_rate: LearningRate, progress: Progress | None = None) -> PassResult:
        n = len(samples)
        rates = rates_of_batches(learning_rate, -(-n // batch_size))
        parameters = PassParameters(
            training=1, batch_size=batch_size, has_targets=1, has_weights=int(samples.weights is not None),
            seed=self.graph.seed, epoch=epoch)
        if shuffle:
            keys: dict[str, Any] = {f"order_key_{i}": key for i, key in enumerate(round_keys(self.graph.seed, epoch))}
            parameters = replace(parameters, n_data_order=n, order_half_bits=half_bits(n), **keys)
        with self._losses_named():
            self._open(samples, batch_size)
            self._record(samples, training=True)
            self._packets.begin()
            self._uploaded = (0, 0.0)
            self._pass_parameters = parameters
            capacity = self._capacity(samples, keep_outputs=False)
            if n <= capacity:
                if shuffle:
                    parameters = replace(parameters, n_order=n)
                result = self._train_resident(samples, parameters, rates, progress)
            else:
                result = self._train_in_fills(samples, epoch, shuffle, parameters, rates, progress, capacity)
            self._fetch_parameters(self._state.iterations + len(rates))
        return result

    def forward(self, samples: Samples, keep_outputs: bool, progress: Progress | None = None) -> PassResult:
        with self._losses_named():
            return self._forward(samples, keep_outputs, progress)

    def _forward(self, samples: Samples, keep_outputs: bool, progress: Progress | None) -> PassResult:
        self._open(samples, batch_size=32, keep_outputs=keep_outputs)
        self._record(samples, training=False)
        self._packets.begin()
        self._uploaded = (0, 0.0)
        n = len(samples)
        has_targets = int(target_row_bytes(samples) > 0)
        capacity = self._capacity(samples, keep_outputs)
        if capacity == 0:
            raise self._no_room()
        total: PassResult | None = None
        for start in range(0, n, capacity):
            part = samples if n <= capacity else _rows(samples, np.arange(start, min(start + capacity, n)))
            parameters = PassParameters(batch_size=len(part), keep_outputs=int(keep_outputs), data_position=start,
                                        has_targets=has_targets, has_weights=int(has_targets and samples.weights is not None))
            result = self._pass(part, parameters, None, _later(progress, start, total))
            if keep_outputs:
                result.outputs = self._read_outputs(len(part))
            total = result if total is None else _add(total, result)
        assert total is not None
        return total

    def _record(self, samples: Samples, training: bool) -> None:
        """From here on, what probes see of these samples."""
        self._recorder = None
        if self._probes:
            self._recorder = self._recorders[training] = Recorder(self._live_plan, samples.weight_unit)

    def _read_records(self, probes: Sequence[tuple[Core, int]]) -> list[bytes]:
        """What the regions of probes begin with, (probe, number of bytes) of each."""
        vertex_of = {vertex.core: vertex for vertex in self._vertices}
        return self._live.read([(vertex_of[core], Region.OUTPUTS, n_bytes) for core, n_bytes in probes])

    def _no_room(self) -> DoesNotFit:
        return DoesNotFit(f"There is no room for a single sample in the {self._max_region_bytes} bytes of SDRAM for "
                          f"samples. Give a larger max_region_bytes.")

    def trace(self, samples: Samples, epoch: int, training: bool) -> Trace:
        with self._losses_named():
            return self._trace(samples, epoch, training)

    def _trace(self, samples: Samples, epoch: int, training: bool) -> Trace:
        n = len(samples)
        self._open(samples, batch_size=32, keep_outputs=True)
        self._recorder = None
        gatherer = TraceGatherer(self._live_plan, samples, training, self.target.description)
        has_targets = int(target_row_bytes(samples) > 0)
        parameters = PassParameters(training=int(training), batch_size=n, keep_outputs=1, has_targets=has_targets,
                                    has_weights=int(has_targets and samples.weights is not None), seed=self.graph.seed, epoch=epoch)
        self._pass_parameters = parameters
        logged, capacity = samples_logged(self._live_plan), self._capacity(samples, keep_outputs=True)
        if capacity == 0:
            raise self._no_room()
        for first in range(0, n, capacity):
            part = samples if n <= capacity else _rows(samples, np.arange(first, min(first + capacity, n)))
            for start in range(0, len(part), logged):
                self._trace_some(part, replace(parameters, n_samples=min(logged, len(part) - start), first_position=start,
                                               data_position=first + start), gatherer)
        return gatherer.trace()

    def _trace_some(self, samples: Samples, parameters: PassParameters, gatherer: TraceGatherer) -> None:
        """One pass of a trace, over as many samples as the logs hold."""
        n, training = parameters.n_samples, bool(parameters.training)
        try:
            result = self._pass(samples, parameters, GradientReadout() if training else None, None)
        finally:
            self._parameters_on_machine = False            # they are others there now
        result.outputs = self._read_outputs(n)
        names = [layer.name for layer in self.graph.weight_layers]
        told = gradients(self._parameters, self._read_parameters(), names) if training else None
        gatherer.take(result, self._read_logs(gatherer, n), told)

    def _read_logs(self, gatherer: TraceGatherer, n: int) -> dict[Core, npt.NDArray[np.int32]]:
        """What each core sent in a pass of ``n`` samples, as far as it is wanted."""
        ends = {vertex: max((logged.end(n) for logged in gatherer.wanted(vertex.core)), default=0) for vertex in self._vertices}
        data = iter(self._live.read([(vertex, Region.SENT, 4 * end) for vertex, end in ends.items() if end]))
        # a replica may have got none of the samples
        return {vertex.core: np.frombuffer(next(data) if end else b"", "<i4") for vertex, end in ends.items()}

    def _read_outputs(self, n: int) -> Int32Array:
        """Of the last pass, whose samples the replicas took in turn."""
        outputs = np.empty((n, self.graph.n_outputs), np.int32)
        groups = self._output_groups[:n]
        data = self._live.read([(group, Region.OUTPUTS, outputs[group.core.replica::len(self._output_groups)].nbytes)
                                for group in groups])
        for group, rows in zip(groups, data, strict=True):
            outputs[group.core.replica::len(self._output_groups)] = np.frombuffer(rows, "<i4").reshape(-1, outputs.shape[1])
        return outputs

    def work(self) -> list[CoreWork]:
        if self.plan is None or self.chosen is None or not self.results:
            return []
        works = []
        for (layer, kind), stage in self.chosen.stages.items():
            for core in self.plan.cores_of(layer, kind):
                result = self.results[core.label]
                works.append(CoreWork(self._stages[layer].name, kind.value, stage.per_sample(self._batch_size),
                                      result.samples_done, result.cycles, result.waiting_cycles, result.packets_sent,
                                      result.packets_received, result.saturations, core.label,
                                      *self._lies[core]))
        return works

    def upload(self) -> Upload | None:
        return Upload(*self._uploaded) if self._uploaded[0] else None

    def pass_packets(self) -> PassPackets | None:
        return self._packets.packets

    def traffic(self) -> Traffic | None:
        if self._session is None or not self._session.is_open or not self.results:
            return None
        cores = [vertex.core for vertex in self._vertices]
        data = self._live.read([(vertex, Region.RESULT, RESULT_BYTES + count_bytes(vertex.core)) for vertex in self._vertices])
        layer_of = {core: self._stages[core.stage].name for core in cores}
        counted = {core: read_counts(core, block[RESULT_BYTES:]) for core, block in zip(cores, data, strict=True)}
        return Traffic(self.target.description, stream_traffic(counted, layer_of), core_traffic(counted, layer_of),
                       self._live.reinjection(), fabric(self._counters_before, self.target.counters()))

    def vertices(self) -> list[VertexReport]:
        session = self._session
        if session is None or not session.is_open or not self.results:
            return []
        reports = []
        for vertex, text in zip(self._vertices, session.written(self._vertices), strict=True):
            place, result = session.placement(vertex), self.results[vertex.core.label]
            clipped = result.saturations + sum(result.operation_saturations)
            reports.append(VertexReport(
                vertex.core.label, self._stages[vertex.core.stage].name, vertex.core.kind.value, (place.x, place.y), place.p,
                result.samples_done, result.cycles, result.waiting_cycles, result.packets_sent, result.packets_resent,
                result.packets_received, result.packets_repeated, result.packets_foreign, result.requests, clipped,
                tuple(line for line in text.splitlines() if line.strip())))
        return reports

    def end_session(self) -> None:
        self._close_session()

    def close(self) -> None:
        try:
            self._close_session()
        finally:
            self.target.stop()

    def _close_session(self) -> None:
        session, self._session = self._session, None
        self._parameters_on_machine = False
        try:
            if session is not None:
                session.close()
        finally:
            if self._listener is not None:
                self._listener.close()
                self._listener = None

    # ----------------------------------------------------------------- passes

    def _train_resident(self, samples: Samples, parameters: PassParameters, rates: list[float], progress: Progress | None,
                        first_batch: int = 0) -> PassResult:
        """Samples that fit SDRAM, in as many passes as the table of steps asks for.

        :param rates: of every batch
        :param first_batch: number of the first one in the epoch
        """
        n, size = len(samples), parameters.batch_size
        sizes, most = batch_sizes(n, size), STEPS_BYTES // (4 * words_of_table(self.graph.optimiser))
        total: PassResult | None = None
        for start in range(0, len(sizes), most):
            chosen = slice(start, start + most)
            updates = PassUpdates(self.graph.optimiser, rates[chosen], self._state.iterations + first_batch + start,
                                  sizes[chosen], samples.weight_unit)
            part = replace(parameters, first_position=start * size, data_position=(first_batch + start) * size,
                           n_samples=sum(sizes[chosen]))
            result = self._pass(samples, part, updates, _later(progress, start * size, total))
            total = result if total is None else _add(total, result)
        assert total is not None
        return total

    def _train_in_fills(self, samples: Samples, epoch: int, shuffle: bool, parameters: PassParameters,
                        rates: list[float], progress: Progress | None, capacity: int) -> PassResult:
        """More samples than SDRAM holds: as many whole batches as fit at a time, in the order of the epoch."""
        n, batch_size = len(samples), parameters.batch_size
        if capacity < batch_size:
            raise DoesNotFit(f"A batch of {batch_size} samples does not fit the {self._max_region_bytes} bytes of SDRAM "
                             f"for samples; there is room for {capacity}. Use a smaller batch_size.")
        positions = order(n, self.graph.seed, epoch) if shuffle else np.arange(n)
        fill = capacity // batch_size * batch_size
        total: PassResult | None = None
        for start in range(0, n, fill):
            part = _rows(samples, positions[start:start + fill])
            batches = slice(start // batch_size, -(-(start + len(part)) // batch_size))
            result = self._train_resident(part, parameters, rates[batches], _later(progress, start, total), batches.start)
            total = result if total is None else _add(total, result)
        assert total is not None
        return total

    def _pass(self, samples: Samples, parameters: PassParameters, updates: PassUpdates | GradientReadout | None,
              progress: Progress | None) -> PassResult:
        """One run of the machine over samples that fit it, or as many of them as the parameters say.

        :param updates: in training
        """
        first = self._setting_up
        if first:
            self.set_up.begin(set_up.SAMPLES)
        resident = self._load(samples)
        if first:
            self.set_up.begin(set_up.PARAMETERS)
        n = parameters.n_samples or len(samples)
        self.results, self._batch_size = {}, parameters.batch_size
        listening = self._listener is not None and progress is not None
        parameters = replace(parameters, n_samples=n, n_batches=-(-n // parameters.batch_size),
                             whole_batch=parameters.batch_size, progress_cycles=PROGRESS_CYCLES if listening else 0,
                             optimiser=(constants(self.graph.optimiser) if updates is None else updates.constants).words())
        loads = None if self._parameters_on_machine else self._parameter_loads()
        shared_at = self._live.spread(loads.shared, list(loads.offsets)) if loads is not None and loads.shared else 0
        blocks = [] if loads is None else loads.blocks
        for vertex in self._vertices:
            own = self._for_vertex(vertex, parameters, resident)
            if loads is not None:
                own = replace(own, load_parameters=loads.word(vertex, shared_at))
            if updates is not None and isinstance(vertex, TrainedVertex):
                own, tables = self._update_words(vertex, own, updates)
                blocks += [(vertex, Region.STEPS, i * STEPS_BYTES, table) for i, table in enumerate(tables) if table]
            blocks.append((vertex, Region.PASS, 0, own.words().tobytes()))
        self._live.write(blocks)
        if self._listener is not None:
            self._listener.tell(_of_all(progress, len(self._output_groups), n), n)
        self._parameters_on_machine = False           # until the pass has ended well
        self._pass_parameters = parameters
        self._cycles = None
        before = self._start_profile()
        if first:
            self.set_up.begin(set_up.STARTING)
        with self._packets.running():
            self._live.run_pass(self.set_up)
        self._setting_up = False
        if self._listener is not None:
            self._listener.tell(None)
        profile, after = self.target.end_profile(), None if before is None else self.target.counters()
        result = self._collect(n)
        if self._recorder is not None:
            self._recorder.take(parameters, self._read_records)
        if profile is not None and before is not None and after is not None:
            self._cycles = cycles_of_pass(self.target.description, n, result.machine_cycles, self._counted_vertices(), profile,
                                          before, after)
        self._parameters_on_machine = True
        return result

    def _start_profile(self) -> spinnemu.Counters | None:
        """Count where cycles go, if the machine is to; what it has counted of links so far."""
        if not self.target.profiles:
            return None
        self.target.start_profile(code_groups({self._live.physical_place(vertex): vertex.binary(self._binaries)
                                               for vertex in self._vertices}))
        return self.target.counters()

    def _counted_vertices(self) -> list[tuple[VertexCycles, Place]]:
        found = []
        for vertex in self._vertices:
            place, layer = self._live.placement(vertex), self._stages[vertex.core.stage].name
            found.append((VertexCycles(vertex.core.label, layer, vertex.core.kind.value, (place.x, place.y), place.p, {}),
                          self._live.physical_place(vertex)))
        return found

    def cycles(self) -> Cycles | None:
        return self._cycles

    @contextlib.contextmanager
    def _losses_named(self) -> Iterator[None]:
        """:raises CoreLost: naming the vertex that died; the machine finds out what it still has
        :raises MachineError: where the board answers nothing any more
        """
        try:
            yield
        except PassBroken as broken:
            text = silence.explanation(broken.findings, self._live_plan, self._pass_parameters)
            self._close_session()
            if broken.findings.ethernet is not None:
                raise MachineError(text) from broken
            self.target.restart()
            raise CoreLost(text) from broken

    def _for_vertex(self, vertex: NetworkVertex, parameters: PassParameters, resident: Resident) -> PassParameters:
        if isinstance(vertex, InputSourceVertex):
            itemsize = resident.samples.codes.itemsize
            return replace(parameters, samples_offset=resident.source_offsets[self._sources.index(vertex)],
                           row_bytes=row_bytes(vertex.n_inputs, itemsize), code_bytes=itemsize)
        parameters = parameters.of_replica(vertex.core.replica, self._live_plan.replicas_of(vertex.core))
        if isinstance(vertex, OutputGroupVertex):
            return replace(parameters, samples_offset=resident.target_offset, row_bytes=target_row_bytes(resident.samples))
        return parameters

    def _layer_of(self, vertex: NetworkVertex) -> WeightLayer:
        layer = self.graph.layers[self._stages[vertex.core.stage].layer]
        assert isinstance(layer, WeightLayer)
        return layer

    def _update_words(self, vertex: TrainedVertex, parameters: PassParameters,
                      updates: PassUpdates | GradientReadout) -> tuple[PassParameters, list[bytes]]:
        """What a vertex is told of the updates of a pass, and its tables of steps."""
        layer, batch_size = self._layer_of(vertex), parameters.whole_batch
        height, width, _ = self._stages[vertex.core.stage].head_shape
        n_positions = height * width
        place = self._place_in_parameters(vertex)
        told = [updates.of(array_of(place, part, layer, batch_size, n_positions)) for part in vertex.parts]
        parameters = replace(
            parameters, gradient_shift=gradient_shift(layer, batch_size, n_positions),
            bias_shift=formats.bias_gradient_shift(batch_size, n_positions),
            step=told[0].step, last_step=told[0].last_step, step_words=told[0].step_words)
        if len(told) > 1:
            parameters = replace(parameters, bias_step=told[1].step, last_bias_step=told[1].last_step)
        return parameters, [each.table for each in told]

    def _place_in_parameters(self, vertex: TrainedVertex) -> int:
        """Of its layer in the parameters."""
        return self._place_of[self._stages[vertex.core.stage].layer]

    def _collect(self, n_samples: int) -> PassResult:
        data = self._live.read([(vertex, Region.RESULT, RESULT_BYTES) for vertex in self._vertices])
        saturations = {layer.name: 0 for layer in self.graph.layers}
        total = PassResult(0, 0, n_samples, saturations=saturations)
        self.results = {vertex.core.label: VertexResult.from_bytes(block) for vertex, block in zip(self._vertices, data)}
        for vertex in self._vertices:
            result = self.results[vertex.core.label]
            name = self._stages[vertex.core.stage].name
            if result.status not in (STATUS_OK, STATUS_SUM_OVERFLOW):
                raise MachineError(f"The core of {vertex.core.label} left {result.status:#x} as the status of its pass, which "
                                   f"means nothing: its memory is damaged, or another program wrote to it.")
            if result.status != STATUS_OK:
                quantity = "sum or gradient" if isinstance(vertex, WeightSliceVertex) else "sum"
                raise NumberFormatOverflow(name, quantity, formats.OVERFLOW_ADVICE)
            if name in saturations:
                saturations[name] += result.saturations
            for operation, clips in zip(operations_of(self._live_plan, vertex.core), result.operation_saturations):
                saturations[operation.layer.name] += clips
            total.machine_cycles = max(total.machine_cycles, result.cycles)
            total.loss_sum += result.loss_sum
            total.n_correct += result.n_correct
        return total

    # ----------------------------------------------------------------- what lies in SDRAM

    def _load(self, samples: Samples) -> Resident:
        resident = self._store.find(samples)
        blocks: list[tuple[NetworkVertex, Region, int, bytes]] = []
        if resident is None:
            resident = self._store.place(samples)
            for source, offset in zip(self._sources, resident.source_offsets):
                blocks.append((source, Region.SAMPLES, offset, code_rows(samples, self._input_columns(source))))
            targets = target_rows(samples)
            if targets:
                blocks += [(group, Region.SAMPLES, resident.target_offset, targets) for group in self._output_groups]
        n_bytes, begun = sum(len(data) for *_, data in blocks), time.monotonic()
        self._live.write(blocks)
        self._uploaded = self._uploaded[0] + n_bytes, self._uploaded[1] + time.monotonic() - begun
        if samples.table is not None:
            table = samples.table.astype("<i2").tobytes()
            self._live.write([(source, Region.TABLE, 0, table) for source in self._sources])
        return resident

    def _input_columns(self, source: InputSourceVertex) -> npt.NDArray[np.int64]:
        """The columns of the samples that an input source holds, in its order."""
        return flat_index(source.core.box, self._stages[0].shape)

    @property
    def _trained_vertices(self) -> list[TrainedVertex]:
        return [vertex for vertex in self._vertices if isinstance(vertex, TrainedVertex)]

    def _parameter_loads(self) -> ParameterLoads:
        """Parameters and the optimiser's state, as they go to SDRAM."""
        parts = []
        for vertex in self._trained_vertices:
            place = self._place_in_parameters(vertex)
            parts.append((vertex, vertex.parameters_to_memory(self._parameters[place]),
                          vertex.state_to_memory(self._state.slots[place]) if vertex.n_planes else b""))
        return parameter_loads(parts)

    def _fetch_parameters(self, iterations: int) -> None:
        """Take parameters and the optimiser's state from SDRAM, both or neither.

        :param iterations: that the optimiser has made now
        """
        wanted = self._parameter_regions()
        wanted += [(vertex, Region.STATE, vertex.parameter_bytes * vertex.n_planes) for vertex in self._trained_vertices
                   if vertex.n_planes]
        data = self._live.read(wanted)
        parameters, state = self.parameters(), self.optimiser_state()
        for (vertex, region, _), block in zip(wanted, data, strict=True):
            place = self._place_in_parameters(vertex)
            if region is Region.PARAMETERS:
                vertex.parameters_from_memory(block, parameters[place])
            else:
                vertex.state_from_memory(block, state.slots[place])
        self._parameters, self._state = parameters, replace(state, iterations=iterations)

    def _read_parameters(self) -> list[tuple[Int32Array, Int32Array]]:
        """Those that are in SDRAM now; the executor's stay as they are."""
        wanted = self._parameter_regions()
        parameters = self.parameters()
        for (vertex, _, _), block in zip(wanted, self._live.read(wanted), strict=True):
            vertex.parameters_from_memory(block, parameters[self._place_in_parameters(vertex)])
        return parameters

    def _parameter_regions(self) -> list[tuple[TrainedVertex, Region, int]]:
        """Where all parameters lie."""
        return [(vertex, Region.PARAMETERS, vertex.parameter_bytes) for vertex in self._trained_vertices if vertex.tells_parameters]

    # ----------------------------------------------------------------- the session

    @property
    def session(self) -> Session:
        """The running session; there is one after the first pass."""
        return self._live

    @property
    def _live(self) -> Session:
        assert self._session is not None
        return self._session

    @property
    def _live_plan(self) -> Plan:
        assert self.plan is not None
        return self.plan

    def _give_up(self) -> None:
        """Another session needs GFE."""
        self.close()

    def _capacity(self, samples: Samples, keep_outputs: bool) -> int:
        """How many samples like these fit the session's regions at once."""
        capacity = self._store.capacity(samples)
        if keep_outputs:
            capacity = min(capacity, self._output_groups[0].output_bytes // (4 * self.graph.n_outputs))
        return capacity

    def _could_grow(self, samples: Samples, wanted: Sequence[Samples]) -> bool:
        """Whether a new session would have more room somewhere for what is wanted."""
        now = [(source.sample_bytes, row_bytes(source.n_inputs, samples.codes.itemsize))
               for source in self._sources]
        group = self._output_groups[0]
        now += [(group.target_bytes, self._target_row_bytes), (group.output_bytes, 4 * self.graph.n_outputs)]
        return any(self._region_bytes(row, wanted) > size for size, row in now)

    @property
    def _target_row_bytes(self) -> int:
        """Bytes of a label, or of a sample's targets, and of a weight, whether or not the first samples to come have any."""
        return 4 * (1 + (1 if self.graph.loss is Loss.SPARSE_CATEGORICAL_CROSSENTROPY else self.graph.n_outputs))

    def _open(self, samples: Samples, batch_size: int, keep_outputs: bool = False) -> None:
        """Make sure that there is a session with room for these samples, if any machine has it."""
        wanted = self._announced if any(s is samples for s in self._announced) else [samples, *self._announced]
        if self._session is not None and self._session.is_open:
            if self._capacity(samples, keep_outputs) >= len(samples) or not self._could_grow(samples, wanted):
                return
        self._close_session()
        self.results = {}
        self.set_up.clear()
        self._setting_up = True
        self.set_up.begin(set_up.CUT)
        density = _density(samples, self._stages[0].shape)
        with without_collecting():
            self._make_plan(batch_size, density, cores_of(self.target.version, self.target.boards))
        self.set_up.begin(set_up.MACHINE)
        self._binaries = checked_binaries()
        build_programs(self.graph)
        self.set_up.begin(set_up.BOARD)
        self.target.start()
        self.set_up.begin(set_up.MACHINE)
        try:
            with without_collecting():
                self._start(wanted, batch_size, density)
        except PassBroken:
            raise                            # the machine stays: it knows what it has lost
        except BaseException:
            self.close()
            raise

    def _make_plan(self, batch_size: int, density: InputDensity, max_cores: int) -> None:
        """:param max_cores: that the machine has for vertices"""
        self.chosen = plan_for_board(
            self.graph, self._stages, max_cores, batch_size, density, cuts=self._cuts, n_sources=self._n_sources,
            window=self._window, replicas=self._replicas, share_dense=self._share_dense, shared_window=self._shared_window,
            probes=self._probes, place=self._place, version=self.target.version, boards=self.target.boards)
        self.plan = self.chosen.plan

    def _region_bytes(self, bytes_per_sample: int, samples: Sequence[Samples]) -> int:
        wanted = bytes_per_sample * sum(len(s) for s in samples)
        return min(self._region_limit, max(MIN_REGION_BYTES, wanted + wanted // 8))

    def _start(self, samples: Sequence[Samples], batch_size: int, density: InputDensity) -> None:
        options = self.target.options
        self._counters_before = self.target.counters()
        session = Session(options, self._binaries, self._give_up, self.target.boards_to_ask_for, self.target.clock)
        self._session = session
        progress_to = None
        if "machine_name" in options:
            machine_address, _ = find_address(options["machine_name"], SCP_PORT)
            self._listener = ProgressListener(address_towards(machine_address), machine_address)
            progress_to = (self._listener.address, self._listener.port)
        if self._cuts is None and self._placement_seed is None:
            n_cores = sum(chip.free for chip in session.chips())
            if n_cores < len(self._live_plan.cores):            # parts of it are dead
                self._make_plan(batch_size, density, n_cores)
        self.set_up.begin(set_up.PLACING)
        vertices = self._placed_vertices(session, self._live_plan, samples, progress_to)
        self._vertices = vertices
        self._sources = [vertex for vertex in vertices if isinstance(vertex, InputSourceVertex)]
        #: Of each replica.
        self._output_groups = sorted((vertex for vertex in vertices if isinstance(vertex, OutputGroupVertex)),
                                     key=lambda vertex: vertex.core.replica)
        self._store = SampleStore([source.n_inputs for source in self._sources],
                                  [source.sample_bytes for source in self._sources], self._output_groups[0].target_bytes)
        self._parameters_on_machine = False
        session.run_pass(self.set_up)     # an empty pass: maps, loads and starts; from here on SDRAM can be written
        if self._listener is not None:
            self._listener.expect(session.ethernet_addresses())      # that of the output group's board among them
        places = {vertex: session.placement(vertex) for vertex in vertices}
        self._lies = {vertex.core: ((place.x, place.y), core_bytes(self._live_plan, vertex.core), vertex.sdram_bytes)
                      for vertex, place in places.items()}

    def _placed_vertices(self, session: Session, plan: Plan, samples: Sequence[Samples],
                         progress_to: tuple[str, int] | None) -> list[NetworkVertex]:
        """The vertices in the plan's order, added each on its chip; or, with a seed for it, in any order wherever GFE puts them.

        Samples get what SDRAM the weights leave them.
        """
        self._region_limit = self._max_region_bytes
        if self._placement_seed is not None:
            pace_anywhere(plan)
            vertices = [self._make_vertex(core, plan, samples, progress_to) for core in plan.cores]
            session.add(random.Random(self._placement_seed).sample(vertices, len(vertices)))
            return vertices
        assert self.chosen is not None
        chips = session.chips()
        while True:
            vertices = [self._make_vertex(core, plan, samples, progress_to) for core in plan.cores]
            try:
                chip_of = place_and_pace(self.chosen, chips, {vertex.core: vertex.sdram_bytes for vertex in vertices},
                                         session.topology())
            except ValueError as error:
                if len(vertices) > sum(chip.free for chip in chips) or self._region_limit <= MIN_REGION_BYTES:
                    raise DoesNotFit(f"The network needs {len(vertices)} cores, the machine has "
                                     f"{sum(chip.free for chip in chips)} free: {error}.") from error
                self._region_limit = max(MIN_REGION_BYTES, self._region_limit // 2)
                continue
            self.n_chips = len(set(chip_of.values()))
            there = expected(self.chosen.plan, self.chosen.batch_size, self.chosen.input_density)
            self.chosen = replace(self.chosen, cycles_per_sample=there.cycles_per_sample, stages=there.stages)
            cores = {core: p for core, (_, _, p) in self.chosen.fixed.items() if p is not None}
            for vertex in vertices:
                vertex.set_fixed_location(*chip_of[vertex.core], cores.get(vertex.core))
            # the Graph Front End gives out the cores of a chip in this order
            session.add(sorted(vertices, key=lambda vertex: vertex.core not in cores))
            return vertices

    def _make_vertex(self, core: Core, plan: Plan, samples: Sequence[Samples],
                     progress_to: tuple[str, int] | None) -> NetworkVertex:
        if core.kind is CoreKind.INPUT_SOURCE:
            bytes_per_sample = row_bytes(prod(core.box.shape), max(s.codes.itemsize for s in samples))
            return InputSourceVertex(core, plan, self._region_bytes(bytes_per_sample, samples))
        if core.kind is CoreKind.OUTPUT_GROUP:
            return OutputGroupVertex(core, plan, self._region_bytes(self._target_row_bytes, samples),
                                     self._region_bytes(4 * self.graph.n_outputs, samples),
                                     progress_to if core.replica == 0 else None)
        return VERTEX_OF_KIND[core.kind](core, plan)


def _density(samples: Samples, shape: tuple[int, int, int]) -> DensityMap:
    """What of the inputs is not zero, over some of the samples."""
    some = samples.codes[:: -(-len(samples) // 256)]
    return density_map((some if samples.table is None else samples.table[some]) != 0, shape)


def _rows(samples: Samples, index: np.ndarray) -> Samples:
    """Some of the samples, in the order of ``index``."""
    return Samples(samples.codes[index], samples.table,
                   None if samples.labels is None else samples.labels[index],
                   None if samples.targets is None else samples.targets[index],
                   None if samples.weights is None else samples.weights[index], samples.weight_exponent)


def _add(a: PassResult, b: PassResult) -> PassResult:
    """Two parts of a pass, one after the other."""
    outputs = None if a.outputs is None or b.outputs is None else np.concatenate([a.outputs, b.outputs])
    return PassResult(a.loss_sum + b.loss_sum, a.n_correct + b.n_correct, a.n_samples + b.n_samples, outputs,
                      {name: a.saturations[name] + b.saturations[name] for name in a.saturations},
                      a.machine_cycles + b.machine_cycles)


def _later(progress: Progress | None, start: int, so_far: PassResult | None) -> Progress | None:
    """Progress of a part of a pass, told as of the whole."""
    if progress is None or so_far is None:
        return progress
    return lambda done, loss, correct: progress(start + done, so_far.loss_sum + loss, so_far.n_correct + correct)


def _of_all(progress: Progress | None, replicas: int, n: int) -> Progress | None:
    """Progress of all replicas, of which one tells."""
    if progress is None or replicas == 1:
        return progress
    return lambda done, loss, correct: progress(min(n, done * replicas), loss * replicas, correct * replicas)
