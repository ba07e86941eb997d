"""How fast the emulated machine runs a real training: instructions per second of one host core, devices included.

    python benchmarks/emulator_speed.py [--samples 4000] [--kernel-samples 3000] [--passes 3] [--out FILE]

Trains two networks on made-up samples and measures passes alone: what the machine executed, and how long that took by the
clock.  Of several passes the median counts; least and most stand beside it.

* ``kernel_bound``: 784-384-10 on a SpiNN-3, none of its inputs zero.  Its weights fill the board, so that most of what the
  cores execute are the fully connected kernels.  The check ``million_instructions_per_s`` is about this one.
* ``packet_bound``: 784-128-10 on a SpiNN-5, 19% of the inputs not zero, as in MNIST.  Spread over a hundred cores, it mostly
  sends and receives packets.

Beside them, as a yardstick of this computer in the same run, the plain C form of the forward kernel, built for the host.
"""
from __future__ import annotations

import argparse
import ctypes
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlgraph import formats
from dlgraph.binaries import translated_binaries
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import Activation, DenseLayer, LayerGraph, Loss, Metric, Samples, Sgd
from dlgraph.energy import system_cores
from dlgraph.machines import Emulated
from spinnemu.translations import library

sys.path.insert(0, str(Path(__file__).resolve().parent))
from result import Machine, Result  # noqa: E402

KERNELS = Path(__file__).resolve().parent.parent / "c_models" / "kernels"
LEARNING_RATE = 0.1
BATCH = 32
SEED = 0
WANTED_MIPS = 300               #: million instructions per second of one host core


@dataclass(frozen=True)
class Training:
    """A network, and where it is trained."""

    board: str
    n_hidden: int
    density: float              #: share of the inputs that are not zero

    @property
    def network(self) -> str:
        return f"784-{self.n_hidden}-10"


KERNEL_BOUND = Training("spinn3", 384, 1.0)
PACKET_BOUND = Training("spinn5", 128, 0.19)


def make_graph(rng: np.random.Generator, n_hidden: int) -> LayerGraph:
    layers = []
    for name, n_in, n_out, activation in (
            ("hidden", 784, n_hidden, Activation.RELU), ("output", n_hidden, 10, Activation.SOFTMAX)):
        limit = np.sqrt(6 / (n_in + n_out))
        weights = formats.weights_from_float(rng.uniform(-limit, limit, (n_in, n_out)), name)
        layers.append(DenseLayer(name, weights, np.zeros(n_out, np.int32), True, activation,
                                 input_fraction=formats.INPUT_FRACTION))
    return LayerGraph(layers, Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False, Metric.SPARSE_CATEGORICAL_ACCURACY,
                      Sgd(LEARNING_RATE))


def make_samples(rng: np.random.Generator, n: int, density: float) -> Samples:
    x = rng.integers(1, 256, (n, 784)) / 255 * (rng.random((n, 784)) < density)
    codes, table = formats.encode_inputs(formats.inputs_from_float(x, formats.INPUT_FRACTION))
    return Samples(codes, table, rng.integers(0, 10, n).astype(np.int32))


def host_kernel_rate(rng: np.random.Generator) -> float:
    """Million multiply-adds per second of ``dense_forward_c``, 98 x 32, built by gcc -O2 for this computer."""
    rows, columns, calls = 98, 32, 20000
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "dense.so"
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", f"-I{KERNELS}", str(KERNELS / "dense.c"), "-o", str(library)],
                       check=True)
        kernel = ctypes.CDLL(str(library)).dense_forward_c
        kernel.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_uint32] * 2
        kernel.restype = None
        sums = np.zeros(columns, np.int32)
        weights = rng.integers(-2**20, 2**20, (rows, columns)).astype(np.int32)
        x = rng.integers(1, 2**8, rows).astype(np.int16)
        start = time.perf_counter()
        for _ in range(calls):
            kernel(sums.ctypes.data, weights.ctypes.data, x.ctypes.data, rows, columns)
        return rows * columns * calls / (time.perf_counter() - start) / 1e6


@dataclass(frozen=True)
class Timed:
    """A run of the machine."""

    seconds: float
    instructions: int
    emulated_seconds: float

    @property
    def million_instructions_per_s(self) -> float:
        return self.instructions / self.seconds / 1e6


class PassTimer:
    """Times the machine's runs by themselves, without what the host loads before and reads after."""

    def __init__(self, executor: GfeExecutor, machine: Any) -> None:
        self.runs: list[Timed] = []
        session = executor.session
        run_pass = session.run_pass

        def timed() -> None:
            before, start = machine.counters(), time.perf_counter()
            run_pass()
            seconds = time.perf_counter() - start
            after = machine.counters()
            self.runs.append(Timed(seconds, after.instructions - before.instructions, after.seconds - before.seconds))

        session.run_pass = timed          # type: ignore[method-assign]


def resident_bytes(process: int) -> int:
    """Memory that the engine holds."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


@dataclass(frozen=True)
class Pass:
    """What was measured of a training."""

    machine: Machine
    machine_seconds: float
    accuracy: list[dict[str, float]]
    figures: dict[str, float | None]


def train(training: Training, n_samples: int, n_passes: int) -> Pass:
    rng = np.random.default_rng(SEED)
    graph = make_graph(rng, training.n_hidden)
    samples, few = (make_samples(rng, n, training.density) for n in (n_samples, 64))
    target = Emulated(board=training.board).target()
    target.start()
    executor = GfeExecutor(graph, target)
    try:
        executor.prepare([few, samples])
        executor.train_epoch(few, 0, BATCH, True, LEARNING_RATE)          # maps and loads
        timer = PassTimer(executor, target.machine)
        results = [executor.train_epoch(samples, 1 + number, BATCH, True, LEARNING_RATE) for number in range(n_passes)]
        rates = [run.million_instructions_per_s for run in timer.runs]
        typical = sorted(timer.runs, key=lambda run: run.million_instructions_per_s)[n_passes // 2]
        figures: dict[str, float | None] = {
            "million_instructions_per_s": typical.million_instructions_per_s,
            "million_instructions_per_s_least": min(rates), "million_instructions_per_s_most": max(rates),
            "instructions": typical.instructions, "pass_wall_seconds": typical.seconds,
            "pass_emulated_seconds": typical.emulated_seconds}
        tested = executor.forward(few, keep_outputs=False)
        figures["engine_memory_bytes"] = resident_bytes(target.machine.process_id)
        n_cores = len(executor.results)
    finally:
        executor.close()
    return Pass(
        Machine(target.description, True, training.board, n_cores, n_cores + system_cores(training.board)),
        sum(result.machine_cycles for result in results) / 200e6,
        # of random labels
        [{"train": result.n_correct / n_samples, "test": tested.n_correct / len(few)} for result in results],
        figures)


def measure(n_kernel_samples: int, n_packet_samples: int, n_passes: int) -> Result:
    library((path.read_bytes() for path in translated_binaries()), thumb=True)      # else the first run is without
    started = time.perf_counter()
    kernel_bound = train(KERNEL_BOUND, n_kernel_samples, n_passes)
    packet_bound = train(PACKET_BOUND, n_packet_samples, n_passes)
    figures = {f"{name}_{figure}": value for name, found in (("kernel_bound", kernel_bound), ("packet_bound", packet_bound))
               for figure, value in found.figures.items()}
    memory = [figures[f"{name}_engine_memory_bytes"] or 0 for name in ("kernel_bound", "packet_bound")]
    return Result(
        benchmark="emulator_speed", machine=kernel_bound.machine, seed=SEED,
        network=f"kernel_bound: {KERNEL_BOUND.network}, packet_bound: {PACKET_BOUND.network}", batch=BATCH,
        samples=n_kernel_samples, epochs=n_passes, machine_seconds=kernel_bound.machine_seconds,
        wall_seconds=time.perf_counter() - started, accuracy=kernel_bound.accuracy,
        checks={"million_instructions_per_s": (figures["kernel_bound_million_instructions_per_s"] or 0) >= WANTED_MIPS,
                "memory": max(memory) < 1 << 30},
        figures={**figures, "packet_bound_samples": n_packet_samples,
                 "host_kernel_million_multiply_adds_per_s": host_kernel_rate(np.random.default_rng(SEED))})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=4000, help="of the packet-bound training")
    parser.add_argument("--kernel-samples", type=int, default=3000, help="of the kernel-bound training")
    parser.add_argument("--passes", type=int, default=3, help="of each")
    parser.add_argument("--out", type=Path, help="write the record as JSON")
    options = parser.parse_args()
    record = measure(options.kernel_samples, options.samples, options.passes)
    for name, value in record.figures.items():
        print(f"{name:44} {value:.6g}")
    for name, held in record.checks.items():
        print(f"{name:44} {'yes' if held else 'no'}")
    if options.out:
        record.write(options.out)


if __name__ == "__main__":
    main()
