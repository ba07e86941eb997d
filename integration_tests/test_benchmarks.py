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
