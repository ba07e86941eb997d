"""The benchmarks run from beginning to end, on small things."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.wide
def test_function_cycles(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "function_cycles.py"), "--samples", "32", "--batch", "16",
         "--options", "{'cuts': {'hidden_1': (4, 20), 'output': (4, 1)}, 'window': 4}"],
        cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "hidden_1 weight slice" in result.stdout and "  kernels/dense.S\n" in result.stdout


@pytest.mark.wide
def test_train_mnist(tmp_path: Path) -> None:
    """Ten easy pictures with noise in place of MNIST, on a small board."""
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 255, (10, 28, 28)) * (rng.random((10, 28, 28)) < 0.2)
    y = rng.integers(0, 10, 120).astype(np.uint8)
    x = np.clip(pictures[y] + rng.integers(0, 20, (120, 28, 28)), 0, 255).astype(np.uint8)
    np.savez(tmp_path / "pictures.npz", x_train=x[:80], y_train=y[:80], x_test=x[80:], y_test=y[80:])
    result = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "train_mnist.py"), "--data", "pictures.npz", "--board", "spinn3",
         "--layers", "12", "--epochs", "2", "--out", "result.json"],
        cwd=tmp_path, env={**os.environ, "KERAS_BACKEND": "tensorflow"}, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    record = json.loads((tmp_path / "result.json").read_text())
    assert record["checks"] == {"equal_to_reference": True, "evaluation_equal_to_reference": True}
    assert record["network"] == "784-12-10" and record["samples"] == 80 and len(record["accuracy"]) == 2
    assert record["machine_seconds"] > 0
    emulated = record["machine"]["emulated"]
    assert ("emulated" in result.stdout) == emulated
    assert (record["energy"] is not None) == emulated
    if emulated:
        assert record["energy"]["cores_awake"] < record["energy"]["cores"] and record["energy"]["packets"] > 0


@pytest.mark.wide
def test_scaling(tmp_path: Path) -> None:
    """Two chips of a board; without a whole one nothing is expected of larger machines.  Again, there is nothing left to do."""
    command = [sys.executable, str(ROOT / "benchmarks" / "scaling.py"), "--network", "mlp_300", "--data", "digits",
               "--samples", "64", "--batch", "32", "--chips", "2", "--out", "scaling.json"]
    for _ in range(2):
        result = subprocess.run(command, cwd=tmp_path, env={**os.environ, "KERAS_BACKEND": "tensorflow"}, capture_output=True,
                                text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
    entry = json.loads((tmp_path / "scaling.json").read_text())["networks"]["mlp_300"]
    row, = entry["rows"]
    assert row["equal"] and row["chips_used"] <= 2 and row["loaded_cores"] == row["network_cores"] + 5
    watts = 26.84 * 2 / 48 + 0.034 * row["loaded_cores"]
    assert row["joules_per_sample"]["total"] == pytest.approx(
        watts * row["machine_seconds"] / 64 + row["joules_per_sample"]["packets"])
    assert entry["larger"] == [] and "2 chips" not in result.stdout
    other = subprocess.run([*command, "--batch", "16"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert other.returncode == 2 and "--again" in other.stderr


@pytest.mark.wide
def test_prediction(tmp_path: Path) -> None:
    """By the network that is kept beside the record of the whole trainings."""
    result = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "prediction.py"), "--network", "mlp_300", "--data", "digits", "--samples", "32",
         "--alone", "2", "--out", "prediction.json"],
        cwd=tmp_path, env={**os.environ, "KERAS_BACKEND": "tensorflow"}, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    entry = json.loads((tmp_path / "prediction.json").read_text())["networks"]["mlp_300"]
    alone = entry["alone"]["seconds"]
    assert entry["equal"] and entry["alone"]["passes"] == 2
    assert 1 / entry["throughput"]["samples_per_s"] < alone["minimum"] <= alone["median"] <= alone["maximum"]
