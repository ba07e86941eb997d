"""Where cycles go: what code is for, and what a pass is said to be bound by."""
from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import pytest
from keras_models import mlp, on_host
from spinnemu.profile import PROGRAMS, profile_text

from dlgraph.binaries import C_MODELS, BinariesError, _build_module, binary_folder
from dlgraph.binaries.code import Function, functions_of
from dlgraph.cycle_groups import _OF_FILE, WAITING, Work, work_of, work_ranges
from dlgraph.cycles import KINDS, Cycles, VertexCycles
from dlgraph.errors import DataError
from dlgraph.gfe.profiling import _GROUP_OF, code_groups, counted

BINARIES = sorted(binary_folder().glob("*.aplx"))
BUILD = _build_module(C_MODELS)


# ---------------------------------------------------------------------- what code is of

@pytest.mark.parametrize("binary", BINARIES, ids=lambda path: path.stem)
def test_all_code_of_a_binary_is_for_something(binary: Path) -> None:
    functions = functions_of(binary)
    ranges = list(work_ranges(functions))
    assert ranges[0] == (0, 0x1c, Work.RUNTIME) and ranges[1] == (0x1c, 0x20, Work.RECEIVE)
    assert all(before[1] == start and before[2] is not work for before, (start, _, work) in zip(ranges, ranges[1:]))
    assert ranges[-1][1] == functions[-1].end
    for function in functions:
        assert [work for start, end, work in ranges if start <= function.start < end] == [work_of(function.source)]
    named = {function.name: work_of(function.source) for function in functions}
    assert named["streams_drain"] is named["streams_receive"] is Work.RECEIVE and named["stream_take_slowly"] is Work.RUNTIME
    assert named.get("stream_send_run", Work.SEND) is Work.SEND              # a probe sends nothing but markers
    assert named["stream_send_credit"] is Work.SEND and named["spin1_dma_transfer"] is named["vertex_copy_words"] is Work.MEMORY
    assert named["c_main"] is Work.CONTROL and named["runtime_start"] is Work.RUNTIME
    ends = {function.end for function in functions}
    assert {function.start for function in functions[1:]} <= ends, "constants belong to what is before them"


def test_sources_that_are_named_are_there() -> None:
    assert all((C_MODELS / source).is_file() for sources in _OF_FILE.values() for source in sources)
    assert len([source for sources in _OF_FILE.values() for source in sources]) == len({*sum(_OF_FILE.values(), ())})


def test_functions_with_the_same_name_are_told_apart() -> None:
    """Each program's own `run` and `prepare`, and the `run` of the runtime's events."""
    for binary, own in (("dlgraph_weight_slice", "layers/weight_slice.c"), ("dlgraph_neuron_group", "layers/neuron_group.c")):
        functions = functions_of(binary_folder() / f"{binary}.aplx")
        assert sorted(each.source for each in functions if each.name == "run") == [own, "runtime/src/events.c"]
        kernels = {each.source: each.name for each in functions if each.name in ("dense_forward", "activate_sums")}
        assert all(source.startswith("kernels/") for source in kernels)


def test_a_layer_kind_from_outside_is_arithmetic() -> None:
    assert work_of("outside/prelu.c") is work_of("library") is Work.ARITHMETIC
    assert BUILD.Builder._short("/some where/my layer.c") == "outside/my_layer.c"


@pytest.mark.parametrize("content, line", [
    ("00000100 00000200 kernels/a.c f\nnonsense\n", 2), ("00000200 00000100 a.c f\n", 1), ("00000100 00000200 a.c\n", 1),
    ("00000100 00000200 a.c f\n00000180 00000300 a.c g\n", 2), ("00007000 00008004 a.c f\n", 1), ("00000101 00000200 a.c f\n", 1),
    ("-0000100 00000200 a.c f\n", 1), ("x 00000200 a.c f\n", 1)])
def test_damaged_lists_of_functions(tmp_path: Path, content: str, line: int) -> None:
    (tmp_path / "a.code").write_text(content)
    with pytest.raises(BinariesError, match=f"Line {line} of .*a.code is no function's. Build the binaries again"):
        functions_of(tmp_path / "a.aplx")


def test_missing_lists_of_functions(tmp_path: Path) -> None:
    with pytest.raises(BinariesError, match="a.aplx is made of cannot be read.*remove the folder"):
        functions_of(tmp_path / "a.aplx")


def test_damaged_symbol_tables_are_errors_of_the_build() -> None:
    code_map = sys.modules[BUILD.code_lines.__module__]
    header = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\x01\x01", 2, 40, 1, 0, 0, 52, 0, 52, 0, 0, 40, 1, 0)
    assert code_map.functions_of(header + bytes(40)) == []
    for section in ((0, 2, 0, 0, 92, 16, 7, 0, 4, 16), (0, 2, 0, 0, 92, 1 << 20, 0, 0, 4, 16)):
        with pytest.raises(code_map.BuildError, match="bad symbol table"):
            code_map.functions_of(header + struct.pack("<10I", *section) + bytes(16))
    function = struct.pack("<IIIBBH", 500, 0, 4, 2, 0, 1)
    with pytest.raises(code_map.BuildError, match="a name lies outside"):
        code_map.functions_of(header + struct.pack("<10I", 0, 2, 0, 0, 92, 16, 0, 0, 4, 16) + function)


# ---------------------------------------------------------------------- what a machine is told, and tells

def test_what_a_machine_is_told() -> None:
    """A board full of cores with all binaries is one command."""
    places = [(x, y, core) for x in range(8) for y in range(8) if -3 <= x - y <= 4 for core in range(1, 17)]
    groups = code_groups({place: BINARIES[i % len(BINARIES)] for i, place in enumerate(places)})
    assert all(each.start and each.stop for each in groups) and len(groups) == len(BINARIES) <= PROGRAMS
    assert profile_text(groups, "spinn5").endswith(".")
    assert sorted(core for each in groups for core in each.cores) == sorted(places)


def test_only_vertices_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.code").write_text("00000100 00000200 streams/streams_start.c streams_begin\n")
    with pytest.raises(BinariesError, match="a.aplx is no vertex of a network: it has no function streams_sent"):
        code_groups({(0, 0, 1): tmp_path / "a.aplx"})


def test_code_outside_all_groups_is_the_runtime_s() -> None:
    awake = [0] * 32
    awake[0], awake[_GROUP_OF[Work.SEND]], awake[_GROUP_OF[Work.RUNTIME]] = 5, 70, 20
    assert counted(awake, 200) == {**dict.fromkeys(KINDS, 0), "send": 70, "runtime": 25, WAITING: 105}


# ---------------------------------------------------------------------- the report

def vertex(layer: str, kind: str, core: int, **cycles: int) -> VertexCycles:
    return VertexCycles(f"{layer} {core}", layer, kind, (0, 1), core, {**dict.fromkeys(KINDS, 0), **cycles})


VERTICES = (vertex("hidden", "weight slice", 2, arithmetic=300, receive=600, waiting=100),
            vertex("hidden", "weight slice", 3, arithmetic=300, receive=100, waiting=600),
            vertex("output", "output group", 4, send=500, waiting=500))


def test_shares_of_layers() -> None:
    cycles = Cycles("emulated SpiNN-3 board", 10, 1000, VERTICES, {(0, 0, 2): 7})
    hidden, output = cycles.layers
    assert (hidden.layer, hidden.kind, hidden.n_cores, hidden.awake) == ("hidden", "weight slice", 2, 0.9)
    assert hidden.busiest is VERTICES[0]
    assert (hidden.shares["arithmetic"], hidden.shares["receive"], hidden.shares[WAITING]) == (0.3, 0.35, 0.35)
    assert output.shares["send"] == 0.5 and sum(cycles.shares.values()) == pytest.approx(1)
    assert cycles.shares["send"] == pytest.approx(500 / 3000)
    first, head, *rows, binding = str(cycles).splitlines()
    assert first == "Where the cycles of the cores went, 10 samples in 1000 cycles on the emulated SpiNN-3 board:"
    assert rows[0].split() == ["hidden", "weight", "slice", "2", "30.0%", "0.0%", "35.0%", "0.0%", "0.0%", "0.0%", "0.0%", "35.0%",
                               "90.0%"]
    assert all(kind in head for kind in KINDS) and rows[-1].split()[:2] == ["all", "3"]
    assert binding == "the weight slice of layer hidden on chip (0, 1) core 2 binds the pass: busy for 90% of it."
    told = json.loads(json.dumps(cycles.as_json()))
    assert told["layers"][0]["awake"] == 0.9 and told["busiest_links"] == [{"x": 0, "y": 0, "link": 2, "packets": 7}]
    assert [each["cycles"]["waiting"] for each in told["vertices"]] == [100, 600, 500]


@pytest.mark.parametrize("packets, resource, said", [
    (18, "core", "weight slice of layer hidden"), (19, "link", "link 2 of chip (3, 4) binds the pass: busy for 95%")])
def test_the_busiest_resource_binds(packets: int, resource: str, said: str) -> None:
    """A link takes a packet with payload in 50 cycles."""
    binding = Cycles("m", 10, 1000, VERTICES, {(0, 0, 0): 1, (3, 4, 2): packets}).binding
    assert binding.resource == resource and said in str(binding)


def test_nothing_binds_where_all_wait() -> None:
    binding = Cycles("m", 10, 2000, VERTICES, {}).binding
    assert (binding.resource, binding.share) == ("core", 0.45)
    assert "No core and no link is busy throughout, the weight slice" in str(binding) and "45% of the pass" in str(binding)


def test_nobody_counts_on_the_host() -> None:
    net = on_host(mlp(4, 5, 3)).reference()
    with pytest.raises(DataError, match=r"Nobody has counted where cycles went .*Emulated\(profile=True\)"):
        net.cycles()


def test_a_function_is_a_line() -> None:
    assert Function(0x180, 0x3f4, "runtime/src/start.S", "rt_error") in functions_of(binary_folder() / "dlgraph_weight_slice.aplx")


# ---------------------------------------------------------------------- the benchmark's record

def test_bars(tmp_path: Path) -> None:
    sys.path.append(str(C_MODELS.parent / "benchmarks"))
    import argparse

    import cycle_bars
    from result import validate
    options = argparse.Namespace(board="spinn3", seed=1, network="mlp_300", data="digits", batch=8, epochs=1)
    record = cycle_bars.record_of(options, Cycles("emulated SpiNN-3 board", 10, 1000, VERTICES, {(0, 0, 2): 7}), True, 1.5)
    validate(record)
    assert record["samples_per_s"] == 2e6 and record["layers"][0]["cores"][1] == [300, 0, 100, 0, 0, 0, 0, 600]
    cycle_bars.draw(record, tmp_path / "bars.svg")
    picture = (tmp_path / "bars.svg").read_text()
    assert all(kind in picture for kind in KINDS) and "hidden, weight slice (2)" in picture and "binds the pass" in picture
    (tmp_path / "bars.json").write_text(json.dumps(record))
    (tmp_path / "bars.svg").unlink()
    assert cycle_bars.main(["--draw", str(tmp_path / "bars.json")]) == 0
    assert (tmp_path / "bars.svg").read_text() == picture
