"""From the vectors that cores sent to the values, errors and unit errors of stages.

Whatever the cut: each core's vector is a box of the stage's value, laid out as the plan says, and partial errors are added up
at the same elements as on the core that made the value.
"""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from dlgraph.mapping.boxes import Box
from dlgraph.mapping.plan import Core, CoreKind, Plan, StreamKind
from dlgraph.mapping.sent_log import LoggedVector, Words, logged_vectors, positions
from dlgraph.mapping.stages import Stage

#: Of every vector, as (core, number of its vector), what was sent: (samples, words).
Sent = Mapping[tuple[Core, int], Words]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def stage_values(plan: Plan, stage: Stage, sent: Sent, n: int) -> tuple[npt.NDArray[np.int16], BoolArray]:
    """(n, height, width, channels) of what a stage sends, and which of it is known: what nobody takes may not be.

    :param n: samples of the pass
    """
    values = np.zeros((n, *stage.shape), np.int16)
    known = np.zeros((n, *stage.shape), np.bool_)
    for logged in _vectors(plan, stage, StreamKind.ACTIVATIONS):
        layout = logged.core.layout
        assert layout is not None
        words = sent[logged.core, logged.vector]
        elements = np.zeros((len(words), layout.n_elements), np.int16)
        there = np.zeros(layout.n_elements, np.bool_)
        pairs = np.ascontiguousarray(words).view("<i2")
        elements[:, :pairs.shape[1]], there[:pairs.shape[1]] = pairs, True
        rows, columns, channels = layout.box.shape
        shape = (layout.rows, layout.width, layout.pitch)
        where = (logged.samples(n), *_slices(layout.box))
        values[where] = elements.reshape(-1, *shape)[:, :rows, :columns, :channels]
        known[where] = there.reshape(shape)[:rows, :columns, :channels]
    return values, known


def stage_errors(plan: Plan, stage: Stage, sent: Sent, n: int) -> Int64Array:
    """(n, height, width, channels): the partial errors that came back for a stage's value, added up."""
    vectors = {(each.core, each.vector): each for core in plan.cores for each in logged_vectors(plan, core)}
    errors = np.zeros((n, *stage.shape), np.int64)
    for core in _makers(plan, stage):
        layout = core.layout
        assert layout is not None
        elements = np.zeros((n, layout.n_elements), np.int64)
        plane_at = {plane.first: plane for plane in core.planes}
        for end in core.streams_in:
            if end.stream.kind is StreamKind.PARTIAL_ERRORS:
                key = (end.stream.producer, end.stream.vector)
                at = np.ix_(vectors[key].samples(n), positions(plane_at[end.first].block))
                elements[at] += sent[key][:, positions(end.stream.source)]
        rows, columns, channels = layout.box.shape
        images = elements.reshape(n, layout.rows, layout.width, layout.pitch)[:, :rows, :columns, :channels]
        errors[(slice(None), *_slices(layout.box))] += images
    return errors


def unit_errors(plan: Plan, stage: Stage, sent: Sent, n: int) -> npt.NDArray[np.int32]:
    """(n, units): what the groups of a dense stage sent to its weight slices."""
    errors = np.zeros((n, stage.head_shape[2]), np.int32)
    for logged in _vectors(plan, stage, StreamKind.ERRORS):
        units = logged.core.columns
        assert units is not None
        errors[logged.samples(n), units.start:units.stop] = sent[logged.core, logged.vector][:, :len(units)]
    return errors


def _makers(plan: Plan, stage: Stage) -> list[Core]:
    """The cores that make a stage's value."""
    return [core for core in plan.cores if core.stage == stage.number and core.kind not in (CoreKind.WEIGHT_SLICE, CoreKind.PROBE)]


def _vectors(plan: Plan, stage: Stage, kind: StreamKind) -> list[LoggedVector]:
    """Of a kind, that the makers of a stage's value sent."""
    return [logged for core in _makers(plan, stage) for logged in logged_vectors(plan, core) if logged.kind is kind]


def _slices(box: Box) -> tuple[slice, slice, slice]:
    rows, columns, channels = (slice(span.start, span.stop) for span in (box.rows, box.columns, box.channels))
    return rows, columns, channels
