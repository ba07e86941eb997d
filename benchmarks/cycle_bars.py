"""Shows where the cycles of every core go while a network of LeCun et al. 1998 trains on an emulated board, and what binds it.

Every cycle is counted, none sampled.  Written are a record, FILE, and bars, the same name with .svg.

    python benchmarks/cycle_bars.py --network mlp_300 --samples 512 --out build/cycles_mlp_300.json
    python benchmarks/cycle_bars.py --network lenet5 --samples 1024 --batch 256 --threads 2 --data mnist.npz --out build/cycles.json
    python benchmarks/cycle_bars.py --draw build/cycles.json             # the bars again

The last epoch is shown: the first also fetches weights from SDRAM, which shows when there are few samples.  LeNet-5 takes minutes.
"""
from __future__ import annotations

import argparse
import io
import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402

import dlgraph  # noqa: E402
from dlgraph import networks  # noqa: E402
from dlgraph.cycle_groups import WAITING  # noqa: E402
from dlgraph.cycles import KINDS, Cycles  # noqa: E402
from dlgraph.progress import MACHINE_HZ  # noqa: E402
from result import checkout_state, command_line, conclude, host  # noqa: E402
from train_networks import MODELS, images  # noqa: E402

#: By what for; the eye tells neighbours apart, and waiting is hardly there.
COLOURS = dict(zip(KINDS, ("#c03a2b", "#e69138", "#4472a8", "#7fb3d5", "#3d8b5f", "#8e6bb0", "#7a7a7a", "#e8e8e8"), strict=True))


def train(options: argparse.Namespace) -> tuple[Cycles, bool]:
    """Where the cycles of the last epoch went, and whether every bit of the weights is the reference's."""
    found, _ = images(options)
    x, y = found.x_train[:options.samples] / np.float32(255), found.y_train[:options.samples]
    recipe = networks.RECIPES[options.network]
    recipe = replace(recipe, batch_size=options.batch or recipe.batch_size)
    model = MODELS[options.network](seed=options.seed)
    networks.compile_model(model, recipe)
    machine = dlgraph.Emulated(board=options.board, threads=options.threads, profile=True)
    how = {"epochs": options.epochs, "batch_size": recipe.batch_size}
    with dlgraph.from_keras(model, machine, options.seed) as net:
        twin = net.reference()
        net.train(x, y, callbacks=recipe.callbacks(), verbose="auto", **how)
        twin.train(x, y, callbacks=recipe.callbacks(), verbose=0, **how)
        same = all(np.array_equal(ours, expected) for ours, expected in zip(net.get_weights(), twin.get_weights(), strict=True))
        options.batch = recipe.batch_size
        return net.cycles(), same


def record_of(options: argparse.Namespace, cycles: Cycles, same: bool, wall_seconds: float) -> dict[str, Any]:
    """What is written."""
    commit, modified = checkout_state()
    told = cycles.as_json()
    layers = [{**layer, "cores": [[vertex.cycles[kind] for kind in KINDS] for vertex in cycles.vertices
                                  if (vertex.layer, vertex.kind) == (layer["layer"], layer["kind"])]} for layer in told["layers"]]
    return {"schema_version": 1, "benchmark": "cycle_bars", "command": command_line(sys.argv), "commit": commit,
            "modified": modified, "host": host(), "wall_seconds": round(wall_seconds, 1), "machine": cycles.machine,
            "board": options.board, "assumptions_percent": int(os.environ.get("SPINNEMU_ASSUMPTIONS", "100")), "seed": options.seed,
            "network": options.network, "data": images(options)[1], "samples": cycles.n_samples, "batch": options.batch,
            "epochs": options.epochs, "cycles": cycles.cycles, "samples_per_s": cycles.n_samples * MACHINE_HZ / cycles.cycles,
            "kinds": list(KINDS), "shares": told["shares"], "layers": layers, "binding": told["binding"],
            "busiest_links": told["busiest_links"], "checks": {"equal_to_reference": same}}


def draw(record: dict[str, Any], path: Path) -> None:
    """A bar for each layer, of what its cores did on average, and one for every core, those that were awake longest first.

    :param record: as :func:`record_of` makes it
    :param path: of the picture, ``.svg``
    """
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "cycles", "svg.fonttype": "none", "font.size": 8})
    layers, kinds = record["layers"], record["kinds"]
    figure, (above, below) = plt.subplots(2, 1, figsize=(7.2, 3.0 + 0.2 * len(layers)), height_ratios=(len(layers) + 1, 7))
    names = [f"{layer['layer']}, {layer['kind']} ({layer['n_cores']})" for layer in layers] + ["all cores"]
    shares = [layer["shares"] for layer in layers] + [record["shares"]]
    left = np.zeros(len(names))
    for kind in kinds:
        widths = np.array([100 * share[kind] for share in shares])
        above.barh(range(len(names)), widths, left=left, color=COLOURS[kind], label=kind)
        left += widths
    above.set(yticks=range(len(names)), yticklabels=names, xlim=(0, 100), xlabel="% of the cycles of the layer's cores")
    above.invert_yaxis()
    waiting = kinds.index(WAITING)
    cores = [row for layer in layers for row in sorted(layer["cores"], key=lambda row: row[waiting])]
    heights = 100 * np.array(cores, float).T / record["cycles"]
    edges, bottom = np.arange(len(cores) + 1), np.zeros(len(cores))
    for kind, height in zip(kinds, heights, strict=True):
        below.stairs(bottom + height, edges, baseline=bottom, fill=True, color=COLOURS[kind], linewidth=0)
        bottom = bottom + height
    ends = np.cumsum([layer["n_cores"] for layer in layers])
    for end in ends[:-1]:
        below.axvline(end, color="black", linewidth=0.5)
    below.set(xlim=(0, len(cores)), ylim=(0, 100), ylabel="% of the pass", xlabel="every core, layer by layer as above")
    figure.suptitle(f"{record['network']}, batches of {record['batch']}: {record['samples_per_s']:,.0f} samples/s of machine time "
                    f"on the {record['machine']}\n{record['binding']['text']}", fontsize=8, wrap=True)
    figure.tight_layout(rect=(0, 0.07, 1, 0.98))
    figure.legend(*above.get_legend_handles_labels(), loc="lower center", ncols=len(kinds), frameon=False, handlelength=1,
                  columnspacing=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    # a hundredth of a point is finer than any screen, and half the file
    path.write_text(re.sub(r"(\.\d\d)\d+", r"\1", drawn.getvalue()), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=list(MODELS), default="mlp_300")
    parser.add_argument("--samples", type=int, default=512, metavar="N", help="the first N of the training set")
    parser.add_argument("--batch", type=int, metavar="N", help="instead of the recipe's")
    parser.add_argument("--epochs", type=int, default=2, metavar="N", help="of which the last is shown")
    parser.add_argument("--board", choices=["spinn5", "spinn3"], default="spinn5")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of this computer, 1 or 2")
    parser.add_argument("--data", default="digits", metavar="FILE", help="mnist.npz; scikit-learn's digits if not given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, metavar="FILE", help="for the record, .json")
    parser.add_argument("--draw", type=Path, metavar="FILE", help="draw what was recorded, and run nothing")
    options = parser.parse_args(arguments)
    if options.draw:
        draw(json.loads(options.draw.read_text(encoding="utf-8")), options.draw.with_suffix(".svg"))
        return 0
    if options.out is None:
        parser.error("--out FILE names the record")
    started = monotonic()
    cycles, same = train(options)
    print(cycles)
    record = record_of(options, cycles, same, monotonic() - started)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    code = conclude(record, record["checks"], options.out)
    draw(record, options.out.with_suffix(".svg"))
    return code


if __name__ == "__main__":
    sys.exit(main())
