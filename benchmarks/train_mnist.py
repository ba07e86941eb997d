"""MNIST 784-128-10 in batches of 32 on one board: speed, energy, accuracy, and equality with the reference.

The same network is trained three times, from the same weights and in the same order of samples: on the machine, by the
reference on this computer (which must give the same bits), and by Keras in floating point.  The result is written as JSON.

    python benchmarks/train_mnist.py                           one epoch of 60,000: some minutes
    python benchmarks/train_mnist.py --samples 2000 --board spinn3 --layers 32
"""
from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import dlgraph  # noqa: E402
from dlgraph.benchmark.observed import Observed  # noqa: E402
from dlgraph.energy import Energy  # noqa: E402
from dlgraph.executors import make_reference  # noqa: E402
from result import Machine, Result  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
#: What is asked of the full run.
SAMPLES_PER_S = 10_000
WALL_SECONDS = 600
ACCURACY_POINTS = 0.003


def mnist(path: Path | None) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images and labels, test images and labels; pixels in 0 .. 1."""
    try:
        if path is None:
            (x, y), (test_x, test_y) = keras.datasets.mnist.load_data()
        else:
            with np.load(path) as file:
                x, y, test_x, test_y = (file[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    except Exception as error:
        where = "from where Keras gets it" if path is None else f"from {path}"
        sys.exit(f"MNIST cannot be loaded {where}: {error}\nGive a file in the form of Keras' mnist.npz: --data FILE")
    return x.astype(np.float32) / 255, y, test_x.astype(np.float32) / 255, test_y


def compiled_model(shape: tuple[int, ...], hidden: list[int], seed: int) -> keras.Model:
    """The network in Keras; the same seed gives the same weights."""
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(width, activation="relu") for width in hidden]
    model = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), *layers,
                              keras.layers.Dense(10, activation="softmax")], name="mnist")
    model.compile(keras.optimizers.SGD(learning_rate=0.1), loss="sparse_categorical_crossentropy",
                  metrics=["accuracy"])
    return model


class ReferenceKept:
    """An executor factory that keeps the reference's executor."""

    def __call__(self, graph, target, **options):
        self.executor = make_reference(graph, target)
        return self.executor


def same_bits(a, b) -> bool:
    """Whether two lists of (weights, biases) are equal."""
    return all(np.array_equal(x, y) for one, other in zip(a, b, strict=True) for x, y in zip(one, other, strict=True))


def run(options: argparse.Namespace) -> Result:
    """Train three times, compare."""
    x, y, test_x, test_y = mnist(options.data)
    x, y = x[:options.samples], y[:options.samples]
    test_x, test_y = test_x[:options.test_samples], test_y[:options.test_samples]
    batch, seed = options.batch, options.seed
    models = [compiled_model(x.shape[1:], options.layers, seed) for _ in range(3)]
    on_machine, on_host, in_float = models
    for other in models[1:]:
        other.set_weights(on_machine.get_weights())

    observed, kept = Observed(options.board), ReferenceKept()
    machine = None if os.environ.get("DLGRAPH_MACHINE") else dlgraph.Emulated(board=options.board)
    epochs, energies, wall_seconds, equal = [], [], 0.0, True
    with (dlgraph.from_keras(on_machine, machine, seed, executor_factory=observed) as net,
          dlgraph.from_keras(on_host, machine, seed, executor_factory=kept) as twin):
        for epoch in range(options.epochs):
            start = time.monotonic()
            history = net.train(x, y, epochs=1, batch_size=batch)
            wall = time.monotonic() - start
            wall_seconds += wall
            seconds = sum(history.machine_seconds)
            energies.append(observed.epoch_energy(seconds))

            expected = twin.train(x, y, epochs=1, batch_size=batch, verbose=0)
            equal = (equal and same_bits(observed.executor.parameters(), kept.executor.parameters())
                     and history.history == expected.history)
            order = net.order(epoch)
            in_float.fit(x[order], y[order], batch_size=batch, epochs=1, shuffle=False, verbose=0)
            epochs.append({
                "train": history.history["accuracy"][0],
                "loss": history.history["loss"][0],
                "test": twin.evaluate(test_x, test_y, verbose=0, return_dict=True)["accuracy"],
                "test_float": float(in_float.evaluate(test_x, test_y, verbose=0, return_dict=True)["accuracy"]),
                "machine_seconds": seconds,
                "wall_seconds": wall,
                "predicted_seconds": observed.predicted_seconds_per_sample * len(x)})
        where = Machine(net.machine, observed.target.emulated, options.board, observed.network_cores,
                        observed.loaded_cores)
        figures = {"packets_repeated_in_last_epoch": observed.repeated}
        evaluated = net.evaluate(test_x, test_y, return_dict=True)
        equal_evaluation = evaluated == twin.evaluate(test_x, test_y, verbose=0, return_dict=True)

    machine_seconds = sum(epoch["machine_seconds"] for epoch in epochs)
    checks = {"equal_to_reference": equal, "evaluation_equal_to_reference": equal_evaluation}
    if options.samples >= len(x) == 60_000:
        checks["samples_per_s"] = len(x) * options.epochs >= SAMPLES_PER_S * machine_seconds
        checks["wall_seconds"] = wall_seconds <= WALL_SECONDS * options.epochs
        checks["accuracy"] = epochs[-1]["test"] >= epochs[-1]["test_float"] - ACCURACY_POINTS
    return Result(
        benchmark="train_mnist", machine=where, seed=seed, batch=batch, samples=len(x), epochs=options.epochs,
        network="-".join(map(str, [x[0].size, *options.layers, 10])), machine_seconds=machine_seconds,
        wall_seconds=wall_seconds, accuracy=epochs, checks=checks, figures=figures, energy=total(energies))


def total(energies: list[Energy | None]) -> Energy | None:
    """The sum, where all are known."""
    known = [each for each in energies if each is not None]
    if len(known) < len(energies):
        return None
    return Energy(*(sum(getattr(each, name) for each in known)
                    for name in ("board_idle", "cores", "packets", "cores_awake")))


def show(record: dict) -> None:
    """The result in words."""
    machine = record["machine"]
    print(f"\n{record['network']}, batches of {record['batch']}, {record['epochs']} x {record['samples']} samples, on the "
          f"{machine['description']}, {machine['network_cores']} cores:")
    print(f"  machine time {record['machine_seconds']:.3f} s, {record['samples_per_s']:.0f} samples/s; "
          f"wall time {record['wall_seconds']:.1f} s on {record['host']['cpus']} CPUs")
    if record["energy"]:
        parts, n = record["energy"], record["samples"] * record["epochs"]
        print(f"  {1e3 * record['joules_per_sample']:.3f} mJ per sample by published figures: board "
              f"{1e3 * parts['board_idle'] / n:.3f}, cores {1e3 * parts['cores'] / n:.3f} (awake only "
              f"{1e3 * parts['cores_awake'] / n:.3f}), packets {1e3 * parts['packets'] / n:.3f}")
    for number, epoch in enumerate(record["accuracy"], 1):
        print(f"  epoch {number}: test accuracy {epoch['test']:.2%}, Keras in floating point {epoch['test_float']:.2%}; cost "
              f"model {epoch['predicted_seconds']:.3f} s, machine {epoch['machine_seconds']:.3f} s")
    for name, held in record["checks"].items():
        print(f"  {name}: {'yes' if held else 'NO'}")


def main(arguments: list[str] | None = None) -> int:
    """Run, show, write; 1 if a check failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=60_000, help="training samples; the first so many")
    parser.add_argument("--test-samples", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--layers", type=int, nargs="*", default=[128], metavar="UNITS", help="hidden layers")
    parser.add_argument("--board", choices=["spinn5", "spinn3"], default="spinn5")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, metavar="FILE", help="mnist.npz, instead of the one that Keras loads")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "benchmarks" / "train_mnist.json")
    options = parser.parse_args(arguments)

    result = run(options)
    result.write(options.out)
    show(result.as_json())
    print(f"  written to {os.path.relpath(options.out)}")
    return 0 if all(result.checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
