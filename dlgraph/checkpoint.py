"""A checkpoint: where a training is after an epoch, so that it can go on as if it had never been interrupted.

The file is an ``.npz`` as :func:`numpy.load` reads it: integers as they are in training, and a header of JSON.  ``FORMAT`` is
raised when the layout changes, and also when the arithmetic does: what an earlier arithmetic began cannot go on in the same bits.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph.callbacks import History
from dlgraph.checkpoint_archive import Archive, pack
from dlgraph.errors import CheckpointError
from dlgraph.fingerprint import Fields, differences, in_words
from dlgraph.formats import Float32Array
from dlgraph.layers import Int32Array
from dlgraph.optimiser_formats import check_words
from dlgraph.optimisers import OptimiserState, Plane
from dlgraph.training_state import Floats, TrainingState

FORMAT = 1
_MOST_EPOCHS = 1 << 20
_MOST_ITERATIONS = 1 << 53


@dataclass(eq=False)
class CallbackState:
    """What one callback knows of the epochs so far.

    :param kind: name of its class
    :param values: what JSON holds
    :param weights: a model's weights, in Keras' order, or none
    """

    kind: str
    values: Any
    weights: list[Float32Array] = field(default_factory=list)


@dataclass
class Position:
    """How far a training is, besides weights and the optimiser's state.

    :param epoch: number of the next epoch in callbacks and history
    :param over: whether a callback ended the training
    :param input_fraction: fraction bits of the network's inputs
    :param first_rate: the learning rate before the first epoch, or None where a schedule gives it
    :param rate: the learning rate now, likewise
    :param scheduled: of a schedule, the rates of some steps, as :func:`~dlgraph.fingerprint.rates_of` gives them
    :param history: of all epochs
    """

    epoch: int
    over: bool
    input_fraction: int
    first_rate: float | None
    rate: float | None
    scheduled: list[list[Any]]
    history: History


@dataclass
class Checkpoint:
    """Everything that a training needs to go on.

    :param network: what it is the training of, as :func:`~dlgraph.fingerprint.network_fields` gives it
    :param training: how it is trained, as :func:`~dlgraph.fingerprint.training_fields` gives it
    """

    network: Fields
    training: Fields
    state: TrainingState
    position: Position
    callbacks: list[CallbackState] = field(default_factory=list)

    def content(self) -> bytes:
        """Of the file.

        :raises TypeError: where a callback's state is not what JSON holds
        """
        from dlgraph import __version__

        position, history, state = self.position, self.position.history, self.state
        header = {
            "format": FORMAT, "dlgraph": __version__, "network": self.network, "training": self.training,
            "epoch": position.epoch, "over": position.over,
            "learning_rate": {"first": position.first_rate, "now": position.rate, "scheduled": position.scheduled},
            "iterations": state.optimiser.iterations,
            "orders": [[n, shuffled, len(list(run))] for (n, shuffled), run in groupby(state.orders)],
            "history": {name: _numbers(values) for name, values in history.history.items()}, "epochs": history.epoch,
            "machine_seconds": history.machine_seconds,
            "saturations": [{name: int(count) for name, count in clipped.items()} for clipped in history.saturations],
            "callbacks": [[each.kind, each.values, len(each.weights)] for each in self.callbacks]}
        arrays: dict[str, npt.NDArray[Any]] = {
            name: array for number, layer in enumerate(state.parameters)
            for name, array in zip(_names(number), (*layer, *state.optimiser.slots[number])) if array.size}
        arrays.update((_best(number, i), array) for number, each in enumerate(self.callbacks)
                      for i, array in enumerate(each.weights))
        return pack(header, arrays)


#: What a file must be of, from the fraction bits of the network's inputs that it has.
Identity = Callable[[int], Fields]


@dataclass
class Shapes:
    """Of the arrays in a file.

    :param parameters: of each layer with weights: its weights, its biases
    :param planes: what the optimiser keeps of each
    :param weights: as Keras has them
    """

    parameters: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]
    planes: tuple[Plane, ...]
    weights: Floats


def read_seed_and_fields(path: Path) -> tuple[int, Fields]:
    """What a network must be made with to go on from a file: its seed, and what the file says of it.

    :raises CheckpointError: where the file cannot be read
    """
    with _reading(path) as archive:
        network = _get(_checked_header(archive), "network", dict)
        return _whole(network, "seed", 2**32 - 1), network


def read_checkpoint(path: Path, identity: Identity, shapes: Shapes) -> Checkpoint:
    """A checkpoint of a network.

    :param identity: of the network; compared before anything large is read
    :raises CheckpointError: where the file cannot be read, or is of another network, by what differs
    """
    with _reading(path) as archive:
        header = _checked_header(archive)
        network = _get(header, "network", dict)
        position = _position(header, _whole(network, "input_fraction", 15))
        found = differences(network, identity(position.input_fraction))
        if found:
            raise CheckpointError(
                f"{path} is the checkpoint of another network: {in_words(found)}. Make the network as it was, or name another "
                f"file; train begins anew, and overwrites it, with resume=False.")
        state = TrainingState(*_arrays(archive, header, shapes), orders=_orders(header))
        return Checkpoint(network, _get(header, "training", dict), state, position, _callbacks(archive, header, shapes))


@contextmanager
def _reading(path: Path) -> Iterator[Archive]:
    """A file being read: whatever is wrong with it becomes one clear error."""
    try:
        with Archive(path) as archive:
            yield archive
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {error or type(error).__name__}. Give a file that "
                              f"train(..., checkpoint=path) has written; to begin anew and overwrite it, give resume=False."
                              ) from error


# --------------------------------------------------------------------------- the header

def _checked_header(archive: Archive) -> Fields:
    header = archive.header()
    if not isinstance(header, dict):
        raise ValueError("its header is not a dict")
    found = _whole(header, "format", 2**31)
    if found != FORMAT:
        raise ValueError(f"it has format {found}, written by dlgraph {str(header.get('dlgraph'))[:40]}, and this version reads "
                         f"format {FORMAT}")
    return header


def _get(found: Fields, name: str, *kinds: type) -> Any:
    if name not in found:
        raise ValueError(f"its header has no {name!r}")
    value = found[name]
    if type(value) not in kinds:
        raise ValueError(f"{name!r} in its header is {str(value)[:40]!r}")
    return value


def _whole(found: Fields, name: str, most: int) -> int:
    value: int = _get(found, name, int)
    if not 0 <= value <= most:
        raise ValueError(f"{name!r} in its header is {str(value)[:40]}")
    return value


def _list_of(values: Any, name: str, *kinds: type) -> list[Any]:
    if type(values) is not list or len(values) > _MOST_EPOCHS or any(type(value) not in kinds for value in values):
        raise ValueError(f"{name!r} in its header is not a list as it should be")
    return values


def _position(header: Fields, input_fraction: int) -> Position:
    rates = _get(header, "learning_rate", dict)
    for name in ("first", "now"):
        rate = _get(rates, name, float, int, type(None))
        if rate is not None and not 0 <= rate < math.inf:
            raise ValueError(f"it has the learning rate {rate}")
    if (rates["first"] is None) != (rates["now"] is None):
        raise ValueError("it has a learning rate and a schedule of them")
    scheduled = _list_of(_get(rates, "scheduled", list), "scheduled", list)
    for pair in scheduled:
        if len(pair) != 2 or type(pair[0]) is not int or not 0 <= pair[0] <= _MOST_ITERATIONS:
            raise ValueError("its schedule of learning rates is not one")
    return Position(_whole(header, "epoch", _MOST_ITERATIONS), _get(header, "over", bool), input_fraction,
                    rates["first"], rates["now"], scheduled, _history(header))


def _history(header: Fields) -> History:
    history = History()
    for name, values in _get(header, "history", dict).items():
        history.history[name] = _list_of(values, name, int, float)
    history.epoch = _list_of(header.get("epochs"), "epochs", int)
    history.machine_seconds = _list_of(header.get("machine_seconds"), "machine_seconds", int, float)
    history.saturations = _list_of(header.get("saturations"), "saturations", dict)
    for clipped in history.saturations:
        _list_of(list(clipped.values()), "saturations", int)
    return history


def _orders(header: Fields) -> tuple[tuple[int, bool], ...]:
    orders: list[tuple[int, bool]] = []
    for run in _list_of(header.get("orders"), "orders", list):
        if [type(value) for value in run] != [int, bool, int]:
            raise ValueError("'orders' in its header is not a list as it should be")
        n, shuffled, epochs = run
        if not 1 <= n <= 2**32 or not 1 <= epochs <= _MOST_EPOCHS - len(orders):
            raise ValueError(f"its header has {epochs} epochs of {n} samples")
        orders += [(n, shuffled)] * epochs
    return tuple(orders)


def _numbers(values: list[Any]) -> list[int | float]:
    """Those that are numbers: callbacks may have put anything into their logs."""
    found: list[int | float] = []
    for value in values:
        array = np.asarray(value)
        if type(value) in (int, float):
            found.append(value)
        elif array.ndim == 0 and array.dtype.kind in "fiub":
            found.append(float(array) if array.dtype.kind == "f" else int(array))
    return found


# --------------------------------------------------------------------------- the arrays

def _names(number: int) -> tuple[str, str, str, str]:
    """Of the arrays of a layer with weights: parameters, and what the optimiser keeps of them."""
    return f"weights_{number}", f"biases_{number}", f"weights_state_{number}", f"biases_state_{number}"


def _best(number: int, i: int) -> str:
    return f"callback_{number}_weights_{i}"


def _arrays(archive: Archive, header: Fields,
            shapes: Shapes) -> tuple[list[tuple[Int32Array, Int32Array]], OptimiserState]:
    def words(name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        return archive.array(name, np.int32, shape) if all(shape) else np.zeros(shape, np.int32)

    parameters, slots = [], []
    for number, (weights, biases) in enumerate(shapes.parameters):
        names, n = _names(number), len(shapes.planes)
        parameters.append((words(names[0], weights), words(names[1], biases)))
        slots.append((words(names[2], (n, *weights)), words(names[3], (n, *biases))))
        for held in slots[-1]:
            for plane, each in zip(shapes.planes, held, strict=True):
                check_words(each, plane)
    return parameters, OptimiserState(_whole(header, "iterations", _MOST_ITERATIONS), tuple(slots))


def _callbacks(archive: Archive, header: Fields, shapes: Shapes) -> list[CallbackState]:
    found = []
    like = [array for arrays in shapes.weights for array in arrays]
    for number, each in enumerate(_list_of(header.get("callbacks"), "callbacks", list)):
        if len(each) != 3 or [type(value) for value in each[::2]] != [str, int] or each[2] not in (0, len(like)):
            raise ValueError("'callbacks' in its header is not a list as it should be")
        weights = [archive.array(_best(number, i), np.float32, array.shape) for i, array in enumerate(like[:each[2]])]
        if not all(np.isfinite(array).all() for array in weights):
            raise ValueError("it has weights that are not finite")
        found.append(CallbackState(each[0], each[1], weights))
    return found
