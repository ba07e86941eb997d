"""Networks whose programs are built on top of the official SpiNNaker tools (official_tools.rst): where those are, the same bits."""
from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dlgraph import cli
from dlgraph.binaries.aplx import complaint

ROOT = Path(__file__).resolve().parent.parent
#: In a process of its own, as which runtime programs have is decided once.
TRAIN = """
import sys
import numpy as np
from dlgraph import Emulated
from dlgraph.custom_checks import check_equal
from dlgraph.optimisers import Adam
sys.path.insert(0, "examples/prelu_layer")
from prelu import PReluLayer
check_equal(PReluLayer("slopes", np.array([1 << 26, -(1 << 25), 1 << 27, 1 << 24], np.int32)), (6, 5, 4),
            Emulated(board="spinn3"), {optimiser}, cuts=[(2, 1, 2)])
"""


@pytest.fixture(name="tools", autouse=True)
def _tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips where they are not, and says so; fails where SPINN_DIRS names something else."""
    if "SPINN_DIRS" not in os.environ:
        pytest.skip("SPINN_DIRS is not set: the official SpiNNaker tools are not here")
    monkeypatch.syspath_prepend(str(ROOT / "c_models"))
    official = importlib.import_module("official_tools")
    official.find()
    if shutil.which(official.COMPILER) is None:
        pytest.skip(f"{official.COMPILER}, with which the official tools build, is not here")
    monkeypatch.setenv("DLGRAPH_RUNTIME", "official")


def test_every_program_fits(tmp_path: Path) -> None:
    """A layer's of one's own too; build.py says by how much one does not."""
    prelu = str(ROOT / "examples" / "prelu_layer" / "prelu.c")
    for arguments in ([], ["runtime_minimal", "runtime_exchange"], ["--custom", prelu]):
        command = [sys.executable, str(ROOT / "c_models" / "build.py"), "--official", "--out", str(tmp_path), *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0 and not result.stderr, result.stdout + result.stderr
    assert {"dlgraph_output_group.aplx", "prelu_momentum.aplx"} <= {path.name for path in tmp_path.iterdir()}


def test_the_makefile_of_the_skeleton(tmp_path: Path) -> None:
    assert cli.main(["new-vertex", "my_kind", "--into", str(tmp_path)]) == 0
    command = ["make", f"PYTHON={sys.executable}", f"SPINN_DIRS={os.environ['SPINN_DIRS']}"]
    result = subprocess.run(command, cwd=tmp_path / "my_kind", capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert complaint((tmp_path / "my_kind" / "my_kind_momentum.aplx").read_bytes()) is None


@pytest.mark.parametrize("optimiser", ["None", "Adam(0.01)"])
def test_machine_and_reference_are_equal(optimiser: str) -> None:
    """Convolution, a layer of one's own, dense layers."""
    command = [sys.executable, "-c", TRAIN.replace("{optimiser}", optimiser)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
