"""What is said where the Graph Front End cannot write its reports."""
from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from dlgraph.gfe.reports_folder import why_it_cannot_be_written


def test_full_and_forbidden_folders_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert why_it_cannot_be_written() is None
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        words = why_it_cannot_be_written()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert words is not None and f"{tmp_path}, which cannot be written to: File too large. Make room" in words
    assert os.listdir(tmp_path) == []
    monkeypatch.chdir("/proc")
    assert "/proc, which cannot be written to: " in str(why_it_cannot_be_written())
