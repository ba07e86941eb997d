"""Speed and energy of training on machines from one chip to a board, emulated, and to a million cores, by the cost model.

    python benchmarks/scaling.py --network mlp_300 --data mnist.npz --out benchmarks/results/scaling.json

One epoch of few samples is trained on 1, 2, 4 ... 48 chips of an emulated SpiNN-5 board (``part_of_board.py``), cut as the cost
model likes best for each, and has to give the reference's bits.  What the cost model expects of larger machines
(``boards_model.py``) is multiplied by what it was off on a whole board; the least and the most that it was off anywhere make the
error bars.  Larger machines have a batch that stays, shared by more and more boards, or a batch that grows with the machine.

Energy of part of a board is that of its share of the idle board and of its own cores (``dlgraph.energy.share_used``).

Every machine is stored as it is done: the same command, given again, goes on with what is missing; ``--again`` begins anew.  What
the model expects of larger machines is worked out every time.  The plot, ``scaling.svg``, is drawn beside the record.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402

import boards_model  # noqa: E402
import dlgraph  # noqa: E402
from course import ReferenceKept, digest  # noqa: E402
from dlgraph import networks  # noqa: E402
from dlgraph.benchmark.observed import CLOCK_HZ, Observed  # noqa: E402
from dlgraph.energy import energy, share_used, system_cores  # noqa: E402
from dlgraph.layer_graph import LayerGraph  # noqa: E402
from dlgraph.mapping import cost  # noqa: E402
from dlgraph.mapping.input_density import mean_density  # noqa: E402
from dlgraph.mapping.choose import choose_plan  # noqa: E402
from dlgraph.mapping.planning import CORES_OF_VERSION  # noqa: E402
from dlgraph.mapping.stages import find_stages  # noqa: E402
from dlgraph.whole_file import write_whole  # noqa: E402
from part_of_board import BOARD, N_CHIPS, PartOfBoard  # noqa: E402
from result import checkout_state, command_line, host, validate  # noqa: E402
from scaling_plot import draw  # noqa: E402
from train_networks import MODELS, images  # noqa: E402

SEED = 1
CHIPS = (1, 2, 4, 8, 16, 32, N_CHIPS)
#: 1,200 boards have 1,036,800 cores: as many as the largest SpiNNaker that there is.
MOST_BOARDS = 1200
#: Boards that share a batch that stays; each needs a cut of its own.
SHARING = (1, 4, 16, 64, 256)


class Trainer:
    """Trains the same epoch again and again.

    :ivar graph: in integers
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        found, self.words = images(options)
        self.x, self.y = found.x_train[:options.samples] / np.float32(255), found.y_train[:options.samples]
        kept = ReferenceKept()
        with dlgraph.from_keras(self._model(), None, SEED, executor_factory=kept) as net:
            history = self._train(net)
        self.graph: LayerGraph = kept.executor.graph
        self._bits = self._bits_of(kept.executor, history)

    def on_chips(self, n_chips: int) -> dict[str, Any]:
        """One machine's row."""
        begun = time.monotonic()
        observed = Observed(BOARD)
        machine = PartOfBoard(threads=self.options.threads, chips=n_chips)
        commit, modified = checkout_state()
        row: dict[str, Any] = {"chips": n_chips, "error": None, "commit": commit, "modified": modified, "date": now()}
        try:
            with dlgraph.from_keras(self._model(), machine, SEED, executor_factory=observed) as net:
                history = self._train(net)
                row.update(self._figures(observed, net.report(), history.machine_seconds[-1], n_chips))
                row["equal"] = self._bits_of(observed.executor, history) == self._bits
        except dlgraph.DlgraphError as failure:
            row["error"] = str(failure).partition("\n")[0]
        return {**row, "wall_seconds": time.monotonic() - begun}

    def _figures(self, observed: Observed, report: Any, seconds: float, n_chips: int) -> dict[str, Any]:
        executor, n = observed.executor, len(self.x)
        chosen, packets = executor.chosen, executor.pass_packets()
        # of a machine of so many chips, whether the network stands on all of them or not
        whole = energy(BOARD, seconds, observed.loaded_cores, 0.0, packets.routed)
        used = share_used(whole, BOARD, n_chips, observed.network_cores).per_sample(n)
        busiest = max(report.stages, key=lambda stage: stage.busy)
        in_sdram = sorted({chosen.plan.stages[core.stage].name for core in chosen.plan.cores if core.in_sdram})
        return {
            "machine": report.machine, "network_cores": observed.network_cores, "chips_used": observed.n_chips,
            "loaded_cores": observed.network_cores + 2 * n_chips + 1, "replicas": chosen.cut.replicas,
            "window": chosen.cut.shared_window or chosen.cut.window, "weights_in_sdram": in_sdram, "machine_seconds": seconds,
            "samples_per_s": n / seconds, "cycles_per_sample": seconds * CLOCK_HZ / n, "predicted": chosen.cycles_per_sample,
            "input_density": mean_density(chosen.input_density), "routed_per_sample": packets.routed / n,
            "joules_per_sample": {"board_idle": used.board_idle, "cores": used.cores, "packets": used.packets, "total": used.total},
            "busiest": {"layer": busiest.layer, "kind": busiest.kind, "busy": busiest.busy}}

    def _model(self) -> Any:
        model = MODELS[self.options.network](seed=SEED)
        networks.compile_model(model, replace(networks.RECIPES[self.options.network], batch_size=self.options.batch))
        return model

    def _train(self, net: dlgraph.Network) -> Any:
        return net.train(self.x, self.y, epochs=1, batch_size=self.options.batch, verbose=0)

    @staticmethod
    def _bits_of(executor: Any, history: Any) -> str:
        """Of parameters, the optimiser's state, loss and accuracy."""
        told = np.frombuffer(repr(sorted(history.history.items())).encode(), np.uint8)
        return digest([executor.parameters(), list(executor.optimiser_state().slots), told])


@dataclass(frozen=True)
class OffBy:
    """Cycles of the emulated machines by those expected."""

    least: float
    board: float
    most: float


def off_by(rows: list[dict[str, Any]]) -> OffBy | None:
    """None where no whole board was emulated."""
    ratios = {row["chips"]: row["cycles_per_sample"] / row["predicted"] for row in rows if row["error"] is None}
    return OffBy(min(ratios.values()), ratios[N_CHIPS], max(ratios.values())) if N_CHIPS in ratios else None


def copy_of(graph: LayerGraph, batch: int, density: float, routed_per_sample: float) -> boards_model.Copy:
    """The network on a board of its own, in batches of this size."""
    chosen = choose_plan(graph, find_stages(graph), batch, CORES_OF_VERSION["5"], density)
    updated = [cost.n_updated(core) for core in chosen.plan.cores if core.exchange is not None or core.columns is not None]
    n_parameters = sum(layer.weights.size + layer.biases.size for layer in graph.weight_layers)
    return boards_model.Copy(chosen.cycles_per_sample, batch, n_parameters, max(updated), chosen.n_cores + system_cores(BOARD),
                             routed_per_sample)


def larger(graph: LayerGraph, batch: int, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is expected of machines of many boards."""
    factors = off_by(rows)
    if factors is None:
        return []
    board = next(row for row in rows if row["chips"] == N_CHIPS)

    def alone(size: int) -> boards_model.Copy:
        return copy_of(graph, size, board["input_density"], board["routed_per_sample"])

    shared = [("stays", n, alone(batch // n)) for n in SHARING if n <= batch]
    own = alone(batch)
    growing = [("grows", n, own) for n in (*(2**k for k in range(11)), MOST_BOARDS)]
    return [_row(kind, copy, n, factors) for kind, n, copy in (*shared, *growing)]


def _row(kind: str, copy: boards_model.Copy, n_boards: int, factors: OffBy) -> dict[str, Any]:
    far = boards_model.EXCHANGE_FACTOR
    best, middle, worst = (boards_model.expected(copy, n_boards, compute, between) for compute, between in (
        (factors.least, 1 / far), (factors.board, 1.0), (factors.most, far)))
    return {
        "batch_kind": kind, "boards": n_boards, "cores": middle.cores, "batch": middle.batch,
        "samples_per_s": {"expected": middle.samples_per_s, "least": worst.samples_per_s, "most": best.samples_per_s},
        "joules_per_sample": {"expected": middle.joules_per_sample, "least": best.joules_per_sample,
                              "most": worst.joules_per_sample},
        "cycles_of_batch": {"compute": middle.compute, **asdict(middle.exchange)}, "bound": middle.bound}


def main(arguments: list[str] | None = None) -> int:
    """Run, show, write; 1 if a bit differed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=[*MODELS], required=True)
    parser.add_argument("--data", metavar="PATH", help="as for train_networks.py")
    parser.add_argument("--samples", type=int, default=512, help="training samples, the first so many")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--chips", type=int, nargs="+", default=list(CHIPS), help=f"1 to {N_CHIPS}")
    parser.add_argument("--threads", type=int, choices=[1, 2], default=1, help="of this computer")
    parser.add_argument("--again", action="store_true", help="also what the record has already")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the record, which is added to")
    options = parser.parse_args(arguments)
    record: dict[str, Any] = {"schema_version": 1, "benchmark": "scaling", "networks": {}}
    if options.out.exists():
        record = json.loads(options.out.read_text(encoding="utf-8"))
    entry = {} if options.again else record["networks"].get(options.network, {})
    trainer = Trainer(options)
    conditions = {"data": trainer.words, "samples": len(trainer.x), "batch": options.batch}
    if entry and {name: entry[name] for name in conditions} != conditions:
        parser.error(f"{options.out} has rows of other data, samples or batches of {options.network}: give the same, or --again")
    commit, modified = checkout_state()
    entry = {"rows": [], **entry, "command": command_line(sys.argv), "commit": commit, "modified": modified, "host": host(),
             "date": now(), "seed": SEED, **conditions, "larger": []}
    record["networks"][options.network] = entry

    def store() -> None:
        validate(record)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(options.out, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())

    for n_chips in options.chips:
        if n_chips not in {row["chips"] for row in entry["rows"] if row["error"] is None}:
            row = trainer.on_chips(n_chips)
            others = [each for each in entry["rows"] if each["chips"] != n_chips]
            entry["rows"] = sorted([*others, row], key=lambda each: int(each["chips"]))
            store()
            print(words(row), flush=True)
    entry["larger"] = larger(trainer.graph, options.batch, entry["rows"])
    store()
    for row in entry["larger"]:
        print(f"  {row['boards']:5} boards, batch {row['batch']:7}, which {row['batch_kind']}: "
              f"{row['samples_per_s']['expected']:12,.0f} samples/s, "
              f"{1e3 * row['joules_per_sample']['expected']:8.2f} mJ/sample; {row['bound']}")
    draw(record, options.out.with_suffix(".svg"))
    return 0 if all(row["error"] is None and row["equal"] for row in entry["rows"]) else 1


def now() -> str:
    """Of the day."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def words(row: dict[str, Any]) -> str:
    """One emulated machine."""
    if row["error"] is not None:
        return f"  {row['chips']:3} chips: {row['error']}"
    return (f"  {row['chips']:3} chips: {row['samples_per_s']:8,.0f} samples/s, "
            f"{1e3 * row['joules_per_sample']['total']:6.2f} mJ/sample, {row['network_cores']} cores, "
            f"{row['cycles_per_sample'] / row['predicted']:.2f} times the cycles expected, "
            f"{'equal' if row['equal'] else 'DIFFERS'}, {row['wall_seconds']:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
