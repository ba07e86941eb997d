"""The programs of layer kinds from outside: built from their C file when a network first uses them, and kept."""
from __future__ import annotations

import functools
import hashlib
import re
import shutil
import tempfile
from pathlib import Path

from dlgraph.binaries import BinariesError, c_sources, cache_folder, check, locked, run_build, source_hash
from dlgraph.custom_layer import CustomLayer
from dlgraph.layer_graph import LayerGraph
from dlgraph.optimisers import OptimiserKind

#: Programs have one kind of optimiser, as ITCM does not hold all beside a layer (c_models/build.py).
OPTIMISER = {OptimiserKind.SGD: "momentum", OptimiserKind.MOMENTUM: "momentum", OptimiserKind.ADAM: "adam",
             OptimiserKind.RMSPROP: "rmsprop"}
#: Of a file that a C file may include from its own folder.
_BESIDE = ("*.h", "*.inc")
_KEPT = 32


def custom_binary(program: Path, optimiser: OptimiserKind) -> Path:
    """The ``.aplx`` of a layer kind, built unless the same was built before.

    :param program: its C file
    :raises BinariesError: with the compiler's messages, or by how many bytes the program is too large
    """
    try:
        content = program.read_bytes()
        beside = [path for pattern in _BESIDE for path in sorted(program.parent.glob(pattern))]
        digest = hashlib.sha256(content)
        for path in beside:
            digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    except OSError as error:
        raise BinariesError(f"The C file {program} of a layer kind cannot be read: {error}. layer_kind(program=...) names it, "
                            f"relative to the Python module of the kind.") from error
    return _built(program, re.sub(r"\W", "_", program.stem)[:40], OPTIMISER[optimiser], digest.hexdigest())


def build_programs(graph: LayerGraph) -> None:
    """Build what the layers of a network need, so that errors in C files come before a machine is touched.

    :raises BinariesError: as :func:`custom_binary`
    """
    for layer in graph.layers:
        if isinstance(layer, CustomLayer):
            custom_binary(layer.program, graph.optimiser.kind)


@functools.lru_cache(maxsize=64)
def _sources_key(folder: Path) -> str:
    return source_hash(folder)


def _built(program: Path, stem: str, optimiser: str, digest: str) -> Path:
    sources = c_sources()
    cache = cache_folder() / "custom"
    key = hashlib.sha256(f"{_sources_key(sources)} {stem} {optimiser} {digest}".encode()).hexdigest()[:20]
    name = f"{stem}_{optimiser}_{key[:8]}"               # the Graph Front End finds binaries by name alone
    result = cache / key / f"{name}.aplx"
    if result.is_file():
        check([result], f"Remove the folder {result.parent}: it is built again.")
        return result
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with locked(cache / "lock"):
            if not result.is_file():
                new = Path(tempfile.mkdtemp(dir=cache, prefix="new-"))
                try:
                    run_build(sources, f"the C file {program} of a layer kind", lambda builder: builder.build(
                        new, work=cache_folder() / "objects", quiet=True,
                        more={name: builder.custom_program(program, optimiser)}))
                    new.chmod(0o755)
                    new.rename(result.parent)
                finally:
                    shutil.rmtree(new, ignore_errors=True)
                _forget_old(cache)
    except OSError as error:
        raise BinariesError(f"The program of {program} cannot be built into {cache}: {error}. Set XDG_CACHE_HOME to a folder that "
                            f"can be written to.") from error
    return result


def _forget_old(cache: Path) -> None:
    """A kind that is being worked on is built often."""
    kept = sorted((path for path in cache.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[_KEPT:]:
        shutil.rmtree(path, ignore_errors=True)
