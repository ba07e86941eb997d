"""The record of the start-up: as its schema has it, and as the documentation shows it."""
from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from dlgraph import set_up
from record_schemas import check_fits, check_refused

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "benchmarks" / "results" / "start_up.json"

#: Of a stage.
SPENT = {"seconds": 1.5, "host_cpu": 0.5, "emulator_cpu": 0.75, "datagrams": 1234}


def made() -> dict[str, Any]:
    """A record of two stages."""
    row = {"network": "mlp_300", "batch": 16, "samples": 512, "machine": "emulated SpiNN-5 board", "cores": 97,
           "stages": [{"stage": stage, **SPENT} for stage in (set_up.CUT, set_up.LOADING_BINARIES)], "until_first_sample": SPENT,
           "upload": {"bytes": 500_000, "seconds": 0.5, "megabytes_per_s": 1.0},
           "loaded_again": dict.fromkeys(("AR", "APP_COPY_RUN", "ALLOC", "RTR"), 0)}
    return {"schema_version": 1, "benchmark": "start_up", "command": "python benchmarks/start_up.py", "commit": None,
            "modified": False, "date": "2026-11-30T12:00:00Z", "host": {"cpus": 2}, "load": 0.5, "data": "digits", "rows": [row]}


def test_a_record_is_as_the_schema_has_it() -> None:
    check_fits(made())


@pytest.mark.parametrize("where, field, value", [
    ((), "schema_version", 2), ((), "rows", []), ((), "load", -1), ((), "unknown", 1),
    (("rows", 0), "cores", 0), (("rows", 0), "upload", None), (("rows", 0, "stages", 0), "datagrams", -1),
    (("rows", 0, "stages", 0), "seconds", "1"), (("rows", 0, "loaded_again"), "AR", None)])
def test_the_schema_refuses(where: tuple[Any, ...], field: str, value: Any) -> None:
    check_refused(made(), where, field, value)


def test_what_the_documentation_shows() -> None:
    spec = importlib.util.spec_from_file_location("recorded", ROOT / "docs" / "recorded.py")
    assert spec is not None and spec.loader is not None
    recorded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recorded)
    text = "\n".join(recorded.RecordedStartUp.lines(None, made()))
    assert "mlp_300, 97 cores" in text and set_up.CUT in text and "1.5 s (0.5 + 0.8 s, 1,234)" in text and "1 MB/s" in text


def test_the_record_is_of_stages_that_there_are() -> None:
    rows = json.loads(RECORD.read_text(encoding="utf-8"))["rows"]
    assert all({stage["stage"] for stage in row["stages"]} <= set(set_up.STAGES) for row in rows)
    assert not any(any(row["loaded_again"].values()) for row in rows)
