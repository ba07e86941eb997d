"""Every block of code in the documentation runs.

One emulated SpiNN-3 board stands for whatever machine a page names, a real board among them, so all run on it one after the
other.  Where a page says so to the tests, in a comment, its trainings are the reference's instead: those that would take the
board minutes, and whose bits are the board's in any case.

Commands run too, with these exceptions, of which only the arguments are checked: pip (nothing is fetched), make (as
``make -n``), the build of all binaries, and benchmarks.

Guides by task are read in test_guide_pages.py: two files, so that two processes share the work.
"""
from __future__ import annotations

from pathlib import Path

import pytest

from dlgraph.targets import MachineTarget
from integration_tests.page_reader import read_page
from integration_tests.pages import ROOT, pages

#: Pages whose blocks other tests run, and more of them: what is printed, or the files as one who follows the page makes them; and
#: one that needs what may not be here.
ELSEWHERE = {"graph.rst": "tests/test_docs_code.py", "inspecting.rst": "integration_tests/test_trace.py",
             "own_layer.rst": "integration_tests/test_custom_layers.py",
             "debugging_a_vertex.rst": "integration_tests/test_debugging_page.py",
             "official_tools.rst": "integration_tests/test_official_tools.py"}
#: What other tests name of a page, where it is not its name.
ALIASES = {"own_layer.rst": "prelu_layer"}
GUIDES = {"networks.rst", "benchmark.rst", "checkpoints.rst", "faults.rst"}


def is_guide(page: Path) -> bool:
    """Whether test_guide_pages.py reads it."""
    return page.name.startswith("when_") or page.name in GUIDES


def test_the_others_are_where_they_are_said_to_be() -> None:
    for page, test in ELSEWHERE.items():
        assert ALIASES.get(page, page) in (ROOT / test).read_text(encoding="utf-8")
    assert GUIDES <= {page.name for page in pages()}


@pytest.mark.parametrize("page", [page for page in pages() if page.name not in ELSEWHERE and not is_guide(page)],
                         ids=lambda page: str(page.relative_to(ROOT)))
def test_page(page: Path, spinn3: MachineTarget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    read_page(page, spinn3, monkeypatch, tmp_path)
