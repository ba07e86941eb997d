"""Finds the engine, a C library; compiles it where it is not installed."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from .errors import EmulatorError
from .seal import is_whole, seal

SOURCE = Path(__file__).parent / "src"
FLAGS = ["-O2", "-fno-semantic-interposition", "-Wl,-Bsymbolic-functions", "-std=gnu11", "-fPIC", "-shared", "-pthread"]
#: what a build with sanitisers adds (GCC): the first access out of bounds, or undefined behaviour, ends the process
SANITIZER_FLAGS = ["-Og", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def sanitized() -> bool:
    """Whether ``SPINNEMU_SANITIZE=1`` asks for a build with sanitisers."""
    value = os.environ.get("SPINNEMU_SANITIZE", "0")
    if value not in ("", "0", "1"):
        raise EmulatorError(f"SPINNEMU_SANITIZE is 0 or 1, not {value!r}")
    return value == "1"


def _flags() -> list[str]:
    """The compiler's; ``SPINNEMU_ASSUMPTIONS=50`` or ``200`` scales the times in ``src/timing.h``
    that no source gives, in percent."""
    percent = os.environ.get("SPINNEMU_ASSUMPTIONS", "100")
    if not percent.isdigit() or not 25 <= int(percent) <= 400:
        raise EmulatorError(f"SPINNEMU_ASSUMPTIONS is a percentage from 25 to 400, not {percent!r}")
    return [*FLAGS, *(SANITIZER_FLAGS if sanitized() else ()),
            *(() if percent == "100" else (f"-DASSUMPTION_PERCENT={percent}",))]


def environment() -> dict[str, str] | None:
    """What a process needs that loads the engine: None for nothing of its own.

    :raises EmulatorError: if the compiler has no sanitisers
    """
    if not sanitized():
        return None
    named = subprocess.run([*compiler(), "-print-file-name=libasan.so"], capture_output=True, text=True).stdout.strip()
    if not os.path.isabs(named):
        raise EmulatorError("SPINNEMU_SANITIZE=1 needs a GCC with libasan, which the C compiler here has not")
    # Python keeps much of its memory to its end; and it is not built with a sanitiser, which must then be loaded before it
    return {**os.environ, "LD_PRELOAD": os.path.realpath(named), "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "detect_leaks=0")}


def cache_folder() -> Path:
    """Where compiled engines and snapshots are kept: ``$XDG_CACHE_HOME/spinnemu``.

    What lies in it is run as code, so nobody else may write to it: where that is not so, or it cannot be written at all,
    it is a folder of this user's below the system's for temporary files.

    :raises EmulatorError: if that is not this user's either
    """
    wanted = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "spinnemu"
    if _made_private(wanted):
        return wanted
    other = Path(tempfile.gettempdir()) / f"spinnemu-{os.getuid()}"
    if _made_private(other):
        return other
    raise EmulatorError(f"there is no folder for the emulator's compiled code that only this user may write to: neither "
                        f"{wanted} nor {other} is one; set XDG_CACHE_HOME to a folder of your own")


def _made_private(folder: Path) -> bool:
    """Whether a folder is there, made if need be, which this user may write to, and nobody else."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & stat.S_IWOTH:
            return False
        if status.st_mode & stat.S_IWGRP:
            folder.chmod(stat.S_IMODE(status.st_mode) & ~stat.S_IWGRP)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


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
    if is_whole(target):
        return target
    command_of_compiler = compiler()
    handle, temporary = tempfile.mkstemp(suffix=".so", dir=target.parent)
    os.close(handle)
    command = [*command_of_compiler, *_flags(), *map(str, _sources()), "-ldl", "-o", temporary]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        os.unlink(temporary)
        raise EmulatorError(f"the engine does not compile:\n{result.stderr}")
    seal(Path(temporary))
    os.replace(temporary, target)
    return target
