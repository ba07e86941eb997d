"""Every block of code of the guides by task runs: as test_pages.py does with the other pages."""
from __future__ import annotations

from pathlib import Path

import pytest

from dlgraph.targets import MachineTarget
from integration_tests.page_reader import read_page
from integration_tests.pages import ROOT, pages
from integration_tests.test_pages import ELSEWHERE, is_guide


@pytest.mark.parametrize("page", [page for page in pages() if page.name not in ELSEWHERE and is_guide(page)],
                         ids=lambda page: str(page.relative_to(ROOT)))
def test_page(page: Path, spinn3: MachineTarget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    read_page(page, spinn3, monkeypatch, tmp_path)
