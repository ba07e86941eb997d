"""Trains one of the networks on MNIST to the end: the curve by ``dlgraph.reference``, some of its epochs on a board as well.

    python benchmarks/whole_training.py --network mlp_300 --data mnist.npz --work build/whole \\
        --out benchmarks/results/whole_training.json

The reference computes what a board does, much faster than an emulated one.  That it does is shown by the first epoch, the last one,
and two that are drawn by lot: each is resumed on the board from the reference's checkpoint before it, and has to end with the
checkpoint after it, in every bit of weights, optimiser, loss and accuracy.  Floating-point Keras trains beside it, from the same
weights, on the same samples in the same order.

Every step is stored as it is done: the same command, given again, goes on with what is missing.  ``--no-board`` leaves epochs on
the board for later.  The three networks of the boosted LeNet-4 are one training, whose epochs are counted through.  Checkpoints
before the drawn epochs are kept beside the record, in pieces of at most 1 MB.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from dlgraph.networks import TO_THE_END  # noqa: E402
from dlgraph.whole_file import write_whole  # noqa: E402
from result import checkout_state, command_line, host, validate  # noqa: E402
from whole_member import now  # noqa: E402
from whole_task import SEED, make_task  # noqa: E402

#: Error of the test images that is asked for, in percent, and how far from floating point it may be.
ASKED = {"mlp_300": 1.8, "mlp_300_100": 1.7, "lenet1": 1.7, "lenet4": 1.1, "lenet5": 0.95, "boosted_lenet4": 0.7}
POINTS = 0.2


def main(arguments: list[str] | None = None) -> int:
    """Run, show, write; 1 if a bit differed or an error is larger than asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=[*TO_THE_END], required=True)
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
    task = make_task(options.network, options, entry, options.work / options.network)

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
