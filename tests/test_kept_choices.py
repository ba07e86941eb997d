"""Cuts that were chosen before."""
from __future__ import annotations

import json
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest
from random_graphs import random_layer_graph

from dlgraph.layer_graph import LayerGraph
from dlgraph.mapping import kept_choices, planning
from dlgraph.mapping.expected import ChosenCut
from dlgraph.mapping.kept_choices import kept, place_of
from dlgraph.mapping.stages import find_stages


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "dlgraph" / "cuts"


def small_graph() -> LayerGraph:
    return random_layer_graph(random.Random(3))


def choose(graph: LayerGraph, batch_size: int = 16) -> ChosenCut:
    return planning.plan_for_board(graph, find_stages(graph), 759, batch_size, 0.5)


def test_a_cut_is_chosen_once(monkeypatch, folder) -> None:
    graph = small_graph()
    first = choose(graph)
    monkeypatch.setattr(planning, "choose_plan", None)                # from here on nothing can choose
    again = choose(graph)
    assert again.cut == first.cut and again.cycles_per_sample == first.cycles_per_sample
    assert again.stages == first.stages and again.plan.looks == first.plan.looks
    assert [core.label for core in again.plan.cores] == [core.label for core in first.plan.cores]
    with pytest.raises(TypeError):
        choose(graph, batch_size=8)                                   # another choice
    for layer in graph.layers:
        if hasattr(layer, "weights"):
            layer.weights = layer.weights + 1
    assert choose(graph).cut == first.cut                             # weights do not matter


def test_what_it_was_made_from_is_in_the_name() -> None:
    graph = small_graph()
    stages = find_stages(graph)
    names = {place_of(graph, stages, 16, 759, 0.5), place_of(graph, stages, 16, 759, 0.25), place_of(graph, stages, 16, 758, 0.5)}
    graph.optimiser = replace(graph.optimiser, learning_rate=0.5)
    names.add(place_of(graph, stages, 16, 759, 0.5))
    assert len(names) == 4


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"cut": {"is": "Cut"}}',
                                    b'{"sha256": "", "cut": {"is": "Path", "a": 1}}'])
def test_a_damaged_file_is_as_none(folder, damage: bytes) -> None:
    graph = small_graph()
    first = choose(graph)
    path, = folder.iterdir()
    path.write_bytes(damage)
    assert kept(path) is None and choose(graph).cut == first.cut
    assert kept(path) == first.cut                                    # mended


def test_a_changed_number_is_damage(folder) -> None:
    graph = small_graph()
    first = choose(graph)
    path, = folder.iterdir()
    found = json.loads(path.read_text(encoding="utf-8"))
    found["cut"]["window"] += 1
    path.write_text(json.dumps(found), encoding="utf-8")
    assert kept(path) is None and choose(graph).cut == first.cut


def test_a_whole_file_that_holds_another_cut_is_not_followed(folder) -> None:
    """As nobody writes it but on purpose: what does not fit the network is chosen again."""
    graph, other = small_graph(), random_layer_graph(random.Random(8))
    first = choose(graph)
    path, = folder.iterdir()
    kept_choices.keep(path, replace(choose(other).cut, stages=first.cut.stages[:1]))
    assert kept(path) is not None
    assert choose(graph).cut == first.cut and kept(path) == first.cut


def test_without_a_home_nothing_is_kept(monkeypatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    graph = small_graph()
    first = choose(graph)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", home)
    assert place_of(graph, find_stages(graph), 16, 759, 0.5) is None
    assert choose(graph).cut == first.cut


def test_a_folder_that_is_none_does_no_harm(folder) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_bytes(b"")                                           # also root cannot write below it
    graph = small_graph()
    assert choose(graph).cut == choose(graph).cut and folder.read_bytes() == b""


def test_the_folder_does_not_grow(monkeypatch, folder) -> None:
    """Nor does it matter that another process drops the same files."""
    monkeypatch.setattr(kept_choices, "MOST_KEPT", 3)
    cut = choose(small_graph()).cut
    next(folder.iterdir()).unlink()
    stock = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        stock(path, missing_ok)
        if path.suffix == ".json":
            raise FileNotFoundError(path)                             # as if it had been gone

    monkeypatch.setattr(Path, "unlink", unlink)
    for number in range(6):
        path = folder / f"{number}.json"
        kept_choices.keep(path, cut)
        os.utime(path, (number, number))
    kept_choices.keep(folder / "last.json", cut)
    assert sorted(path.name for path in folder.iterdir()) == ["4.json", "5.json", "last.json"]
    monkeypatch.setattr(kept_choices, "MOST_BYTES", 10)
    kept_choices.keep(folder / "large.json", cut)
    assert not (folder / "large.json").exists() and kept(folder / "last.json") is None
