"""One network that is trained to the end: its checkpoints, single epochs of it on a board, and the same in floating point."""
from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import keras
import numpy as np

import dlgraph
from course import Course, ReferenceKept
from dlgraph.benchmark.observed import Observed
from dlgraph.binaries import translated_binaries
from dlgraph.executors import ExecutorFactory
from dlgraph.network import Network
from dlgraph.networks import Recipe
from result import checkout_state, command_line
from spinnemu.translations import library


@dataclass
class Member:
    """One network, alone or one of several that are trained one after the other.

    :param model: makes it, compiled, with the weights that training starts from
    :param seed: of its orders
    :param x: samples
    :param y: labels
    :param folder: for checkpoints
    """

    model: Callable[[], Any]
    seed: int
    x: np.ndarray
    y: np.ndarray
    recipe: Recipe
    folder: Path

    def network(self, machine: Any, factory: ExecutorFactory) -> Network:
        """To be trained."""
        return dlgraph.from_keras(self.model(), machine, self.seed, executor_factory=factory)

    def train(self, network: Network, path: Path, epochs: int, course: Course, *others: Any) -> None:
        """Until an epoch has ended, from a checkpoint if there is one."""
        network.train(self.x, self.y, epochs=epochs, batch_size=self.recipe.batch_size, checkpoint=path, verbose="auto",
                      callbacks=[*self.recipe.callbacks(), *others, course])

    def in_floating_point(self, orders: list[np.ndarray], test_x: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
        """Loss and the outputs for the test images after each epoch, in Keras.

        :param orders: of each epoch, which sample each position used
        """
        model = self.model()
        for epoch, order in enumerate(orders):
            model.optimizer.learning_rate = self.recipe.rate(epoch)
            history = model.fit(self.x[order], self.y[order], batch_size=self.recipe.batch_size, shuffle=False, verbose=0)
            yield float(history.history["loss"][0]), np.asarray(model.predict(test_x, verbose=0))

    def make_checkpoint_after(self, epoch: int, digest: str) -> None:
        """By the reference, which goes on from the one before it: where the working folder was lost, only some are kept.

        :param digest: of the weights after the epoch
        :raises ValueError: where it ends with others
        """
        path, kept = self._begin_with(epoch, "again.npz"), ReferenceKept()
        course = Course(kept, None)
        with self.network(None, kept) as net:
            course.networks = [net]
            self.train(net, path, epoch + 1, course)
        if course.digests[-1] != digest:
            raise ValueError(f"The reference ends epoch {epoch} with other weights than those recorded; train again with --again.")
        shutil.copyfile(path, before(self.folder, epoch + 1))

    def train_on_board(self, epoch: int, board: str, threads: int) -> dict[str, Any]:
        """One epoch, from the reference's checkpoint before it, compared with the one after it."""
        path = self._begin_with(epoch, f"board_{epoch}.npz")
        library((each.read_bytes() for each in translated_binaries()), thumb=True)        # else it begins without
        observed = Observed(board)
        course = Course(observed, None)
        with self.network(dlgraph.Emulated(board=board, threads=threads), observed) as net:
            course.networks = [net]
            self.train(net, path, epoch + 1, course)
            where = net.machine
        noted = course.entries[-1]
        commit, modified = checkout_state()
        return {
            "equal": same(path, before(self.folder, epoch + 1)), "machine": where, "cores": course.cores[0],
            "machine_seconds": noted["machine_seconds"], "wall_seconds": noted["wall_seconds"],
            "samples_per_s": len(self.x) / noted["machine_seconds"], "commit": commit, "modified": modified, "date": now(),
            "command": command_line(sys.argv)}

    def _begin_with(self, epoch: int, name: str) -> Path:
        """A copy of the checkpoint before an epoch; no file before the first."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        path.unlink(missing_ok=True)
        if epoch:
            shutil.copyfile(before(self.folder, epoch), path)
        return path


class KeepEach(keras.callbacks.Callback):
    """Copies the checkpoint before each epoch but the first; the one after the last is there when all are trained.

    :param networks: of the members
    :param paths: of each member, the checkpoint that training writes
    :param folders: of each member, where copies go
    """

    def __init__(self, networks: list[Network], paths: list[Path], folders: list[Path]) -> None:
        super().__init__()
        self._networks, self._paths, self._folders = networks, paths, folders

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch:
            self.keep(number_of(self.model, self._networks), epoch)

    def keep(self, number: int, epoch: int) -> None:
        """A member's, as the one before this epoch."""
        target = before(self._folders[number], epoch)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._paths[number], target)


class Outputs(keras.callbacks.Callback):
    """How good the members so far are, their outputs added, after each epoch.

    :param test: images and labels
    :ivar errors: share of the test images that is wrong
    """

    def __init__(self, networks: list[Network], test: tuple[np.ndarray, np.ndarray]) -> None:
        super().__init__()
        self.errors: list[float] = []
        self._networks, self._test = networks, test
        self._others: np.ndarray | float = 0.0             # what members before this one give together

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"errors": self.errors}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From a checkpoint of another process."""
        self.errors = state["errors"]

    def on_train_begin(self, logs: Any = None) -> None:
        before = self._networks[:number_of(self.model, self._networks)]
        self._others = sum((self._outputs(network) for network in before), 0.0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        mine = self._outputs(self._networks[number_of(self.model, self._networks)])
        self.errors.append(share_wrong(self._others + mine, self._test[1]))

    def _outputs(self, network: Network) -> np.ndarray:
        return network.reference().predict(self._test[0], verbose=0)


def before(folder: Path, epoch: int) -> Path:
    """The checkpoint before an epoch, counted from 0; the one after the last is that before the next."""
    return folder / f"before_{epoch}.npz"


def number_of(model: Any, networks: list[Network]) -> int:
    """Which of the networks a Keras model belongs to, from 0."""
    return next(number for number, network in enumerate(networks) if network.model is model)


def share_wrong(outputs: np.ndarray, labels: np.ndarray) -> float:
    """0 .. 1; the largest output (n, classes) is the answer."""
    return float((outputs.argmax(axis=1) != labels).mean())


def same(one: Path, other: Path) -> bool:
    """Whether two checkpoints have the same weights, state of the optimiser, loss, accuracy and saturations."""
    with np.load(one) as a, np.load(other) as b:
        names = [name for name in a.files if name != "header"]
        return (a.files == b.files and len(names) > 3 and all(np.array_equal(a[name], b[name]) for name in names)
                and _learnt(a["header"]) == _learnt(b["header"]))


def _learnt(header: np.ndarray) -> list[Any]:
    found = json.loads(header.tobytes().decode())
    return [found[name] for name in ("epoch", "iterations", "history", "saturations")]


def now() -> str:
    """Of the day."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
