"""The project as a package: what is tracked, what imports, what is built, what benchmarks write."""
import importlib
import json
import pkgutil
import re
import struct
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import result as benchmark_result  # noqa: E402

from dlgraph import binaries  # noqa: E402
from dlgraph.energy import energy  # noqa: E402
from dlgraph.vertices.convolution_tile_vertex import BINARY_OF_KIND  # noqa: E402

PROGRAMS = {"dlgraph_input_source", "dlgraph_neuron_group", "dlgraph_output_group", "dlgraph_unit_tile", "dlgraph_weight_slice",
            "dlgraph_weight_slice_sdram", "dlgraph_probe"}
PROGRAMS |= {f"dlgraph_convolution_{pooling}_{optimiser}" for pooling in ("average", "maximum")
             for optimiser in set(BINARY_OF_KIND.values())}
#: Folders that only one machine has.  In two parts, or this file would be found.
FOLDERS = "|".join(["work", "opt", "root", "home", "Users"])
MACHINE_PATHS = re.compile(rf"""(?:^|[\s"'=(`:])/(?:{FOLDERS})(?:/\w|\b["'])""")


def tracked_files():
    try:
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_paths_of_one_machine():
    found = []
    for path in tracked_files():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        found += [f"{path.relative_to(ROOT)}:{number}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1)
                  if MACHINE_PATHS.search(line)]
    assert not found, "\n".join(found)


def test_nothing_built_is_tracked():
    built = [path for path in tracked_files() if path.suffix in {".aplx", ".so", ".pyc", ".o", ".elf", ".whl"}]
    assert not built


def modules():
    for package in ("dlgraph", "dlgraph.vertices", "spinnemu"):
        yield package
        path = importlib.import_module(package).__path__
        yield from (module.name for module in pkgutil.walk_packages(path, f"{package}.")
                    if "tests" not in module.name.split(".") and not module.name.endswith(("__main__", "._engine", "._native")))


def test_modules_import_without_keras():
    """Every module imports, and TensorFlow is not loaded by any: it is needed only by those who bring a model."""
    code = ("import importlib, sys\n"
            f"for name in {sorted(set(modules()))!r}: importlib.import_module(name)\n"
            "assert not {'keras', 'tensorflow'} & set(sys.modules), 'Keras was imported'\n")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_public_names():
    import dlgraph
    import spinnemu

    for package in (dlgraph, spinnemu):
        for name in package.__all__:
            assert getattr(package, name, None) is not None, f"{package.__name__}.{name}"


def test_commands_are_there():
    for command in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"].values():
        module, function = command.split(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_binaries_are_there():
    folder = binaries.binary_folder()
    assert {path.stem for path in folder.glob("*.aplx")} == PROGRAMS
    assert binaries.binary_folder() == folder


def test_changed_sources_get_a_folder_of_their_own(tmp_path, monkeypatch):
    (tmp_path / "kernels").mkdir()
    source = tmp_path / "kernels" / "a.c"
    source.write_text("int a;")
    first = binaries.source_hash(tmp_path)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "left.c").write_text("of an earlier build")
    (tmp_path / "notes.txt").write_text("no source")
    assert binaries.source_hash(tmp_path) == first
    source.write_text("int b;")
    assert binaries.source_hash(tmp_path) != first
    monkeypatch.setenv("ARM_CC", "another-compiler")
    assert len({first, binaries.source_hash(tmp_path)}) == 2


def test_error_in_the_sources_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    c_models = tmp_path / "c_models"
    c_models.mkdir()
    (c_models / "build.py").write_text(
        "class BuildError(Exception): pass\n"
        "def build(out, work, quiet): raise BuildError('a.c:1: expected ;')\n")
    with pytest.raises(binaries.BinariesError, match="a.c:1: expected ;"):
        binaries.build_into_cache(c_models)
    assert [path.name for path in (tmp_path / "cache" / "dlgraph" / "binaries").iterdir()] == ["lock"]


def test_installed_without_binaries_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(binaries, "C_MODELS", tmp_path / "absent")
    monkeypatch.setattr(binaries, "HERE", tmp_path)
    with pytest.raises(binaries.BinariesError, match="pip install"):
        binaries.binary_folder.__wrapped__()
    (tmp_path / "a.aplx").write_bytes(struct.pack("<8I", 2, 0, 32, 8, 4, 0, 0, 0) + b"a binary")
    assert binaries.binary_folder.__wrapped__() == tmp_path


def test_every_make_target_has_its_requirements():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    used = set(re.findall(r"\$\(VENV\)/has-(\w+)", (ROOT / "Makefile").read_text())) - {"dlgraph"}
    assert used <= set(extras)


def example():
    machine = benchmark_result.Machine("emulated SpiNN-5 board", True, "spinn5", 100, 197)
    return benchmark_result.Result(
        benchmark="train_mnist", machine=machine, seed=1, network="784-128-10", batch=32, samples=1000, epochs=1,
        machine_seconds=0.1, wall_seconds=20.0, accuracy=[{"train": 0.8, "test": 0.9}], checks={"equal_to_reference": True},
        energy=energy("spinn5", 0.1, 197, 5, 1_000_000), command="python benchmarks/train_mnist.py --samples 1000")


def test_benchmark_result_is_as_the_schema_has_it(tmp_path):
    path = tmp_path / "new" / "result.json"
    example().write(path)
    record = json.loads(path.read_text())
    assert record["samples_per_s"] == pytest.approx(10_000)
    assert record["joules_per_sample"] == pytest.approx((2.684 + 0.6698 + 1.8e-3) / 1000)
    assert set(record["energy"]) == {"total", "board_idle", "cores", "packets", "cores_awake"}


@pytest.mark.parametrize("field, value", [("commit", "abc"), ("batch", 0), ("unknown", 1), ("accuracy", [])])
def test_schema_refuses(field, value):
    record = example().as_json()
    record[field] = value
    with pytest.raises(jsonschema.ValidationError):
        benchmark_result.validate(record)


def test_results_of_the_repository_are_as_the_schema_has_them():
    for path in (ROOT / "benchmarks").glob("results/*.json"):
        benchmark_result.validate(json.loads(path.read_text()))


def test_command_line_names_no_folders_of_this_machine(tmp_path):
    script = str(ROOT / "benchmarks" / "train_mnist.py")
    assert benchmark_result.command_line([script, "--data", str(tmp_path / "mnist.npz"), "--epochs", "2"]) == (
        "python benchmarks/train_mnist.py --data mnist.npz --epochs 2")
