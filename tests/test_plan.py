"""The plan: whatever the layers and however they are cut, every word comes from exactly one stream, and from the right place."""
from __future__ import annotations

import random
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import random_graphs
from hypothesis import given, settings
from hypothesis import strategies as st

from dlgraph.errors import DoesNotFit, UnsupportedError
from dlgraph.layer_graph import Activation, LayerGraph, Loss, Pooling, Sgd
from dlgraph.layers import INPUT, ConvolutionLayer, WeightLayer
from dlgraph.mapping import memory, placement, sent
from dlgraph.mapping.boxes import Block, Box, Layout, compact, matched
from dlgraph.mapping.choose import choose_plan
from dlgraph.mapping.expected import complaints
from dlgraph.mapping.cuts import DenseCut, SourceCut, TileCut, explicit_cut, stages_to_share
from dlgraph.mapping.intervals import Interval, check_partition, split_evenly
from dlgraph.mapping.looks import LATE, LONGEST, SHORTEST, SILENCE_CYCLES, Looks
from dlgraph.mapping.plan import (
    EXCHANGED, MAX_WORDS, NO_VECTOR, SLOT_BITS, TILE_ACTIVATIONS, TILE_PARTIAL_ERRORS_OUT, Core, CoreKind, Plan, StreamKind,
    make_plan, padded, pairs, unit_image)
from dlgraph.mapping.stages import StageKind, find_stages, taken_positions
from dlgraph.mapping.sweeps import LEAST_SWEEP, SliceShape
from integration_tests.test_layers import Net
from small_nets import random_graph

LIMITS = random_graphs.Limits(convolution_output=False, max_side=9, max_channels=6, max_values=400)


@given(st.integers(1, 3000), st.integers(1, 60), st.sampled_from([1, 2, 8]))
def test_split_evenly_is_a_partition(n: int, parts: int, multiple: int) -> None:
    blocks = split_evenly(n, parts, multiple)
    check_partition(blocks, n, multiple)
    assert len(blocks) == min(parts, -(-n // multiple))
    assert max(map(len, blocks)) - min(map(len, blocks)) < 2 * multiple


def test_bad_partitions_are_refused() -> None:
    with pytest.raises(ValueError):
        check_partition([Interval(0, 8), Interval(9, 16)], 16, 1)
    with pytest.raises(ValueError):
        check_partition([Interval(0, 4), Interval(4, 16)], 16, 8)
    with pytest.raises(ValueError):
        check_partition([Interval(0, 8)], 16, 8)


# --------------------------------------------------------------------------- blocks

def positions(block: Block) -> list[int]:
    return [block.first + j * block.outer_stride + i * block.run_stride + k
            for j in range(block.n_outer) for i in range(block.n_runs) for k in range(block.run)]


spans = st.tuples(st.integers(0, 5), st.integers(1, 6)).map(lambda pair: Interval(pair[0], pair[0] + pair[1]))


@settings(max_examples=200)
@given(spans, spans, spans, st.data())
def test_matched_blocks_hold_the_same_elements(rows: Interval, columns: Interval, channels: Interval, data: st.DataObject) -> None:
    """Shorter descriptions of two blocks go through the same elements in the same order."""
    box = Box(rows, columns, Interval(channels.start & ~1, channels.stop + (channels.stop & 1)))

    def around(span: Interval) -> Interval:
        return Interval(span.start - 2 * data.draw(st.integers(0, 1)), span.stop + 2 * data.draw(st.integers(0, 1)))

    layouts = [Layout.of(Box(around(box.rows), around(box.columns), around(box.channels)), False) for _ in range(2)]
    before = [layout.block(box) for layout in layouts]
    after = matched(*before)
    assert [positions(block) for block in after] == [positions(block) for block in before]
    packed = compact(after[0], 7)
    assert positions(packed) == list(range(7, 7 + after[0].n_elements))
    assert after[0].first + after[0].extent == max(positions(after[0])) + 1


# --------------------------------------------------------------------------- plans of random graphs

def random_plan(seed: int) -> Plan:
    choice = random.Random(seed)
    graph = random_graphs.random_layer_graph(choice, LIMITS)
    stages = find_stages(graph)
    blocks = {stage.name: (choice.randint(1, 5), choice.randint(1, 4), *([] if stage.is_output else [choice.randint(1, 6)]))
              if stage.kind is StageKind.DENSE else tuple(choice.randint(1, 4) for _ in range(3)) for stage in stages[1:]}
    replicas = choice.choice((1, 1, 2, 3, 7))
    share_dense = replicas > 1 and bool(stages_to_share(stages)) and choice.random() < 0.7
    return make_plan(graph, stages, explicit_cut(stages, blocks, choice.randint(1, 5), choice.randint(1, 8), replicas, share_dense,
                                                 choice.randint(0, 8)))


def flat_of(layout: Layout, shape: tuple[int, int, int]) -> npt.NDArray[np.int64]:
    """Of every element of a layout the flat position in the value; -1 for what only fills up, or is padding."""
    rows = np.arange(layout.box.rows.start, layout.box.rows.start + layout.rows)
    columns = np.arange(layout.box.columns.start, layout.box.columns.start + layout.width)
    channels = np.arange(layout.pitch) - layout.first_channel + layout.box.channels.start
    inside = [(axis >= max(0, span.start)) & (axis < min(n, span.stop)) for axis, span, n in
              zip((rows, columns, channels), (layout.box.rows, layout.box.columns, layout.box.channels), shape)]
    flat = (rows[:, None, None] * shape[1] + columns[:, None]) * shape[2] + channels
    there = inside[0][:, None, None] & inside[1][:, None] & inside[2]
    return np.where(there, flat, -1).reshape(-1)


def inlet_size(core: Core, inlet: int) -> int:
    return core.inlet_words[inlet]


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32))
def test_activations_come_from_where_they_belong(seed: int) -> None:
    """Every real element of what a core takes comes once, and is that element of the value."""
    plan = random_plan(seed)
    for core in plan.cores:
        turns = max(1, len(core.replica_inlets))                      # each has all, from another replica
        for inlet, first in {(taken.inlet + turn, taken.inlet) for taken in core.inputs for turn in range(turns)}:
            got = np.full(2 * inlet_size(core, inlet), -1)
            whose = np.full(got.shape, -1)
            for end in core.streams_in:
                if end.inlet != inlet or end.stream.kind is not StreamKind.ACTIVATIONS:
                    continue
                producer = end.stream.producer
                assert producer.layout is not None
                if plan.replicas_of(producer) > 1:
                    assert producer.replica == (inlet - first if turns > 1 else core.replica)
                held = flat_of(producer.layout, plan.stages[producer.stage].shape)
                source, index = positions(end.stream.source), positions(end.stream.index)
                for word, place in zip(source, index):
                    for half in (0, 1):
                        target = 2 * (end.first + place) + half
                        assert whose[target] < 0                     # no word comes from two streams
                        got[target], whose[target] = held[2 * word + half], producer.stage
            for taken in core.inputs:
                if taken.inlet != first:
                    continue
                wanted = flat_of(taken.layout, plan.stages[taken.stage].shape)
                mine = wanted >= 0
                np.testing.assert_array_equal(got[mine], wanted[mine])
                np.testing.assert_array_equal(whose[mine], taken.stage)


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32))
def test_partial_errors_go_back_where_activations_came_from(seed: int) -> None:
    plan = random_plan(seed)
    for core in plan.cores:
        planes = {plane.first: plane for plane in core.planes}
        for end in core.streams_in:
            if end.stream.kind is not StreamKind.PARTIAL_ERRORS:
                continue
            assert core.layout is not None
            mine = flat_of(core.layout, plan.stages[core.stage].shape)[positions(planes[end.first].block)]
            consumer = end.stream.producer
            candidates = [taken for taken in consumer.inputs if taken.stage == core.stage
                          and (consumer.kind is not CoreKind.UNIT_TILE
                               or end.stream.vector - TILE_PARTIAL_ERRORS_OUT == taken.inlet - TILE_ACTIVATIONS)]
            held = [flat_of(taken.layout, plan.stages[core.stage].shape)[positions(end.stream.source)] for taken in candidates]
            # what only fills up a pair of columns is an error of zero, to whatever element
            assert any((theirs >= 0).any() and np.array_equal(mine[theirs >= 0], theirs[theirs >= 0]) for theirs in held)
            assert positions(end.stream.index) == list(range(end.stream.n_words))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_all_who_take_a_value_answer_and_errors_only_where_weights_are(seed: int) -> None:
    plan = random_plan(seed)
    depends = {INPUT: False}
    for number, layer in enumerate(plan.graph.layers):
        depends[number] = isinstance(layer, WeightLayer) or any(depends[i] for i in layer.inputs)
    answers = {StreamKind.PARTIAL_ERRORS, StreamKind.DONE, StreamKind.CREDIT}
    for core in plan.cores:
        takers = {taker for stream in core.streams_out if stream.kind is StreamKind.ACTIVATIONS for taker in stream.consumers}
        ends = [end.stream for end in core.streams_in if end.stream.kind in answers]
        assert {stream.producer for stream in ends} == takers
        if takers:
            kind = (StreamKind.CREDIT if core.kind is CoreKind.INPUT_SOURCE else
                    StreamKind.PARTIAL_ERRORS if depends[plan.stages[core.stage].layer] else StreamKind.DONE)
            assert {stream.kind for stream in ends} == {kind}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_tiles_of_units_show_what_they_should(seed: int) -> None:
    """Each place of a tile's image gets the elements of the values that it shows, one of each value."""
    plan = random_plan(seed)
    for core in plan.cores:
        if core.kind is not CoreKind.UNIT_TILE:
            continue
        stage = plan.stages[core.stage]
        assert core.head is not None
        image = unit_image(plan.graph, stage, core.head)
        found: dict[int, list[tuple[int, int]]] = {}
        for taken in core.inputs:
            held = flat_of(taken.layout, plan.stages[taken.stage].shape)
            for source, target, n in taken.runs:
                for k in range(n):
                    found.setdefault(target + k, []).append((taken.stage, int(held[source + k])))
        shown = flat_of(image, (10**6, 10**6, 10**6)) >= 0
        for view in stage.takes:
            wanted = iter(taken_positions(plan.graph, stage, view, image.box).reshape(-1))
            owner, place = view.places
            for element in np.flatnonzero(shown):
                flat = next(wanted)
                if flat >= 0:
                    found[element].remove((view.parts[owner[flat]].stage, int(place[flat])))
        assert not any(found.values())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_is_sent_can_be_asked_for_and_sent_again(seed: int) -> None:
    plan = random_plan(seed)
    for core in plan.cores:
        reached = {consumer for stream in core.streams_out for consumer in stream.consumers}
        assert all(end.stream.producer in reached for end in core.streams_in)
        kept = sent.kept_vectors(plan, core)
        for stream in core.streams_out:
            if stream.kind is StreamKind.REQUESTS:
                assert stream.vector == NO_VECTOR and stream.extent == 0
                assert not any(end.stream is stream for consumer in stream.consumers for end in consumer.streams_in)
                continue
            of_vector = kept[stream.vector]
            assert of_vector.is_credit == (stream.kind is StreamKind.CREDIT)
            if stream.kind in EXCHANGED:
                assert of_vector.n_words == 0 and of_vector.n_slots == 1
            elif stream.kind is not StreamKind.CREDIT:
                assert of_vector.n_slots >= plan.slots_of_stream(stream)
                assert max(positions(stream.source), default=-1) < of_vector.n_words or stream.n_words == 0
        assert sent.log_words(plan, core) == sum(each.n_words * each.n_slots for each in kept)


@given(st.floats(1, 1e9))
def test_looks_follow_the_pace(cycles: float) -> None:
    looks = Looks.for_interval(cycles)
    assert SHORTEST <= looks.cycles <= LONGEST
    assert looks.patient * looks.cycles >= LATE * cycles * 0.999 and looks.patient >= 4
    assert looks.last * looks.cycles >= SILENCE_CYCLES


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32))
def test_every_stream_can_be_one(seed: int) -> None:
    plan = random_plan(seed)
    assert all(stream.consumers for stream in plan.streams)
    for core in plan.cores:
        assert 2 * plan.window_of(core) <= plan.n_slots_of(core) <= 1 << SLOT_BITS
        held = plan.slots_of_inlets(core)
        for end in core.streams_in:
            if end.stream.kind is not StreamKind.CREDIT:
                assert held[end.inlet] == plan.slots_of_stream(end.stream)
    assert all(stream.n_words <= stream.extent <= MAX_WORDS for stream in plan.streams)
    for core in plan.cores:
        assert len({stream.partition for stream in core.streams_out}) == len(core.streams_out)
        assert all(end.first + end.stream.extent <= core.inlet_words[end.inlet] for end in core.streams_in)
    groups = [core for core in plan.cores if core.kind in (CoreKind.NEURON_GROUP, CoreKind.OUTPUT_GROUP)]
    for core in groups:
        seen = sorted(end.first + i for end in core.streams_in if end.stream.kind is StreamKind.SUMS
                      for i in positions(end.stream.index))
        assert seen == list(range(core.inlet_words[0]))


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_held_alike_is_updated_together(seed: int) -> None:
    """Every word of the gradients of all cores with the same parameters reaches the one core that updates it, once; that core
    tells all others what is new."""
    plan = random_plan(seed)
    alike: dict[Any, list[Core]] = {}
    for core in plan.cores:
        if core.exchange is not None:
            alike.setdefault((core.stage, core.kind, core.rows, core.columns), []).append(core)
    for cores in alike.values():
        exchange = cores[0].exchange
        assert exchange is not None and all(core.exchange == exchange for core in cores)
        assert exchange.segment * (exchange.n_segments - 1) < exchange.n_words <= exchange.segment * exchange.n_segments
        owner_of = [[core for core in cores if core.own_share.start <= word < core.own_share.stop]
                    for word in range(exchange.segment)]
        assert all(len(owners) == 1 for owners in owner_of)
        # whose gradients each core has of each word: its own, and what is sent
        gathered = {core: [[core] for _ in range(exchange.segment)] for core in cores}
        for kind in (StreamKind.GRADIENTS, StreamKind.GRADIENT_SUMS):
            before = {core: [list(of_word) for of_word in words] for core, words in gathered.items()}
            for core in cores:
                for end in core.streams_in:
                    if end.stream.kind is kind:
                        for word in positions(end.stream.source):
                            gathered[core][word] += before[end.stream.producer][word]
        for word, (owner,) in enumerate(owner_of):
            assert sorted(map(id, gathered[owner][word])) == sorted(map(id, cores))
        for core in cores if len(cores) > 1 else ():
            new = sorted(end.first + i for end in core.streams_in if end.stream.kind is StreamKind.WEIGHTS
                         for i in positions(end.stream.index))
            assert sorted([*new, *range(core.own_share.start, core.own_share.stop)]) == list(range(exchange.segment))


def test_outputs_of_a_convolution_are_refused() -> None:
    limits = LIMITS.but(convolution_output=True, pairs=((Activation.LINEAR, Loss.MEAN_SQUARED_ERROR, False),))
    graphs = (random_graphs.random_layer_graph(random.Random(seed), limits) for seed in range(100))
    graph = next(graph for graph in graphs if isinstance(graph.layers[-1], ConvolutionLayer))
    with pytest.raises(UnsupportedError, match=rf"'{graph.layers[-1].name}'.*Dense"):
        find_stages(graph)


# --------------------------------------------------------------------------- the choice

def perceptron(widths: list[int]) -> LayerGraph:
    rng = np.random.default_rng(1)
    return random_graph(rng, widths, [Activation.RELU],
                        (Activation.SOFTMAX, Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False))


@pytest.mark.parametrize("widths", [[784, 128, 10], [64, 32, 10], [784, 300, 100, 10], [1, 1], [300, 300, 300, 300, 300],
                                    [5, 1], [2000, 500, 150, 10]])
def test_chosen_cut_fits(widths: list[int]) -> None:
    graph = perceptron(widths)
    found = choose_plan(graph, find_stages(graph), 32, 759)
    assert not complaints(found.plan)
    assert found.n_cores == found.cut.n_cores <= 759


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32))
def test_chosen_cut_of_random_graphs_fits(seed: int) -> None:
    graph = random_graphs.random_layer_graph(random.Random(seed), LIMITS)
    found = choose_plan(graph, find_stages(graph), 8, 60)
    assert not complaints(found.plan)
    assert found.n_cores <= 60


def test_small_machine_gets_a_smaller_cut() -> None:
    graph = perceptron([784, 128, 10])
    large, small = (choose_plan(graph, find_stages(graph), 32, n) for n in (759, 60))
    assert small.n_cores <= 60
    assert small.cycles_per_sample >= large.cycles_per_sample


@pytest.mark.parametrize("widths, sdram, message", [
    ([100, 20000, 10], 100 << 20, r"needs \d+ cores, of which layer 'layer0' \d+; the machine has 60, \d+ too few"),
    ([2000, 1000, 10], 1 << 20, r"layer 'layer0' with 2000 x 1000 weights 16000000; .* SDRAM, \d+ too few"),
    ([100, 1000], 100 << 20, "1000 outputs of layer 'layer0' belong on one core"),
])
def test_too_large_is_said(monkeypatch: pytest.MonkeyPatch, widths: list[int], sdram: int, message: str) -> None:
    monkeypatch.setattr(memory, "CHIP_SDRAM_BYTES", sdram)
    graph = perceptron(widths)
    with pytest.raises(DoesNotFit, match=message):
        choose_plan(graph, find_stages(graph), 32, 60)


@pytest.mark.parametrize("widths, max_cores, expected", [
    ([784, 300, 10], 60, [False, False]), ([2000, 1000, 10], 60, [True, False]), ([2000, 1000, 10], 759, [False, False])])
def test_weights_stay_in_sdram_only_where_dtcm_is_too_small(widths: list[int], max_cores: int, expected: list[bool]) -> None:
    graph = perceptron(widths)
    found = choose_plan(graph, find_stages(graph), 32, max_cores)
    assert [cut.in_sdram for cut in found.cut.stages if isinstance(cut, DenseCut)] == expected
    assert not complaints(found.plan)
    for core in found.plan.cores:
        if core.in_sdram:
            least = memory.core_bytes(found.plan, core)
            shape = SliceShape.of(found.plan, core)
            sweep = memory.sweep_of(found.plan, core)
            more = shape.sweep_bytes(sweep) - shape.sweep_bytes(LEAST_SWEEP)
            assert least + more <= memory.DTCM_HEAP_BYTES
            assert 0 < sweep.samples <= found.plan.window_of(core) and sweep.block_rows % 2 == 0
            assert memory.sdram_bytes(found.plan, core) >= 8 * shape.n_rows * shape.n_columns


def test_larger_sweeps_where_there_is_room() -> None:
    shape = SliceShape(512, 128, True, 2)
    sweeps = [shape.best_sweep(8, room) for room in (0, 20000, 30000, 40000, 60000)]
    assert sweeps[0] == LEAST_SWEEP
    assert all(a.samples <= b.samples for a, b in zip(sweeps, sweeps[1:])) and sweeps[-1].samples > 4
    assert all(shape.sweep_bytes(sweep) <= room for sweep, room in zip(sweeps[1:], (20000, 30000, 40000, 60000)))
    assert shape.best_sweep(2, 60000).samples == 2


def test_cores_go_where_sdram_is_left() -> None:
    cores = [Core(CoreKind.WEIGHT_SLICE, 1, f"slice {i}") for i in range(6)]
    chips = [placement.ChipRoom(0, 0, 4, 100), placement.ChipRoom(0, 1, 4, 60), placement.ChipRoom(1, 0, 4, 300)]
    found = placement.place([cores[:2], cores[2:]], chips, dict.fromkeys(cores, 50))
    assert [found[core] for core in cores] == [(0, 0)] * 2 + [(1, 0)] * 4
    assert placement.sdram_suffices(found, chips, dict.fromkeys(cores, 50))
    assert not placement.sdram_suffices(found, chips, dict.fromkeys(cores, 80))
    with pytest.raises(ValueError, match="'slice 3' needs 50 bytes of SDRAM, .* at most 10"):
        placement.place([cores], chips[:2], dict.fromkeys(cores, 50))


def lenet() -> LayerGraph:
    net = Net((12, 12, 1), seed=1).convolution(3, 4, Activation.RELU).convolution(3, 8, Activation.RELU).pooling(
        Pooling.AVERAGE, 2, 2)
    return net.flat().dense(24, Activation.RELU).dense(5, Activation.SOFTMAX).graph(Sgd(0.1))


def test_row_blocks_hold_channels_of_few_tiles() -> None:
    graph = lenet()
    stages = find_stages(graph)
    before, after = stages[2], stages[3]
    for channel_blocks, n_rows, expected in ((2, 8, 8), (2, 3, 4), (2, 1, 1), (1, 4, 4)):
        cut = explicit_cut(stages, {before.name: (2, 1, channel_blocks), after.name: (n_rows, 1)}, 1, 1)
        dense, tiles = cut.stages[after.number], cut.stages[before.number]
        assert isinstance(dense, DenseCut) and isinstance(tiles, TileCut)
        boxes = [rows.box for rows in dense.rows]
        assert len(boxes) == expected
        assert sum(prod(box.shape) for box in boxes) == 4 * 4 * 8
        if len(boxes) >= len(tiles.channels):
            assert all(any(block.overlap(box.channels) == box.channels for block in tiles.channels) for box in boxes)


def test_cores_that_send_to_the_same_begin_with_different_ones() -> None:
    graph = lenet()
    stages = find_stages(graph)
    cut = explicit_cut(stages, {stages[1].name: (2, 2, 1), stages[2].name: (1, 1, 2), stages[3].name: (4, 1, 3)}, 1, 1)
    plan = make_plan(graph, stages, cut)

    def begun_with(cores: list[Core], kind: StreamKind) -> list[Core]:
        return [next(stream for stream in core.streams_out if stream.kind is kind).consumers[0] for core in cores]

    tiles = begun_with(plan.cores_of(2, CoreKind.CONVOLUTION_TILE), StreamKind.PARTIAL_ERRORS)
    assert len(set(tiles)) == 2
    groups = begun_with(plan.cores_of(3, CoreKind.WEIGHT_SLICE), StreamKind.SUMS)
    assert len(set(groups)) == 3


def test_explicit_cut_counts() -> None:
    graph = perceptron([64, 32, 10])
    stages = find_stages(graph)
    cut = explicit_cut(stages, {"layer0": (4, 2), "layer1": (2, 1)}, 2, 4)
    source, first, _ = cut.stages
    assert isinstance(source, SourceCut) and isinstance(first, DenseCut)
    assert len(first.rows) == 4 and len(first.columns) == 2 and len(source.boxes) == 2
    assert padded(10) == 16 and pairs(5) == 3


@pytest.mark.parametrize("blocks, message", [({"nobody": (1, 1)}, "'nobody'.*'layer0', 'layer1'"),
                                             ({"layer0": (1,)}, "row blocks, column blocks"),
                                             ({"layer0": (0, 1)}, "at least 1"),
                                             ({"layer0": (2, "sdram")}, "groups.*'sdram'"),
                                             ({"layer0": (1, "sdram", 2)}, "groups.*'sdram'")])
def test_bad_cuts_are_refused(blocks: dict[str, tuple[int | str, ...]], message: str) -> None:
    graph = perceptron([64, 32, 10])
    with pytest.raises(UnsupportedError, match=message):
        explicit_cut(find_stages(graph), blocks, 1, 4)
