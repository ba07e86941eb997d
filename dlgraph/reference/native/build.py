"""Compiles the native reference on first use, into the user's cache."""
from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_KERNELS = _HERE.parents[2] / "c_models" / "kernels"

#: What is compiled; a packager's extension needs the same sources and include folder.
SOURCES = (*(_HERE / f"{name}.c" for name in ("reference", "products", "convolution", "pooling", "curved")),
           *(_KERNELS / f"{name}.c" for name in ("activations", "functions", "losses", "momentum", "optimisers", "sgd")))
INCLUDE_FOLDER = _KERNELS
FLAGS = ("-O3", "-std=gnu11", "-fPIC", "-shared", "-fvisibility=hidden", "-fwrapv")
#: What a build with sanitisers adds (GCC); Python must then be started with libasan, as ``make sanitize`` does.
SANITIZER_FLAGS = ("-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
#: Before the hash that a library in the cache ends with: one that is cut off or damaged is made again.
_MARK = b"dlgraph sealed\0\0"


class BuildError(Exception):
    """There is nothing to compile, or nothing to compile with."""


def sanitized() -> bool:
    """Whether ``DLGRAPH_SANITIZE=1`` asks for a build with sanitisers."""
    return os.environ.get("DLGRAPH_SANITIZE", "0") == "1"


def build() -> Path:
    """The shared library of the sources as they are now; compiled if it is not in the cache."""
    missing = [source for source in SOURCES if not source.is_file()]
    if missing:
        raise BuildError(f"{missing[0].name} is not there to be compiled")
    compiler = _compiler()
    flags = (*FLAGS, *SANITIZER_FLAGS) if sanitized() else FLAGS
    digest = hashlib.sha256(repr((compiler, flags, sys.platform, os.uname().machine)).encode())
    for source in (*SOURCES, *sorted(_HERE.glob("*.h")), *sorted(_KERNELS.glob("*.h"))):
        digest.update(source.read_bytes())
    folder = _cache_folder()
    library = folder / f"reference-{digest.hexdigest()[:24]}.so"
    if _is_whole(library):
        return library

    handle, name = tempfile.mkstemp(suffix=".so", dir=folder)
    os.close(handle)
    command = [*compiler, *flags, f"-I{INCLUDE_FOLDER}", *map(str, SOURCES), "-o", name]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise BuildError(f"{compiler[0]} failed: {result.stderr.strip()[:500]}")
        content = Path(name).read_bytes()
        Path(name).write_bytes(content + _MARK + hashlib.sha256(content).digest())       # the system's loader does not look there
        os.replace(name, library)                # whole or not at all, however many compile at once
    finally:
        Path(name).unlink(missing_ok=True)
    return library


def _is_whole(library: Path) -> bool:
    """Whether a library is there and as it was made."""
    try:
        content, mark, digest = library.read_bytes().rpartition(_MARK)
    except OSError:
        return False
    return bool(mark) and digest == hashlib.sha256(content).digest()


def _compiler() -> list[str]:
    candidates = [os.environ["CC"]] if os.environ.get("CC") else ["cc", "gcc", "clang"]
    for candidate in candidates:
        command = shlex.split(candidate)
        if command and shutil.which(command[0]):
            return command
    raise BuildError(f"no C compiler ({', '.join(candidates)})")


def _cache_folder() -> Path:
    """A folder that only this user can write to: what lies in it is loaded as code."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "dlgraph"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if not os.access(folder, os.W_OK) or status.st_uid != os.getuid() or status.st_mode & stat.S_IWOTH:
            raise PermissionError(folder)
    except (OSError, RuntimeError):
        folder = Path(tempfile.mkdtemp(prefix="dlgraph-"))
    return folder
