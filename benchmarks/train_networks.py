"""Trains one of the networks of LeCun et al. 1998 on MNIST: on one board, on the reference, and in floating-point Keras.

All three start from the same weights and use the samples in the same order.  Machine and reference must agree in every bit
after every epoch.  Written are a record, NETWORK.json, and its training curve, NETWORK.svg.

    python benchmarks/train_networks.py --network lenet5 --epochs 3 --data mnist.npz --output benchmarks/results
    python benchmarks/train_networks.py --network lenet1 --samples 2000 --reference --data digits --output build

With ``--reference`` no machine takes part: the reference computes what a machine would.  With ``--checkpoint FOLDER`` a recording
that was interrupted goes on when the same command is given again; the record says after which epochs.
"""
from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402

import dlgraph  # noqa: E402
from course import Course, ReferenceKept  # noqa: E402
from curves import draw  # noqa: E402
from dlgraph import data, networks  # noqa: E402
from dlgraph.benchmark.observed import Observed  # noqa: E402
from dlgraph.binaries import translated_binaries  # noqa: E402
from dlgraph.energy import Energy  # noqa: E402
from dlgraph.networks.boosted import BoostedLeNet4  # noqa: E402
from result import Machine, Result  # noqa: E402
from spinnemu.translations import library  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
#: Name -> makes the model from a seed and further options.
MODELS: dict[str, Callable[..., Any]] = {
    "mlp_300": lambda **options: networks.mlp(300, **options),
    "mlp_300_100": lambda **options: networks.mlp(300, 100, **options),
    "lenet1": networks.lenet1,
    "lenet4": networks.lenet4,
    "lenet5": networks.lenet5,
}
BOOSTED = "boosted_lenet4"
#: How far behind floating point a full run may be.
ACCURACY_POINTS = 0.003


@dataclass
class Trained:
    """A training on the machine or on the reference.

    :param sets: of each network: samples and labels
    :param orders: of each network and epoch, which sample each position used
    """

    course: Course
    sets: list[tuple[np.ndarray, np.ndarray]]
    orders: list[list[np.ndarray]]
    evaluation: dict[str, float]
    wall_seconds: float
    where: str
    n_candidates: list[int]


#: Samples, from which on the minutes that a translation of Thumb code takes are won back.
WORTH_TRANSLATING = 10_000


class One:
    """A single network."""

    def __init__(self, options: argparse.Namespace, recipe: networks.Recipe) -> None:
        self.options, self.recipe = options, recipe

    def model(self, seed: int) -> Any:
        model = MODELS[self.options.network](seed=seed, **_activation(self.options))
        networks.compile_model(model, self.recipe)
        return model

    def models(self) -> list[Any]:
        """Keras models as training starts from them."""
        return [self.model(self.options.seed)]

    def checkpoint(self, factory: Any) -> Path | None:
        """The folder for checkpoints of the training on the machine, or of that on the reference; None for none."""
        if self.options.checkpoint is None:
            return None
        where = "reference" if isinstance(factory, ReferenceKept) else "machine"
        folder: Path = self.options.checkpoint / f"{self.options.network}_{where}"
        return folder

    def train(self, x: np.ndarray, y: np.ndarray, test: tuple[np.ndarray, np.ndarray], machine: Any, factory: Any,
              course: Course, verbose: Any) -> Trained:
        options, recipe = self.options, self.recipe
        whole = dlgraph.from_keras(self.model(options.seed), machine, options.seed, executor_factory=factory)
        with whole.reference() if options.reference else whole as net:
            course.networks = [net]
            folder = self.checkpoint(factory)
            course.begin()
            net.train(x, y, epochs=options.epochs, batch_size=recipe.batch_size, callbacks=[*recipe.callbacks(), course],
                      verbose=verbose, checkpoint=folder and folder / "network_1.npz")
            wall = course.wall_seconds
            return Trained(course, [(x, y)], [[net.order(epoch) for epoch in range(options.epochs)]],
                           net.evaluate(*test, verbose=verbose, return_dict=True), wall, net.machine, [])


class Three(One):
    """The boosted LeNet-4."""

    def model(self, seed: int) -> Any:
        model = networks.lenet4(seed=seed, **_activation(self.options))
        networks.compile_model(model, self.recipe)
        return model

    def models(self) -> list[Any]:
        return self._boosted(None, ReferenceKept()).models

    def train(self, x: np.ndarray, y: np.ndarray, test: tuple[np.ndarray, np.ndarray], machine: Any, factory: Any,
              course: Course, verbose: Any) -> Trained:
        options, recipe = self.options, self.recipe
        whole = self._boosted(machine, factory)
        with whole.reference() if options.reference else whole as boosted:
            course.networks = boosted.networks
            course.begin()
            history = boosted.train(x, y, epochs=options.epochs, batch_size=recipe.batch_size, verbose=verbose,
                                    callbacks=[*recipe.callbacks(), course], keep_sets=True,
                                    checkpoint=self.checkpoint(factory))
            wall = course.wall_seconds
            chosen = [(each.x, each.y) for each in history.selections]
            return Trained(course, [(x, y), *chosen][:boosted.n_trained],
                           [[net.order(epoch) for epoch in range(options.epochs)]
                            for net in boosted.networks[:boosted.n_trained]],
                           boosted.evaluate(*test, verbose=verbose, return_dict=True), wall, boosted.machine,
                           history.n_candidates)

    def _boosted(self, machine: Any, factory: Any) -> BoostedLeNet4:
        return BoostedLeNet4(machine, self.options.seed, member=self.model, executor_factory=factory)


def _activation(options: argparse.Namespace) -> dict[str, str]:
    return {"activation": options.activation} if options.activation else {}


def images(options: argparse.Namespace) -> tuple[data.DataSet, str]:
    """The data set, and what it is in words that name no folder."""
    if options.data == "digits":
        found = data.digits()
        return found, found.description
    found = data.mnist(options.data)
    return found, f"MNIST, from {Path(options.data).name if options.data else 'the cache of Keras'}"


def train_in_floating_point(models: list[Any], trained: Trained, recipe: networks.Recipe,
                            test: tuple[np.ndarray, np.ndarray]) -> list[dict[str, float]]:
    """The same in Keras; returns what it adds to each epoch."""
    found = []
    for model, (x, y), orders in zip(models, trained.sets, trained.orders, strict=False):
        for epoch, order in enumerate(orders):
            model.optimizer.learning_rate = recipe.rate(epoch)
            history = model.fit(x[order], y[order], batch_size=recipe.batch_size, shuffle=False, verbose=0)
            accuracy = model.evaluate(*test, verbose=0, return_dict=True)["accuracy"]
            found.append({"loss_float": float(history.history["loss"][0]), "test_float": float(accuracy)})
    return found


def added(models: list[Any], test: tuple[np.ndarray, np.ndarray]) -> float:
    """Accuracy of the sum of the models' outputs."""
    total = sum(np.asarray(model.predict(test[0], verbose=0)) for model in models)
    return float((total.argmax(axis=1) == test[1]).mean())


def run(options: argparse.Namespace) -> Result:
    """Train, compare."""
    found, words = images(options)
    scale = np.float32(255)
    x, y = found.x_train[:options.samples] / scale, found.y_train[:options.samples]
    test = (found.x_test[:options.test_samples] / scale, found.y_test[:options.test_samples])
    recipe = replace(networks.RECIPES[options.network], **{name: value for name, value in (
        ("learning_rate", options.rate), ("momentum", options.momentum), ("decay", options.decay), ("batch_size", options.batch))
        if value is not None})
    kind = (Three if options.network == BOOSTED else One)(options, recipe)
    checks: dict[str, bool] = {}
    if options.reference:
        trained = kind.train(x, y, test, None, ReferenceKept(), Course(None, test), "auto")
        where, energies = None, []
    else:
        observed = Observed(options.board)
        machine = None
        if not os.environ.get("DLGRAPH_MACHINE"):
            machine = dlgraph.Emulated(board=options.board, threads=options.threads)
            if len(x) * options.epochs >= WORTH_TRANSLATING:
                library((path.read_bytes() for path in translated_binaries()), thumb=True)      # else the first run is without
        trained = kind.train(x, y, test, machine, observed, Course(observed, test), "auto")
        kept = ReferenceKept()
        expected = kind.train(x, y, test, machine, kept, Course(kept, None), 0)
        checks["equal_to_reference"] = _same(trained.course, expected.course)
        checks["evaluation_equal_to_reference"] = trained.evaluation == expected.evaluation
        where = Machine(trained.where, observed.target.emulated, options.board, *trained.course.cores)
        energies = trained.course.energies

    models = kind.models()
    in_float = train_in_floating_point(models, trained, recipe, test)
    epochs = [{**entry, **floats, "samples": len(trained.sets[int(entry["member"]) - 1][0])}
              for entry, floats in zip(trained.course.entries, in_float, strict=True)]
    for epoch in epochs:
        if "predicted_seconds" in epoch:
            epoch["predicted_seconds"] *= epoch["samples"]
    accuracy, accuracy_float = trained.evaluation["accuracy"], added(models[:len(trained.sets)], test)
    if len(x) == 60_000 and len(test[0]) == 10_000:
        checks["accuracy"] = accuracy >= accuracy_float - ACCURACY_POINTS
    published = networks.PUBLISHED[options.network]
    figures = {
        "test_error_percent": 100 * (1 - accuracy), "test_error_percent_float": 100 * (1 - accuracy_float),
        "published_error_percent": None if options.data == "digits" else published.error or published.distorted_error,
        "parameters": sum(map(networks.parameters, models)), "connections": sum(map(networks.connections, models)),
        **{f"candidates_{i}": n for i, n in enumerate(trained.n_candidates, 1) if i > 1}}
    return Result(
        benchmark="train_networks", machine=where, seed=options.seed, network=options.network, batch=recipe.batch_size,
        samples=len(x), epochs=options.epochs, machine_seconds=sum(epoch["machine_seconds"] for epoch in epochs),
        wall_seconds=trained.wall_seconds, accuracy=epochs, checks=checks, energy=total(energies), figures=figures, data=words,
        resumed_after=trained.course.resumed_after,
        hyperparameters={"optimiser": "SGD", "learning_rate": recipe.learning_rate, "momentum": recipe.momentum,
                         "decay": recipe.decay, "activation": kind.models()[0].layers[1 if "mlp" in options.network else 0]
                         .activation.__name__})


def _same(one: Course, other: Course) -> bool:
    """Whether parameters, loss and accuracy were equal after every epoch."""
    return (one.digests == other.digests
            and [(e["train"], e["loss"]) for e in one.entries] == [(e["train"], e["loss"]) for e in other.entries])


def total(energies: list[Energy | None]) -> Energy | None:
    """The sum, where all are known."""
    known = [each for each in energies if each is not None]
    if not known or len(known) < len(energies):
        return None
    return Energy(*(sum(getattr(each, name) for each in known)
                    for name in ("board_idle", "cores", "packets", "cores_awake")))


def resumed(record: dict[str, Any]) -> str:
    """After which epochs another process went on."""
    return "resumed from checkpoints after epoch " + ", ".join(map(str, record["resumed_after"]))


def show(record: dict[str, Any]) -> None:
    """The result in words."""
    machine, figures = record["machine"], record["figures"]
    where = f"the {machine['description']}, {machine['network_cores']} cores" if machine else "the reference on this computer"
    print(f"\n{record['network']}, batches of {record['batch']}, {record['epochs']} x {record['samples']} samples, on {where}:")
    if machine:
        joules = record["joules_per_sample"]
        print(f"  machine time {record['machine_seconds']:.3f} s, {record['samples_per_s']:.0f} samples/s"
              + (f", {1e3 * joules:.3f} mJ per sample by published figures" if joules is not None else ""))
    print(f"  wall time {record['wall_seconds']:.1f} s on {record['host']['cpus']} CPUs")
    if record["resumed_after"]:
        print(f"  in {len(record['resumed_after']) + 1} processes: {resumed(record)}")
    for number, epoch in enumerate(record["accuracy"], 1):
        print(f"  epoch {number}: test error {1 - epoch['test']:.2%}, Keras in floating point {1 - epoch['test_float']:.2%}")
    published = figures["published_error_percent"]
    print(f"  at the end {figures['test_error_percent']:.2f}%, in floating point {figures['test_error_percent_float']:.2f}%"
          + (f", published {published:g}%" if published is not None else ""))
    for name, held in record["checks"].items():
        print(f"  {name}: {'yes' if held else 'NO'}")


def main(arguments: list[str] | None = None) -> int:
    """Run, show, write, draw; 1 if a check failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=[*MODELS, BOOSTED], required=True)
    parser.add_argument("--epochs", type=int, default=3, help="of each network")
    parser.add_argument("--data", metavar="PATH", help="mnist.npz or a folder of idx files, in place of Keras' cache; "
                                                       "'digits' for scikit-learn's")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "benchmarks", metavar="DIR")
    parser.add_argument("--samples", type=int, help="training samples; the first so many")
    parser.add_argument("--test-samples", type=int)
    parser.add_argument("--reference", action="store_true", help="without a machine")
    parser.add_argument("--board", choices=["spinn5", "spinn3"], default="spinn5")
    parser.add_argument("--threads", type=int, choices=[1, 2], default=1, help="of this computer, for an emulated board")
    parser.add_argument("--checkpoint", type=Path, metavar="FOLDER", help="to go on from where an earlier run ended, and to write")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--activation", choices=["tanh", "relu"], help="of hidden layers, in place of the network's own")
    for name, kind in (("rate", float), ("momentum", float), ("decay", float), ("batch", int)):
        parser.add_argument(f"--{name}", type=kind, help="in place of the recipe's")
    options = parser.parse_args(arguments)
    try:
        result = run(options)
    except dlgraph.DlgraphError as error:
        sys.exit(str(error))
    path = options.output / f"{options.network}.json"
    result.write(path)
    record = result.as_json()
    draw(record, path.with_suffix(".svg"))
    show(record)
    print(f"  written to {os.path.relpath(path)}, drawn in {path.with_suffix('.svg').name}")
    return 0 if all(result.checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
