"""The same network on one board and on three: cycles per sample beside what the cost model expects, and what it expects of more.

    python benchmarks/boards.py --network lenet5 --samples 512 --batch 128 --out benchmarks/results/boards.json

Each machine trains one epoch of the same samples, cut as the cost model likes best for it; weights must be those of the reference,
bit for bit.  Emulated are one SpiNN-5 board and three of them.  Larger machines are a prediction: the cost model's cycles per sample
for their cores, which the rows of the machines that were emulated let one judge.  Samples are made up: random images with as many
zeros as MNIST's.
"""
from __future__ import annotations

import argparse
import json
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
from dlgraph import networks  # noqa: E402
from dlgraph.benchmark.observed import Observed  # noqa: E402
from dlgraph.errors import DoesNotFit  # noqa: E402
from dlgraph.mapping.planning import cores_of, plan_for_board  # noqa: E402
from dlgraph.mapping.stages import find_stages  # noqa: E402
from result import checkout_state, command_line, conclude, host  # noqa: E402

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


def trained(options: argparse.Namespace, machine: Any, observed: Observed | None) -> tuple[list[np.ndarray], Any]:
    """Weights after an epoch, and the history."""
    model = MODELS[options.network](options.seed)
    X, y = images(options.samples, model.input_shape[1:], options.seed)
    more = {} if observed is None else {"executor": observed}
    with dlgraph.from_keras(model, machine=machine, **more) as net:
        history = net.train(X, y, epochs=1, batch_size=options.batch, verbose=0)
        return [np.array(weight) for weight in model.get_weights()], history


def board_of(x: int, y: int) -> tuple[int, int]:
    """The chip with the Ethernet of a chip's board, of the three."""
    from spinnemu import boards
    return boards.TRIAD[boards.on_its_board(x, y, 3)[0]]


def measure(options: argparse.Namespace, n_boards: int, expected: list[np.ndarray]) -> tuple[Row, bool]:
    """One machine's row, and whether the weights are the reference's."""
    observed = Observed("spinn5")
    begun = time.monotonic()
    found, history = trained(options, dlgraph.Emulated(boards=n_boards, threads=options.threads), observed)
    wall = time.monotonic() - begun
    executor = observed.executor
    chips = {work.chip for work in executor.work() if work.chip is not None}
    used = {board_of(*chip) for chip in chips} if n_boards > 1 else {(0, 0)}
    cycles = history.machine_seconds[0] * dlgraph.progress.MACHINE_HZ / options.samples
    row = Row(n_boards, len(executor.chosen.plan.cores), executor.chosen.plan.cut.replicas, executor.chosen.cycles_per_sample, cycles,
              len(chips), len(used), wall)
    return row, all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
