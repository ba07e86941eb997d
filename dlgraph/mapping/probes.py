"""Probes: vertices that record what comes along a stream while a network trains.

A probe is one more consumer of the stream.  It takes every sample whole, asks for what got lost, and its producer waits for it as
for all that take what it sends.  What tells the producer is a stream of markers without words, or credit to an input source:

* An input source, and whoever sends activations or sums, looks for an answer to sample k before it sends sample k + window.  The
  marker of sample k says that the probe has taken sample k.
* Errors and partial errors are such answers themselves.  The marker of sample k + :func:`ahead` says that the probe has taken
  sample k, and has to be there before the producer goes on with that sample; the first so many are sent when a pass begins.
* What is exchanged at the end of a batch goes out in segments.  Whoever has sent one waits for those of others; for the marker of
  the probe as well.
"""
from __future__ import annotations

from dataclasses import dataclass, fields, replace
from numbers import Integral
from typing import Any, Iterable, Sequence

from dlgraph.errors import DataError, DoesNotFit
from dlgraph.mapping.boxes import Block
from dlgraph.mapping.plan import (
    EXCHANGE_AT, EXCHANGED, GROUP_PARTIAL_ERRORS, GROUP_SUMS, SLICE_ERRORS, SOURCE_ACTIVATIONS_OUT, SOURCE_CREDITS,
    TILE_ACTIVATIONS, TILE_GRADIENT_SUMS, TILE_PARTIAL_ERRORS, Core, CoreKind, Plan, Recording, Stream, StreamEnd, StreamKind)

#: Inlet and vector of the C program (``c_models/layers/probe.c``).
PROBE_RECORDED, PROBE_TAKEN = 0, 0
#: Streams that carry words.
PROBED = (StreamKind.ACTIVATIONS, StreamKind.SUMS, StreamKind.ERRORS, StreamKind.PARTIAL_ERRORS, StreamKind.GRADIENTS,
          StreamKind.GRADIENT_SUMS, StreamKind.WEIGHTS)
#: Of these, those that answer what went forward.
BACKWARD = (StreamKind.ERRORS, StreamKind.PARTIAL_ERRORS)
#: Where a producer looks for the answer to what it has sent.
ANSWERED_AT = {CoreKind.WEIGHT_SLICE: SLICE_ERRORS, CoreKind.NEURON_GROUP: GROUP_PARTIAL_ERRORS,
               CoreKind.CONVOLUTION_TILE: TILE_PARTIAL_ERRORS, CoreKind.UNIT_TILE: TILE_PARTIAL_ERRORS,
               CoreKind.CUSTOM_TILE: TILE_PARTIAL_ERRORS}
#: Bytes of SDRAM that the records of one probe may take.
MOST_RECORD_BYTES = 16 << 20
KEEP = ("first", "last")
#: Where producers let the slot of a sample go, and open the one that is a window further on, before they send its errors.
FREED_AT = {CoreKind.NEURON_GROUP: GROUP_SUMS, CoreKind.OUTPUT_GROUP: GROUP_SUMS, CoreKind.UNIT_TILE: TILE_ACTIVATIONS,
            CoreKind.CUSTOM_TILE: TILE_ACTIVATIONS}


@dataclass(frozen=True)
class Probe:
    """A wish to record streams while a network trains or predicts: every stream that this describes gets a vertex of its own.

    :param layer: that sends; ``"input"`` for the input sources
    :param kind: of stream: ``"activations"``, ``"sums"``, ``"errors"`` or ``"partial errors"`` of every sample; or ``"gradients"``,
        ``"gradient sums"`` or ``"weights"``, that cores with the same parameters exchange at the end of a batch
    :param samples: that are recorded of a pass, at most, or segments of what is exchanged; they are kept in the SDRAM of the
        probe's chip, 16 MiB at most
    :param keep: which of a longer pass: ``"first"`` or ``"last"``
    :param to: only streams that lead to this layer; None: all
    :param producer: only streams of the vertex of this label; None: all
    """

    layer: str
    kind: str = "activations"
    samples: int = 32
    keep: str = "last"
    to: str | None = None
    producer: str | None = None

    def __repr__(self) -> str:
        """As it would be typed, without what is left out."""
        others = [f"{each.name}={value!r}" for each in fields(self)[2:] if (value := getattr(self, each.name)) != each.default]
        return f"Probe({', '.join([repr(self.layer), repr(self.kind), *others])})"


def ahead(plan: Plan, stream: Stream) -> int:
    """How many samples behind the one that it has taken a probe lets its producer go on with."""
    if stream.kind not in BACKWARD:
        return 0
    window = plan.window_of_stream(stream)
    # a slot must be open when the marker comes.  In a window of one sample it may not be yet: the marker is asked for again then,
    # which takes long
    return window if stream.producer.kind in FREED_AT else max(1, window - 1)


def add_probes(plan: Plan, probes: Sequence[Probe]) -> Plan:
    """The plan with a vertex for every stream that the probes describe; adds consumers to the plan's streams.

    :raises DataError: for a probe that describes no stream, or one that cannot be recorded
    """
    if isinstance(probes, str) or not isinstance(probes, Sequence):
        raise DataError(f"probes={probes!r} cannot be used. Give a list, such as probes=[dlgraph.Probe('hidden')].")
    of_core: dict[Core, list[Core]] = {}
    streams = list(plan.streams)
    probed: set[Stream] = set()
    for probe in probes:
        for stream in _described(plan, probe):
            if stream in probed:
                raise DataError(f"{probe!r} describes a stream that another probe records: {stream.partition!r} of "
                                f"{stream.producer.label!r}. Give one of them.")
            probed.add(stream)
            core, answer = _probe_of(plan, stream, probe)
            of_core.setdefault(stream.producer, []).append(core)
            streams.append(answer)
    together = [[each for core in cores for each in (core, *of_core.get(core, ()))] for cores in plan.neighbourhoods]
    return replace(plan, cores=[core for cores in together for core in cores], neighbourhoods=together, streams=streams)


def probes_of(plan: Plan) -> list[tuple[Core, Stream]]:
    """Every probe of a plan with the stream that it records."""
    return [(core, core.streams_in[0].stream) for core in plan.cores if core.kind is CoreKind.PROBE]


def record_words(core: Core) -> int:
    """32-bit words of one record of a probe: the sample's index, and what came."""
    return 1 + core.inlet_words[PROBE_RECORDED]


def record_bytes(core: Core) -> int:
    """Of all records of a probe."""
    assert core.recording is not None
    return 4 * core.recording.n_samples * record_words(core)


def segments_recorded(core: Core) -> int:
    """Of a batch, by a probe on what is exchanged; 0 where a probe records samples."""
    return core.exchange.n_segments if core.exchange is not None else 0


def _described(plan: Plan, probe: Any) -> list[Stream]:
    """The streams of a probe."""
    if not isinstance(probe, Probe):
        raise DataError(f"probes has {probe!r}. It accepts dlgraph.Probe, such as dlgraph.Probe('hidden', 'activations').")
    _check_numbers(probe)
    kinds = {kind.value: kind for kind in PROBED}
    if probe.kind not in kinds:
        raise DataError(f"{probe!r} has an unknown kind. A probe records streams that carry words: {_quoted(kinds)}.")
    stage = _stage(plan, probe, "layer", probe.layer)
    found = [stream for stream in plan.streams if stream.producer.stage == stage and stream.kind is kinds[probe.kind]]
    if not found:
        others = dict.fromkeys(stream.kind.value for stream in plan.streams
                               if stream.producer.stage == stage and stream.kind in PROBED)
        raise DataError(f"{probe!r}: layer {probe.layer!r} sends no {probe.kind}. It sends {_quoted(others) or 'nothing'}.")
    if probe.producer is not None:
        labels = dict.fromkeys(stream.producer.label for stream in found)
        if probe.producer not in labels:
            raise DataError(f"{probe!r}: no vertex of that label sends {probe.kind} of layer {probe.layer!r}. These do: "
                            f"{_quoted(labels)}. Labels follow from the cut: give cuts as well, which fixes it.")
        found = [stream for stream in found if stream.producer.label == probe.producer]
    if probe.to is not None:
        wanted = _stage(plan, probe, "to", probe.to)
        takers = dict.fromkeys(plan.stages[core.stage].name for stream in found for core in stream.consumers)
        found = [stream for stream in found if any(core.stage == wanted for core in stream.consumers)]
        if not found:
            raise DataError(f"{probe!r}: {probe.kind} of layer {probe.layer!r} do not go to {probe.to!r}. They go to "
                            f"{_quoted(takers)}.")
    return found


def _check_numbers(probe: Probe) -> None:
    if isinstance(probe.samples, bool) or not isinstance(probe.samples, Integral) or probe.samples < 1:
        raise DataError(f"{probe!r}: samples is not a whole number from 1.")
    if probe.keep not in KEEP:
        raise DataError(f"{probe!r}: keep is not known. Give {' or '.join(map(repr, KEEP))}.")


def _stage(plan: Plan, probe: Probe, argument: str, name: str) -> int:
    """Number of the stage of a layer."""
    for stage in plan.stages:
        if stage.name == name:
            return stage.number
    for stage in plan.stages:
        if any(plan.graph.layers[number].name == name for number in stage.operations):
            raise DataError(f"{probe!r}: layer {name!r} runs on the cores of {stage.name!r}. Name that one, which sends the value "
                            f"behind it, or give own_cores=True.")
    raise DataError(f"{probe!r}: {argument} names no layer with cores. These have some: "
                    f"{_quoted(stage.name for stage in plan.stages)}.")


def _probe_of(plan: Plan, stream: Stream, probe: Probe) -> tuple[Core, Stream]:
    """A probe on a stream, and the stream by which it answers."""
    producer, first = stream.producer, stream.consumers[0]
    # of one replica, where it comes from one or leads to one: the probe counts that replica's samples
    side = producer if plan.replicas_of(producer) >= plan.replicas_of(first) else first
    is_source = producer.kind is CoreKind.INPUT_SOURCE
    if side is first and not is_source:
        raise DataError(f"{probe!r}: {stream.kind.value} of {producer.label!r} go to one of several replicas, of whose samples the "
                        f"producer, which all share, does not count. Record what it takes, or give replicas=1.")
    is_exchanged = stream.kind in EXCHANGED
    core = Core(CoreKind.PROBE, side.stage, f"probe of {stream.partition}, {producer.label}", replica=side.replica,
                inlet_words=[stream.extent], inlet_slots=[int(is_exchanged)],
                exchange=producer.exchange if is_exchanged else None,
                recording=Recording(int(probe.samples), probe.keep == "last", ahead(plan, stream)))
    if record_bytes(core) > MOST_RECORD_BYTES:
        raise DoesNotFit(f"{probe!r}: records of {stream.extent} words for {probe.samples} samples take {record_bytes(core)} bytes "
                         f"of SDRAM; a probe has {MOST_RECORD_BYTES}, enough for {MOST_RECORD_BYTES // (4 * record_words(core))}.")
    stream.consumers.append(core)
    core.streams_in.append(StreamEnd(stream, PROBE_RECORDED, 0))
    nothing = Block(0, 0)
    kind = StreamKind.CREDIT if is_source else StreamKind.TAKEN if is_exchanged else StreamKind.DONE
    answer = Stream(kind, core, PROBE_TAKEN, nothing, nothing if is_source else Block(0, 1), f"{kind.value} 0", [producer])
    core.streams_out.append(answer)
    producer.streams_in.append(StreamEnd(answer, _answered_at(stream), 0))
    return core, answer


def _answered_at(stream: Stream) -> int:
    """The inlet in which a producer looks for answers to a stream."""
    kind = stream.producer.kind
    if kind is CoreKind.INPUT_SOURCE:
        return SOURCE_CREDITS + stream.vector - SOURCE_ACTIVATIONS_OUT
    if stream.kind is StreamKind.GRADIENT_SUMS:
        return TILE_GRADIENT_SUMS
    if stream.kind in EXCHANGED:
        gradients, parameters, _, _ = EXCHANGE_AT[kind]
        return parameters if stream.kind is StreamKind.WEIGHTS else gradients
    return FREED_AT[kind] if stream.kind in BACKWARD and kind in FREED_AT else ANSWERED_AT[kind]


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
