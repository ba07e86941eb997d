"""The binaries that run on the cores: where they are, and how they come there where they are missing.

A wheel carries them as files of this package.  A source checkout builds them from ``c_models/`` into a cache of the user's,
one folder for each state of the sources, so they always belong to the sources beside them.
"""
from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Iterator

from dlgraph.errors import DlgraphError

HERE = Path(__file__).resolve().parent
#: The sources, in a checkout.
C_MODELS = HERE.parents[1] / "c_models"
SOURCE_SUFFIXES = (".c", ".h", ".inc", ".S", ".ld", ".py")
#: Folders of ``c_models/`` that no binary is made of.
OTHER_FOLDERS = frozenset({"build", "__pycache__", "test_programs"})


class BinariesError(DlgraphError, RuntimeError):
    """The core-side binaries are missing and cannot be built."""


@functools.cache
def binary_folder() -> Path:
    """The folder of the ``.aplx`` files, built first where that is needed.

    :raises BinariesError: where they are neither installed nor can be built
    """
    if (C_MODELS / "build.py").is_file():
        return build_into_cache(C_MODELS)
    if any(HERE.glob("*.aplx")):
        return HERE
    raise BinariesError(
        f"The binaries for SpiNNaker's cores are missing from {HERE}, and there are no sources beside dlgraph to build "
        f"them from. Install dlgraph again: 'pip install .' in its source folder builds them.")


def translated_binaries() -> list[Path]:
    """The binaries that an emulated board runs while a network trains: these, and the monitor of SpiNNFrontEndCommon that
    runs on every chip beside them.

    :raises BinariesError: as :func:`binary_folder`
    """
    found = sorted(binary_folder().glob("*.aplx"))
    spec = importlib.util.find_spec("spinn_front_end_common")
    if spec is not None and spec.origin is not None:
        monitor = Path(spec.origin).parent / "common_model_binaries" / "extra_monitor_support.aplx"
        found += [monitor] if monitor.is_file() else []
    return found


def cache_folder() -> Path:
    """Where built binaries are kept: ``$XDG_CACHE_HOME/dlgraph`` or ``~/.cache/dlgraph``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dlgraph"


def source_hash(c_models: Path) -> str:
    """A name for this state of the sources and of the choice of compiler."""
    digest = hashlib.sha256(os.environ.get("ARM_CC", "").encode())
    for path in sorted(c_models.rglob("*")):
        inside = path.relative_to(c_models)
        if path.suffix in SOURCE_SUFFIXES and not OTHER_FOLDERS.intersection(inside.parts):
            content = path.read_bytes()
            digest.update(f"\0{inside.as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()[:20]


def build_into_cache(c_models: Path) -> Path:
    """Build the sources unless the same were built before.

    :raises BinariesError: where there is no compiler, no room or an error in the sources
    """
    cache = cache_folder() / "binaries"
    result = cache / source_hash(c_models)
    if result.is_dir():
        return result
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / "lock"):
            if not result.is_dir():
                new = Path(tempfile.mkdtemp(dir=cache, prefix="new-"))
                try:
                    build(c_models, new, work=cache_folder() / "objects")
                    new.chmod(0o755)
                    new.rename(result)
                finally:
                    shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise BinariesError(
            f"The binaries for SpiNNaker's cores cannot be built into {cache}: {error}. Set XDG_CACHE_HOME to a folder "
            f"that can be written to, or install dlgraph by 'pip install .', which builds them.") from error
    return result


def build(c_models: Path, out: Path, work: Path | None = None) -> None:
    """Run ``c_models/build.py``.

    :param out: folder for the ``.aplx`` files
    :param work: folder for objects; the build's own if None
    :raises BinariesError: with the compiler's messages
    """
    builder = _build_module(c_models)
    try:
        builder.build(out, work=work, quiet=True)
    except builder.BuildError as error:
        raise BinariesError(
            f"The binaries for SpiNNaker's cores cannot be built from {c_models}: {error}") from error


def _build_module(c_models: Path) -> ModuleType:
    """``c_models/build.py`` as a module; the folder is no package."""
    spec = importlib.util.spec_from_file_location("dlgraph_c_models_build", c_models / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    sys.modules[spec.name] = module          # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = path
    return module


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time."""
    with open(path, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
