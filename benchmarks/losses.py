"""Trains the networks of LeCun et al. 1998 on an emulated board whose packets and datagrams come to harm: what does it cost?

    python benchmarks/losses.py --data mnist.npz --out benchmarks/results/losses.json
    python benchmarks/losses.py --network lenet1 --samples 128 --data digits --out build/losses.json

Each network is loaded once, and trained on the same samples from the same weights again and again: without faults, and with those
of each case.  Asked is that weights, optimiser, loss and accuracy are those of the reference in every bit.  Written is the machine
time beside that of the run without faults.  Every row is stored as it is done: the same command, given again, goes on with what
is missing; ``--again`` begins anew.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402

import dlgraph  # noqa: E402
from course import digest  # noqa: E402
from dlgraph import networks  # noqa: E402
from dlgraph.binaries import translated_binaries  # noqa: E402
from dlgraph.executors import make_executor, make_reference  # noqa: E402
from dlgraph.networks.boosted import BoostedLeNet4  # noqa: E402
from dlgraph.whole_file import write_whole  # noqa: E402
from result import checkout_state, command_line, host, validate  # noqa: E402
from spinnemu.translations import library  # noqa: E402
from train_networks import BOOSTED, MODELS, images  # noqa: E402

CLOCK_HZ = 200_000_000
WITHOUT = "none"
#: Name -> what goes wrong while a network trains.  Rates of packets are per router that they pass.
CASES: dict[str, dict[str, Any]] = {
    WITHOUT: {},
    "drop 1e-4": {"drop": 1e-4},
    "drop 1e-3": {"drop": 1e-3},
    "lose 1e-4": {"lose": 1e-4},
    "lose 1e-3": {"lose": 1e-3},
    "duplicate 1e-2": {"duplicate": 1e-2},
    "reorder 1e-2": {"reorder": 1e-2},
    "delay 1e-2": {"delay": 1e-2, "delay_us": 500.0},
    "all at once": {"drop": 1e-3, "lose": 1e-4, "duplicate": 1e-2, "reorder": 1e-2, "delay": 1e-2, "delay_us": 500.0},
    "datagram_loss 0.02": {"datagram_loss": 0.02},
}
SEED = 1


class Tried:
    """An executor factory whose executors train each epoch under every case, and end with what the last gave.

    :param network: its record, whose rows are added to
    :param store: called when there is a row more
    """

    def __init__(self, network: dict[str, Any], store: Callable[[], None]) -> None:
        self._network = network
        self._store = store
        self._n_made = 0

    def __call__(self, graph: Any, target: Any, **options: Any) -> Any:
        executor = make_executor(graph, target, **options)
        member, plain = self._n_made, executor.train_epoch
        self._n_made += 1

        def train_epoch(samples: Any, epoch: int, batch_size: int, shuffle: bool, rate: Any, progress: Any = None) -> Any:
            start = (executor.parameters(), executor.optimiser_state())
            reference = make_reference(graph, target)
            reference.set_parameters(start[0])
            reference.set_optimiser_state(start[1])
            expected = _bits(reference, reference.train_epoch(samples, epoch, batch_size, shuffle, rate))
            first = plain(samples, epoch, batch_size, shuffle, rate)        # maps and loads
            self._network["cores"] = max(self._network["cores"], len(executor.results))
            done = {row["case"] for row in self._network["rows"] if row["member"] == member + 1}
            for case in CASES:
                if case not in done:
                    self._row(member + 1, case, executor, start, expected,
                              lambda: plain(samples, epoch, batch_size, shuffle, rate))
            executor.set_parameters(reference.parameters())                 # also where a case went wrong
            executor.set_optimiser_state(reference.optimiser_state())
            return first

        executor.train_epoch = train_epoch
        return executor

    def _row(self, member: int, case: str, executor: Any, start: tuple[Any, Any], expected: str, train: Callable[[], Any]) -> None:
        executor.set_parameters(start[0])
        executor.set_optimiser_state(start[1])
        machine = executor.target.machine
        before, begun, error, seconds, equal = machine.counters(), time.monotonic(), None, None, False
        machine.faults({**CASES[case], "seed": SEED})
        try:
            result = train()
            seconds, equal = result.machine_cycles / CLOCK_HZ, _bits(executor, result) == expected
        except dlgraph.DlgraphError as failure:
            error = str(failure)
        wall = time.monotonic() - begun
        after = machine.counters()
        machine.faults()
        results = executor.results.values()
        self._network["rows"].append({
            "member": member, "case": case, "faults": {name: list(value) if isinstance(value, tuple) else value
                                                       for name, value in CASES[case].items()},
            "equal": equal, "error": error, "machine_seconds": seconds, "wall_seconds": wall,
            "happened": {kind: n - before.faults[kind] for kind, n in after.faults.items() if n != before.faults[kind]},
            "packets": {"sent": after.sent["mc"] - before.sent["mc"], "dropped": after.dropped["mc"] - before.dropped["mc"],
                        "resent": sum(each.packets_resent for each in results),
                        "requests": sum(each.requests for each in results)}})
        self._store()
        print(f"  {member} {case}: {'equal' if equal else error or 'DIFFERS'}"
              + (f", {seconds:.4f} s of machine time" if seconds is not None else "") + f", {wall:.1f} s", flush=True)


def _bits(executor: Any, result: Any) -> str:
    """Of everything that an epoch gives."""
    state = executor.optimiser_state()
    counts = [result.loss_sum, result.n_correct, result.n_samples, state.iterations, *sorted(result.saturations.items())]
    return digest([executor.parameters(), list(state.slots), np.frombuffer(repr(counts).encode(), np.uint8)])


def train(name: str, options: argparse.Namespace, factory: Tried) -> None:
    """One epoch, which tries all cases."""
    found, words = images(options)
    recipe = networks.RECIPES[name]
    if options.batch:
        recipe = replace(recipe, batch_size=options.batch)
    x, y = found.x_train[:options.samples] / np.float32(255), found.y_train[:options.samples]
    factory._network.update(batch=recipe.batch_size, samples=len(x), data=words)
    machine = dlgraph.Emulated(board=options.board, threads=options.threads)
    library(path.read_bytes() for path in translated_binaries())      # else the first run is without
    if name == BOOSTED:
        def member(seed: int) -> Any:
            model = networks.lenet4(seed=seed)
            networks.compile_model(model, recipe)
            return model

        boosted = BoostedLeNet4(machine, SEED, member=member, executor_factory=factory)
        boosted.train(x, y, epochs=1, batch_size=recipe.batch_size, verbose=0)
        return
    model = MODELS[name](seed=SEED)
    networks.compile_model(model, recipe)
    with dlgraph.from_keras(model, machine, SEED, executor_factory=factory) as net:
        net.train(x, y, epochs=1, batch_size=recipe.batch_size, verbose=0)


def n_members(name: str) -> int:
    """Networks that are trained."""
    return 3 if name == BOOSTED else 1


def complete(network: dict[str, Any], name: str) -> bool:
    """Whether there are all rows."""
    return {(row["member"], row["case"]) for row in network["rows"]} >= {
        (member + 1, case) for member in range(n_members(name)) for case in CASES}


def main(arguments: list[str] | None = None) -> int:
    """Run, show, write; 1 if a bit differed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", action="append", choices=[*MODELS, BOOSTED], help="only this one; may be given again")
    parser.add_argument("--samples", type=int, default=256, help="training samples, the first so many")
    parser.add_argument("--batch", type=int, help="in place of the recipe's")
    parser.add_argument("--data", metavar="PATH", help="as for train_networks.py")
    parser.add_argument("--board", choices=["spinn5", "spinn3"], default="spinn5")
    parser.add_argument("--threads", type=int, choices=[1, 2], default=1, help="of this computer")
    parser.add_argument("--again", action="store_true", help="also what the record has already")
    parser.add_argument("--out", type=Path, metavar="FILE", required=True, help="the record, which is added to")
    options = parser.parse_args(arguments)
    record: dict[str, Any] = {"schema_version": 1, "benchmark": "losses", "networks": {}}
    if options.out.exists():
        record = json.loads(options.out.read_text(encoding="utf-8"))

    def store() -> None:
        validate(record)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(options.out, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())

    names = options.network or [*MODELS, BOOSTED]
    for name in names:
        network = record["networks"].get(name)
        if network is None or options.again:
            commit, modified = checkout_state()
            network = {"command": command_line(sys.argv), "commit": commit, "modified": modified, "host": host(), "seed": SEED,
                       "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "board": options.board, "cores": 0,
                       "batch": 1, "samples": 1, "data": "", "rows": []}
            record["networks"][name] = network
        if not complete(network, name):
            print(name, flush=True)
            train(name, options, Tried(network, store))
    return 0 if all(row["equal"] for name in names for row in record["networks"][name]["rows"]) else 1


if __name__ == "__main__":
    sys.exit(main())
