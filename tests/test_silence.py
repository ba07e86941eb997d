"""What an error says of a part that died."""
from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import small_nets

from dlgraph.custom_checks import small_network
from dlgraph.gfe import silence
from dlgraph.gfe.pass_end import Findings
from dlgraph.layer_graph import Activation
from dlgraph.mapping.cuts import explicit_cut
from dlgraph.mapping.plan import Core, CoreKind, Plan, StreamKind, make_plan
from dlgraph.mapping.stages import find_stages
from dlgraph.vertices.pass_parameters import RESULT_BYTES, STATUS_SILENCE, PassParameters, VertexResult
from dlgraph.vertices.stream_config import ends_in_order
from tests.custom_kinds.window_sum import WindowSumLayer

#: Ten batches of 8, of which each of two replicas takes 4; the fourth epoch.
PARAMETERS = PassParameters(training=1, n_samples=80, batch_size=8, n_batches=10, epoch=3)


@pytest.fixture(scope="module")
def plan() -> Plan:
    graph = small_nets.random_graph(np.random.default_rng(1), [6, 5, 4], [Activation.RELU], small_nets.PAIRS[0])
    stages = find_stages(graph)
    return make_plan(graph, stages, explicit_cut(stages, {"layer0": (2, 1), "layer1": (1, 1)}, 1, 2, 2))


@dataclass(eq=False)
class Vertex:
    """As much of one as is asked for."""

    core: Core


def found(plan: Plan, waited: Sequence[tuple[Core, int, int]] = (), unreachable: Collection[tuple[int, int]] = (),
          unfinished: Sequence[Core] = (), speechless: Sequence[Core] = (), monitors: Sequence[tuple[int, int, int]] = (),
          ethernet: tuple[int, int] | None = None) -> Findings:
    """Every core on a chip of its own.

    :param waited: (core, number of its stream, its sample)
    """
    vertex_of: dict[Core, Any] = {core: Vertex(core) for core in plan.cores}
    places: dict[Any, Any] = {vertex_of[core]: SimpleNamespace(x=number, y=0, p=7) for number, core in enumerate(plan.cores)}
    nothing = VertexResult.from_bytes(bytes(RESULT_BYTES))
    results = {vertex_of[core]: replace(nothing, status=STATUS_SILENCE, silent_stream=stream, silent_sample=sample)
               for core, stream, sample in waited}
    return Findings(places, results, frozenset(unreachable), [vertex_of[core] for core in unfinished],
                    [vertex_of[core] for core in speechless], monitors, ethernet)


def core_of(plan: Plan, kind: CoreKind, replica: int = 0) -> Any:
    return next(core for core in plan.cores if core.kind is kind and core.replica == replica)


def waits(core: Any, kind: StreamKind, sample: int) -> tuple[Any, int, int]:
    """A core that waits for its first stream of a kind."""
    return core, next(i for i, end in enumerate(ends_in_order(core)) if end.stream.kind is kind), sample


def text_of(plan: Plan, *arguments: Any, parameters: PassParameters = PARAMETERS, **named: Any) -> str:
    return silence.explanation(found(plan, *arguments, **named), plan, parameters)


def test_who_is_silent_is_named_with_stream_epoch_and_batch(plan: Plan) -> None:
    group = core_of(plan, CoreKind.NEURON_GROUP, 1)
    case = waits(group, StreamKind.SUMS, 9)                    # the second of the third batch
    producer = ends_in_order(group)[case[1]].stream.producer
    text = text_of(plan, [case])
    assert text.startswith(f"{producer.label}, on chip ({plan.cores.index(producer)}, 0) core 7, gives no sign of life")
    assert f"its stream of sums came to {group.label} (epoch 4, batch 3)" in text
    assert "No other core waited for it" in text and "its chip or a link" in text


def test_credit_of_a_replica_counts_its_samples(plan: Plan) -> None:
    """Input sources take all samples, what comes back to them is of one replica."""
    source = core_of(plan, CoreKind.INPUT_SOURCE)
    assert "(epoch 4, batch 3)" in text_of(plan, [waits(source, StreamKind.CREDIT, 9)])


def test_batches_count_on_in_an_epoch_of_several_passes(plan: Plan) -> None:
    case = waits(core_of(plan, CoreKind.NEURON_GROUP, 1), StreamKind.SUMS, 9)
    assert "(epoch 4, batch 103)" in text_of(plan, [case], parameters=replace(PARAMETERS, data_position=800))


def test_a_core_that_waits_itself_is_not_to_blame(plan: Plan) -> None:
    group, output = core_of(plan, CoreKind.NEURON_GROUP), core_of(plan, CoreKind.OUTPUT_GROUP)
    blamed = [waits(group, StreamKind.SUMS, 2), waits(output, StreamKind.SUMS, 1)]
    last = ends_in_order(output)[blamed[1][1]].stream.producer
    complaining = waits(last, StreamKind.ACTIVATIONS, 1)       # from the group, which complains
    text = text_of(plan, [*blamed, complaining])
    assert text.startswith(ends_in_order(group)[blamed[0][1]].stream.producer.label)


def test_a_chip_that_does_not_answer_comes_first(plan: Plan) -> None:
    group = core_of(plan, CoreKind.NEURON_GROUP)
    sums = [i for i, end in enumerate(ends_in_order(group)) if end.stream.kind is StreamKind.SUMS]
    producers = [ends_in_order(group)[i].stream.producer for i in sums]
    for producer, stream in zip(producers, sums, strict=True):
        source = core_of(plan, CoreKind.INPUT_SOURCE)
        cases = [waits(source, StreamKind.CREDIT, 3), (group, stream, 2)]
        text = text_of(plan, cases, {(plan.cores.index(producer), 0)})
        assert text.startswith(producer.label) and "Its chip does not answer the host either" in text


@pytest.fixture(scope="module")
def outside() -> Plan:
    """With a layer whose program is somebody else's."""
    layer = WindowSumLayer("sums", np.zeros(4, np.int32), np.zeros(4, np.int32), True)
    graph = small_network(layer, (7, 6, 4))
    stages = find_stages(graph)
    return make_plan(graph, stages, explicit_cut(stages, {}, 1, 2, 1))


def test_a_program_from_outside_may_loop_and_is_quoted(outside: Plan) -> None:
    tile = core_of(outside, CoreKind.CUSTOM_TILE)
    consumer = next(stream.consumers[0] for stream in tile.streams_out if stream.kind is StreamKind.PARTIAL_ERRORS)
    case = waits(consumer, StreamKind.PARTIAL_ERRORS, 0)
    assert ends_in_order(consumer)[case[1]].stream.producer is tile
    silent = found(outside, [case])
    text = silence.explanation(silent, outside, PARAMETERS)
    assert "or its program does not come to an end. The weights" in text
    vertex = next(vertex for vertex in silent.places if vertex.core is tile)
    lines = "\n".join(f"line {number}" for number in range(9))
    text = silence.explanation(replace(silent, written={vertex: f"{lines}\n\n"}), outside, PARAMETERS)
    assert "It wrote last: line 4 / line 5 / line 6 / line 7 / line 8. The weights" in text
    gone = found(outside, [case], {(outside.cores.index(tile), 0)})
    assert "program" not in silence.explanation(gone, outside, PARAMETERS)


def test_a_chip_that_nobody_waits_for(plan: Plan) -> None:
    text = text_of(plan, [], {(2, 0)})
    assert text.startswith("Chip (2, 0) does not answer") and "(epoch 4)" in text
    assert f"On it {plan.cores[2].label}, on chip (2, 0) core 7." in text


def test_a_core_that_does_not_end(plan: Plan) -> None:
    text = text_of(plan, unfinished=[plan.cores[1]])
    assert text.startswith(f"{plan.cores[1].label}, on chip (1, 0) core 7, does not end epoch 4, batch 10")


def test_a_core_that_does_not_answer_between_two_passes(plan: Plan) -> None:
    text = text_of(plan, speechless=[plan.cores[1]])
    assert text.startswith(f"{plan.cores[1].label}, on chip (1, 0) core 7, does not answer the host")


def test_a_monitor_that_does_not_answer(plan: Plan) -> None:
    text = text_of(plan, monitors=[(0, 0, 1)])
    assert text.startswith("Core 1 of chip (0, 0), where the Graph Front End has a monitor") and "left out" in text


def test_a_chip_without_vertices(plan: Plan) -> None:
    text = text_of(plan, unreachable={(99, 0)})
    assert "Chip (99, 0) does not answer the host" in text and "No vertex of the network is on it." in text


def test_a_board_that_answers_nothing(plan: Plan) -> None:
    text = text_of(plan, ethernet=(0, 0))
    assert text.startswith("The board answers nothing") and plan.cores[0].label in text and "left out" not in text
