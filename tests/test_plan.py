"""The plan: whatever the cut, every word of every inlet comes from exactly one stream, and from the right unit."""
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlgraph.errors import DoesNotFit
from dlgraph.mapping.choose import choose_cut, complaints, cut_layer, cut_sources, explicit_cut, n_cores
from dlgraph.mapping.intervals import Interval, check_partition, split_evenly
from dlgraph.mapping.plan import MAX_WORDS, SLOT_BITS, CoreKind, Cut, Plan, StreamKind, make_plan, padded, pairs


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


@st.composite
def cuts(draw: st.DrawFn) -> tuple[Cut, list[int], list[str]]:
    widths = draw(st.lists(st.integers(1, 300), min_size=2, max_size=5))
    blocks = st.integers(1, 9)
    layers = []
    for n_in, n_out in zip(widths, widths[1:]):
        n_groups = 1 if n_out is widths[-1] else draw(blocks)
        layers.append(cut_layer(n_in, n_out, draw(blocks), draw(blocks), n_groups))
    cut = Cut(cut_sources(widths[0], draw(blocks)), tuple(layers), draw(st.integers(1, 8)))
    return cut, widths, [f"dense {i}" for i in range(len(layers))]


def covered(plan: Plan) -> None:
    for core in plan.cores:
        for inlet, n_words in enumerate(core.inlet_words):
            seen = []
            for end in core.streams_in:
                if end.inlet == inlet:
                    seen += range(end.first, end.first + end.stream.n_words)
            expected = n_words
            if core.kind is CoreKind.WEIGHT_SLICE and inlet == 1:
                expected = len(core.columns)           # the padding stays zero
            assert sorted(seen) == list(range(expected)), (core.label, inlet)
        ends = [(stream.partition, stream.kind) for stream in core.streams_out]
        assert len(set(ends)) == len(ends)


@settings(max_examples=150, deadline=None)
@given(cuts())
def test_every_inlet_word_has_one_source(case: tuple[Cut, list[int], list[str]]) -> None:
    cut, widths, names = case
    plan = make_plan(cut, widths, names)
    covered(plan)
    assert all(stream.consumers for stream in plan.streams)
    assert len(plan.cores) == n_cores(cut)
    assert 2 * cut.window <= plan.n_slots <= 1 << SLOT_BITS
    assert all(stream.n_words <= MAX_WORDS for stream in plan.streams)
    for stream in plan.streams:
        assert stream.first + stream.n_words <= max(len(stream.producer.columns) if stream.producer.rows is None
                                                    else max(len(stream.producer.rows), len(stream.producer.columns)),
                                                    1)


@settings(max_examples=60, deadline=None)
@given(cuts())
def test_streams_join_the_same_units(case: tuple[Cut, list[int], list[str]]) -> None:
    """Activations and errors reach the slice at the place of the unit they belong to."""
    cut, widths, names = case
    plan = make_plan(cut, widths, names)
    for core in plan.cores:
        for end in core.streams_in:
            stream = end.stream
            if stream.kind is StreamKind.ACTIVATIONS:
                assert core.rows is not None
                assert stream.producer.columns.start + 2 * stream.first == core.rows.start + 2 * end.first
            elif stream.kind is StreamKind.ERRORS:
                assert stream.producer.columns.start + stream.first == core.columns.start
            elif stream.kind is StreamKind.SUMS:
                assert core.columns.start + end.first % len(core.columns) == stream.producer.columns.start
            elif stream.kind is StreamKind.PARTIAL_ERRORS:
                assert stream.producer.rows is not None
                unit = stream.producer.rows.start + stream.first
                assert core.columns.start + end.first % len(core.columns) == unit


@pytest.mark.parametrize("widths", [[784, 128, 10], [64, 32, 10], [784, 300, 100, 10], [1, 1], [300, 300, 300, 300, 300],
                                    [5, 1], [2000, 500, 150, 10]])
def test_chosen_cut_fits(widths: list[int]) -> None:
    names = [f"dense {i}" for i in range(len(widths) - 1)]
    chosen = choose_cut(widths, names, 32, 759)
    assert not complaints(chosen.cut, widths, names)
    assert chosen.n_cores == n_cores(chosen.cut) <= 759
    covered(make_plan(chosen.cut, widths, names))


def test_small_machine_gets_a_smaller_cut() -> None:
    large = choose_cut([784, 128, 10], ["a", "b"], 32, 759)
    small = choose_cut([784, 128, 10], ["a", "b"], 32, 60)
    assert small.n_cores <= 60
    assert small.cycles_per_sample >= large.cycles_per_sample


def test_too_large_is_said() -> None:
    with pytest.raises(DoesNotFit, match="does not fit"):
        choose_cut([784, 5000, 5000, 10], ["a", "b", "c"], 32, 759)


def test_explicit_cut_counts() -> None:
    cut = explicit_cut([64, 32, 10], ["a", "b"], {"a": (4, 2), "b": (2, 1)}, 2, 4)
    assert len(cut.layers[0].rows) == 4 and len(cut.layers[0].columns) == 2 and len(cut.sources) == 2
    assert padded(10) == 16 and pairs(5) == 3
