"""What no cut whatever can bring onto a machine."""
from __future__ import annotations

from typing import Sequence

from dlgraph.layer_graph import LayerGraph
from dlgraph.layers import WeightLayer
from dlgraph.mapping import memory
from dlgraph.mapping.neighbourhoods import CHIP_CORES
from dlgraph.mapping.stages import Stage


def too_large(graph: LayerGraph, stages: Sequence[Stage], in_sdram: frozenset[int], max_cores: int) -> list[str]:
    """What no cut whatever can bring onto the machine, and by how much."""
    found = []
    output = stages[-1]
    need = 100 * output.shape[2]                    # of an output group with one block of rows
    if need > memory.DTCM_HEAP_BYTES:
        found.append(f"the {output.shape[2]} outputs of layer {output.name!r} belong on one core and need about {need} bytes "
                     f"of its data memory, there are {memory.DTCM_HEAP_BYTES}")
    sizes = {stages[i].name: 4 * layer.weights.size * (2 + len(graph.optimiser.planes)) for i in range(1, len(stages))
             if isinstance(layer := graph.layers[stages[i].layer], WeightLayer)}
    shapes = {layer.name: " x ".join(map(str, layer.weights.shape)) for layer in graph.weight_layers}
    kept_there = {stages[i].name for i in in_sdram}
    n_chips = -(-max_cores // CHIP_CORES)
    for names, room, what in ((sizes.keys() - kept_there, max_cores * memory.DTCM_HEAP_BYTES,
                               f"{max_cores} cores have {{}} bytes of data memory"),
                              (kept_there, n_chips * memory.CHIP_SDRAM_BYTES, f"{n_chips} chips have {{}} bytes of SDRAM")):
        need = sum(sizes[name] for name in names)
        if need > room:
            largest = max(sorted(names), key=lambda name: sizes[name])
            found.append(f"weights, their gradients and the optimiser's state need {need} bytes, of which layer {largest!r} "
                         f"with {shapes[largest]} weights {sizes[largest]}; the machine's {what.format(room)}, "
                         f"{need - room} too few")
    return found
