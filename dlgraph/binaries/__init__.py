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
from typing import Callable, Iterator, Mapping, Sequence

from dlgraph.binaries.aplx import complaint
from dlgraph.errors import DlgraphError

HERE = Path(__file__).resolve().parent
#: The sources, in a checkout.
C_MODELS = HERE.parents[1] / "c_models"
SOURCE_SUFFIXES = (".c", ".h", ".inc", ".S", ".ld", ".py")
#: Of each binary of a folder that ``c_models/build.py`` built: in the form of ``sha256sum``.
CHECKSUMS = "checksums.sha256"
#: Set to ``official``, programs are built on top of the official SpiNNaker tools that ``SPINN_DIRS`` names.
RUNTIME = "DLGRAPH_RUNTIME"
#: Folders of ``c_models/`` that no binary is made of.
OTHER_FOLDERS = frozenset({"build", "__pycache__", "test_programs"})


class BinariesError(DlgraphError, RuntimeError):
    """The core-side binaries are missing and cannot be built."""


@functools.cache
def binary_folder() -> Path:
    """The folder of the ``.aplx`` files, built first where that is needed.

    With ``DLGRAPH_RUNTIME=official`` in the environment they are built on top of the official SpiNNaker tools.

    :raises BinariesError: where they are neither installed nor can be built, or one of them is damaged
    """
    if (C_MODELS / "build.py").is_file() or not _own_runtime():
        folder = build_into_cache(c_sources())
        check(sorted(folder.glob("*.aplx")), f"Remove the folder {folder}: they are built again when they are next used.",
              _checksums(folder))
        return folder
    if any(HERE.glob("*.aplx")):
        check(sorted(HERE.glob("*.aplx")), "Install dlgraph again.", _checksums(HERE))
        return HERE
    raise BinariesError(
        f"The binaries for SpiNNaker's cores are missing from {HERE}, and there are no sources beside dlgraph to build "
        f"them from. Install dlgraph again: 'pip install .' in its source folder builds them.")


def c_sources() -> Path:
    """The folder of dlgraph's own C files: beside it in a checkout, within it in a wheel.

    :raises BinariesError: where there are none
    """
    for folder in (C_MODELS, HERE.parent / "c_models"):
        if (folder / "build.py").is_file():
            return folder
    raise BinariesError("The C files that programs are built from are missing beside dlgraph. Install dlgraph again: "
                        "'pip install .' in its source folder brings them.")


def checked_binaries() -> Path:
    """As :func:`binary_folder`, once the binaries are known to be whole that SpiNNFrontEndCommon loads beside them.

    :raises BinariesError: naming the first that is not, and what is wrong
    """
    check(_system_binaries(), "Install SpiNNFrontEndCommon again.")
    return binary_folder()


def check(paths: Sequence[Path], way_out: str, checksums: Mapping[str, str] | None = None) -> None:
    """Look at binaries before a machine gets them.

    :param way_out: what to do where one is damaged, a sentence
    :param checksums: SHA-256 of the contents, by names of files; those that are named must be there
    :raises BinariesError: naming the file and what is wrong with it
    """
    checksums = checksums or {}
    absent = sorted(set(checksums) - {path.name for path in paths})
    if absent:
        raise BinariesError(f"The binary {absent[0]} is missing. {way_out}")
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BinariesError(f"The binary {path} cannot be read: {error}. {way_out}") from error
        wrong = complaint(content)
        if wrong is None and hashlib.sha256(content).hexdigest() != checksums.get(path.name, hashlib.sha256(content).hexdigest()):
            wrong = "its content is not what was built"
        if wrong is not None:
            raise BinariesError(f"The binary {path} cannot be loaded: {wrong}. {way_out}")


def _checksums(folder: Path) -> dict[str, str]:
    try:
        lines = (folder / CHECKSUMS).read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _system_binaries() -> list[Path]:
    spec = importlib.util.find_spec("spinn_front_end_common")
    folder = Path(spec.origin).parent / "common_model_binaries" if spec is not None and spec.origin is not None else None
    return sorted(folder.glob("*.aplx")) if folder is not None else []


def translated_binaries() -> list[Path]:
    """The binaries that an emulated board runs while a network trains: these, and the monitor of SpiNNFrontEndCommon that
    runs on every chip beside them.

    :raises BinariesError: as :func:`binary_folder`
    """
    found = sorted(binary_folder().glob("*.aplx"))
    return found + [path for path in _system_binaries() if path.name == "extra_monitor_support.aplx"]


def cache_folder() -> Path:
    """Where built binaries are kept: ``$XDG_CACHE_HOME/dlgraph`` or ``~/.cache/dlgraph``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dlgraph"


def _own_runtime() -> bool:
    return os.environ.get(RUNTIME, "own") == "own"


def source_hash(c_models: Path) -> str:
    """A name for this state of the sources, and of the choice of compiler and runtime.

    :raises BinariesError: where another runtime is asked for than there is
    """
    digest = hashlib.sha256(os.environ.get("ARM_CC", "").encode())
    if not _own_runtime():
        def add_tools(builder: ModuleType) -> None:
            builder.official_tools.asked_for()
            for path in builder.official_tools.find().files():
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        run_build(c_models, str(c_models), add_tools)
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
        with locked(cache / "lock"):
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
    run_build(c_models, str(c_models), lambda builder: builder.build(out, work=work, quiet=True))


def run_build(c_models: Path, what: str, task: Callable[[ModuleType], object]) -> None:
    """Let ``c_models/build.py`` do something.

    :param what: is built, for the error
    :param task: is given it as a module
    :raises BinariesError: with the compiler's messages
    """
    builder = _build_module(c_models)
    try:
        task(builder)
    except builder.BuildError as error:
        raise BinariesError(f"The binaries for SpiNNaker's cores cannot be built from {what}: {error}") from error


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
def locked(path: Path) -> Iterator[None]:
    """One process at a time."""
    with open(path, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
