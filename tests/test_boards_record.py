"""The record of one board and of several: as its schema has it, and as the documentation shows it."""
from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from record_schemas import check_fits, check_refused

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "benchmarks" / "results" / "boards.json"


def made() -> dict[str, Any]:
    """Of a board that was emulated, and of six that were not."""
    rows = [{"boards": 1, "cores": 250, "replicas": 20, "predicted": 40_000.0, "measured": 50_000.0, "used_chips": 24,
             "used_boards": 1, "wall_seconds": 12.5},
            {"boards": 6, "cores": 500, "replicas": 40, "predicted": 20_000.0}]
    return {"schema_version": 1, "benchmark": "boards", "command": "python benchmarks/boards.py", "commit": None, "modified": False,
            "date": "2026-11-30T12:00:00Z", "host": {"cpus": 2}, "network": "lenet1", "samples": 1024, "batch": 128, "seed": 1,
            "checks": {"on 1 board the weights are the reference's": True}, "rows": rows}


def test_a_record_is_as_the_schema_has_it() -> None:
    check_fits(made())


@pytest.mark.parametrize("where, field, value", [
    ((), "schema_version", 2), ((), "rows", []), ((), "unknown", 1), ((), "samples", 0), (("rows", 0), "boards", 0),
    (("rows", 0), "measured", 0), (("rows", 1), "predicted", "20"), (("checks",), "equal", None)])
def test_the_schema_refuses(where: tuple[Any, ...], field: str, value: Any) -> None:
    check_refused(made(), where, field, value)


def test_what_the_documentation_shows() -> None:
    spec = importlib.util.spec_from_file_location("recorded", ROOT / "docs" / "recorded.py")
    assert spec is not None and spec.loader is not None
    recorded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recorded)
    lines = recorded.RecordedBoards.lines(None, made())
    cells = [line.split("- ", 1)[1] for line in lines if " - " in line]
    assert cells[7:14] == ["1", "250", "20", "24", "5,000", "4,000", "1.25"]
    assert cells[14:] == ["6", "500", "40", "", "10,000", "", ""]
    assert "lenet1, batches of 128, 1,024 samples. ``python" in lines[0]
    record = made()
    record["checks"]["three boards are used"] = False
    assert "**Not all of its checks hold.**" in recorded.RecordedBoards.lines(None, record)[0]


def test_the_record_there_is() -> None:
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    assert not record["modified"] and all(record["checks"].values())
    assert [row["boards"] for row in record["rows"] if "measured" in row] == [1, 3]
