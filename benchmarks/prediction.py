"""Recognition by trained networks on an emulated SpiNN-5: samples per second, latency of a sample alone, energy of each.

    python benchmarks/prediction.py --network mlp_300 --data mnist.npz --out benchmarks/results/prediction.json

The weights are those of the last checkpoint that ``whole_training.py`` keeps beside its record.  Cut and placed is the network as
for training (``net.predict`` on a network that trains), not for recognition alone.

*Throughput* is of many samples in one pass, which follow each other through the network: samples / machine time of the pass.
*Latency* is of passes of one sample each, with nothing else in flight: the machine time of the whole pass, from the start of its
cores, over fetching the sample from SDRAM and the last core's output, to the end of the drain; so it is a little more than from the
first packet to the output.  Neither has the host's loading and reading in it.

Energy is that of :mod:`dlgraph.energy` for the time of the pass: of the whole board, and of the chips that the network stands
on.  A board that waits for the next sample takes its idle watts all the same, which are listed apart.

Each network is stored as it is done; the same command, given again, does it again.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from statistics import median_low
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402

import dlgraph  # noqa: E402
from dlgraph import networks  # noqa: E402
from dlgraph.benchmark.observed import Observed  # noqa: E402
from dlgraph.energy import N_CHIPS, WATTS_IDLE, Energy, energy, share_used, system_cores  # noqa: E402
from dlgraph.whole_file import write_whole  # noqa: E402
from result import checkout_state, command_line, host, validate  # noqa: E402
from train_networks import MODELS, images  # noqa: E402
from whole_task import SEED, joined  # noqa: E402

BOARD = "spinn5"


@dataclass(frozen=True)
class Pass:
    """One pass forward.

    :param seconds: of machine time
    :param routed: packets, each counted at every router that it passes
    """

    samples: int
    seconds: float
    routed: int


@dataclass(frozen=True)
class Place:
    """What of the board a network takes."""

    network_cores: int
    chips: int

    @property
    def watts_idle(self) -> float:
        """Of the chips in use, with nothing loaded."""
        return WATTS_IDLE[BOARD] * self.chips / N_CHIPS[BOARD]


def joules(of: Pass, place: Place) -> dict[str, float]:
    """Per sample: the whole board, of which idle; the chips that are used."""
    whole = energy(BOARD, of.seconds, place.network_cores + system_cores(BOARD), 0.0, of.routed)
    used = share_used(whole, BOARD, place.chips, place.network_cores)
    return {"whole": _per_sample(whole, of), "used": _per_sample(used, of), "idle": whole.board_idle / of.samples}


def _per_sample(whole: Energy, of: Pass) -> float:
    return whole.per_sample(of.samples).total


def throughput(of: Pass, place: Place) -> dict[str, Any]:
    """Of many samples in a pass."""
    return {"samples": of.samples, "machine_seconds": of.seconds, "samples_per_s": of.samples / of.seconds,
            "routed_per_sample": of.routed / of.samples, "joules_per_sample": joules(of, place)}


def latency(passes: list[Pass], place: Place) -> dict[str, Any]:
    """Of passes of a sample each; the lower of two in the middle is the median."""
    seconds = [each.seconds for each in passes]
    middle = next(each for each in passes if each.seconds == median_low(seconds))
    return {"passes": len(passes), "seconds": {"minimum": min(seconds), "median": middle.seconds, "maximum": max(seconds)},
            "joules_per_sample": joules(middle, place)}


def measure(name: str, options: argparse.Namespace, checkpoint: Path) -> dict[str, Any]:
    """One network's entry."""
    begun = time.monotonic()
    found, words = images(options)
    x, y = found.x_test[:options.samples] / np.float32(255), found.y_test[:options.samples]
    model = MODELS[name](seed=SEED)
    networks.compile_model(model, networks.TO_THE_END[name])
    observed = Observed(BOARD)
    commit, modified = checkout_state()
    with dlgraph.from_keras(model, dlgraph.Emulated(threads=options.threads), SEED, executor_factory=observed) as net:
        net.load_checkpoint(checkpoint)
        expected = net.reference().predict(x, verbose=0)

        def run(first: int, n: int) -> tuple[Pass, bool]:
            outputs = net.predict(x[first:first + n], verbose=0)
            packets, report = observed.executor.pass_packets(), net.report()
            return Pass(n, report.machine_seconds, packets.routed), np.array_equal(outputs, expected[first:first + n])

        many, equal = run(0, len(x))
        alone = [run(first, 1) for first in range(min(options.alone, len(x)))]
        place, machine = Place(observed.network_cores, observed.n_chips), net.machine
        cut = observed.executor.chosen.cut
    return {
        "command": command_line(sys.argv), "commit": commit, "modified": modified, "host": host(), "seed": SEED, "data": words,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "machine": machine, "cores": place.network_cores,
        "chips": place.chips, "replicas": cut.replicas, "error_percent": 100 * float((expected.argmax(axis=1) != y).mean()),
        "equal": equal and all(same for _, same in alone), "idle_watts": {"whole": WATTS_IDLE[BOARD], "used": place.watts_idle},
        "throughput": throughput(many, place), "alone": latency([each for each, _ in alone], place),
        "wall_seconds": time.monotonic() - begun}


def last_checkpoint(results: Path, name: str, folder: Path) -> Path:
    """What ``whole_training.py`` keeps of the network, before its last epoch."""
    record = json.loads((results / "whole_training.json").read_text(encoding="utf-8"))
    kept = max(record["networks"][name]["checkpoints"], key=lambda each: int(each["epoch"]))
    path = folder / f"{name}.npz"
    path.write_bytes(joined(results, kept))
    return path


def main(arguments: list[str] | None = None) -> int:
    """Run, show, write; 1 if a bit differed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", action="append", choices=[*MODELS], help="only this one; may be given again")
    parser.add_argument("--data", metavar="PATH", help="as for train_networks.py")
    parser.add_argument("--samples", type=int, default=512, help="test images, the first so many, in one pass")
    parser.add_argument("--alone", type=int, default=8, help="of these, each in a pass of its own")
    parser.add_argument("--threads", type=int, choices=[1, 2], default=1, help="of this computer")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the record, which is added to")
    options = parser.parse_args(arguments)
    record: dict[str, Any] = {"schema_version": 1, "benchmark": "prediction", "networks": {}}
    if options.out.exists():
        record = json.loads(options.out.read_text(encoding="utf-8"))
    names = options.network or [*MODELS]
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = last_checkpoint(Path(__file__).resolve().parent / "results", name, Path(folder))
            entry = record["networks"][name] = measure(name, options, checkpoint)
        validate(record)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(options.out, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())
        print(f"{name}: {words(entry)}", flush=True)
    return 0 if all(record["networks"][name]["equal"] for name in names) else 1


def words(entry: dict[str, Any]) -> str:
    """One network in words."""
    many, alone = entry["throughput"], entry["alone"]
    return (f"{many['samples_per_s']:,.0f} samples/s, {1e3 * many['joules_per_sample']['whole']:.2f} mJ each; alone "
            f"{1e6 * alone['seconds']['median']:.0f} us, {1e3 * alone['joules_per_sample']['whole']:.2f} mJ; {entry['cores']} "
            f"cores on {entry['chips']} chips, {'equal' if entry['equal'] else 'DIFFERS'}, {entry['wall_seconds']:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
