"""Trains many small networks in one process, and watches what that and the emulated machine hold: nothing may grow.

    python benchmarks/long_trainings.py [--trainings 100] [--seed 1] [--out FILE]

Every training has a network of its own.  Half of them use one emulated board that stays up, the others a new one each.  After each,
memory, open files, threads, child processes and temporary files are looked at.
"""
from __future__ import annotations

import argparse
import atexit
import gc
import os
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from resources import Held, growth_per_step, held_by  # noqa: E402
from result import checkout_state, command_line, conclude, host  # noqa: E402

BOARD = "spinn3"
UNITS = (16, 12, 4)
SAMPLES, BATCH = 48, 16
#: After so many trainings, everything that is made once has been made: a translation of the binaries, GFE's ten reports.
WARM_UP = 20
#: What is not told from noise over some ten trainings; one training's data and reports are several times as much.
MOST_BYTES_PER_TRAINING = 16 << 10


@dataclass(frozen=True)
class Look:
    """After one training.

    :param machine: of the board that stays up
    :param temporary_files: files and folders in this process' own folder for them
    """

    host: Held
    machine: Held
    temporary_files: int


def train_all(n_trainings: int, seed: int, folder: str) -> list[Look]:
    """A look after each training."""
    import keras
    import numpy as np

    import dlgraph
    import spinnemu

    generator = np.random.default_rng(seed)
    x = generator.random((SAMPLES, UNITS[0]))
    y = generator.integers(0, UNITS[-1], SAMPLES)
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((UNITS[0],)), keras.layers.Dense(UNITS[1], activation="relu"),
                              keras.layers.Dense(UNITS[2], activation="softmax")])
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    looks = []
    with spinnemu.Machine(board=BOARD) as kept:
        machines = [dlgraph.Board(kept.address, board=BOARD), dlgraph.Emulated(board=BOARD)]
        for number in range(n_trainings):
            with dlgraph.from_keras(model, machine=machines[number % len(machines)]) as net:
                net.train(x, y, batch_size=BATCH, verbose=0)
            del net
            gc.collect()
            looks.append(Look(held_by(os.getpid()), held_by(kept.process_id), len(os.listdir(folder))))
            if number % 10 == 9:
                print(f"{number + 1} trainings: {looks[-1]}", flush=True)
    return looks


def memory(values: list[int]) -> dict[str, float]:
    """Of one process, after the warm-up."""
    return {"first": values[0], "last": values[-1], "most": max(values), "median": statistics.median(values),
            "growth_per_training": round(growth_per_step(values), 1)}


def counted(values: list[int]) -> dict[str, int]:
    """Likewise of what is counted."""
    return {"first": values[0], "last": values[-1], "most": max(values)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--trainings", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="of data and weights")
    parser.add_argument("--out", type=Path, help="file for the record")
    options = parser.parse_args()
    if options.trainings < WARM_UP + 4:
        parser.error(f"--trainings {options.trainings} is too few: the first {WARM_UP} are not looked at. Give {WARM_UP + 4} or "
                     f"more.")
    out = options.out.resolve() if options.out else None
    started, date = time.monotonic(), datetime.now(timezone.utc)
    commit, modified = checkout_state()
    work = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, work, ignore_errors=True)        # behind GFE's last words, which go into its reports
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(work)                           # GFE writes its reports there
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        try:
            looks = train_all(options.trainings, options.seed, folder)[WARM_UP:]
        finally:
            tempfile.tempdir = None
            os.chdir(HERE.parent)
    held: dict[str, dict[str, Any]] = {}
    for name in ("host", "machine"):
        of = [getattr(look, name) for look in looks]
        held[name] = {"resident_bytes": memory([each.resident_bytes for each in of])} | {
            what: counted([getattr(each, what) for each in of]) for what in ("open_files", "threads", "children")}
    held["host"]["temporary_files"] = counted([look.temporary_files for look in looks])
    checks = {f"{what} of the {name} do not grow": counts["last"] <= counts["first"]
              for name, whole in held.items() for what, counts in whole.items() if what != "resident_bytes"}
    checks |= {f"memory of the {name} does not grow": whole["resident_bytes"]["growth_per_training"] <= MOST_BYTES_PER_TRAINING
               for name, whole in held.items()}
    record: dict[str, Any] = {
        "schema_version": 1, "benchmark": "long_trainings", "command": command_line(sys.argv), "commit": commit,
        "modified": modified, "date": date.strftime("%Y-%m-%dT%H:%M:%SZ"), "host": host(), "seed": options.seed,
        "trainings": options.trainings, "warm_up": WARM_UP, "held": held, "wall_seconds": round(time.monotonic() - started, 1),
        "checks": checks}
    for name, whole in held.items():
        print(f"{name}: {whole['resident_bytes']['growth_per_training']:.0f} bytes more per training; "
              + ", ".join(f"{what} {counts['first']} to {counts['last']}" for what, counts in whole.items()))
    return conclude(record, checks, out)


if __name__ == "__main__":
    sys.exit(main())
