"""What the tests of traces compare: everything that a trace on a machine has with the same on the host."""
from __future__ import annotations

import numpy as np

from dlgraph.executor import Executor
from dlgraph.layer_graph import LayerGraph, Samples
from dlgraph.reference import ReferenceExecutor
from dlgraph.trace import QUANTITIES, Trace


def assert_same_trace(on_machine: Trace, on_host: Trace) -> dict[str, list[str]]:
    """Equality in every bit; returns what only the host's has: quantity -> layers."""
    assert [layer.name for layer in on_machine] == [layer.name for layer in on_host]
    assert on_machine.saturations == on_host.saturations
    missing: dict[str, list[str]] = {}
    for here, there in zip(on_machine, on_host, strict=True):
        for quantity in QUANTITIES:
            got, wanted = getattr(here, quantity), getattr(there, quantity)
            where = f"{quantity} of {here.name}"
            if got is None:
                if wanted is not None:
                    assert quantity in here.absent, where
                    missing.setdefault(quantity, []).append(here.name)
                continue
            assert (got.fraction, got.scale, got.bits.dtype) == (wanted.fraction, wanted.scale, wanted.bits.dtype), where
            known = np.ones(got.shape, np.bool_) if got.known is None else got.known
            np.testing.assert_array_equal(got.bits[known], wanted.bits[known], err_msg=where)
    return missing


def reference_trace(graph: LayerGraph, executor: Executor, samples: Samples, epoch: int, training: bool) -> Trace:
    """From where an executor is."""
    reference = ReferenceExecutor(graph)
    reference.set_parameters(executor.parameters())
    return reference.trace(samples, epoch, training)
