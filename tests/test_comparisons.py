"""What the page on competitiveness says follows from its records: factors, verdicts and words, by hand."""
from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from test_documentation import docs_module

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"


@pytest.fixture
def comparisons(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return docs_module("comparisons", monkeypatch)


def row(network: str, device: str, kind: str, speed: float, whole: float | None, used: float | None = None) -> dict[str, Any]:
    def spread(value: float | None) -> dict[str, float] | None:
        return None if value is None else {"minimum": value, "median": value, "maximum": value, "n": 1}

    return {"network": network, "device": device, "kind": kind,
            "figures": {"samples_per_s": spread(speed), "joules_per_sample": spread(whole),
                        "joules_per_sample_share": spread(used)}}


#: SpiNNaker is 4 times slower on one network and 2 times on the other, takes half and twice the energy, and is faster one by one.
RECORD: dict[str, Any] = {"runs": [], "rows": [
    row("mlp_300", "spinnaker", "same", 5_000, 4e-3, 1e-3), row("mlp_300", "spinnaker", "tuned", 10_000, 2e-3, 5e-4),
    row("mlp_300", "spinnaker", "one", 3_000, 9e-3, 2e-3), row("mlp_300", "cpu", "same", 40_000, 4e-3, 1e-3),
    row("mlp_300", "cpu", "tuned", 30_000, 9e-3, 3e-3), row("mlp_300", "cpu", "one", 1_000, 0.27, 9e-3),
    row("lenet5", "spinnaker", "same", 3_000, 12e-3, 6e-3), row("lenet5", "cpu", "same", 6_000, 6e-3, None)]}


def test_factors(comparisons: ModuleType) -> None:
    found = {(each.network, each.what): (each.factor, each.ahead) for each in comparisons.ratios(RECORD)}
    assert found == {
        ("mlp_300", comparisons.SPEED): (4, False), ("mlp_300", comparisons.WHOLE): (2, True),
        ("mlp_300", comparisons.USED): (2, True),
        ("mlp_300", comparisons.SPEED_ONE): (3, True), ("mlp_300", comparisons.WHOLE_ONE): (pytest.approx(30), True),
        ("mlp_300", comparisons.USED_ONE): (4.5, True),
        ("lenet5", comparisons.SPEED): (2, False), ("lenet5", comparisons.WHOLE): (2, False),
        # of the processor nothing is known but the whole
        ("lenet5", comparisons.USED): (1, True)}


def test_long_trainings_count_where_they_are_faster(comparisons: ModuleType) -> None:
    """80,000 samples/s instead of 40,000: 8 times, and 5,000 change nothing of LeNet-5's 6,000."""
    long = {"rows": [row("mlp_300", "cpu", "same", 80_000, 2e-3), row("lenet5", "cpu", "same", 5_000, 6e-3)]}
    assert comparisons.fairest(RECORD, None) is RECORD
    found = {(each.network, each.what): each.factor for each in comparisons.ratios(comparisons.fairest(RECORD, long))}
    assert found["mlp_300", comparisons.SPEED] == 8 and found["lenet5", comparisons.SPEED] == 2
    assert found["mlp_300", comparisons.WHOLE] == 1


def test_what_is_kept_alone(comparisons: ModuleType) -> None:
    """3,000 of 10,000, and 1,000 of 40,000; of LeNet-5 there is nothing."""
    assert comparisons.kept_alone(RECORD) == {"spinnaker": {"mlp_300": 0.3}, "cpu": {"mlp_300": 0.025}}


def test_words(comparisons: ModuleType) -> None:
    found = comparisons.verdicts(comparisons.ratios(RECORD))
    assert comparisons.range_words(found[comparisons.SPEED, "cpu"], "faster", "slower") == "2 to 4 times slower"
    assert comparisons.range_words(found[comparisons.WHOLE, "cpu"], "less", "more") == (
        "from 2 times more (LeNet-5) to 2 times less (784-300-10)")
    assert comparisons.range_words(found[comparisons.SPEED_ONE, "cpu"], "faster", "slower") == "3 times faster"


def test_yes_and_no(comparisons: ModuleType) -> None:
    found = comparisons.ratios(RECORD)
    assert comparisons.lead(found) == ("In raw speed: no; in energy: on some networks with whole devices counted, yes with the "
                                       "parts in use.")
    assert comparisons.lead([each for each in found if each.network == "mlp_300"]) == "In raw speed: no; in energy: yes."
    assert comparisons.lead([]) == "There is nothing to compare yet."


def test_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """2% after the second epoch and 1% never; epochs of 4, 6 and 5 seconds: 2 x 4, 2 x 5 and 2 x 6."""
    times = docs_module("times", monkeypatch)
    entry: dict[str, Any] = {"epochs": [{"test_error": 3.0}, {"test_error": 2.0}, {"test_error": 1.01}],
                             "on_board": [{"machine_seconds": seconds} for seconds in (4.0, 6.0, 5.0)]}
    assert times.on_board(entry, 2.0) == times.Time(2, 8.0, 10.0, 12.0)
    assert times.on_board(entry, 1.0) is None
    assert times.on_board({**entry, "on_board": []}, 2.0) is None
    spread = {"minimum": 1.0, "median": 2.0, "maximum": 3.0}
    record = {"rows": [{"network": "lenet1", "device": "cpu", "figures": {"seconds_to_98": spread, "seconds_to_99": None}}]}
    assert times.by_keras(record, "lenet1", "cpu", 2.0) == times.Time(None, 1.0, 2.0, 3.0)
    assert times.by_keras(record, "lenet1", "cpu", 1.0) is times.by_keras(record, "lenet5", "cpu", 2.0) is None
    assert times.by_keras(None, "lenet1", "cpu", 2.0) is None
    faster = {"rows": [{"network": "lenet1", "device": "cpu", "figures": {"samples_per_s": spread}}]}
    assert times.figure(faster, "lenet1", "cpu", "samples_per_s") == spread
    assert times.figure(faster, "lenet1", "gpu", "samples_per_s") is None
    assert times.figure(None, "", "", "accuracy") is None


def test_one_paragraph(comparisons: ModuleType) -> None:
    """With and without the other records; TPUs are spoken of in it."""
    others = {name: json.loads((RESULTS / f"{name}.json").read_text()) if (RESULTS / f"{name}.json").exists() else None
              for name in ("whole_training", "prediction", "scaling")}
    for given in (others, dict.fromkeys(others)):
        text = comparisons.answer(RECORD, given)
        assert "\n" not in text and text.startswith("**In raw speed: no;")
        assert "no TPU was measured" in text and "There was no GPU" in text
        assert "sample by sample it is 3 times faster and takes 30 times less energy" in text
    busy = comparisons.answer({**RECORD, "runs": [{"others_share": None}, {"others_share": 0.88}]}, {})
    assert busy.startswith("**This record does not tell: other programs took up to 88%")
    with_gpu = {"runs": [], "rows": [*RECORD["rows"], row("mlp_300", "gpu", "same", 1e6, 1e-4)]}
    assert "100 times slower than its GPU" in comparisons.answer(with_gpu, {}) and "no GPU" not in comparisons.answer(with_gpu, {})
