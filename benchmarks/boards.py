"""The same network on one board and on three: cycles per sample beside what the cost model expects, and what it expects of more.

    python benchmarks/boards.py --network lenet1 --samples 256 --batch 128 --out benchmarks/results/boards.json

Each machine trains one epoch of the same samples, cut as the cost model likes best for it; weights must be those of the reference,
bit for bit.  Emulated are one SpiNN-5 board and three of them; replicas of a network spread over all chips that there are.  Larger
machines are a prediction: the cost model's cycles per sample for their cores, which the rows of the machines that were emulated let
one judge.  Samples are made up: random images with as many zeros as MNIST's.
"""
from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402

import dlgraph  # noqa: E402
from course import ReferenceKept  # noqa: E402
from dlgraph import networks  # noqa: E402
from dlgraph.benchmark.observed import Observed  # noqa: E402
from dlgraph.errors import DoesNotFit  # noqa: E402
from dlgraph.mapping.planning import cores_of, plan_for_board  # noqa: E402
from dlgraph.mapping.stages import find_stages  # noqa: E402
from dlgraph.progress import MACHINE_HZ  # noqa: E402
from result import checkout_state, command_line, conclude, host  # noqa: E402
from spinnemu import boards as layout  # noqa: E402

MODELS = {"mlp_300": lambda seed: networks.mlp(300, seed=seed), "mlp_300_100": lambda seed: networks.mlp(300, 100, seed=seed),
          "lenet1": lambda seed: networks.lenet1(seed=seed), "lenet4": lambda seed: networks.lenet4(seed=seed),
          "lenet5": lambda seed: networks.lenet5(seed=seed)}
#: Share of MNIST's pixels that are not zero.
DENSITY = 0.19
EMULATED = (1, 3)


@dataclass(frozen=True)
class Row:
    """One machine.

    :param boards: SpiNN-5
    :param cores: that the network takes
    :param replicas: copies of the network that share a batch
    :param predicted: cycles per sample of the cost model
    :param measured: emulated cycles per sample of the epoch; None: only predicted
    :param used_chips: that hold a core of the network
    :param used_boards: likewise
    :param wall_seconds: of it all, starting and loading included
    """

    boards: int
    cores: int
    replicas: int
    predicted: float
    measured: float | None = None
    used_chips: int | None = None
    used_boards: int | None = None
    wall_seconds: float | None = None


def images(n: int, shape: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random 8-bit images and labels."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(1, 256, (n, *shape)) * (rng.random((n, *shape)) < DENSITY)
    return (pixels / 255).astype(np.float32), rng.integers(0, 10, n)


@dataclass(frozen=True)
class Trained:
    """One epoch of the network on some machine.

    :param seconds: machine time; 0 of the reference
    :param chips: that hold a core
    """

    weights: list[np.ndarray]
    seconds: float
    chips: frozenset[tuple[int, int]]


def train(options: argparse.Namespace, machine: Any, factory: Any) -> Trained:
    """One epoch from the same start."""
    model = MODELS[options.network](options.seed)
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    X, y = images(options.samples, model.input_shape[1:], options.seed)
    with dlgraph.from_keras(model, machine, options.seed, executor_factory=factory) as net:
        history = net.train(X, y, epochs=1, batch_size=options.batch, verbose=0)
        chips = frozenset(core.chip for core in net.report().cores if core.chip is not None)
    return Trained([np.array(weight) for weight in model.get_weights()], history.machine_seconds[0], chips)


def measure(options: argparse.Namespace, n_boards: int, expected: list[np.ndarray]) -> tuple[Row, bool]:
    """One machine's row, and whether the weights are the reference's."""
    observed = Observed("spinn5")
    begun = time.monotonic()
    found = train(options, dlgraph.Emulated(boards=n_boards, threads=options.threads), observed)
    wall = time.monotonic() - begun
    chosen = observed.executor.chosen
    used = {layout.on_its_board(*chip, n_boards)[0] for chip in found.chips}
    row = Row(n_boards, len(chosen.plan.cores), chosen.plan.cut.replicas, chosen.cycles_per_sample,
              found.seconds * MACHINE_HZ / options.samples, len(found.chips), len(used), wall)
    return row, all(np.array_equal(a, b) for a, b in zip(found.weights, expected, strict=True))


def predict(options: argparse.Namespace, n_boards: int, graph: Any) -> Row | None:
    """What the cost model expects of a machine; None where it does not fit."""
    try:
        chosen = plan_for_board(graph, find_stages(graph), cores_of("5", n_boards), options.batch, DENSITY, boards=n_boards)
    except DoesNotFit:
        return None
    return Row(n_boards, len(chosen.plan.cores), chosen.plan.cut.replicas, chosen.cycles_per_sample)


def main(arguments: list[str] | None = None) -> int:
    """Train, predict, show, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=sorted(MODELS), default="lenet1")
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, choices=(1, 2), default=1, help="of this computer, for the emulated machines")
    parser.add_argument("--larger", type=int, nargs="*", default=[6, 12, 24], metavar="BOARDS", help="machines that are predicted")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the record")
    options = parser.parse_args(arguments)
    if options.samples < 1 or options.batch < 1 or any(boards < 1 for boards in options.larger):
        parser.error("samples, batch and numbers of boards are 1 or more")
    reference = ReferenceKept()
    expected = train(options, None, reference).weights
    rows, checks = [], {}
    for n_boards in EMULATED:
        row, equal = measure(options, n_boards, expected)
        rows.append(row)
        checks[f"on {n_boards} board{'s' * (n_boards > 1)} the weights are the reference's"] = equal
    checks["three boards are used"] = rows[-1].used_boards == EMULATED[-1]
    graph = reference.executor.graph
    rows += [row for n_boards in options.larger if (row := predict(options, n_boards, graph)) is not None]
    for row in rows:
        shown = "" if row.measured is None else (f", {row.measured:,.0f} emulated, on {row.used_chips} chips of {row.used_boards} "
                                                 f"board{'s' * (row.used_boards != 1)}")
        print(f"{row.boards:4} boards: {row.cores} cores, {row.replicas} replicas, {row.predicted:,.0f} cycles a sample "
              f"predicted{shown}")
    commit, modified = checkout_state()
    record: dict[str, Any] = {
        "schema_version": 1, "benchmark": "boards", "command": command_line(sys.argv), "commit": commit, "modified": modified,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "host": host(), "network": options.network,
        "samples": options.samples, "batch": options.batch, "seed": options.seed, "checks": checks,
        "rows": [{name: value for name, value in asdict(row).items() if value is not None} for row in rows]}
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
    return conclude(record, checks, options.out)


if __name__ == "__main__":
    sys.exit(main())
