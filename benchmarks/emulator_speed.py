"""How fast the emulated machine runs a real training: instructions per second of one host core, devices included.

    python benchmarks/emulator_speed.py [--samples 4000] [--out FILE]

Trains 784-128-10 on made-up digits (19% of the inputs not zero, as in MNIST) on an emulated SpiNN-5 and measures the pass alone:
what the machine executed, and how long the pass took by the clock.  Beside it, as a yardstick of this computer in the same
run, the plain C form of the forward kernel, built for the host.
"""
from __future__ import annotations

import argparse
import ctypes
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from dlgraph import formats
from dlgraph.binaries import translated_binaries
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import Activation, DenseLayer, LayerGraph, Loss, Metric, Samples, Sgd
from dlgraph.machines import Emulated
from spinnemu.translations import library

sys.path.insert(0, str(Path(__file__).resolve().parent))
from energy import system_cores  # noqa: E402
from result import Machine, Result  # noqa: E402

KERNELS = Path(__file__).resolve().parent.parent / "c_models" / "kernels"
DENSITY = 0.19
LEARNING_RATE = 0.1
BATCH = 32
SEED = 0
BOARD = "spinn5"
WANTED_MIPS = 300               #: million instructions per second of one host core


def make_graph(rng: np.random.Generator) -> LayerGraph:
    layers = []
    for name, n_in, n_out, activation in (("hidden", 784, 128, Activation.RELU), ("output", 128, 10, Activation.SOFTMAX)):
        limit = np.sqrt(6 / (n_in + n_out))
        weights = formats.weights_from_float(rng.uniform(-limit, limit, (n_in, n_out)), name)
        layers.append(DenseLayer(name, weights, np.zeros(n_out, np.int32), True, activation,
                                 input_fraction=formats.INPUT_FRACTION))
    return LayerGraph(layers, Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False, Metric.SPARSE_CATEGORICAL_ACCURACY,
                      Sgd(LEARNING_RATE))


def make_samples(rng: np.random.Generator, n: int) -> Samples:
    x = rng.integers(1, 256, (n, 784)) / 255 * (rng.random((n, 784)) < DENSITY)
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


class PassTimer:
    """Times the machine's runs by themselves, without what the host loads before and reads after."""

    def __init__(self, executor: GfeExecutor, machine: Any) -> None:
        self.seconds = 0.0
        self.instructions = 0
        self.emulated_seconds = 0.0
        session = executor.session
        run_pass = session.run_pass

        def timed() -> None:
            before, start = machine.counters(), time.perf_counter()
            run_pass()
            self.seconds = time.perf_counter() - start
            after = machine.counters()
            self.instructions = after.instructions - before.instructions
            self.emulated_seconds = after.seconds - before.seconds

        session.run_pass = timed          # type: ignore[method-assign]


def resident_bytes(process: int) -> int:
    """Memory that the engine holds."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def measure(n_samples: int) -> Result:
    rng = np.random.default_rng(SEED)
    graph, samples = make_graph(rng), make_samples(rng, n_samples)
    library(path.read_bytes() for path in translated_binaries())      # else the first run is without
    target = Emulated(board=BOARD).target()
    started = time.perf_counter()
    target.start()
    executor = GfeExecutor(graph, target)
    try:
        few = make_samples(rng, 64)
        executor.prepare([few, samples])
        executor.train_epoch(few, 0, BATCH, True, LEARNING_RATE)          # maps and loads
        timer = PassTimer(executor, target.machine)
        result = executor.train_epoch(samples, 1, BATCH, True, LEARNING_RATE)
        instructions, seconds, emulated = timer.instructions, timer.seconds, timer.emulated_seconds
        tested = executor.forward(few, keep_outputs=False)
        memory = resident_bytes(target.machine.process_id)
        n_cores = len(executor.results)
    finally:
        executor.close()
    mips = instructions / seconds / 1e6
    return Result(
        benchmark="emulator_speed",
        machine=Machine(target.description, True, BOARD, n_cores, n_cores + system_cores(BOARD)),
        seed=SEED, network="784-128-10", batch=BATCH, samples=n_samples, epochs=1,
        machine_seconds=result.machine_cycles / 200e6, wall_seconds=time.perf_counter() - started,
        accuracy=[{"train": result.n_correct / n_samples, "test": tested.n_correct / len(few)}],     # of random labels
        checks={"million_instructions_per_s": mips >= WANTED_MIPS, "memory": memory < 1 << 30},
        figures={"million_instructions_per_s": mips, "instructions": instructions, "pass_wall_seconds": seconds,
                 "pass_emulated_seconds": emulated, "engine_memory_bytes": memory,
                 "host_kernel_million_multiply_adds_per_s": host_kernel_rate(rng)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--out", type=Path, help="write the record as JSON")
    options = parser.parse_args()
    record = measure(options.samples)
    for name, value in record.figures.items():
        print(f"{name:44} {value:.6g}")
    for name, held in record.checks.items():
        print(f"{name:44} {'yes' if held else 'no'}")
    if options.out:
        record.write(options.out)


if __name__ == "__main__":
    main()
