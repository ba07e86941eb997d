"""The networks of LeCun et al. 1998 and the first network of the tutorials, on the machine."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from test_first_network import run_example  # noqa: E402


def recorded(folder: Path, network: str, *arguments: str) -> dict:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "train_networks.py"), "--network", network, "--data", "digits", "--test-samples",
         "40", "--output", str(folder), *arguments],
        cwd=folder, env={**os.environ, "KERAS_BACKEND": "tensorflow"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    record: dict = json.loads((folder / f"{network}.json").read_text())
    return record


def check(record: dict) -> None:
    assert record["checks"] == {"equal_to_reference": True, "evaluation_equal_to_reference": True}
    assert record["machine_seconds"] > 0 and record["samples_per_s"] > 0
    assert (record["energy"] is not None) == record["machine"]["emulated"]
    for epoch in record["accuracy"]:
        assert abs(epoch["test"] - epoch["test_float"]) <= 0.1 and abs(epoch["loss"] - epoch["loss_float"]) < 0.05


@pytest.mark.wide
def test_fully_connected(tmp_path: Path) -> None:
    """With plain stochastic gradient descent."""
    check(recorded(tmp_path, "mlp_300", "--samples", "100", "--epochs", "2", "--momentum", "0", "--board", "spinn3"))


@pytest.mark.parametrize("network, samples", [
    pytest.param("lenet1", "32", marks=pytest.mark.wide), pytest.param("lenet5", "64", marks=pytest.mark.wide),
    pytest.param("boosted_lenet4", "64", marks=pytest.mark.wide)])
def test_convolutions(tmp_path: Path, network: str, samples: str) -> None:
    check(recorded(tmp_path, network, "--samples", samples, "--epochs", "1", "--batch", "32"))


@pytest.mark.wide                     # tests/test_first_network.py runs it on the reference
def test_first_network(tmp_path: Path) -> None:
    """On 160 digits."""
    assert run_example(tmp_path, 160, "machine") > 0.7
