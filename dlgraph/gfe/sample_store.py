"""Which samples lie in the machine's SDRAM, and where.

Input sources hold codes, the output group holds labels or targets, and weights where there are any.  Data sets that a
training uses again and again (training and validation samples) stay; when there is no room for another one, all are forgotten
and it is written anew.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np
import numpy.typing as npt

from dlgraph.layer_graph import Samples
from dlgraph.vertices.input_source_vertex import row_bytes


def code_rows(samples: Samples, columns: npt.NDArray[np.int64]) -> bytes:
    """The rows of one input source: its columns, padded to whole words."""
    codes = samples.codes
    n_bytes = row_bytes(len(columns), codes.itemsize)
    rows = np.zeros((len(samples), n_bytes // codes.itemsize), codes.dtype.newbyteorder("<"))
    rows[:, :len(columns)] = codes[:, columns]
    return rows.tobytes()


def target_rows(samples: Samples) -> bytes:
    """The rows of the output group: one label, or all targets, then the weight; nothing without labels or targets."""
    wanted = samples.labels if samples.labels is not None else samples.targets
    if wanted is None:
        return b""
    rows = wanted.reshape(len(samples), -1).astype("<i4")
    if samples.weights is not None:
        rows = np.column_stack([rows, samples.weights.astype("<i4")])
    return rows.tobytes()


def target_row_bytes(samples: Samples) -> int:
    """Bytes per sample at the output group."""
    if samples.labels is None and samples.targets is None:
        return 0
    words = 1 if samples.targets is None else int(samples.targets.shape[1])
    return 4 * (words + (samples.weights is not None))


@dataclass
class Resident:
    """A data set in SDRAM: byte offsets in the regions of the input sources (in order) and of the output group."""

    samples: Samples
    source_offsets: list[int]
    target_offset: int


class SampleStore:
    """Room for samples.

    :param blocks: number of inputs that each input source holds
    :param source_bytes: size of each input source's region
    :param target_bytes: size of the output group's region
    """

    def __init__(self, blocks: Sequence[int], source_bytes: Sequence[int], target_bytes: int) -> None:
        self._blocks = blocks
        self._source_bytes = source_bytes
        self._target_bytes = target_bytes
        self._resident: list[Resident] = []
        self._forget()

    def _forget(self) -> None:
        self._resident.clear()
        self._source_used = [0] * len(self._blocks)
        self._target_used = 0

    def capacity(self, samples: Samples) -> int:
        """How many samples like these fit the regions at most."""
        fits = [size // row_bytes(block, samples.codes.itemsize)
                for block, size in zip(self._blocks, self._source_bytes)]
        if target_row_bytes(samples):
            fits.append(self._target_bytes // target_row_bytes(samples))
        return min(fits)

    def find(self, samples: Samples) -> Resident | None:
        """Where the samples are, if they are."""
        return next((resident for resident in self._resident if resident.samples is samples), None)

    def place(self, samples: Samples) -> Resident:
        """Make room for samples that are to be written; they must not exceed :meth:`capacity`."""
        source_sizes = [len(samples) * row_bytes(block, samples.codes.itemsize) for block in self._blocks]
        target_size = len(samples) * target_row_bytes(samples)
        room = all(used + size <= limit for used, size, limit in
                   zip(self._source_used, source_sizes, self._source_bytes))
        if not room or self._target_used + target_size > self._target_bytes:
            self._forget()
        resident = Resident(samples, list(self._source_used), self._target_used)
        self._source_used = [used + size for used, size in zip(self._source_used, source_sizes)]
        self._target_used += target_size
        self._resident.append(resident)
        return resident
