"""Where the cycles of a pass went on an emulated machine: what every core did with them, and what bound the pass."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlgraph.cycle_groups import WAITING, Work
from dlgraph.mapping.pacing import LINK_CYCLES
from dlgraph.tables import table

#: In the order of bars and tables.
KINDS = (*(work.value for work in Work), WAITING)
#: A resource that is busy for less of the pass does not bind it.
BINDING_SHARE = 0.8


@dataclass(frozen=True)
class VertexCycles:
    """One core.

    :param label: of its vertex
    :param chip: (x, y)
    :param core: its number there, as the Graph Front End counts
    :param cycles: of 200 MHz, by what for: :data:`KINDS`
    """

    label: str
    layer: str
    kind: str
    chip: tuple[int, int]
    core: int
    cycles: Mapping[str, int]

    @property
    def awake(self) -> int:
        """All but those waiting."""
        return sum(cycles for kind, cycles in self.cycles.items() if kind != WAITING)


@dataclass(frozen=True)
class LayerCycles:
    """The cores of one kind of one layer.

    :param shares: of their cycles, 0 to 1, by what for; they add up to 1
    :param busiest: the core that was awake longest
    :param awake: its share of the pass
    """

    layer: str
    kind: str
    n_cores: int
    shares: Mapping[str, float]
    busiest: VertexCycles
    awake: float


@dataclass(frozen=True)
class Binding:
    """The resource that was busiest in a pass.

    :param resource: ``"core"`` or ``"link"``
    :param name: which one, in words
    :param share: of the pass, 0 to 1
    """

    resource: str
    name: str
    share: float

    def __str__(self) -> str:
        if self.share >= BINDING_SHARE:
            return f"{self.name} binds the pass: busy for {self.share:.0%} of it."
        return (f"No core and no link is busy throughout, {self.name} most of all, for {self.share:.0%} of the pass: what binds it "
                f"are round trips, the window and the ends of batches.")


@dataclass(frozen=True)
class Cycles:
    """One pass; ``str()`` makes a table of it.

    Where the samples did not fit the machine's memory at once, it is the last part of the pass.

    :param n_samples: of the pass
    :param cycles: from its start to the end of the last core; those of every vertex add up to it
    :param vertices: in the order of the network
    :param link_packets: in the pass, by (x, y, link)
    """

    machine: str
    n_samples: int
    cycles: int
    vertices: tuple[VertexCycles, ...]
    link_packets: Mapping[tuple[int, int, int], int]

    @property
    def layers(self) -> tuple[LayerCycles, ...]:
        """In the order of the network, each kind of vertex by itself."""
        together: dict[tuple[str, str], list[VertexCycles]] = {}
        for vertex in self.vertices:
            together.setdefault((vertex.layer, vertex.kind), []).append(vertex)
        return tuple(self._layer(vertices) for vertices in together.values())

    def _layer(self, vertices: Sequence[VertexCycles]) -> LayerCycles:
        busiest = max(vertices, key=lambda vertex: vertex.awake)
        return LayerCycles(vertices[0].layer, vertices[0].kind, len(vertices), self._shares(vertices), busiest,
                           busiest.awake / max(1, self.cycles))

    def _shares(self, vertices: Sequence[VertexCycles]) -> dict[str, float]:
        total = max(1, sum(sum(vertex.cycles.values()) for vertex in vertices))
        return {kind: sum(vertex.cycles[kind] for vertex in vertices) / total for kind in KINDS}

    @property
    def shares(self) -> dict[str, float]:
        """Of the cycles of all cores, 0 to 1, by what for."""
        return self._shares(self.vertices)

    @property
    def binding(self) -> Binding:
        """The busiest core or link.  A link is busy for 50 cycles a packet (``LINK_PACKET_PAYLOAD`` in emulator/src/timing.h)."""
        layer = max(self.layers, key=lambda layer: layer.awake)
        core = Binding("core", f"the {layer.kind} of layer {layer.layer} on chip {layer.busiest.chip} core {layer.busiest.core}",
                       layer.awake)
        at, packets = max(self.link_packets.items(), key=lambda item: item[1], default=((0, 0, 0), 0))
        share = packets * LINK_CYCLES / max(1, self.cycles)
        return core if core.share >= share else Binding("link", f"link {at[2]} of chip {at[:2]}", share)

    def as_json(self) -> dict[str, Any]:
        """Everything, made of what JSON has."""
        binding = self.binding
        return {"machine": self.machine, "n_samples": self.n_samples, "cycles": self.cycles, "shares": self.shares,
                "binding": {"resource": binding.resource, "name": binding.name, "share": binding.share, "text": str(binding)},
                "layers": [{"layer": layer.layer, "kind": layer.kind, "n_cores": layer.n_cores, "shares": dict(layer.shares),
                            "busiest": {"label": layer.busiest.label, "chip": list(layer.busiest.chip), "core": layer.busiest.core,
                                        "cycles": dict(layer.busiest.cycles)}, "awake": layer.awake} for layer in self.layers],
                "vertices": [{"label": vertex.label, "layer": vertex.layer, "kind": vertex.kind, "chip": list(vertex.chip),
                              "core": vertex.core, "cycles": dict(vertex.cycles)} for vertex in self.vertices],
                "busiest_links": [{"x": x, "y": y, "link": link, "packets": packets} for (x, y, link), packets in
                                  sorted(self.link_packets.items(), key=lambda item: (-item[1], item[0]))[:10] if packets]}

    def __str__(self) -> str:
        rows = [("layer", "kind", "cores", *KINDS, "busiest awake")]
        rows += [(layer.layer, layer.kind, str(layer.n_cores), *(f"{layer.shares[kind]:.1%}" for kind in KINDS),
                  f"{layer.awake:.1%}") for layer in self.layers]
        rows.append(("all", "", str(len(self.vertices)), *(f"{self.shares[kind]:.1%}" for kind in KINDS), ""))
        return "\n".join([f"Where the cycles of the cores went, {self.n_samples} samples in {self.cycles} cycles on the "
                          f"{self.machine}:", *table(rows, 2), str(self.binding)])
