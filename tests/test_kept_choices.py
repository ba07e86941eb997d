"""Cuts that were chosen before."""
from __future__ import annotations

import random
from dataclasses import replace

import pytest
from random_graphs import random_layer_graph

from dlgraph.layer_graph import LayerGraph
from dlgraph.mapping import planning
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


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"is": "Cut"}', b'{"is": "Path", "a": 1}'])
def test_a_damaged_file_is_as_none(folder, damage: bytes) -> None:
    graph = small_graph()
    first = choose(graph)
    path, = folder.iterdir()
    path.write_bytes(damage)
    assert kept(path) is None and choose(graph).cut == first.cut
    assert kept(path) == first.cut                                    # mended
