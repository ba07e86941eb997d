"""The record of how full the pipeline is: what it keeps, and what the documentation shows of it."""
from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"
sys.path.append(str(BENCHMARKS))


def row(network: str = "mlp_300", batch: int = 256, percent: int = 100, cycles: float = 16000.0) -> dict[str, Any]:
    return {"network": network, "batch": batch, "assumptions_percent": percent, "data": "digits", "samples": 512, "cores": 111,
            "chips": 7, "replicas": 1, "window": 8, "cycles_per_sample": cycles, "endless_cycles_per_sample": 12000.0,
            "samples_per_s": 2e8 / cycles, "share_of_endless": 12000.0 / cycles,
            "joules_per_sample": {"whole": 0.0025, "used": 0.0005}, "equal_to_reference": True, "commit": None, "modified": False,
            "command": "python benchmarks/pipeline.py"}


def recorded() -> Any:
    spec = importlib.util.spec_from_file_location("recorded", ROOT / "docs" / "recorded.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored(tmp_path: Path, *rows: dict[str, Any]) -> dict[str, Any]:
    from pipeline import store
    path = tmp_path / "pipeline.json"
    for each in rows:
        store(path, each)
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads((BENCHMARKS / "pipeline_schema.json").read_text(encoding="utf-8")))


def test_a_row_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    found = stored(tmp_path, row("lenet5"), row(percent=200), row(), row(batch=32), row(cycles=15000.0))["rows"]
    assert [(each["network"], each["batch"], each["assumptions_percent"]) for each in found] == [
        ("mlp_300", 32, 100), ("mlp_300", 256, 100), ("mlp_300", 256, 200), ("lenet5", 256, 100)]
    assert found[1]["cycles_per_sample"] == 15000.0


@pytest.mark.parametrize("field, value", [("batch", 0), ("assumptions_percent", 10), ("cycles_per_sample", 0), ("more", 1),
                                          ("joules_per_sample", {"whole": 1.0}), ("equal_to_reference", 1)])
def test_the_schema_refuses(tmp_path: Path, field: str, value: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        stored(tmp_path, {**row(), field: value})
    assert not (tmp_path / "pipeline.json").exists()


def test_what_the_documentation_shows(tmp_path: Path) -> None:
    record = stored(tmp_path, row(), row(percent=50, cycles=10000.0), row("lenet1", 32, cycles=40000.0))
    pipeline = "\n".join(recorded().RecordedPipeline.lines(None, record))
    assert all(cell in pipeline for cell in ("16,000", "12,000", "- 75", "12,500", "2.50, 0.50", "- 30"))
    assert "10,000" not in pipeline
    assumptions = "\n".join(recorded().RecordedAssumptions.lines(None, record))
    assert "20,000 samples/s" in assumptions and "12,500 samples/s" in assumptions and "lenet1" not in assumptions


def test_nothing_is_shown_where_only_one_assumption_was_tried(tmp_path: Path) -> None:
    assert recorded().RecordedAssumptions.lines(None, stored(tmp_path, row())) == []


def test_bounds_stand_beside_what_was_measured() -> None:
    bounds = {"arithmetic": 400.0, "input": 4000.0, "core": 8000.0, "link": 5000.0}
    record = {"command": "python benchmarks/speed_bounds.py", "rows": [
        {"network": "mlp_300", "batch": 256, "busiest": "weight slice", "bounds": bounds},
        {"network": "lenet1", "batch": 256, "busiest": "convolution tile", "bounds": bounds}]}
    lines = "\n".join(recorded().bounds_table(record, [row(percent=200, cycles=1.0), row(), row(batch=32, cycles=2.0)]))
    assert "400 (500,000/s)" in lines and "8,000 (25,000/s), weight slice" in lines
    assert lines.count("16,000 (12,500/s)") == 1 and "(200,000,000/s)" not in lines and "(100,000,000/s)" not in lines


def test_what_cannot_be_spared_is_no_more_than_the_cost_model_expects() -> None:
    from speed_bounds import CONVOLUTION, DENSE

    from dlgraph.mapping.cost import MEASURED
    for each in (DENSE, CONVOLUTION):
        assert all(getattr(each, name) <= getattr(MEASURED, name) for name in vars(MEASURED))


def test_words_on_the_busiest_link() -> None:
    """Worked out by hand: 10 sums and a marker, half a credit; what goes the other way, stays on the chip, or is only asked for."""
    from speed_bounds import busiest_link

    from dlgraph.mapping.plan import StreamKind
    here, there, beside = (SimpleNamespace(name=name) for name in ("here", "there", "beside"))

    def stream(kind: StreamKind, start: Any, end: Any, n_words: int) -> SimpleNamespace:
        return SimpleNamespace(kind=kind, producer=start, consumers=[end], n_words=n_words)

    plan = SimpleNamespace(cut=SimpleNamespace(window=8), replicas_of=lambda core: 1, streams=[
        stream(StreamKind.SUMS, here, there, 10), stream(StreamKind.CREDIT, here, there, 0),
        stream(StreamKind.REQUESTS, here, there, 0),
        stream(StreamKind.GRADIENTS, here, there, 1000), stream(StreamKind.ERRORS, there, here, 10),
        stream(StreamKind.SUMS, here, beside, 500)])
    chips = {id(here): (0, 0), id(there): (1, 0), id(beside): (0, 0)}

    class Chips(dict[Any, Any]):
        def __getitem__(self, core: Any) -> tuple[int, int]:
            return chips[id(core)]

    assert busiest_link(plan, Chips(), 1.0) == 11.5
    plan.replicas_of = lambda core: 2
    assert busiest_link(plan, Chips(), 1.0) == 5.75
