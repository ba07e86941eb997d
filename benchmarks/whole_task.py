"""Training to the end: one network, or the three of the boosted LeNet-4, on the reference and, by the epoch, on a board."""
from __future__ import annotations

import argparse
import hashlib
import random
import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from course import Course, ReferenceKept
from dlgraph import networks
from dlgraph.networks.boosted import BoostedLeNet4, seeds_of
from dlgraph.whole_file import write_whole
from train_networks import BOOSTED, MODELS, images
from whole_member import KeepEach, Member, Outputs, before, share_wrong

SEED = 1
#: Bytes of a piece of a checkpoint.
PIECE_BYTES = 1_000_000


class Task(ABC):
    """One training, whose epochs are counted from 0 through all its members.

    :param entry: its part of the record, which is filled
    :param folder: for checkpoints
    """

    def __init__(self, name: str, options: argparse.Namespace, entry: dict[str, Any], folder: Path) -> None:
        self.name, self.options, self.entry, self.folder = name, options, entry, folder
        self.recipe = networks.TO_THE_END[name]
        found, self.words = images(options)
        scale = np.float32(255)
        self.x, self.y = found.x_train[:options.samples] / scale, found.y_train[:options.samples]
        self.test = found.x_test[:options.test_samples] / scale, found.y_test[:options.test_samples]
        self.epochs = options.epochs or self.recipe.epochs

    @abstractmethod
    def member(self, number: int) -> Member:
        """One of its networks, from 0, as training starts from it."""

    @abstractmethod
    def train_members(self) -> tuple[Course, Outputs, list[list[np.ndarray]]]:
        """On the reference, with a checkpoint before every epoch and after the last.

        :return: what was noted; of each member and epoch, which sample each position used
        """

    def train_on_reference(self) -> None:
        """The whole curve, and the same in floating point."""
        self.folder.mkdir(parents=True, exist_ok=True)
        course, outputs, orders = self.train_members()
        floats = self._in_floating_point(orders)
        self.entry["epochs"] = [
            {"member": int(each["member"]), "test_error": 100 * wrong, "loss": each["loss"], "accuracy": each["train"],
             "digest": digest, "loss_float": loss, "test_error_float": 100 * wrong_float}
            for each, wrong, digest, (loss, wrong_float)
            in zip(course.entries, outputs.errors, course.digests, floats, strict=True)]
        self.entry["drawn"] = drawn(len(self.entry["epochs"]), course.digests[-1])

    def _in_floating_point(self, orders: list[list[np.ndarray]]) -> list[tuple[float, float]]:
        """Of each epoch: loss, and the share of test images that the members so far get wrong."""
        found: list[tuple[float, float]] = []
        others: np.ndarray | float = 0.0
        for number, of_epochs in enumerate(orders):
            mine: np.ndarray | float = 0.0
            for loss, mine in self.member(number).in_floating_point(of_epochs, self.test[0]):
                found.append((loss, share_wrong(others + mine, self.test[1])))
            others = others + mine
        return found

    def make_checkpoint_after(self, epoch: int) -> None:
        """See :meth:`Member.make_checkpoint_after`."""
        number, own = divmod(epoch, self.epochs)
        self.member(number).make_checkpoint_after(own, self.entry["epochs"][epoch]["digest"])

    def train_on_board(self, epoch: int) -> dict[str, Any]:
        """One epoch."""
        number, own = divmod(epoch, self.epochs)
        member = self.member(number)
        if not before(member.folder, own + 1).exists():
            self.make_checkpoint_after(epoch)
        return {"epoch": epoch, **member.train_on_board(own, self.options.board, self.options.threads)}

    def folder_of(self, number: int) -> Path:
        """For the checkpoints of a member."""
        return self.folder / f"member_{number + 1}" if number else self.folder

    def _before(self, epoch: int) -> Path | None:
        """The checkpoint before an epoch; None where a member begins from its seed."""
        number, own = divmod(epoch, self.epochs)
        return before(self.folder_of(number), own) if own else None

    def keep_checkpoints(self, results: Path) -> None:
        """Those before the drawn epochs, in pieces, beside the record."""
        folder = results / "checkpoints" / self.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.entry["checkpoints"] = []
        for epoch in self.entry["drawn"]:
            path = self._before(epoch)
            if path is None:
                continue
            content = path.read_bytes()
            pieces = [content[i:i + PIECE_BYTES] for i in range(0, len(content), PIECE_BYTES)]
            names = [f"checkpoints/{self.name}/before_{epoch}.npz.{i}" for i in range(len(pieces))]
            for name, piece in zip(names, pieces, strict=True):
                write_whole(results / name, piece)
            self.entry["checkpoints"].append({"epoch": epoch, "pieces": names, "sha256": hashlib.sha256(content).hexdigest()})

    def fetch_checkpoints(self, results: Path) -> None:
        """Those that are kept beside the record, where the working folder has none."""
        for kept in self.entry.get("checkpoints", []):
            path = self._before(kept["epoch"])
            if path is not None and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, joined(results, kept))


class Single(Task):
    """One network."""

    def member(self, number: int) -> Member:
        return Member(self._model, SEED, self.x, self.y, self.recipe, self.folder_of(number))

    def _model(self) -> Any:
        model = MODELS[self.name](seed=SEED)
        networks.compile_model(model, self.recipe)
        return model

    def train_members(self) -> tuple[Course, Outputs, list[list[np.ndarray]]]:
        member, kept, path = self.member(0), ReferenceKept(), self.folder / "reference.npz"
        course = Course(kept, None)
        with member.network(None, kept) as net:
            course.networks, outputs, each = [net], Outputs([net], self.test), KeepEach([net], [path], [self.folder])
            member.train(net, path, self.epochs, course, each, outputs)
            each.keep(0, self.epochs)
            return course, outputs, [[net.order(epoch) for epoch in range(self.epochs)]]


class Boosted(Task):
    """The boosted LeNet-4.  Its second and third network have samples of their own, which the working folder keeps."""

    def member(self, number: int) -> Member:
        x, y = self._set(number)
        weights_seed, order_seed = seeds_of(SEED)[number]
        return Member(lambda: self._model(weights_seed), order_seed, x, y, self.recipe, self.folder_of(number))

    def _model(self, seed: int) -> Any:
        model = networks.lenet4(seed=seed)
        networks.compile_model(model, self.recipe)
        return model

    def _set(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Samples and labels of a member.

        They follow from the networks before it, trained to the end; where the working folder was lost, all is trained again.

        :raises ValueError: where that ends with other weights than those recorded
        """
        if number == 0:
            return self.x, self.y
        path = self._path_of_set(number)
        if not path.exists():
            course, _, _ = self.train_members()
            if course.digests != [each["digest"] for each in self.entry["epochs"]]:
                raise ValueError("The reference ends with other weights than those recorded; train again with --again.")
        with np.load(path) as archive:
            return archive["x"], archive["y"]

    def _path_of_set(self, number: int) -> Path:
        return self.folder / f"set_{number + 1}.npz"

    def train_members(self) -> tuple[Course, Outputs, list[list[np.ndarray]]]:
        kept, folder = ReferenceKept(), self.folder / "reference"
        course = Course(kept, None)
        with BoostedLeNet4(None, SEED, member=self._model, executor_factory=kept) as boosted:
            course.networks, outputs = boosted.networks, Outputs(boosted.networks, self.test)
            numbers = range(len(boosted.networks))
            each = KeepEach(boosted.networks, [folder / f"network_{number + 1}.npz" for number in numbers],
                            [self.folder_of(number) for number in numbers])
            history = boosted.train(self.x, self.y, epochs=self.epochs, batch_size=self.recipe.batch_size, keep_sets=True,
                                    callbacks=[*self.recipe.callbacks(), each, outputs, course], checkpoint=folder)
            for number in range(boosted.n_trained):
                each.keep(number, self.epochs)
            for number, chosen in enumerate(history.selections, 1):
                np.savez(self._path_of_set(number), x=chosen.x, y=chosen.y)
            return course, outputs, [[net.order(epoch) for epoch in range(self.epochs)]
                                     for net in boosted.networks[:boosted.n_trained]]


def make_task(name: str, options: argparse.Namespace, entry: dict[str, Any], folder: Path) -> Task:
    """As :class:`Task` takes them."""
    return (Boosted if name == BOOSTED else Single)(name, options, entry, folder)


def joined(results: Path, kept: dict[str, Any]) -> bytes:
    """A checkpoint from its pieces.

    :raises ValueError: where it is not what it was
    """
    content = b"".join((results / name).read_bytes() for name in kept["pieces"])
    if hashlib.sha256(content).hexdigest() != kept["sha256"]:
        raise ValueError(f"The checkpoint before epoch {kept['epoch']} is damaged; delete it and train again with --again.")
    return content


def drawn(n_epochs: int, word: str) -> list[int]:
    """The first epoch, the last, and two between them, drawn by lot from a word that nobody can choose."""
    between = range(1, n_epochs - 1)
    return sorted({0, n_epochs - 1, *random.Random(word).sample(between, min(2, len(between)))})
