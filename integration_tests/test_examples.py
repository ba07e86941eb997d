"""The programs that the documentation shows run as they stand."""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(script: str, folder: Path, *arguments: str) -> str:
    result = subprocess.run([sys.executable, str(ROOT / script), *arguments], cwd=folder, capture_output=True, text=True,
                            check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_readme_shows_the_quickstart() -> None:
    """Word for word, apart from the layout."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown, = re.findall(r"```python\n(import keras.*?)```", readme, re.DOTALL)
    example = (ROOT / "docs" / "quickstart_example.py").read_text(encoding="utf-8")
    assert re.sub(r"\s|,(?=\s*[])])", "", shown) == re.sub(r"\s|,(?=\s*[])])", "", example)


def test_train_digits(tmp_path: Path) -> None:
    """Two epochs; the machine and Keras agree on how good the weights are."""
    text = run("examples/train_digits.py", tmp_path, "--epochs", "2")
    on_machine, in_keras = (float(number) for number in re.findall(r"([\d.]+)%", text)[-2:])
    assert on_machine > 80
    assert on_machine == pytest.approx(in_keras, abs=0.6)


@pytest.mark.wide
def test_graph_by_hand(tmp_path: Path) -> None:
    """On the machine it ends as docs/graph.rst has it, which another test compares with the reference."""
    text = run("examples/graph_by_hand/train.py", tmp_path)
    assert text.splitlines()[-1] in (ROOT / "docs" / "graph.rst").read_text(encoding="utf-8")


@pytest.mark.wide
def test_train_mnist(tmp_path: Path) -> None:
    """Random pictures in place of MNIST; it runs and says so."""
    rng = np.random.default_rng(2)
    np.savez(tmp_path / "pictures.npz", x_train=rng.integers(0, 255, (64, 28, 28), np.uint8),
             y_train=rng.integers(0, 10, 64, np.uint8), x_test=rng.integers(0, 255, (20, 28, 28), np.uint8),
             y_test=rng.integers(0, 10, 20, np.uint8))
    text = run("examples/train_mnist.py", tmp_path, "--data", "pictures.npz")
    assert "Accuracy on 20 test images" in text
