"""What the trained bits depend on, as plain values with names: how a checkpoint is known to belong to a training.

Names of layers are not among them: Keras numbers them anew for every model that is made.
"""
from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph.graph.goal import Goal
from dlgraph.layer_graph import Samples
from dlgraph.layers import INPUT, Layer, WeightLayer
from dlgraph.optimisers import Optimiser, Plane, Schedule

#: Name -> a number, a text, a list, or names of its own: what JSON holds.
Fields = dict[str, Any]

#: What a layer has that is no part of the architecture, or is told in another way.
_LEFT_OUT = ("name", "weights", "biases", "in_shape", "input_fraction", "output_fraction")
_OPTIMISERS = {"Sgd": "SGD", "Adam": "Adam", "RmsProp": "RMSprop"}
_MOST_NAMED = 4
_MOST_LETTERS = 40
_N_STEPS = 9


def network_fields(layers: Sequence[Layer], fractions: Mapping[int, int], goal: Goal, optimiser: Optimiser,
                   seed: int) -> Fields:
    """Architecture, number formats, loss, kind of optimiser and seed.

    :param fractions: of every value that somebody takes
    """
    found: Fields = {"seed": seed, "loss": goal.loss.name.lower(), "from_logits": goal.from_logits,
                     "optimiser": _optimiser_name(optimiser), "layers": len(layers), "input_fraction": fractions[INPUT]}
    for number, layer in enumerate(layers):
        found[f"layer {number}"] = _layer_fields(layer, fractions.get(number))
    return found


def training_fields(samples: Samples, batch_size: int, shuffle: bool, optimiser: Optimiser, goal: Goal) -> Fields:
    """Data, batches, and the optimiser's numbers except for its learning rate, which callbacks may change."""
    found: Fields = {"samples": len(samples), "batch_size": batch_size, "shuffle": shuffle, "metrics": list(goal.metric_names)}
    for field in fields(optimiser):
        if field.name == "undecayed":
            found["weights without decay"] = [list(each) for each in sorted(optimiser.undecayed)]
        elif field.name != "learning_rate":
            found[field.name] = getattr(optimiser, field.name)
    found["digest of X, y and weights of samples"] = _digest(samples)
    return found


def rates_of(schedule: Schedule | None, n_steps: int) -> list[list[Any]]:
    """What a schedule of learning rates gives in some of the first steps, as (step, rate).

    To five digits: a schedule computed on another computer may differ in its last bit.

    :param n_steps: that have been made
    """
    if schedule is None:
        return []
    return [[step, f"{schedule(step, 1)[0]:.5g}"] for step in sorted({n_steps * i // (_N_STEPS - 1) for i in range(_N_STEPS)})]


def differences(there: Any, here: Any, what: str = "") -> list[str]:
    """In words, what a file has otherwise.

    :param there: what the file has, of any form
    :param here: what it should have
    """
    if isinstance(here, dict) and isinstance(there, dict):
        if there.get("kind") != here.get("kind"):
            return differences(there.get("kind"), here.get("kind"), f"kind of {what}")
        found = []
        for name in [*here, *(name for name in there if name not in here)]:
            known = str(name)[:_MOST_LETTERS]
            found += differences(there.get(name), here.get(name), f"{known} of {what}" if what else known)
        return found
    return [] if there == here else [f"{what} is {_short(there)} there and {_short(here)} here"]


def in_words(found: list[str]) -> str:
    """Differences as one text, the first ones where there are many."""
    more = len(found) - _MOST_NAMED
    return "; ".join(found[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _layer_fields(layer: Layer, fraction: int | None) -> Fields:
    found: Fields = {"kind": type(layer).__name__.removesuffix("Layer")}
    found.update((field.name, _plain(getattr(layer, field.name))) for field in fields(layer) if field.name not in _LEFT_OUT)
    if isinstance(layer, WeightLayer):
        found["weights"] = _plain(layer.weights.shape)
    if fraction is not None:
        found["activation_fraction"] = fraction
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def _optimiser_name(optimiser: Optimiser) -> str:
    kind = type(optimiser).__name__
    name = _OPTIMISERS.get(kind, kind)
    for plane, option in ((Plane.MOMENTUM, "momentum"), (Plane.LARGEST_SQUARE, "amsgrad")):
        if plane in optimiser.planes:
            name += f" with {option}"
    return name


def _digest(samples: Samples) -> str:
    known = hashlib.sha256(str(samples.weight_exponent).encode())
    arrays: list[npt.NDArray[Any] | None] = [samples.codes, samples.table, samples.labels, samples.targets, samples.weights]
    for array in arrays:
        if array is None:
            known.update(b"none")
            continue
        known.update(f"{array.dtype.kind}{array.dtype.itemsize}{array.shape}".encode())
        known.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1).data)
    return known.hexdigest()


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= _MOST_LETTERS else text[:12] + "..."
