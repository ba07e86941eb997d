"""Shows in which functions the busiest core of every kind spends its cycles while a network trains on an emulated board.

    python benchmarks/function_cycles.py --network mlp_300 --samples 256 --batch 256 --data mnist.npz
    python benchmarks/function_cycles.py --network mlp_300 --samples 256 --batch 256 \\
        --options "{'cuts': {'hidden_1': (4, 38, 38), 'output': (10, 1)}, 'n_sources': 12, 'window': 8}"

``cycle_bars.py`` and ``net.cycles()`` tell what cycles are for; this is for who makes that faster.  Every cycle is counted, none
sampled.  What a pass does once, such as fetching weights from SDRAM, is among it: few samples show it large.
"""
from __future__ import annotations

import argparse
import ast
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Iterator, Mapping

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
from spinnemu import CodeGroups  # noqa: E402
from spinnemu.profile import GROUPS  # noqa: E402

import dlgraph  # noqa: E402
from dlgraph import networks  # noqa: E402
from dlgraph.binaries.code import Function, functions_of  # noqa: E402
from dlgraph.gfe import executor, profiling  # noqa: E402
from dlgraph.progress import MACHINE_HZ  # noqa: E402
from train_networks import MODELS, images  # noqa: E402

#: Of the fast interrupt, a branch to where packets are received.
_FIQ_VECTOR = (0x1c, 0x20, "streams_receive")
#: Files with many functions that are seldom called: told as one, so that the others have a group each.
_TOGETHER = ("streams/stream_recovery.c", "streams/streams_start.c", "streams/stream_late.c", "runtime/", "layers/trained.c",
             "layers/vertex.c", "kernels/optimisers.c", "library")


def group_of(function: Function) -> str:
    """Under which name a function's cycles are told."""
    of_file = next((source for source in _TOGETHER if function.source.startswith(source)), None)
    if of_file is not None:
        return of_file
    return function.name if function.source.startswith(("streams/", "layers/")) else function.source


class FunctionProfile:
    """Takes the place of the profile by what cycles are for (``dlgraph/gfe/profiling.py``) in a session."""

    def __init__(self) -> None:
        self.names: dict[profiling.Place, list[str]] = {}
        self.counted: dict[profiling.Place, tuple[int, ...]] = {}
        self.vertices: list[Any] = []
        self.cycles = self.n_samples = 0

    def groups(self, binaries: Mapping[profiling.Place, Path]) -> list[CodeGroups]:
        """A group for each name, as far as there are enough; the others together are group 0."""
        found = []
        for binary in dict.fromkeys(binaries.values()):
            functions = functions_of(binary)
            size = Counter({"streams_receive": 1 << 20})           # of the rest the largest have a group of their own
            for function in functions:
                size[group_of(function)] += function.end - function.start
            names = ["the rest", *(name for name, _ in size.most_common(GROUPS - 1))]
            number = {name: i for i, name in enumerate(names)}
            ranges = [(start, end, number[name]) for start, end, name in (
                _FIQ_VECTOR, *((each.start, each.end, group_of(each)) for each in functions)) if number.get(name)]
            places = [place for place, own in binaries.items() if own == binary]
            self.names.update(dict.fromkeys(places, names))
            at = {function.name: function.start for function in functions}
            found.append(CodeGroups(ranges, places, at[profiling._PASS_BEGINS], at[profiling._PASS_ENDS]))
        return found

    def take(self, machine: str, n_samples: int, cycles: int, vertices: list[Any], profile: Any, before: Any, after: Any) -> None:
        """What was counted in a pass."""
        self.cycles, self.n_samples, self.vertices = cycles, n_samples, list(vertices)
        self.counted = {place: core.groups for place, core in profile.cores.items()}

    def text(self, least: float) -> Iterator[str]:
        """Of the busiest core of each kind of each layer: cycles per sample by function, the greatest first."""
        busiest: dict[tuple[str, str], tuple[int, Any, profiling.Place]] = {}
        for vertex, place in self.vertices:
            key, awake = (vertex.layer, vertex.kind), sum(self.counted[place])
            if awake > busiest.get(key, (-1,))[0]:
                busiest[key] = awake, vertex, place
        whole = self.cycles / self.n_samples
        for awake, vertex, place in busiest.values():
            yield f"{vertex.label}: awake {awake / self.n_samples:.0f} of {whole:.0f} cycles per sample"
            for name, cycles in sorted(zip(self.names[place], self.counted[place]), key=lambda item: -item[1]):
                if cycles >= least * awake:
                    yield f"  {cycles / self.n_samples:8.1f}  {name}"


def main(arguments: list[str] | None = None) -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=list(MODELS), default="mlp_300")
    parser.add_argument("--samples", type=int, default=256, metavar="N", help="the first N of the training set")
    parser.add_argument("--batch", type=int, metavar="N", help="instead of the recipe's")
    parser.add_argument("--board", choices=["spinn5", "spinn3"], default="spinn5")
    parser.add_argument("--data", default="digits", metavar="FILE", help="mnist.npz; scikit-learn's digits if not given")
    parser.add_argument("--options", type=ast.literal_eval, default={}, metavar="{NAME: VALUE, ...}",
                        help="for from_keras, such as cuts by hand")
    parser.add_argument("--least", type=float, default=0.01, metavar="SHARE", help="of a core's cycles that a function must have")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    found, _ = images(options)
    profile = FunctionProfile()
    executor.code_groups, executor.cycles_of_pass = profile.groups, profile.take       # type: ignore[assignment]
    model = MODELS[options.network](seed=options.seed)
    networks.compile_model(model)
    batch = options.batch or networks.RECIPES[options.network].batch_size
    machine = dlgraph.Emulated(board=options.board, profile=True)
    with dlgraph.from_keras(model, machine, options.seed, **options.options) as net:
        net.train(found.x_train[:options.samples] / np.float32(255), found.y_train[:options.samples], batch_size=batch, verbose=0)
    print(f"{MACHINE_HZ * profile.n_samples / profile.cycles:.0f} samples/s")
    print("\n".join(profile.text(options.least)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
