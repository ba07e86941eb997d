"""The recorded trainings: what they write, drawn and in words, with the reference in place of the machine."""
from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jsonschema  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import course  # noqa: E402
import curves  # noqa: E402
import result  # noqa: E402
import train_networks  # noqa: E402


def record_of(folder: Path, network: str, *arguments: str) -> dict:
    code = train_networks.main(["--network", network, "--data", "digits", "--reference", "--batch", "32", "--momentum", "0",
                                "--rate", "0.1", "--epochs", "2", "--output", str(folder), *arguments])
    assert code == 0
    return json.loads((folder / f"{network}.json").read_text())


@pytest.mark.parametrize("network", ["mlp_300_100", "lenet1"])
def test_one_network(tmp_path: Path, network: str, capsys: pytest.CaptureFixture) -> None:
    record = record_of(tmp_path, network, "--samples", "400", "--test-samples", "100")
    result.validate(record)
    assert record["machine"] is None and record["machine_seconds"] == 0 and record["energy"] is None
    assert record["samples"] == 400 and record["epochs"] == 2 and record["batch"] == 32 and record["checks"] == {}
    assert record["hyperparameters"]["momentum"] == 0 and record["hyperparameters"]["learning_rate"] == 0.1
    assert record["hyperparameters"]["activation"] == "relu"
    assert "scikit-learn" in record["data"]
    assert [epoch["samples"] for epoch in record["accuracy"]] == [400, 400]
    for epoch in record["accuracy"]:
        assert abs(epoch["test"] - epoch["test_float"]) < 0.05 and abs(epoch["loss"] - epoch["loss_float"]) < 0.05
    assert record["figures"]["test_error_percent"] == pytest.approx(100 * (1 - record["accuracy"][-1]["test"]))
    assert record["figures"]["published_error_percent"] is None, "that is for MNIST"
    assert (tmp_path / f"{network}.svg").read_bytes().startswith(b"<?xml")
    assert "Keras in floating point" in capsys.readouterr().out


def interrupt(monkeypatch: pytest.MonkeyPatch, n_done: int) -> None:
    """Ctrl-C in a recording, when so many epochs are done."""
    begin = course.Course.on_epoch_begin

    def interrupted(self, epoch: int, logs: object = None) -> None:
        if len(self.entries) == n_done:
            raise KeyboardInterrupt
        begin(self, epoch, logs)

    monkeypatch.setattr(course.Course, "on_epoch_begin", interrupted)


def test_a_recording_that_was_interrupted_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                  capsys: pytest.CaptureFixture) -> None:
    """The record is that of an unbroken one, but says where it was broken; wall times of both processes are in it."""
    arguments = ("--samples", "64", "--test-samples", "20", "--checkpoint", str(tmp_path / "kept"))
    expected = record_of(tmp_path / "whole", "mlp_300", *arguments[:4])
    interrupt(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        record_of(tmp_path / "broken", "mlp_300", *arguments)
    monkeypatch.undo()
    record = record_of(tmp_path / "broken", "mlp_300", *arguments)
    assert expected["resumed_after"] == [] and record["resumed_after"] == [1]
    assert "in 2 processes: resumed from checkpoints after epoch 1\n" in capsys.readouterr().out
    walls = [[epoch.pop("wall_seconds") for epoch in each["accuracy"]] for each in (expected, record)]
    assert record["accuracy"] == expected["accuracy"] and record["figures"] == expected["figures"]
    assert record["wall_seconds"] >= sum(walls[1])


def test_three_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted amid the second one."""
    arguments = ("--samples", "96", "--test-samples", "50", "--checkpoint", str(tmp_path / "kept"))
    interrupt(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        record_of(tmp_path, "boosted_lenet4", *arguments)
    monkeypatch.undo()
    record = record_of(tmp_path, "boosted_lenet4", *arguments)
    assert record["resumed_after"] == [3]
    assert [epoch["member"] for epoch in record["accuracy"]] == [1, 1, 2, 2, 3, 3]
    assert all(epoch["samples"] == 96 for epoch in record["accuracy"])
    assert record["figures"]["candidates_2"] >= 96 and record["figures"]["candidates_3"] >= 96
    assert record["figures"]["parameters"] == 3 * 51_050


def test_drawing_again_gives_the_same(tmp_path: Path) -> None:
    record = json.loads((ROOT / "benchmarks" / "results" / "train_mnist.json").read_text())
    record["figures"] = {"published_error_percent": 4.7}
    for epoch in record["accuracy"]:
        epoch["loss_float"] = epoch["loss"]
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    curves.main([str(tmp_path / "a.json"), str(tmp_path / "b.json")])
    content = (tmp_path / "a.svg").read_bytes()
    assert content == (tmp_path / "b.svg").read_bytes() and b"published: 4.7%" in content


def test_digests() -> None:
    a, b = np.arange(6, dtype=np.int32).reshape(2, 3), np.zeros(3, np.int32)
    assert course.digest([(a, b)]) == course.digest([[a.copy(), b]])
    assert len({course.digest(each) for each in ([(a, b)], [(b, a)], [(a.T, b)], [(a + 1, b)], [(a.astype(np.int64), b)])}) == 5


def test_schema_of_trainings(tmp_path: Path) -> None:
    """No machine at all is a record; half a machine is none."""
    record = record_of(tmp_path, "mlp_300", "--samples", "64", "--test-samples", "20")
    record["machine"] = {"description": "a board"}
    with pytest.raises(jsonschema.ValidationError):
        result.validate(record)


def test_errors_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no file or folder"):
        train_networks.main(["--network", "lenet1", "--data", str(tmp_path / "mnist.npz")])


def test_records_in_the_documentation(tmp_path: Path) -> None:
    """Words that come from the figures; nothing where there is no record."""
    spec = importlib.util.spec_from_file_location("recorded", ROOT / "docs" / "recorded.py")
    recorded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recorded)
    record = record_of(tmp_path, "lenet1", "--samples", "64", "--test-samples", "20")
    words, = recorded.text(record)
    assert "**lenet1**" in words and "the reference on a computer" in words and "2 epochs of 64 samples" in words
    record.update(machine={"description": "emulated SpiNN-5 board", "network_cores": 90}, machine_seconds=2.0, samples_per_s=64.0,
                  joules_per_sample=0.0021, checks={"equal_to_reference": True})
    record["figures"]["published_error_percent"] = 1.7
    words, = recorded.text(record)
    assert "2.00 s of machine time" in words and "2.10 mJ" in words and "1.7% published" in words
    assert "Every bit was equal to the reference." in words and "Resumed" not in words
    record["resumed_after"] = [1, 2]
    assert "Resumed from checkpoints after epoch 1, 2." in recorded.text(record)[0]
