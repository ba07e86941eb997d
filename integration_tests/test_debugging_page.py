"""debugging_a_vertex.rst: what its programs print is what the page shows, so the broken layer is found and the mended one equal."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from dlgraph.targets import MachineTarget
from integration_tests.docs_code import code_blocks
from integration_tests.page_reader import read_page
from integration_tests.pages import ROOT

PAGE = "debugging_a_vertex.rst"
#: What depends on the machine and the compiler.
PLACES = re.compile(r"on chip \(\d+, \d+\) core \d+|0x[0-9a-f]+|\d+ bytes behind|on the emulated SpiNN-\d board")
#: Logged by the Graph Front End when a program ends.
LOGGED = "RUN_TIME_EXCEPTION"


def words(text: str) -> str:
    """However lines are broken."""
    return " ".join(PLACES.sub("", text).split())


def test_the_page(spinn3: MachineTarget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                  capsys: pytest.CaptureFixture[str]) -> None:
    read_page(ROOT / "docs" / PAGE, spinn3, monkeypatch, tmp_path)
    printed = words(capsys.readouterr().out)
    shown = [block for block in code_blocks(PAGE, "text") if LOGGED not in block]
    assert len(shown) == 9
    for block in shown:
        assert words(block) in printed, block
