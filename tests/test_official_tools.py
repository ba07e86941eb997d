"""Programs on top of the official SpiNNaker tools: what can be said of it without them."""
from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from dlgraph import binaries

C_MODELS = Path(__file__).resolve().parent.parent / "c_models"
LIBRARIES = {"spinnaker_tools": ("libspin1_api.a", "spin1_api.h"), "spinn_common": ("libspinn_common.a", "spin-print.h"),
             "SpiNNFrontEndCommon/c_common/front_end_common_lib": ("libspinn_frontend_common.a", "simulation.h")}
WORD = re.compile(r"\bruntime_\w+")


@pytest.fixture(name="official", scope="module")
def _official() -> Iterator[ModuleType]:
    """``c_models/official_tools.py``, which is in no package."""
    sys.path.insert(0, str(C_MODELS))
    try:
        yield importlib.import_module("official_tools")
    finally:
        sys.path.remove(str(C_MODELS))


def installation(root: Path, beside: bool = True) -> Path:
    """Empty files with the names of an installation: three folders beside each other, or all in one; what SPINN_DIRS names."""
    for folder, (library, header) in LIBRARIES.items():
        place = root / (folder if beside else "spinnaker_tools")
        for name in (f"lib/{library}", f"include/{header}"):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text("")
    (root / "spinnaker_tools" / "tools").mkdir()
    (root / "spinnaker_tools" / "tools" / "sark.lnk").write_text("")
    return root / "spinnaker_tools"


def text_of(*folders: str) -> str:
    paths = [path for folder in folders for path in sorted((C_MODELS / folder).glob("*.[chS]"))]
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def test_both_runtimes_have_what_vertices_use() -> None:
    used = set(WORD.findall(text_of("layers", "streams", "kernels"))) - {"runtime_h"}
    assert {"runtime_send", "runtime_install_fiq", "runtime_timer_interval"} <= used
    for folder in ("runtime/include", "runtime/official"):
        assert used <= set(WORD.findall(text_of(folder))), folder


def test_the_official_side_offers_the_whole_interface() -> None:
    ours = re.sub(r"/\*.*?\*/", "", (C_MODELS / "runtime/include/runtime.h").read_text(), flags=re.DOTALL)
    theirs = (C_MODELS / "runtime/official/runtime.h").read_text()
    names = set(re.findall(r"\b((?:runtime|RUNTIME)_\w+)\(", ours)) | {"RUNTIME_FIQ_HANDLER"}
    assert {name for name in names if not re.search(rf"\b{name}\b", theirs)} == {"runtime_fail_at"}      # ours alone calls it


@pytest.mark.parametrize("beside", [True, False])
def test_an_installation_is_found(official: ModuleType, tmp_path: Path, beside: bool) -> None:
    spinn_dirs = installation(tmp_path, beside)
    tools = official.find({"SPINN_DIRS": str(spinn_dirs)})
    assert [path.name for path in tools.libraries] == ["libspinn_frontend_common.a", "libspinn_common.a", "libspin1_api.a"]
    assert len(tools.includes) == (3 if beside else 1)
    assert all((path / "include").is_dir() for path in {library.parents[1] for library in tools.libraries})
    assert set(tools.files()) >= {*tools.libraries, spinn_dirs / "tools" / "sark.lnk"}


@pytest.mark.parametrize("missing", ["spinnaker_tools/lib/libspin1_api.a", "spinn_common/include/spin-print.h",
                                     "SpiNNFrontEndCommon/c_common/front_end_common_lib/lib/libspinn_frontend_common.a",
                                     "spinnaker_tools/tools/sark.lnk"])
def test_what_is_missing_is_named(official: ModuleType, tmp_path: Path, missing: str) -> None:
    spinn_dirs = installation(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(official.BuildError, match=Path(missing).name) as error:
        official.find({"SPINN_DIRS": str(spinn_dirs)})
    assert str(spinn_dirs) in str(error.value)


def test_what_the_environment_asks_for(official: ModuleType) -> None:
    assert not official.asked_for({}) and not official.asked_for({"SPINN_DIRS": "/somewhere", "DLGRAPH_RUNTIME": "own"})
    assert official.asked_for({"DLGRAPH_RUNTIME": "official"})
    with pytest.raises(official.BuildError, match="DLGRAPH_RUNTIME is 'stock'; accepted: 'own'.*'official'"):
        official.asked_for({"DLGRAPH_RUNTIME": "stock"})
    with pytest.raises(official.BuildError, match="SPINN_DIRS is not set"):
        official.find({})


def test_larger_stacks_than_the_official_ones_are_refused(official: ModuleType, tmp_path: Path) -> None:
    runtime = official.OfficialRuntime(official.find({"SPINN_DIRS": str(installation(tmp_path))}))
    assert runtime.linker_script(C_MODELS, 2048) == ""
    with pytest.raises(official.BuildError, match="needs 4096 bytes of stacks; the official linker script has 2048"):
        runtime.linker_script(C_MODELS, 4096)


def test_binaries_of_each_runtime_and_installation_have_their_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DLGRAPH_RUNTIME", raising=False)
    spinn_dirs = installation(tmp_path)
    hashes = [binaries.source_hash(C_MODELS)]
    monkeypatch.setenv("SPINN_DIRS", str(spinn_dirs))
    assert binaries.source_hash(C_MODELS) == hashes[0]             # SpiNNaker's own software sets it too
    monkeypatch.setenv("DLGRAPH_RUNTIME", "official")
    hashes.append(binaries.source_hash(C_MODELS))
    (spinn_dirs / "lib" / "libspin1_api.a").write_text("another version")
    hashes.append(binaries.source_hash(C_MODELS))
    assert len(set(hashes)) == 3
    monkeypatch.delenv("SPINN_DIRS")
    with pytest.raises(binaries.BinariesError, match="SPINN_DIRS is not set"):
        binaries.source_hash(C_MODELS)
    monkeypatch.setenv("DLGRAPH_RUNTIME", "stock")
    with pytest.raises(binaries.BinariesError, match="accepted: 'own'"):
        binaries.binary_folder.__wrapped__()
