"""Trains one of the networks on MNIST to the end: the curve by ``dlgraph.reference``, some of its epochs on a board as well.

    python benchmarks/whole_training.py --network mlp_300 --data mnist.npz --work build/whole \\
        --out benchmarks/results/whole_training.json

The reference computes what a board does, much faster than an emulated one.  That it does is shown by the first epoch, the last one,
and two that are drawn by lot: each is resumed on the board from the reference's checkpoint before it, and has to end with the
checkpoint after it, in every bit of weights, optimiser, loss and accuracy.  Floating-point Keras trains beside it, from the same
weights, on the same samples in the same order.

Every step is stored as it is done: the same command, given again, goes on with what is missing.  ``--no-board`` leaves epochs on
the board for later.  Checkpoints before the drawn epochs are kept beside the record, in pieces of at most 1 MB.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import dlgraph  # noqa: E402
from course import Course, ReferenceKept  # noqa: E402
from dlgraph import networks  # noqa: E402
from dlgraph.benchmark.observed import Observed  # noqa: E402
from dlgraph.binaries import translated_binaries  # noqa: E402
from dlgraph.networks import Recipe  # noqa: E402
from dlgraph.whole_file import write_whole  # noqa: E402
from result import checkout_state, command_line, host, validate  # noqa: E402
from spinnemu.translations import library  # noqa: E402
from train_networks import MODELS, images  # noqa: E402

SEED = 1
#: Bytes of a piece of a checkpoint.
PIECE_BYTES = 1_000_000
#: Name -> how it is trained to the end.  Found by trials of the reference.
RECIPES = {
    "mlp_300": Recipe(0.05, decay=0.75, batch_size=32, epochs=12),
    "mlp_300_100": Recipe(0.05, decay=0.75, batch_size=32, epochs=12),
    "lenet1": Recipe(0.1, decay=0.6, batch_size=128, epochs=8),
    "lenet4": Recipe(0.05, decay=0.85, batch_size=64, epochs=20),
    "lenet5": Recipe(0.1, decay=0.7, batch_size=128, epochs=12),
}
#: Error of the test images that is asked for, in percent, and how far from floating point it may be.
ASKED = {"mlp_300": 1.8, "mlp_300_100": 1.7, "lenet1": 1.7, "lenet4": 1.1, "lenet5": 0.95}
POINTS = 0.2


class KeepEach(keras.callbacks.Callback):
    """Copies the checkpoint before each epoch but the first; :class:`Task` adds the one after the last."""

    def __init__(self, checkpoint: Path) -> None:
        super().__init__()
        self._checkpoint = checkpoint

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch:
            shutil.copyfile(self._checkpoint, before(self._checkpoint.parent, epoch))


def before(folder: Path, epoch: int) -> Path:
    """The checkpoint before an epoch, counted from 0."""
    return folder / f"before_{epoch}.npz"


class Task:
    """One network's training.

    :param entry: its part of the record, which is filled
    :param folder: for checkpoints
    """

    def __init__(self, name: str, options: argparse.Namespace, entry: dict[str, Any], folder: Path) -> None:
        self.name, self.options, self.entry, self.folder = name, options, entry, folder
        self.recipe = RECIPES[name]
        found, self.words = images(options)
        scale = np.float32(255)
        self.x, self.y = found.x_train[:options.samples] / scale, found.y_train[:options.samples]
        self.test = found.x_test[:options.test_samples] / scale, found.y_test[:options.test_samples]
        self.epochs = options.epochs or self.recipe.epochs

    def model(self) -> Any:
        model = MODELS[self.name](seed=SEED)
        networks.compile_model(model, self.recipe)
        return model

    def train_on_reference(self) -> None:
        """The whole curve, and a checkpoint before every epoch."""
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = ReferenceKept()
        course, path = Course(kept, self.test), self.folder / "reference.npz"
        with dlgraph.from_keras(self.model(), None, SEED, executor_factory=kept) as net:
            course.networks = [net]
            net.train(self.x, self.y, epochs=self.epochs, batch_size=self.recipe.batch_size,
                      callbacks=[*self.recipe.callbacks(), KeepEach(path), course], verbose="auto", checkpoint=path)
            orders = [net.order(epoch) for epoch in range(self.epochs)]
        shutil.copyfile(path, before(self.folder, self.epochs))
        in_float = self._in_floating_point(orders)
        self.entry["epochs"] = [
            {"test_error": 100 * (1 - each["test"]), "loss": each["loss"], "accuracy": each["train"], "digest": digest, **floats}
            for each, digest, floats in zip(course.entries, course.digests, in_float, strict=True)]
        self.entry["drawn"] = drawn(self.epochs, course.digests[-1])

    def _in_floating_point(self, orders: list[np.ndarray]) -> Iterator[dict[str, float]]:
        model = self.model()
        for epoch, order in enumerate(orders):
            model.optimizer.learning_rate = self.recipe.rate(epoch)
            history = model.fit(self.x[order], self.y[order], batch_size=self.recipe.batch_size, shuffle=False, verbose=0)
            accuracy = model.evaluate(*self.test, verbose=0, return_dict=True)["accuracy"]
            yield {"loss_float": float(history.history["loss"][0]), "test_error_float": 100 * (1 - float(accuracy))}

    def make_checkpoint_after(self, epoch: int) -> None:
        """By the reference, which goes on from the one before it: where the working folder was lost, only some are kept.

        :raises ValueError: where it does not end with the weights that the record has a digest of
        """
        path, kept = self._begin_with(epoch, "again.npz"), ReferenceKept()
        course = Course(kept, None)
        with dlgraph.from_keras(self.model(), None, SEED, executor_factory=kept) as net:
            course.networks = [net]
            net.train(self.x, self.y, epochs=epoch + 1, batch_size=self.recipe.batch_size,
                      callbacks=[*self.recipe.callbacks(), course], verbose="auto", checkpoint=path)
        if course.digests[-1] != self.entry["epochs"][epoch]["digest"]:
            raise ValueError(f"The reference ends epoch {epoch} with other weights than those recorded; train again with --again.")
        shutil.copyfile(path, before(self.folder, epoch + 1))

    def _begin_with(self, epoch: int, name: str) -> Path:
        """A copy of the checkpoint before an epoch; no file before the first."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        if epoch:
            shutil.copyfile(before(self.folder, epoch), path)
        return path

    def train_on_board(self, epoch: int) -> dict[str, Any]:
        """One epoch, from the reference's checkpoint before it."""
        if not before(self.folder, epoch + 1).exists():
            self.make_checkpoint_after(epoch)
        path = self._begin_with(epoch, f"board_{epoch}.npz")
        library((each.read_bytes() for each in translated_binaries()), thumb=True)        # else it begins without
        observed = Observed(self.options.board)
        course = Course(observed, None)
        machine = dlgraph.Emulated(board=self.options.board, threads=self.options.threads)
        with dlgraph.from_keras(self.model(), machine, SEED, executor_factory=observed) as net:
            course.networks = [net]
            net.train(self.x, self.y, epochs=epoch + 1, batch_size=self.recipe.batch_size,
                      callbacks=[*self.recipe.callbacks(), course], verbose="auto", checkpoint=path)
            where = net.machine
        noted = course.entries[-1]
        commit, modified = checkout_state()
        return {
            "epoch": epoch, "equal": same(path, before(self.folder, epoch + 1)), "machine": where, "cores": course.cores[0],
            "machine_seconds": noted["machine_seconds"], "wall_seconds": noted["wall_seconds"],
            "samples_per_s": len(self.x) / noted["machine_seconds"], "commit": commit, "modified": modified,
            "date": now(), "command": command_line(sys.argv)}

    def keep_checkpoints(self, results: Path) -> None:
        """Those before the drawn epochs, in pieces, beside the record."""
        folder = results / "checkpoints" / self.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.entry["checkpoints"] = []
        for epoch in self.entry["drawn"]:
            if epoch == 0:
                continue                                   # it begins from the seed
            content = before(self.folder, epoch).read_bytes()
            pieces = [content[i:i + PIECE_BYTES] for i in range(0, len(content), PIECE_BYTES)]
            names = [f"checkpoints/{self.name}/before_{epoch}.npz.{i}" for i in range(len(pieces))]
            for name, piece in zip(names, pieces, strict=True):
                write_whole(results / name, piece)
            self.entry["checkpoints"].append({"epoch": epoch, "pieces": names, "sha256": hashlib.sha256(content).hexdigest()})

    def fetch_checkpoints(self, results: Path) -> None:
        """Those that are kept beside the record, where the working folder has none."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for kept in self.entry.get("checkpoints", []):
            path = before(self.folder, kept["epoch"])
            if not path.exists():
                write_whole(path, joined(results, kept))


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


def main(arguments: list[str] | None = None) -> int:
    """Run, show, write; 1 if a bit differed or an error is larger than asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=[*RECIPES], required=True)
    parser.add_argument("--data", metavar="PATH", help="as for train_networks.py")
    parser.add_argument("--work", type=Path, required=True, metavar="FOLDER", help="for checkpoints")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the record, which is added to")
    parser.add_argument("--epochs", type=int, help="in place of the recipe's")
    parser.add_argument("--samples", type=int, help="training samples; the first so many")
    parser.add_argument("--test-samples", type=int)
    parser.add_argument("--board", choices=["spinn5", "spinn3"], default="spinn5")
    parser.add_argument("--threads", type=int, choices=[1, 2], default=1, help="of this computer")
    parser.add_argument("--no-board", action="store_true", help="leave the epochs on the board for later")
    parser.add_argument("--again", action="store_true", help="also what the record has already")
    options = parser.parse_args(arguments)
    record: dict[str, Any] = {"schema_version": 1, "benchmark": "whole_training", "networks": {}}
    if options.out.exists():
        record = json.loads(options.out.read_text(encoding="utf-8"))
    entry = {} if options.again else record["networks"].get(options.network, {})
    record["networks"][options.network] = entry
    task = Task(options.network, options, entry, options.work / options.network)

    def store() -> None:
        validate(record)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(options.out, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())

    if "epochs" not in entry:
        commit, modified = checkout_state()
        task.train_on_reference()
        recipe = task.recipe
        entry.update(
            computed_by="dlgraph.reference", command=command_line(sys.argv), commit=commit, modified=modified, date=now(),
            host=host(), seed=SEED, data=task.words, samples=len(task.x), test_samples=len(task.test[0]), on_board=[],
            recipe={"learning_rate": recipe.learning_rate, "momentum": recipe.momentum, "decay": recipe.decay,
                    "batch_size": recipe.batch_size, "epochs": task.epochs})
        task.keep_checkpoints(options.out.parent)
        store()
    task.fetch_checkpoints(options.out.parent)
    for epoch in [] if options.no_board else entry["drawn"]:
        if epoch not in {row["epoch"] for row in entry["on_board"]}:
            entry["on_board"].append(task.train_on_board(epoch))
            store()
    show(options.network, entry)
    return 0 if good(options.network, entry) else 1


def good(name: str, entry: dict[str, Any]) -> bool:
    """Whether all bits so far were equal, and, on all of MNIST, the error as asked."""
    last = entry["epochs"][-1]
    if not all(row["equal"] for row in entry["on_board"]):
        return False
    whole = entry["samples"] == 60_000 and entry["test_samples"] == 10_000
    return not whole or (last["test_error"] <= ASKED[name] and last["test_error"] - last["test_error_float"] <= POINTS)


def show(name: str, entry: dict[str, Any]) -> None:
    """The result in words."""
    last = entry["epochs"][-1]
    print(f"{name}, {len(entry['epochs'])} epochs of {entry['samples']} samples by the reference: {last['test_error']:.2f}% wrong, "
          f"{last['test_error_float']:.2f}% in floating point")
    for row in entry["on_board"]:
        print(f"  epoch {row['epoch'] + 1} on the {row['machine']}: {'equal' if row['equal'] else 'DIFFERS'}, "
              f"{row['samples_per_s']:.0f} samples/s, {row['wall_seconds']:.0f} s")
    left = [epoch + 1 for epoch in entry["drawn"] if epoch not in {row["epoch"] for row in entry["on_board"]}]
    if left:
        print(f"  still to be resumed on a board: epochs {', '.join(map(str, left))}")


if __name__ == "__main__":
    sys.exit(main())
