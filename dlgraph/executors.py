"""The one place that chooses what computes."""
from __future__ import annotations

from typing import Any, Protocol

from dlgraph.errors import UnsupportedError
from dlgraph.executor import Executor
from dlgraph.layer_graph import LayerGraph
from dlgraph.targets import MachineTarget

#: What :class:`~dlgraph.gfe.executor.GfeExecutor` may be told about the mapping.
MAPPING_OPTIONS = ("cuts", "n_sources", "window", "replicas", "share_dense", "shared_window", "placement_seed",
                   "max_region_bytes", "own_cores", "place", "probes")
#: Of these, what belongs to a cut that is given by hand.
_OF_A_CUT = ("n_sources", "window", "replicas", "share_dense", "shared_window")


class ExecutorFactory(Protocol):
    """Makes an executor for a graph; tests pass their own."""

    def __call__(self, graph: LayerGraph, target: MachineTarget, **options: Any) -> Executor:
        """See :func:`make_executor`."""


def make_executor(graph: LayerGraph, target: MachineTarget, **options: Any) -> Executor:
    """An executor that runs the graph on a machine; it starts the machine when it first needs it.

    :param options: of the mapping, as :class:`~dlgraph.gfe.executor.GfeExecutor` takes them
    """
    from dlgraph.gfe.executor import GfeExecutor       # the Graph Front End takes seconds to import

    executor: Executor = GfeExecutor(graph, target, **options)
    return executor


def make_reference(graph: LayerGraph, target: MachineTarget, **options: Any) -> Executor:
    """An executor that computes the same on the host; no machine is touched."""
    from dlgraph.reference import ReferenceExecutor

    return ReferenceExecutor(graph)


def check_options(options: dict[str, Any]) -> None:
    """Refuse an option that the mapping does not know, or that would do nothing.

    :raises UnsupportedError: naming it
    """
    for name in options:
        if name not in MAPPING_OPTIONS:
            raise UnsupportedError(f"The option {name!r} is not known. from_keras accepts machine, seed, input_max, "
                                   f"activation_fractions, gradient_shifts, and for the mapping {', '.join(MAPPING_OPTIONS)}.")
    alone = [name for name in options if name in _OF_A_CUT and options.get("cuts") is None]
    if alone:
        raise UnsupportedError(f"{alone[0]}={options[alone[0]]!r} belongs to a cut that is given by hand. Give cuts as well, or "
                               f"leave it out: then the cost model chooses both.")
