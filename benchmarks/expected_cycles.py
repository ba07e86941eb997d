"""What the cost model expects of a sample, and what it takes on an emulated SpiNN-5 board: for the networks of LeCun et al. 1998,
and for dense networks that are drawn by lot.

    python benchmarks/expected_cycles.py --data mnist.npz --out benchmarks/results/expected_cycles.json
    python benchmarks/expected_cycles.py --data mnist.npz --network lenet5 --random 0 --out benchmarks/results/expected_cycles.json

One epoch of 256 images each, cut and placed as dlgraph chooses.  Minutes for each network; rows that are there stay, those named
are made again.  The boosted LeNet-4 is LeNet-4.
"""
from __future__ import annotations

import argparse
import json
import os
import random
import sys
from argparse import Namespace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import dlgraph  # noqa: E402
from dlgraph import networks  # noqa: E402
from dlgraph.binaries import translated_binaries  # noqa: E402
from dlgraph.executor import Executor  # noqa: E402
from dlgraph.executors import make_executor  # noqa: E402
from dlgraph.whole_file import write_whole  # noqa: E402
from result import checkout_state, command_line, host, validate  # noqa: E402
from spinnemu.translations import library  # noqa: E402
from train_networks import MODELS, images  # noqa: E402

SEED, SAMPLES = 1, 256
#: Network -> batch.
BATCHES = {"mlp_300": 256, "mlp_300_100": 256, "lenet1": 128, "lenet4": 128, "lenet5": 128}


def drawn(seed: int) -> tuple[str, Any, int]:
    """Name, model and batch of a dense network drawn by lot, for images of 784 pixels."""
    choice = random.Random(seed)
    hidden = [choice.randrange(16, 257) for _ in range(choice.randrange(1, 4))]
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten()]
                             + [keras.layers.Dense(n, activation="relu") for n in hidden]
                             + [keras.layers.Dense(10, activation="softmax")])
    model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return "-".join(map(str, (784, *hidden, 10))), model, choice.choice((32, 64, 128, 256))


def row_of(name: str, model: Any, batch: int, options: Namespace) -> dict[str, Any]:
    """Train and compare."""
    found, data = images(options)
    x, y = found.x_train[:SAMPLES] / np.float32(255), found.y_train[:SAMPLES]
    made: list[Any] = []

    def factory(*given: Any, **more: Any) -> Executor:
        made.append(make_executor(*given, **more))
        return made[-1]

    with dlgraph.from_keras(model, dlgraph.Emulated(), SEED, executor_factory=factory) as net:
        twin = net.reference()
        net.train(x, y, epochs=1, batch_size=batch, verbose="auto")
        twin.train(x, y, epochs=1, batch_size=batch, verbose=0)
        equal = all(np.array_equal(ours, theirs) for ours, theirs in zip(net.get_weights(), twin.get_weights(), strict=True))
        chosen, measured = made[0].chosen, max(result.cycles for result in made[0].results.values()) / SAMPLES
        dropped = sum(chip.dropped for chip in net.traffic().chips)
    return {"network": name, "data": data, "samples": SAMPLES, "batch": batch, "cores": chosen.n_cores,
            "replicas": chosen.cut.replicas, "window": chosen.cut.window, "expected": round(chosen.cycles_per_sample),
            "measured": round(measured), "dropped_per_sample": dropped / SAMPLES, "equal_to_reference": equal}


def main(arguments: list[str] | None = None) -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", action="append", choices=list(BATCHES), help="some of the networks; all if not given")
    parser.add_argument("--random", type=int, default=4, metavar="N", help="networks drawn by lot")
    parser.add_argument("--data", default="digits", metavar="FILE", help="mnist.npz; scikit-learn's digits if not given")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the record")
    options = parser.parse_args(arguments)
    options.samples = SAMPLES
    library(path.read_bytes() for path in translated_binaries())
    rows = json.loads(options.out.read_text(encoding="utf-8"))["rows"] if options.out.exists() else []
    code = 0
    tasks = []
    for name in options.network or BATCHES:
        model = MODELS[name](seed=SEED)
        networks.compile_model(model, networks.RECIPES[name])
        tasks.append((name, model, BATCHES[name]))
    tasks += [drawn(seed) for seed in range(options.random)]
    for name, model, batch in tasks:
        row = row_of(name, model, batch, options)
        print(f"{name}: expected {row['expected']:,} cycles a sample, measured {row['measured']:,}: "
              f"{row['expected'] / row['measured']:.2f}")
        code |= not row["equal_to_reference"]
        commit, modified = checkout_state()
        rows = [other for other in rows if other["network"] != name] + [
            {**row, "commit": commit, "modified": modified, "command": command_line(sys.argv)}]
        record = {"schema_version": 1, "benchmark": "expected_cycles", "host": host(), "rows": rows,
                  "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}
        validate(record)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(options.out, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())
    return code


if __name__ == "__main__":
    sys.exit(main())
