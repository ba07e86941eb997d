"""The stages of a set-up, what is shown of them, and what is written and copied in them."""
from __future__ import annotations

import io
from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pytest

from dlgraph import progress, set_up
from dlgraph.gfe.parameter_loads import WORTH_BYTES, parameter_loads
from dlgraph.gfe.region_loading import GAP_BYTES, joined
from dlgraph.gfe.stages import STAGE_OF
from dlgraph.gfe.tree_copies import BUFFER_ADDRESS, BUFFER_BYTES, pruned
from dlgraph.progress import Report
from dlgraph.set_up import SetUp, Upload, words
from dlgraph.vertices.pass_parameters import FRESH_STATE, LOAD
from dlgraph.vertices.regions import Region
from dlgraph.vertices.trained_vertex import TrainedVertex


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(set_up.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_each_stage_ends_where_the_next_begins(clock) -> None:
    told: list[str] = []
    meter = SetUp()
    meter.tell = told.append
    for stage, seconds in ((set_up.BOARD, 3), (set_up.CUT, 4), (set_up.STARTING, 1), (set_up.SAMPLES, 8), (set_up.STARTING, 0.5)):
        meter.begin(stage)
        clock[0] += seconds
    meter.end()
    clock[0] += 50
    meter.end()
    assert meter.seconds == {set_up.BOARD: 3, set_up.CUT: 4, set_up.STARTING: 1.5, set_up.SAMPLES: 8}
    assert meter.until_first_sample == 5.5 and told[-1] == set_up.STARTING
    assert words(meter.seconds) == "5.5 s: choosing the cut 4.0 s, starting cores 1.5 s, others 0.0 s"
    meter.clear()
    assert not meter.seconds


def test_stages_of_the_graph_front_end_are_known() -> None:
    assert set(STAGE_OF.values()) <= set(set_up.STAGES) and len(set(set_up.STAGES)) == len(set_up.STAGES)


def test_the_rate_of_an_upload() -> None:
    assert str(Upload(3_000_000, 2.0)) == "3 MB in 2.00 s, 1.5 MB/s" and Upload(0, 0.0).megabytes_per_second == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("level, lines", [(0, 0), (1, 2), (2, 0)])
def test_stages_are_shown_by_lines_now_and_then(clock, level: int, lines: int) -> None:
    out = io.StringIO()
    view = Report(level, "SpiNN-5 board", False, stream=out).open_pass("Epoch 1/2", 0, 100)
    for stage, seconds in ((set_up.CUT, 1), (set_up.PLACING, 0.5), (set_up.ROUTING, 1), (set_up.REGIONS, 1)):
        view.set_up(stage)
        clock[0] += seconds
    assert out.getvalue().splitlines() == ["Epoch 1/2  choosing the cut", "Epoch 1/2  generating data regions"][:lines]


def test_stages_are_shown_in_the_live_line(clock) -> None:
    out = Terminal()
    view = Report(1, "SpiNN-5 board", False, stream=out).open_pass("Epoch 2/2", 1, 100)
    view.set_up(set_up.ROUTING)
    assert out.getvalue().split("\r\x1b[K")[-1] == "Epoch 2/2  [                    ]  0/100  routing"
    view.set_up(set_up.LOADING_BINARIES)
    assert out.getvalue().endswith("0/100  loading binaries")


def test_what_lies_together_is_written_as_one() -> None:
    pieces = [(1000, b"a" * 392), (1392, b"b" * 12), (1404 + GAP_BYTES, b"c" * 4), (1408 + 2 * GAP_BYTES + 4, b"d")]
    assert joined(pieces) == [(1000, b"a" * 392 + b"b" * 12 + bytes(GAP_BYTES) + b"c" * 4), pieces[-1]]


def chip(x: int, y: int) -> SimpleNamespace:
    return SimpleNamespace(x=x, y=y)


def test_binaries_go_where_they_are_needed_and_on_the_way_there() -> None:
    tree = defaultdict(list, {(0, 0): [chip(1, 0), chip(0, 1)], (1, 0): [chip(2, 0), chip(2, 1)], (2, 1): [chip(3, 2)]})
    found = pruned(tree, (0, 0), {(2, 1), (0, 0)})
    assert {place: [(c.x, c.y) for c in chips] for place, chips in found.items() if chips} == {(0, 0): [(1, 0)], (1, 0): [(2, 1)]}
    assert not any(pruned(tree, (0, 0), {(0, 0)}).values())
    assert sum(map(len, pruned(tree, (0, 0), {(2, 0), (3, 2), (0, 1)}).values())) == 5


class Vertex(TrainedVertex):
    """As far as loads know one."""

    def __init__(self, in_sdram: bool = False) -> None:
        self.core = SimpleNamespace(in_sdram=in_sdram)

    __hash__ = object.__hash__
    shape_words = parameter_bytes = parameters_to_memory = parameters_from_memory = None  # type: ignore[assignment]


def test_many_cores_begin_with_the_same_parameters() -> None:
    large, small = np.arange(2000, dtype="<i4").tobytes(), np.ones(100, "<i4").tobytes()
    many, few, alone, swept = [Vertex() for _ in range(5)], [Vertex() for _ in range(2)], Vertex(), Vertex(in_sdram=True)
    loads = parameter_loads([*((v, large, bytes(8000)) for v in many), *((v, small, small) for v in few), (alone, b"own.", b""),
                             (swept, large, bytes(8000))])
    assert loads.shared == large + small
    assert {loads.word(v, BUFFER_ADDRESS) for v in many} == {BUFFER_ADDRESS | LOAD | FRESH_STATE}
    assert {loads.word(v, BUFFER_ADDRESS) for v in few} == {BUFFER_ADDRESS + len(large) | LOAD}
    assert loads.word(alone, BUFFER_ADDRESS) == LOAD | FRESH_STATE and loads.word(swept, BUFFER_ADDRESS) == LOAD
    assert sorted((id(v), region) for v, region, _, _ in loads.blocks) == sorted([
        *((id(v), Region.STATE) for v in few), (id(alone), Region.PARAMETERS), (id(swept), Region.PARAMETERS),
        (id(swept), Region.STATE)])


def test_what_does_not_fit_the_buffers_or_saves_little_goes_to_each() -> None:
    vertices = [Vertex(), Vertex()]
    too_large = bytes(BUFFER_BYTES + 4)
    assert not parameter_loads([(v, too_large, b"") for v in vertices]).shared
    assert not parameter_loads([(v, bytes(WORTH_BYTES - 4), b"") for v in vertices]).shared
    assert parameter_loads([(v, bytes(WORTH_BYTES), b"") for v in vertices]).shared
