"""From what the cores of a machine sent in a pass to a :class:`~dlgraph.trace.Trace`."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dlgraph import formats
from dlgraph.errors import NumberFormatOverflow
from dlgraph.layer_graph import LayerGraph, PassResult, Samples
from dlgraph.layers import INPUT, Int32Array, PaddingLayer, WeightLayer
from dlgraph.mapping.plan import EXCHANGED, Core, Plan, Stream, StreamKind
from dlgraph.mapping.sent_layers import hidden_layers, layer_errors, layer_values, value_layer
from dlgraph.mapping.sent_log import LoggedVector, Words, logged_vectors, positions
from dlgraph.mapping.sent_values import BoolArray, Sent, stage_errors, stage_values, unit_errors
from dlgraph.mapping.stages import Stage, StageKind
from dlgraph.optimisers import OptimiserKind
from dlgraph.trace import PARTIAL_ERROR_FRACTION, Fixed, StreamTrace, Trace, TraceMaker

Int64Array = npt.NDArray[np.int64]

_SHARES_CORES = ("they stay inside the cores of {0!r}, which run this layer too; give every layer cores of its own "
                 "(every_layer=True)")
_TAKEN_APART = "it has no cores; those who take it send their errors to the layers that made its parts"
_IN_PADDING = "it has no cores, and nothing sends errors to the padding"
_IN_TILES = "they stay inside the layer's cores"
_NOT_WITH = ("beside {0} the program of the layer's cores has no plain gradient descent, which is what tells its gradient; "
             "give every layer cores of its own (every_layer=True)")
_IN_ONE_PASS = ("it is cut to its format once for all samples, and these took several passes; trace {0} samples "
                "at most to have it")
_ADVICE = "trace fewer samples, or scale the targets down"


class TraceGatherer:
    """Takes the passes of a trace in, one after the other, each of as many samples as the logs hold.

    :param samples: all of them
    :param machine: what the trace says of where it was made
    """

    def __init__(self, plan: Plan, samples: Samples, training: bool, machine: str) -> None:
        self._plan, self._samples, self._training, self._machine = plan, samples, training, machine
        self._values: dict[int, list[npt.NDArray[np.int16]]] = {}
        self._known: dict[int, list[BoolArray]] = {}
        self._errors: dict[int, list[Int64Array]] = {}
        self._unit_errors: dict[int, list[Int32Array]] = {}
        self._outputs: list[Int32Array] = []
        self._gradients: list[tuple[Int64Array, Int64Array]] = []
        self._saturations: dict[str, int] = {}
        self._streams: dict[Stream, list[tuple[npt.NDArray[np.int64], Words]]] = {}
        self._n = self._n_passes = self._largest_pass = 0

    def wanted(self, core: Core) -> list[LoggedVector]:
        """The vectors of a core that its log has after a pass: outside training nothing goes back."""
        forward = (StreamKind.ACTIVATIONS, StreamKind.SUMS)
        return [logged for logged in logged_vectors(self._plan, core) if self._training or logged.kind in forward]

    def take(self, result: PassResult, logs: dict[Core, Words], gradients: Sequence[tuple[Int64Array, Int64Array]] | None) -> None:
        """One pass.

        :param result: with outputs
        :param logs: of each core, as much as is wanted of it
        :param gradients: of each layer with weights, in training
        """
        n, plan = result.n_samples, self._plan
        sent = {(core, logged.vector): logged.words(log, n) for core, log in logs.items() for logged in self.wanted(core)}
        for stage in plan.stages:
            if not stage.is_output:
                values, known = stage_values(plan, stage, sent, n)
                self._values.setdefault(value_layer(stage), []).append(values)
                self._known.setdefault(value_layer(stage), []).append(known)
            if self._training:
                self._take_errors(stage, sent, n)
        assert result.outputs is not None
        self._outputs.append(result.outputs)
        for number, (weights, biases) in enumerate(gradients or ()):
            if number == len(self._gradients):
                self._gradients.append((weights, biases))
            else:
                self._gradients[number] = (self._gradients[number][0] + weights, self._gradients[number][1] + biases)
        for name, clips in result.saturations.items():
            self._saturations[name] = self._saturations.get(name, 0) + clips
        self._take_streams(logs, sent, n)
        self._n += n
        self._n_passes += 1
        self._largest_pass = max(self._largest_pass, n)

    def _take_errors(self, stage: Stage, sent: Sent, n: int) -> None:
        if stage.kind is StageKind.DENSE:
            self._unit_errors.setdefault(stage.layer, []).append(unit_errors(self._plan, stage, sent, n))
        if stage.learns and not stage.is_output:
            self._errors.setdefault(value_layer(stage), []).append(stage_errors(self._plan, stage, sent, n))

    def _take_streams(self, logs: dict[Core, Words], sent: Sent, n: int) -> None:
        for core in logs:
            for logged in self.wanted(core):
                for stream in logged.streams:
                    words = sent[core, logged.vector][:, positions(stream.source)]
                    self._streams.setdefault(stream, []).append((self._n + logged.samples(n), words))

    # ----------------------------------------------------------------- all of it

    def trace(self) -> Trace:
        """What all passes gave.

        :raises NumberFormatOverflow: where gradients of all passes together do not fit their format
        """
        plan, graph = self._plan, self._plan.graph
        maker = TraceMaker(graph, self._samples, self._training)
        self._tell_values(maker, graph)
        maker.activations(len(graph.layers) - 1, np.concatenate(self._outputs))
        if self._training:
            self._tell_errors(maker, graph)
            self._tell_gradients(maker, plan)
        return maker.trace(self._machine, self._saturations, tuple(self._stream_traces()))

    def _tell_values(self, maker: TraceMaker, graph: LayerGraph) -> None:
        values = layer_values(graph, {number: np.concatenate(parts) for number, parts in self._values.items()})
        known = layer_values(graph, {number: np.concatenate(parts) for number, parts in self._known.items()})
        for number, value in values.items():
            all_known = bool(known[number].all()) or (number != INPUT and isinstance(graph.layers[number], PaddingLayer))
            maker.activations(number, value, None if all_known else known[number])
        for stage in self._plan.stages[1:]:
            for number in hidden_layers(stage):
                for quantity in ("activations", "errors"):
                    maker.absent(number, quantity, _SHARES_CORES.format(graph.layers[value_layer(stage)].name))

    def _tell_errors(self, maker: TraceMaker, graph: LayerGraph) -> None:
        errors = layer_errors(graph, {number: np.concatenate(parts) for number, parts in self._errors.items()})
        for number, sums in errors.items():
            maker.errors(number, sums)
        for number, layer in enumerate(graph.layers):
            if number not in errors:
                maker.absent(number, "errors", _IN_PADDING if isinstance(layer, PaddingLayer) else _TAKEN_APART)
        for number, parts in self._unit_errors.items():
            maker.unit_errors(number, np.concatenate(parts))

    def _tell_gradients(self, maker: TraceMaker, plan: Plan) -> None:
        kind = plan.graph.optimiser.kind
        gradients = iter(self._gradients)
        in_tiles = {stage.layer for stage in plan.stages if stage.kind in (StageKind.CONVOLUTION, StageKind.CUSTOM)}
        for number, layer in enumerate(plan.graph.layers):
            if not isinstance(layer, WeightLayer):
                continue
            weights, biases = next(gradients)
            if number in in_tiles:
                maker.absent(number, "unit_errors", _IN_TILES)
            if number in in_tiles and kind not in (OptimiserKind.SGD, OptimiserKind.MOMENTUM):
                for quantity in ("weight_gradient", "bias_gradient"):
                    maker.absent(number, quantity, _NOT_WITH.format({"ADAM": "Adam", "RMSPROP": "RMSprop"}[kind.name]))
                continue
            shifted_in_parts = number in in_tiles and self._n_passes > 1
            if shifted_in_parts and layer.use_bias:
                maker.absent(number, "bias_gradient", _IN_ONE_PASS.format(self._largest_pass))
            if np.any(np.abs(weights) > formats.INT32_MAX):
                raise NumberFormatOverflow(layer.name, "gradient", _ADVICE)
            maker.gradients(number, weights, None if shifted_in_parts else biases)

    def _stream_traces(self) -> list[StreamTrace]:
        found = []
        for stream, passes in self._streams.items():
            samples = np.concatenate([numbers for numbers, _ in passes])
            words = in_format(self._plan, stream, np.concatenate([words for _, words in passes]), self._samples.weight_unit)
            found.append(StreamTrace(stream.kind.value, self._plan.stages[stream.producer.stage].name, stream.producer.label,
                                     tuple(consumer.label for consumer in stream.consumers), samples, words))
        return found


def in_format(plan: Plan, stream: Stream, words: Words, weight_unit: float) -> Fixed:
    """What went along a stream, as numbers.

    :param words: (rows, words), zeros among them
    :param weight_unit: of the samples' weights, which errors are to be multiplied by
    """
    stage = plan.stages[stream.producer.stage]
    if stream.kind is StreamKind.ACTIVATIONS:
        return Fixed(np.ascontiguousarray(words).view("<i2"), stage.fraction)
    if stream.kind is StreamKind.SUMS:
        return Fixed(words, 12 + plan.graph.layers[stage.layer].input_fraction)
    if stream.kind in EXCHANGED:
        return Fixed(words, 0)                         # biases and weights side by side
    fraction = formats.ERROR_FRACTION if stream.kind is StreamKind.ERRORS else PARTIAL_ERROR_FRACTION
    return Fixed(words, fraction, weight_unit)
