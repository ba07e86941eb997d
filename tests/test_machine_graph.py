"""Probes and given places in a plan, before there is a machine: what is refused, and that every probe has its way back."""
from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_placing import BOARD, chips, few_moves, two_hidden_layers  # noqa: F401
from test_plan import random_plan

import dlgraph
from dlgraph.errors import DataError, DlgraphError, DoesNotFit, UnsupportedError
from dlgraph.executors import make_executor, make_reference
from dlgraph.layer_graph import Activation, LayerGraph
from dlgraph.mapping.expected import ChosenCut, chosen
from dlgraph.mapping.fixed import chips_of_board, fixed_places
from dlgraph.mapping.pacing import pace
from dlgraph.mapping.placing import place_and_pace
from dlgraph.mapping.plan import Core, CoreKind, Plan
from dlgraph.mapping.planning import plan_for_board
from dlgraph.mapping.probes import PROBED, Probe, add_probes, probes_of, record_bytes
from dlgraph.mapping.stages import find_stages
from dlgraph.vertices.stream_config import config_words
from integration_tests.networks import OUTPUTS, make_graph

CUTS: dict[str, Any] = {"dense_0": (2, 1, 2), "dense_1": (1, 1)}
GROUP = "dense_1 output group, units 0..5"


def network() -> LayerGraph:
    return make_graph([30, 20, 6], [Activation.RELU], OUTPUTS[0], seed=31)


def planned(**options: Any) -> ChosenCut:
    graph = network()
    given_options: dict[str, Any] = {"cuts": CUTS, "version": "3", **options}
    return plan_for_board(graph, find_stages(graph), 60, 32, 1.0, **given_options)


# --------------------------------------------------------------------------- what is refused

@pytest.mark.parametrize("place, words", [
    (3, ["place=3", "place={'hidden': (1, 0)}"]),
    ({"dens": (1, 1)}, ["'dens'", "'input', 'dense_0', 'dense_1'", "machine_graph()", "give cuts as well"]),
    ({"dense_0": (2, 0)}, ["(2, 0)", "SpiNN-3", "x in 0 .. 1 and y in 0 .. 1"]),
    ({"dense_0": (1,)}, ["(1,)", "(x, y)", "(x, y, p)"]),
    ({"dense_0": "11"}, ["'11'", "(x, y)"]),
    ({"dense_0": (0.5, 1)}, ["(0.5, 1)", "(x, y)"]),
    ({"dense_0": (1, True)}, ["(1, True)", "(x, y)"]),
    ({"dense_0": (1, 1, 4)}, ["(1, 1, 4)", "4 vertices", "by their labels"]),
    ({GROUP: (0, 0, 2)}, ["core 2", "3 .. 17", "monitors"]),
    ({GROUP: (1, 0, 18)}, ["core 18", "2 .. 17"]),
    ({GROUP: (1, 0, 4), "input": (1, 0, 4)}, ["(1, 0, 4)", repr(GROUP), "input source", "give another"])])
def test_places_that_are_none(place: Any, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        planned(place=place)
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize("place, words", [
    ({GROUP: (4, 8, 2)}, ["core 2", "chip (4, 8)", "3 .. 17"]), ({GROUP: (20, 16, 2)}, ["core 2", "chip (20, 16)"]),
    ({"dense_0": (256, 0)}, ["no machine has a chip (256, 0)", "0 to 255"]), ({"dense_0": (-1, 0)}, ["(-1, 0)"])])
def test_places_that_no_machine_of_several_boards_has(place: Any, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        planned(place=place, version="5", boards=3)
    assert all(word in str(caught.value) for word in words), caught.value


def test_places_on_several_boards() -> None:
    """Which chips there are is known later; which have an Ethernet is known before."""
    fixed = planned(place={GROUP: (11, 11, 2), "dense_1": (4, 8)}, version="5", boards=3).fixed
    assert set(fixed.values()) == {(11, 11, 2), (4, 8, None)}


def test_more_than_a_chip_holds() -> None:
    with pytest.raises(DoesNotFit, match=r"17 vertices to chip \(1, 1\), which has 16 cores .* elsewhere"):
        planned(cuts={"dense_0": (4, 3, 3), "dense_1": (1, 1)}, place={"dense_0": (1, 1), GROUP: (1, 1), "input": (1, 1)})
    many = [Probe(layer, kind, samples=245_000) for layer, kind in (
        ("input", "activations"), ("dense_0", "sums"), ("dense_0", "activations"), ("dense_0", "errors"),
        ("dense_1", "partial errors"))]
    labels = [core.label for core, _ in probes_of(planned(probes=many).plan)]
    assert len(labels) > 7
    with pytest.raises(DoesNotFit, match=r"bytes of SDRAM; a chip has \d+ for it"):
        planned(probes=many, place=dict.fromkeys(labels, (0, 1)))


@pytest.mark.parametrize("probe, error, words", [
    ("dense_0", DataError, ["'dense_0'", "dlgraph.Probe"]),
    (Probe("dens"), DataError, ["Probe('dens', 'activations')", "'input', 'dense_0', 'dense_1'"]),
    (Probe("dense_0", "credit"), DataError, ["unknown kind", "'activations', 'sums', 'errors'"]),
    (Probe("dense_1"), DataError, ["sends no activations", "'errors'", "'sums'"]),
    (Probe("dense_0", "weights"), DataError, ["sends no weights", "'activations'"]),
    (Probe("dense_0", to="input"), DataError, ["do not go to 'input'", "'dense_1'"]),
    (Probe("dense_0", to="nowhere"), DataError, ["to names no layer"]),
    (Probe("dense_0", producer="x"), DataError, ["producer='x'", "units 0..15", "give cuts"]),
    (Probe("dense_0", samples=0), DataError, ["samples=0", "from 1"]),
    (Probe("dense_0", samples=True), DataError, ["samples=True", "from 1"]),
    (Probe("dense_0", keep="all"), DataError, ["keep='all'", "'first' or 'last'"]),
    (Probe("dense_0", samples=1_000_000), DoesNotFit, ["bytes of SDRAM", "enough for 466033"])])
def test_probes_of_nothing(probe: Any, error: type[DlgraphError], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        planned(probes=[probe])
    assert all(word in str(caught.value) for word in words), caught.value


def test_other_refusals() -> None:
    with pytest.raises(DataError, match="another probe records"):
        planned(probes=[Probe("dense_0"), Probe("dense_0", samples=3)])
    for given_probes in (Probe("dense_0"), "dense_0", iter([Probe("dense_0")])):
        with pytest.raises(DataError, match=r"Give a list, such as probes=\[dlgraph.Probe"):
            planned(probes=given_probes)
    with pytest.raises(UnsupportedError, match="give one of them"):
        make_executor(network(), dlgraph.Emulated(board="spinn3").target(), place={"dense_0": (1, 1)}, placement_seed=1)
    graph = network()
    with pytest.raises(DoesNotFit, match="it needs 9 cores, the machine has 8"):
        plan_for_board(graph, find_stages(graph), 8, 32, 1.0, cuts=CUTS, probes=[Probe("dense_0")])


# --------------------------------------------------------------------------- plans

def test_a_probe_takes_no_core_from_others() -> None:
    """A network that takes all of a machine is cut for a smaller one."""
    graph = network()
    stages = find_stages(graph)
    alone = plan_for_board(graph, stages, 5, 32, 1.0)
    found = plan_for_board(graph, stages, len(alone.plan.cores) + 1, 32, 1.0, probes=[Probe("dense_0")])
    assert len(found.plan.cores) <= len(alone.plan.cores) + 1 and len(probes_of(found.plan)) >= 1


def key_of(plan: Plan) -> Any:
    number = {stream: i for i, stream in enumerate(plan.streams)}
    return lambda stream: number[stream] << 16


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.data())
def test_every_probe_is_answered_for(seed: int, data: st.DataObject) -> None:
    """Whatever is recorded: the producer waits for the probe at an inlet that it has, and each can ask the other."""
    plan = random_plan(seed)
    kinds = sorted({(plan.stages[stream.producer.stage].name, stream.kind.value) for stream in plan.streams
                    if stream.kind in PROBED})
    before = {stream: len(stream.consumers) for stream in plan.streams}
    layer, kind = data.draw(st.sampled_from(kinds))
    try:
        probed = add_probes(plan, [Probe(layer, kind, samples=1)])
    except DataError as error:
        assert "one of several replicas" in str(error) and plan.cut.shared
        return
    assert len({(stream.producer, stream.partition) for stream in probed.streams}) == len(probed.streams)
    assert [core for cores in probed.neighbourhoods for core in cores] == probed.cores
    for core, stream in probes_of(probed):
        answer, = core.streams_out
        assert stream.consumers[-1] is core and len(stream.consumers) == before[stream] + 1
        assert answer.consumers == [stream.producer] and answer.n_words == 0
        end = next(each for each in stream.producer.streams_in if each.stream is answer)
        assert 0 <= end.inlet < len(stream.producer.inlet_words)
        # streams of one inlet have as many slots as it holds
        assert answer.extent == 0 or probed.slots_of_stream(answer) == probed.slots_of_inlets(stream.producer)[end.inlet]
        assert probed.slots_of_stream(stream) == probed.slots_of_inlets(core)[0]
        assert record_bytes(core) == 4 * (1 + stream.extent)
        for each in (core, stream.producer):
            config_words(each, probed, key_of(probed))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.data())
def test_given_places_hold_and_no_chip_is_overfilled(seed: int, data: st.DataObject) -> None:
    plan = random_plan(seed)
    assume(len(plan.cores) <= 12 * len(BOARD))
    choice = chosen(plan, 32, 0.2)
    some = plan.cores[::-(-len(plan.cores) // 15)]           # as many as any chip holds
    fixed: dict[Core, tuple[int, int, int | None]] = {core: (*data.draw(st.sampled_from(BOARD[:6])), None) for core in some}
    needed = {core: 1000 for core in plan.cores}
    placed = place_and_pace(replace(choice, fixed=fixed), chips(), needed)
    assert set(placed) == set(plan.cores) and all(placed[core] == where[:2] for core, where in fixed.items())
    room = {(chip.x, chip.y): chip.free for chip in chips()}
    assert all(n <= room[chip] for chip, n in Counter(placed.values()).items())
    kept = {stream: stream.spacing for stream in plan.streams}
    pace(plan, placed)
    assert {stream: stream.spacing for stream in plan.streams} == kept, "the distances are those of where cores stand"


def test_all_places_given(few_moves: None) -> None:  # noqa: F811
    plan = two_hidden_layers()
    choice = chosen(plan, 32, 0.2)
    first = place_and_pace(choice, chips(), {core: 100 for core in plan.cores})
    given_all = replace(choice, fixed={core: (*chip, None) for core, chip in first.items()})
    assert place_and_pace(given_all, chips(), {core: 100 for core in plan.cores}) == first
    with pytest.raises(ValueError, match=r"chip \(0, 0\).* not there"):
        place_and_pace(given_all, chips()[1:], {core: 100 for core in plan.cores})


def test_layers_and_labels() -> None:
    """A label counts more than its layer; probes of a layer stay where they like."""
    plan = planned(probes=[Probe("dense_0")]).plan
    label = "dense_0 neuron group, units 0..15"
    fixed = fixed_places(plan, {label: (np.int64(1), 0, 3), "dense_0": (0, 1)}, "3")
    assert {core.label: where for core, where in fixed.items()}[label] == (1, 0, 3)
    assert Counter(where for core, where in fixed.items() if core.label != label) == {(0, 1, None): 3}
    assert all(core.kind is not CoreKind.PROBE for core in fixed)
    assert len(chips_of_board("5")) == 48 and {(0, 3), (4, 0), (7, 7), (7, 3)} <= set(chips_of_board("5"))
    assert not {(0, 4), (5, 0), (3, 7)} & set(chips_of_board("5"))


# --------------------------------------------------------------------------- what the user sees

def small_net(**options: Any) -> dlgraph.Network:
    graph = dlgraph.Graph("net", seed=1)
    hidden = graph.dense(graph.input((30,)), 20, "relu", name="hidden")
    graph.loss(graph.dense(hidden, 6, "softmax", name="output"), "sparse_categorical_crossentropy")
    graph.optimiser = dlgraph.Sgd(0.1)
    return dlgraph.from_graph(graph, machine=dlgraph.Emulated(board="spinn3"), **options)


def test_a_network_shows_its_machine_graph() -> None:
    net = small_net(cuts={"hidden": (2, 1)})
    before = net.machine_graph()
    found = net.map(place={"hidden": (1, 1)}, probes=[dlgraph.Probe("hidden")])
    assert len(found.vertices) == len(before.vertices) + 1 and not found.on_machine
    assert [vertex.chip for vertex in found.of_layer("hidden") if vertex.kind != "probe"] == 3 * [(1, 1)]
    probe = found["probe of activations 1, hidden neuron group, units 0..19"]
    stream, = found.streams("activations", "hidden")
    assert stream.consumers[-1] == probe.label and stream.words == 10 and stream.key is None
    assert "1 probe" in str(net) and "(1, 1)" in str(found) and probe.label in str(found)
    with pytest.raises(DataError, match="no chip"):
        net.map(place={"hidden": (5, 5)})
    assert net.machine_graph() == found, "what cannot be is not kept"
    assert net.map(place=None, probes=[]) == before


def test_what_there_is_not() -> None:
    net = small_net()
    found = net.machine_graph()
    with pytest.raises(DataError, match="no vertex 'x'"):
        found["x"]
    with pytest.raises(DataError, match="Layer 'x' has no vertices"):
        found.of_layer("x")
    with pytest.raises(DataError, match=r"recorded in training; there is nothing. .*net.map\(probes="):
        net.recorded()
    with pytest.raises(UnsupportedError, match="probe"):
        net.map(probe=[])
    with pytest.raises(DataError, match="runs on the host"):
        small_net(executor_factory=make_reference).reference().machine_graph()
    with pytest.raises(DataError, match="input_density"):
        net.machine_graph(input_density=0)
