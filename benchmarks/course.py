"""Notes how a training went, epoch by epoch."""
from __future__ import annotations

import hashlib
import time
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from dlgraph.benchmark.observed import Observed
from dlgraph.energy import Energy
from dlgraph.executors import make_reference


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
    :ivar resumed_after: how many epochs had been noted each time that another process went on from a checkpoint
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
        self.resumed_after: list[int] = []
        self._factory = factory
        self._test = test
        self._start = 0.0
        #: Of the processes before this one, until their last checkpoints; and when this one began.
        self._wall_before, self._begun = 0.0, time.monotonic()

    @property
    def wall_seconds(self) -> float:
        """Of the training so far, in all processes; what one did between its last checkpoint and its end is not known."""
        return self._wall_before + time.monotonic() - self._begun

    def begin(self) -> None:
        """The clock starts."""
        self._begun = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint: everything noted so far."""
        return {"entries": self.entries, "digests": self.digests, "cores": self.cores, "wall_seconds": self.wall_seconds,
                "energies": [each and asdict(each) for each in self.energies], "resumed_after": self.resumed_after}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From a checkpoint of another process."""
        self.entries, self.digests, self.cores = state["entries"], state["digests"], tuple(state["cores"])
        self.energies = [each and Energy(**each) for each in state["energies"]]
        self.resumed_after = [*state["resumed_after"], len(self.entries)]
        self._wall_before = state["wall_seconds"]

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
