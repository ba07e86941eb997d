"""Notes how a training went, epoch by epoch."""
from __future__ import annotations

import hashlib
import time
from typing import Any

import keras
import numpy as np

from dlgraph.executors import make_reference
from energy import Energy
from observed import Observed


class ReferenceKept:
    """An executor factory that keeps the reference's executor."""

    executor: Any = None

    def __call__(self, graph: Any, target: Any, **options: Any) -> Any:
        self.executor = make_reference(graph, target)
        return self.executor


class Course(keras.callbacks.Callback):
    """A callback that notes every epoch of one network, or of several, one after the other.

    :param factory: what the networks were given as ``executor_factory``; None where nobody asks for their bits
    :param test: images and labels to evaluate after each epoch, by the reference; None not to
    """

    def __init__(self, factory: Observed | ReferenceKept | None, test: tuple[np.ndarray, np.ndarray] | None) -> None:
        super().__init__()
        self.networks: list[Any] = []
        self.entries: list[dict[str, float]] = []
        #: Of all parameters after each epoch, every bit.
        self.digests: list[str] = []
        self.energies: list[Energy | None] = []
        #: Cores of the last epoch: of the network, and loaded.
        self.cores = (0, 0)
        self._factory = factory
        self._test = test
        self._start = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._start = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        wall = time.monotonic() - self._start
        member = next(i for i, network in enumerate(self.networks) if network.model is self.model)
        seconds = self.model.history.machine_seconds[-1]
        if self._factory is not None:
            self.digests.append(digest(self._factory.executor.parameters()))
        entry = {"member": member + 1, "train": logs["accuracy"], "loss": logs["loss"], "machine_seconds": seconds,
                 "wall_seconds": wall}
        if isinstance(self._factory, Observed):
            self.energies.append(self._factory.epoch_energy(seconds))
            self.cores = (self._factory.network_cores, self._factory.loaded_cores)
            entry["predicted_seconds"] = self._factory.predicted_seconds_per_sample       # of a sample; see the caller
        if self._test is not None:
            twin = self.networks[member].reference()
            entry["test"] = twin.evaluate(*self._test, verbose=0, return_dict=True)["accuracy"]
        self.entries.append(entry)


def digest(parameters: Any) -> str:
    """A hash of arrays, in whatever lists and tuples they lie."""
    known = hashlib.sha256()

    def add(part: Any) -> None:
        if isinstance(part, (list, tuple)):
            for each in part:
                add(each)
        else:
            array = np.ascontiguousarray(part)
            known.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())

    add(parameters)
    return known.hexdigest()
