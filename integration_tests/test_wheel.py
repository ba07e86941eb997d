"""``pip wheel`` makes a package with everything in it that a computer without compilers needs."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dlgraph.binaries import binary_folder

ROOT = Path(__file__).resolve().parent.parent
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "venv", "build", "dist", "*.egg-info", "*.so", "*.aplx", "__pycache__", ".*_cache")

PROGRAM = """
import ctypes
import dlgraph, dlgraph.vertices, spinnemu, spinnemu.build
from dlgraph.binaries import binary_folder
from dlgraph.reference import native
print(dlgraph.__file__, dlgraph.vertices.__file__, spinnemu.__file__, spinnemu.build.library(), sep="\\n")
print(native.load()._name)
print(*sorted(binary_folder().glob("*.aplx")), sep="\\n")
ctypes.CDLL(str(spinnemu.build.library())).spinnemu_serve
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The content of a wheel, made from a copy of this checkout with nothing built in it."""
    source, wheels, installed = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "installed"))
    shutil.copytree(ROOT, source / "dlgraph", ignore=NOT_COPIED, symlinks=True)
    made = subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps",
                           "--no-build-isolation", "--wheel-dir", str(wheels), str(source / "dlgraph")],
                          capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    wheel, = wheels.glob("dlgraph-*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(installed)
    return installed


def test_wheel_has_everything_built(installed: Path, tmp_path: Path) -> None:
    """Nothing is compiled when it is used: there is no compiler, and the cache stays empty."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": "",
                   "CC": "no-compiler"}
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, cwd=tmp_path,
                            env=environment)
    assert result.returncode == 0, result.stderr
    files = [Path(line) for line in result.stdout.split("\n") if line]
    assert all(path.is_relative_to(installed) for path in files), result.stdout
    assert [path.name for path in files if path.suffix == ".aplx"] == sorted(
        path.name for path in binary_folder().glob("*.aplx"))
    assert not list((tmp_path / "cache").rglob("*.so"))


def test_wheel_has_no_tests_and_of_c_only_what_layer_kinds_are_built_from(installed: Path) -> None:
    names = [path.relative_to(installed) for path in installed.rglob("*")]
    assert not [name for name in names if "tests" in name.parts or "test_programs" in name.parts]
    in_c = {name for name in names if name.suffix in {".c", ".h", ".S"}}
    assert Path("dlgraph/c_models/layers/custom_layer.h") in in_c
    assert all(name.parts[:2] == ("dlgraph", "c_models") for name in in_c)
    assert {name.parts[0] for name in names if not name.parts[0].endswith(".dist-info")} == {"dlgraph", "spinnemu"}
