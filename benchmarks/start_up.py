"""What a network's start-up takes on a board that is ready: from the call of ``train`` to the first sample, stage by stage.

    python benchmarks/start_up.py --data mnist.npz --out benchmarks/results/start_up.json
    python benchmarks/start_up.py --networks mlp_300 --board spinn3 --data digits

Of every stage: seconds by the host's clock, processor time of the host's program and of the emulated board's process, and the
datagrams that the host sent.  The upload of samples is told apart, with its rate.

Then ``train`` is called again: it must not load anything but samples and parameters.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
from spinnman.connections.udp_packet_connections import UDPConnection  # noqa: E402

import dlgraph  # noqa: E402
from dlgraph import networks  # noqa: E402
from dlgraph.binaries import translated_binaries  # noqa: E402
from dlgraph.executor import Executor  # noqa: E402
from dlgraph.executors import make_executor  # noqa: E402
from dlgraph.layer_graph import LayerGraph  # noqa: E402
from dlgraph.set_up import LEFT_OUT, SetUp  # noqa: E402
from dlgraph.targets import MachineTarget  # noqa: E402
from result import checkout_state, command_line, conclude, host  # noqa: E402
from spinnemu.translations import library  # noqa: E402
from train_networks import MODELS, images  # noqa: E402

#: Commands of SCP by which code and tables are loaded: APP_COPY_RUN, APLX (AR), ALLOC, ROUTE.
LOADING = {19: "AR", 21: "APP_COPY_RUN", 28: "ALLOC", 29: "RTR"}
SCP_PORT = 17893
_COMMAND_AT = 10


@dataclass(frozen=True)
class Spent:
    """Until a moment: by the host's clock, of processors, datagrams to the board."""

    seconds: float = 0.0
    host_cpu: float = 0.0
    emulator_cpu: float = 0.0
    datagrams: int = 0

    def __sub__(self, other: Spent) -> Spent:
        return Spent(*(a - b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    def __add__(self, other: Spent) -> Spent:
        return Spent(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


class Datagrams:
    """Counts those to SC&MP by command, and all."""

    def __init__(self) -> None:
        self.sent = 0
        self.commands: Counter[int] = Counter()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """What SpiNNMan sends meanwhile."""
        stock = UDPConnection.send

        def send(connection: UDPConnection, data: bytes) -> None:
            self.sent += 1
            if connection.remote_port == SCP_PORT and len(data) > _COMMAND_AT + 1 and data[4] >> 5 == 0:
                self.commands[int.from_bytes(data[_COMMAND_AT:_COMMAND_AT + 2], "little")] += 1
            stock(connection, data)

        UDPConnection.send = send
        try:
            yield
        finally:
            UDPConnection.send = stock


class Meter(SetUp):
    """Keeps more of every stage."""

    def __init__(self, target: MachineTarget, datagrams: Datagrams) -> None:
        super().__init__()
        self.target, self.datagrams = target, datagrams
        self.spent: dict[str, Spent] = {}
        self._at = Spent()

    def begin(self, stage: str) -> None:
        super().begin(stage)
        self._at = self._now()

    def end(self) -> None:
        if self._stage:
            self.spent[self._stage] = self.spent.get(self._stage, Spent()) + (self._now() - self._at)
        super().end()

    def _now(self) -> Spent:
        return Spent(time.monotonic(), time.process_time(), emulator_cpu(self.target), self.datagrams.sent)


def emulator_cpu(target: MachineTarget) -> float:
    """Processor time of the emulated board's process, seconds; 0 of a board, or where the system does not tell."""
    machine = getattr(target, "machine", None)
    try:
        fields = Path(f"/proc/{machine.process_id}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    except (AttributeError, OSError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(name: str, options: argparse.Namespace, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """One network, trained twice."""
    recipe = networks.RECIPES[name]
    model = MODELS[name](seed=options.seed)
    networks.compile_model(model, recipe)
    batch = options.batch or recipe.batch_size
    datagrams = Datagrams()
    meters: list[Meter] = []

    def make(graph: LayerGraph, target: MachineTarget, **others: Any) -> Executor:
        executor = make_executor(graph, target, **others)
        executor.set_up = Meter(target, datagrams)
        meters.append(executor.set_up)
        target.start()                                        # the board is ready before the clock of its stages begins
        return executor

    machine = None if os.environ.get("DLGRAPH_MACHINE") else dlgraph.Emulated(board=options.board)
    with dlgraph.from_keras(model, machine, options.seed, executor_factory=make) as net, datagrams.counted():
        net.train(x, y, batch_size=batch, verbose=options.verbose)
        first, report = Counter(datagrams.commands), net.report()
        net.train(x, y, batch_size=batch, verbose=0)
        again = datagrams.commands - first
        where = net.machine
    meter, upload = meters[0], report.upload
    assert upload is not None
    stages = [{"stage": stage, **asdict(spent)} for stage, spent in meter.spent.items()]
    return {
        "network": name, "batch": batch, "samples": len(x), "machine": where, "cores": report.n_cores, "stages": stages,
        "until_first_sample": asdict(sum((spent for stage, spent in meter.spent.items() if stage not in LEFT_OUT), Spent())),
        "upload": {"bytes": upload.n_bytes, "seconds": upload.seconds, "megabytes_per_s": upload.megabytes_per_second},
        "loaded_again": {command: again[number] for number, command in LOADING.items()}}


def show(row: dict[str, Any]) -> None:
    """One network in words."""
    print(f"\n{row['network']}, {row['cores']} cores of the {row['machine']}, {row['samples']} samples:")
    total = {"stage": "until the first sample", **row["until_first_sample"]}
    for stage in [*row["stages"], total]:
        print(f"  {stage['stage']:27} {stage['seconds']:7.2f} s  processors: host {stage['host_cpu']:6.2f} s, "
              f"emulated board {stage['emulator_cpu']:6.2f} s  {stage['datagrams']:6} datagrams")
    upload = row["upload"]
    print(f"  upload of samples: {upload['bytes'] / 1e6:.3g} MB, {upload['megabytes_per_s']:.3g} MB/s")


def main(arguments: list[str] | None = None) -> int:
    """Measure, show, write; 1 if a second training loads again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--data", metavar="PATH", help="mnist.npz or a folder of idx files, in place of Keras' cache; "
                                                       "'digits' for scikit-learn's")
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--batch", type=int, help="in place of the recipe's")
    parser.add_argument("--board", choices=["spinn5", "spinn3"], default="spinn5")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", type=int, choices=[0, 1, 2], default=1)
    parser.add_argument("--out", type=Path, metavar="FILE", help="the record")
    options = parser.parse_args(arguments)
    found, words = images(options)
    x, y = found.x_train[:options.samples] / np.float32(255), found.y_train[:options.samples]
    library((path.read_bytes() for path in translated_binaries()))            # else the first run is without
    rows = []
    for name in options.networks:
        rows.append(measure(name, options, x, y))
        show(rows[-1])
    commit, modified = checkout_state()
    record = {"schema_version": 1, "benchmark": "start_up", "command": command_line(sys.argv), "commit": commit,
              "modified": modified, "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "host": host(),
              "load": os.getloadavg()[0], "data": words, "rows": rows}
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
    return conclude(json.loads(json.dumps(record)), {
        f"the second training of {row['network']} loads no code and no tables": not any(row["loaded_again"].values())
        for row in rows}, options.out)


if __name__ == "__main__":
    sys.exit(main())
