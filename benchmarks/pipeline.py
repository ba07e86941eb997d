"""How full the pipeline is: speed of training in batches, beside that of the same mapping with a batch that does not end.

    python benchmarks/pipeline.py --data mnist.npz --out benchmarks/results/pipeline.json
    python benchmarks/pipeline.py --network lenet5 --batch 256 --assumptions 50 --data mnist.npz \\
        --out benchmarks/results/pipeline.json

For every network and batch two passes of N and 2N samples in batches, and two of the same samples in one batch each, one after the
other on the same cores.  The difference of two passes is what N more samples take: nothing that a pass does once is in it, and
in a single batch no end of one, so this is a batch without end.  Energy is that of the pass of 2N samples in batches
(:mod:`dlgraph.energy`), of the whole board and of the chips in use.

``--assumptions`` scales what the emulator assumes of times (``emulator/src/timing.h``), in percent.  Rows that are there stay,
those named are made again.  The boosted LeNet-4 is LeNet-4.
"""
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from argparse import Namespace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402

import dlgraph  # noqa: E402
from dlgraph import networks  # noqa: E402
from dlgraph.benchmark.observed import CLOCK_HZ, Observed  # noqa: E402
from dlgraph.binaries import translated_binaries  # noqa: E402
from dlgraph.whole_file import write_whole  # noqa: E402
from result import checkout_state, command_line, host, validate  # noqa: E402
from spinnemu.translations import library  # noqa: E402
from train_networks import MODELS, images  # noqa: E402

SEED, SAMPLES, BOARD = 1, 512, "spinn5"
NETWORKS = ("mlp_300", "mlp_300_100", "lenet1", "lenet4", "lenet5")
BATCHES = (32, 256)
#: Percent; read by the emulator's build.
ASSUMPTIONS = "SPINNEMU_ASSUMPTIONS"


def row_of(name: str, batch: int, options: Namespace) -> dict[str, Any]:
    """Train and compare."""
    found, data = images(options)
    x, y = found.x_train[:2 * SAMPLES] / np.float32(255), found.y_train[:2 * SAMPLES]
    model = MODELS[name](seed=SEED)
    networks.compile_model(model, networks.RECIPES[name])
    observed = Observed(BOARD)
    with dlgraph.from_keras(model, dlgraph.Emulated(board=BOARD), SEED, executor_factory=observed) as net:
        twin = net.reference()

        def cycles(n: int, batch_size: int) -> int:
            net.train(x[:n], y[:n], epochs=1, batch_size=batch_size, verbose="auto")
            twin.train(x[:n], y[:n], epochs=1, batch_size=batch_size, verbose=0)
            return max(result.cycles for result in observed.executor.results.values())

        one = cycles(SAMPLES, batch)
        observed.epoch_energy(0.0)                       # packets count from here
        two = cycles(2 * SAMPLES, batch)
        joules = observed.epoch_energy(two / CLOCK_HZ)
        assert joules is not None
        endless = (-cycles(SAMPLES, SAMPLES) + cycles(2 * SAMPLES, 2 * SAMPLES)) / SAMPLES
        per_sample = (two - one) / SAMPLES
        equal = all(np.array_equal(ours, theirs) for ours, theirs in zip(net.get_weights(), twin.get_weights(), strict=True))
        cut = observed.executor.chosen.cut
        return {"network": name, "batch": batch, "assumptions_percent": assumptions(), "data": data, "samples": SAMPLES,
                "cores": observed.network_cores, "chips": observed.n_chips, "replicas": cut.replicas, "window": cut.window,
                "cycles_per_sample": per_sample, "endless_cycles_per_sample": endless,
                "samples_per_s": CLOCK_HZ / per_sample, "share_of_endless": endless / per_sample,
                "joules_per_sample": {"whole": joules.per_sample(2 * SAMPLES).total,
                                      "used": observed.share(joules).per_sample(2 * SAMPLES).total},
                "equal_to_reference": equal}


def assumptions() -> int:
    """Percent of what is assumed, in this process."""
    return int(os.environ.get(ASSUMPTIONS, "100"))


def main(arguments: list[str] | None = None) -> int:
    """Run it; 1 if a bit differed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", action="append", choices=NETWORKS, help="some of the networks; all if not given")
    parser.add_argument("--batch", action="append", type=int, choices=BATCHES, help="some of the batches; all if not given")
    parser.add_argument("--assumptions", type=int, default=assumptions(), metavar="PERCENT", help="25 to 400; 100 if not given")
    parser.add_argument("--data", default="digits", metavar="FILE", help="mnist.npz; scikit-learn's digits if not given")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the record")
    given = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(given)
    if options.assumptions != assumptions():             # the engine is built for them when it is loaded
        return subprocess.run([sys.executable, __file__, *given], env={**os.environ, ASSUMPTIONS: str(options.assumptions)},
                              check=False).returncode
    options.samples = 2 * SAMPLES
    library(path.read_bytes() for path in translated_binaries())
    code = 0
    for name in options.network or NETWORKS:
        for batch in options.batch or BATCHES:
            row = row_of(name, batch, options)
            print(f"{name}, batches of {batch}, assumptions {row['assumptions_percent']}%: {row['samples_per_s']:,.0f} samples/s, "
                  f"{100 * row['share_of_endless']:.0f}% of what an endless batch reaches", flush=True)
            code |= not row["equal_to_reference"]
            commit, modified = checkout_state()
            store(options.out, {**row, "commit": commit, "modified": modified, "command": command_line(sys.argv)})
    return code


def store(path: Path, row: dict[str, Any]) -> None:
    """Put a row where one of the same network, batch and assumptions was, or behind the others."""
    def key(other: dict[str, Any]) -> tuple[Any, ...]:
        return other["network"], other["batch"], other["assumptions_percent"]

    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    rows = [other for other in rows if key(other) != key(row)] + [row]
    rows.sort(key=lambda other: (NETWORKS.index(other["network"]), other["batch"], other["assumptions_percent"]))
    record = {"schema_version": 1, "benchmark": "pipeline", "host": host(), "rows": rows,
              "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}
    validate(record)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
