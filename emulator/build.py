"""Finds the engine, a C library; compiles it where it is not installed."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .errors import EmulatorError

SOURCE = Path(__file__).parent / "src"
FLAGS = ["-O2", "-fno-semantic-interposition", "-Wl,-Bsymbolic-functions", "-std=gnu11", "-fPIC", "-shared", "-pthread"]


def _flags() -> list[str]:
    """The compiler's; ``SPINNEMU_ASSUMPTIONS=50`` or ``200`` scales the times in ``src/timing.h``
    that no source gives, in percent."""
    percent = os.environ.get("SPINNEMU_ASSUMPTIONS", "100")
    if not percent.isdigit() or not 25 <= int(percent) <= 400:
        raise EmulatorError(f"SPINNEMU_ASSUMPTIONS is a percentage from 25 to 400, not {percent!r}")
    return FLAGS if percent == "100" else [*FLAGS, f"-DASSUMPTION_PERCENT={percent}"]


def cache_folder() -> Path:
    """Where compiled engines and snapshots are kept: ``$XDG_CACHE_HOME/spinnemu``."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(base) / "spinnemu"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.gettempdir()) / f"spinnemu-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _sources() -> list[Path]:
    return sorted(SOURCE.glob("*.c"))


def source_digest() -> str:
    """Names the engine's sources and how they are compiled."""
    digest = hashlib.sha256(" ".join(_flags()).encode())
    for path in sorted([*_sources(), *SOURCE.glob("*.h")]):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    installed = _installed()
    if not _sources() and installed is not None:             # a wheel: the library stands for its sources
        digest.update(installed.read_bytes())
    return digest.hexdigest()[:16]


def _installed() -> Path | None:
    spec = importlib.util.find_spec(f"{__package__}._engine")
    if spec is None or spec.origin is None:
        return None
    library = Path(spec.origin)
    # An installed extension beside newer sources (an editable install) is out of date; a wheel has headers only.
    sources = [*_sources(), *SOURCE.glob("*.h")] if _sources() else []
    if any(p.stat().st_mtime > library.stat().st_mtime for p in sources):
        return None
    return library


def compiler() -> list[str]:
    """The command of the C compiler: ``$CC``, ``cc`` or ``gcc``.

    :raises EmulatorError: if there is none
    """
    found = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if not found:
        raise EmulatorError("there is no C compiler, which the emulated machine needs where its engine is not installed")
    return found.split()


def library() -> Path:
    """Path of the engine; compiled into the cache if there is no up-to-date installed one.

    :raises EmulatorError: if it has to be compiled and there is no C compiler
    """
    found = _installed() if _flags() == FLAGS else None
    if found is not None:
        return found
    target = cache_folder() / f"engine-{source_digest()}.so"
    if target.exists():
        return target
    command_of_compiler = compiler()
    handle, temporary = tempfile.mkstemp(suffix=".so", dir=target.parent)
    os.close(handle)
    command = [*command_of_compiler, *_flags(), *map(str, _sources()), "-ldl", "-o", temporary]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        os.unlink(temporary)
        raise EmulatorError(f"the engine does not compile:\n{result.stderr}")
    os.replace(temporary, target)
    return target
