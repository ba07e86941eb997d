"""LeNet-1 as it was published, with its sub-sampling as a layer kind from outside."""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dlgraph import Graph
from dlgraph.graph.words import n_parameters

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture(scope="module")
def graph() -> Graph:
    before = list(sys.path)
    sys.path.insert(0, str(EXAMPLES))
    try:
        from lenet1_with_subsampling import lenet1
    finally:
        sys.path[:] = before
    return lenet1(seed=1)


def test_parameters_are_those_published(graph: Graph) -> None:
    """104 + 8 + 512 + 24 + 1,930 = 2,578, as LeCun et al. 1989 count them."""
    of_level: dict[str, int] = {}
    for node in graph.nodes:
        level = node.name.split("_")[0]
        of_level[level] = of_level.get(level, 0) + n_parameters(node.layer)
    assert {level: n for level, n in of_level.items() if n} == {"h1": 104, "h2": 8, "h3": 512, "h4": 24, "output": 1930}
    assert graph.n_parameters == 2578


def test_shapes_are_those_published(graph: Graph) -> None:
    assert [graph[name].shape for name in ("h1_0", "h2_3", "h3_of_2", "h3_of_2_3", "h4", "output")] == [
        (24, 24, 1), (12, 12, 1), (8, 8, 1), (8, 8, 4), (4, 4, 12), (10,)]


def test_it_runs_as_a_program() -> None:
    done = subprocess.run([sys.executable, str(EXAMPLES / "lenet1_with_subsampling.py"), "--reference", "--samples", "64"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"2,578 parameters: [\d.]+% of 360", done.stdout)
