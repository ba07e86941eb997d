"""Cuts that were chosen before, kept in dlgraph's cache: a choice takes seconds, and comes to the same from the same.

A file holds one cut.  Its name is a digest of all that the choice may depend on: the network without its weights' values, the
optimiser, batch size, cores, density of the inputs, and dlgraph's own sources.  It has a digest of its own: a file that is damaged
is as none, and so is a folder that cannot be written to or read.
"""
from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Sequence

import numpy as np

import dlgraph
from dlgraph.binaries import cache_folder
from dlgraph.custom_layer import CustomLayer
from dlgraph.layer_graph import LayerGraph
from dlgraph.mapping.boxes import Box
from dlgraph.mapping.cuts import Cut, DenseCut, RowBlock, SourceCut, TileCut
from dlgraph.mapping.intervals import Interval
from dlgraph.mapping.stages import Stage
from dlgraph.whole_file import write_whole

#: The oldest go when there are more; a larger cut is not kept.
MOST_KEPT, MOST_BYTES = 200, 1 << 20
_KINDS: dict[str, Any] = {kind.__name__: kind for kind in (Box, Cut, DenseCut, Interval, RowBlock, SourceCut, TileCut)}


@functools.cache
def _sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(dlgraph.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _words(value: Any) -> Any:
    """A value without what arrays hold."""
    if isinstance(value, np.ndarray):
        return ["array", value.shape, str(value.dtype)]
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, *(_words(getattr(value, field.name)) for field in fields(value))]
    return [_words(each) for each in value] if isinstance(value, (list, tuple)) else repr(value)


def place_of(graph: LayerGraph, stages: Sequence[Stage], *numbers: float) -> Path | None:
    """The file for a choice; None where a layer kind comes from outside, whose sources are not known here, or there is no cache.

    :param numbers: what else the choice was made from
    """
    if any(isinstance(layer, CustomLayer) for layer in graph.layers):
        return None
    made_from = [_sources(), [_words(getattr(graph, field.name)) for field in fields(graph) if field.name != "seed"],
                 [(stage.number, stage.name, stage.kind.value, stage.shape, stage.layer) for stage in stages],
                 [repr(number) for number in numbers]]
    try:
        cache = cache_folder()
    except RuntimeError:                                      # the user has no home
        return None
    return cache / "cuts" / f"{hashlib.sha256(repr(made_from).encode()).hexdigest()[:32]}.json"


def _encoded(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {"is": type(value).__name__, **{field.name: _encoded(getattr(value, field.name)) for field in fields(value)}}
    if isinstance(value, frozenset):
        return {"is": "frozenset", "of": sorted(value)}
    return [_encoded(each) for each in value] if isinstance(value, tuple) else value


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decoded(each) for each in value)
    if not isinstance(value, dict):
        return value
    kind = value["is"]
    if kind == "frozenset":
        return frozenset(value["of"])
    return _KINDS[kind](**{name: _decoded(each) for name, each in value.items() if name != "is"})


def kept(place: Path | None) -> Cut | None:
    """The cut that was kept there, or None."""
    if place is None:
        return None
    try:
        with place.open("rb") as file:
            found = json.loads(file.read(MOST_BYTES + 1))
        words = found["cut"]
        cut = _decoded(words) if found["sha256"] == _digest(words) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return cut if isinstance(cut, Cut) else None


def keep(place: Path | None, cut: Cut) -> None:
    """Keep a cut, where there is room for it."""
    if place is None:
        return
    words = _encoded(cut)
    content = json.dumps({"sha256": _digest(words), "cut": words}).encode()
    if len(content) > MOST_BYTES:
        return
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, content)
    _drop_oldest(place.parent)


def _digest(words: Any) -> str:
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()


def _drop_oldest(folder: Path) -> None:
    """Another process may do the same at the same time."""
    ages: list[tuple[float, Path]] = []
    with contextlib.suppress(OSError):
        for path in folder.glob("*.json"):
            with contextlib.suppress(OSError):
                ages.append((path.stat().st_mtime, path))
    for _, path in sorted(ages)[:-MOST_KEPT]:
        with contextlib.suppress(OSError):
            path.unlink()
