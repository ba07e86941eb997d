"""What forbids a network to train faster: how long a sample takes at least, by what.

    python benchmarks/speed_bounds.py --data mnist.npz --out benchmarks/results/speed_bounds.json

Two bounds hold for any mapping on a SpiNN-5: *arithmetic* is all multiply-adds of a sample, shared evenly by all cores that run
vertices, at the issue rates of LDM, SMLAWy and STM (``benchmarks/kernel_bounds.py``; of a convolution one cycle each, as its
weights may stay in registers); *input* is what of a sample's input is not zero, if it comes to every chip by one link, or to the
chips of the replica whose turn it is.  Two are those of the mapping that dlgraph chooses: *core* is its busiest core with what
cannot be spared (multiply-adds, the receive interrupt for each packet, the instructions that send one), and *link* is the busiest
link on the shortest ways, at the rate that links carry; the Graph Front End's routes may be others.  A core or link is busy for so
many cycles of each sample, so no sample can take fewer.  All else, :mod:`dlgraph.mapping.cost` has it, is what the programs add:
what they do once a sample, a stream, a row.

Nothing is run: this is arithmetic over the plan as it is laid out for a board on which everything works.
"""
from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402

import dlgraph  # noqa: E402
from dlgraph import networks  # noqa: E402
from dlgraph.mapping import cost, memory  # noqa: E402
from dlgraph.mapping.cost import MEASURED, Costs  # noqa: E402
from dlgraph.mapping.input_density import DensityMap, density_in, density_map  # noqa: E402
from dlgraph.mapping.pacing import LINK_CYCLES  # noqa: E402
from dlgraph.mapping.placement import ChipRoom  # noqa: E402
from dlgraph.mapping.placing import place_and_pace  # noqa: E402
from dlgraph.mapping.plan import EXCHANGED, SOURCE_ACTIVATIONS_OUT, Core, CoreKind, Plan, StreamKind  # noqa: E402
from dlgraph.mapping.planning import cores_of, plan_for_board  # noqa: E402
from dlgraph.mapping.stages import find_stages  # noqa: E402
from dlgraph.mapping.topology import ONE_BOARD, Chip, Link  # noqa: E402
from dlgraph.progress import MACHINE_HZ  # noqa: E402
from course import ReferenceKept  # noqa: E402
from pipeline import NETWORKS, SEED  # noqa: E402
from result import checkout_state, command_line, conclude, host  # noqa: E402
from train_networks import MODELS, images  # noqa: E402

BATCH, SAMPLES = 256, 256
VERSION = "5"
#: Cores of a chip that run vertices: 18, less SC&MP's and GFE's extra monitor; one more on the chip with the Ethernet.
CHIP_CORES, ETHERNET_CHIP_CORES = 16, 15

#: What cannot be spared.  Receiving: docs/streams.rst, the interrupt, with the marker's for each stream; sending: likewise, a word
#: of a run.  A dense layer's weight is loaded for every product (two cycles), and its gradient loaded and stored (three).
DENSE = replace(MEASURED, receive=40.0, send=25.0, list_packet=25.0, list_zero=0.0, list_run=0.0, stream_sample=47.0,
                stream_send=25.0, credit=47.0, sample=0.0, forward=2.0, backward=2.0, gradient=3.0, row=0.0, unit=0.0, summand=2.0,
                decode=0.0, position=0.0, element=0.0, curve=0.0, softmax_unit=0.0)
#: A convolution's: a cycle for a multiply-add, wherever its weight lies.
CONVOLUTION = replace(DENSE, forward=1.0, backward=1.0, kernel_gradient=1.0)
#: Nothing but multiply-adds.
_NO_TRAFFIC = dict.fromkeys(("receive", "send", "list_packet", "stream_sample", "stream_send", "credit", "summand"), 0.0)


def costs_of(core: Core, arithmetic_alone: bool = False) -> Costs:
    """What a core cannot be spared."""
    costs = CONVOLUTION if core.kind is CoreKind.CONVOLUTION_TILE else DENSE
    return replace(costs, **_NO_TRAFFIC) if arithmetic_alone else costs


def without_pace(plan: Plan) -> None:
    """Packets keep no distance: that is a choice, and no bound."""
    for stream in plan.streams:
        stream.spacing = 0


def busiest_link(plan: Plan, chip_of: dict[Core, Chip], density: DensityMap) -> float:
    """Words of a sample on the link that carries most."""
    load: dict[Link, float] = {}
    for stream in plan.streams:
        if stream.kind in EXCHANGED or stream.kind is StreamKind.REQUESTS:           # once a batch; only where something is lost
            continue
        n_words = stream.n_words * cost.density(stream.kind, stream.producer, density) + 1.0              # the marker
        if stream.kind is StreamKind.CREDIT:
            n_words /= cost.samples_per_credit(plan.cut.window)
        ends = (stream.producer, *stream.consumers[:1])
        n_words /= max(plan.replicas_of(core) for core in ends)
        start = chip_of[stream.producer]
        for link in {link for taker in stream.consumers for link in ONE_BOARD.way(start, chip_of[taker])}:
            load[link] = load.get(link, 0.0) + n_words
    return max(load.values(), default=0.0)


def board() -> list[ChipRoom]:
    """The chips of a SpiNN-5, those nearest to the Ethernet first (48 of 8 x 8, spinnemu.boards)."""
    chips = [(x, y) for x in range(8) for y in range(8) if -4 < x - y < 5]
    return [ChipRoom(*chip, ETHERNET_CHIP_CORES if chip == (0, 0) else CHIP_CORES)
            for chip in sorted(chips, key=lambda chip: ONE_BOARD.hops((0, 0), chip))]


def row_of(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """The bounds of a network."""
    found, data = images(options)
    x = found.x_train[:SAMPLES] / np.float32(255)
    model = MODELS[name](seed=SEED)
    networks.compile_model(model, networks.RECIPES[name])
    kept = ReferenceKept()
    with dlgraph.from_keras(model, None, SEED, executor_factory=kept) as net:
        net.train(x[:1], found.y_train[:1], epochs=1, batch_size=1, verbose=0)        # its number formats come from the samples
        graph = kept.executor.graph
    stages = find_stages(graph)
    density = density_map(x.reshape(len(x), -1) != 0, stages[0].shape)
    n_cores = cores_of(VERSION)
    choice = plan_for_board(graph, stages, n_cores, BATCH, density, version=VERSION)
    plan = choice.plan
    chip_of = place_and_pace(choice, board(), {core: memory.sdram_bytes(plan, core) for core in plan.cores})
    link = LINK_CYCLES * busiest_link(plan, chip_of, density)
    without_pace(plan)

    def spent(core: Core, arithmetic_alone: bool) -> float:
        return cost.core_cycles(plan, core, density, costs_of(core, arithmetic_alone)).cycles / plan.replicas_of(core)

    busiest = max(plan.cores, key=lambda core: spent(core, False))
    whole_input = sum(density_in(density, core.box) * stream.n_words / plan.replicas_of(stream.consumers[0])
                      for core in plan.cores_of(0, CoreKind.INPUT_SOURCE)
                      for stream in core.streams_out if stream.vector == SOURCE_ACTIVATIONS_OUT and stream.n_words)
    bounds = {"arithmetic": sum(spent(core, True) for core in plan.cores) / n_cores, "input": LINK_CYCLES * whole_input,
              "core": spent(busiest, False), "link": link}
    return {"network": name, "data": data, "batch": BATCH, "board_cores": n_cores, "cores": len(plan.cores),
            "busiest": busiest.kind.value, "bounds": bounds,
            "samples_per_s": {what: MACHINE_HZ / cycles for what, cycles in bounds.items()}}


def main(arguments: list[str] | None = None) -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", action="append", choices=NETWORKS, help="some of the networks; all if not given")
    parser.add_argument("--data", default="digits", metavar="FILE", help="mnist.npz; scikit-learn's digits if not given")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the record")
    options = parser.parse_args(arguments)
    options.samples = SAMPLES
    rows = []
    for name in options.network or NETWORKS:
        rows.append(row_of(name, options))
        least = ", ".join(f"{what} {cycles:,.0f}" for what, cycles in rows[-1]["bounds"].items())
        print(f"{name}: {least} cycles a sample", flush=True)
    commit, modified = checkout_state()
    record = {"schema_version": 1, "benchmark": "speed_bounds", "command": command_line(sys.argv), "commit": commit,
              "modified": modified, "host": host(), "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "rows": rows}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    return conclude(record, {}, options.out)


if __name__ == "__main__":
    sys.exit(main())
