"""Weight slices whose weights live in SDRAM: how much of them passes through DTCM at a time (C side:
``c_models/layers/weight_slice_sdram.c``).

A sweep over a slice's blocks of rows serves several samples.  More samples share what is fetched; higher blocks share what each
call of a kernel costs beside its products.  Both want DTCM.
"""
from __future__ import annotations

from dataclasses import dataclass

from dlgraph.mapping.neighbourhoods import CHIP_CORES
from dlgraph.mapping.plan import Core, Plan, padded

#: Words of each plane of the optimiser's state that pass through DTCM at a time.
CHUNK_WORDS = 256
#: 32-bit words per weight that a sweep moves: weights in, their gradient in and out.
WORDS_PER_SWEEP = 3
#: Cycles of 200 MHz in which one core's DMA moves a word, and in which the SDRAM of a chip does for all its cores
#: (emulator/src/timing.h: 2.6 and 5 bytes a cycle).
DMA_WORD_CYCLES, SDRAM_WORD_CYCLES = 1.55, 0.8
#: Cycles per column that the calls for one block and sample cost beside the products: forward, backward, gradient.
CALL_CYCLES = 11.0
#: Samples that share a sweep, where nothing is known of what is left of DTCM.
TYPICAL_SAMPLES = 3


@dataclass(frozen=True)
class Sweep:
    """What a slice holds in DTCM.

    :param block_rows: even
    :param samples: at most in one sweep
    """

    block_rows: int
    samples: int


#: The smallest that is worth having.
LEAST_SWEEP = Sweep(4, 1)


@dataclass(frozen=True)
class SliceShape:
    """What decides how much DTCM a sweep needs.

    :param n_rows: even
    :param n_columns: a multiple of 8
    """

    n_rows: int
    n_columns: int
    sends_errors: bool
    n_planes: int

    @classmethod
    def of(cls, plan: Plan, core: Core) -> SliceShape:
        """That of a weight slice of a plan."""
        assert core.columns is not None
        taken, = core.inputs
        return cls(taken.layout.n_elements, padded(len(core.columns)), plan.stages[taken.stage].learns,
                   len(plan.graph.optimiser.planes))

    def sweep_bytes(self, sweep: Sweep) -> int:
        """Of DTCM: two buffers of weights and gradient, two of the state, and a vector of columns and rows for each sample."""
        buffers = 2 * 2 * 4 * sweep.block_rows * self.n_columns
        state = 2 * 4 * self.n_planes * CHUNK_WORDS
        vectors = 4 * sweep.samples * (self.n_columns + (self.n_rows if self.sends_errors else 0))
        return buffers + state + vectors + 4 * -(-self.n_rows // (4 * sweep.block_rows))

    def best_sweep(self, window: int, room: int) -> Sweep:
        """The sweep that makes the most of so many bytes; the smallest one where none fits."""
        best, least = LEAST_SWEEP, float("inf")
        for samples in range(1, window + 1):
            left = room - self.sweep_bytes(Sweep(LEAST_SWEEP.block_rows, samples))
            if left < 0:
                break
            more_rows = left // (16 * self.n_columns) // 2 * 2
            block_rows = min(LEAST_SWEEP.block_rows + more_rows, -(-self.n_rows // 4) * 2)
            cycles = WORDS_PER_SWEEP * SDRAM_WORD_CYCLES * CHIP_CORES / samples + CALL_CYCLES / block_rows
            if cycles < least:
                best, least = Sweep(block_rows, samples), cycles
        return best


def word_cycles(n_slices: int) -> float:
    """Cycles in which a core moves a word, where a layer has so many slices that do the same."""
    return max(DMA_WORD_CYCLES, SDRAM_WORD_CYCLES * min(n_slices, CHIP_CORES))


def fetch_cycles(n_slices: int, samples: int) -> float:
    """The same of all words that a sample moves for a weight: it goes forward in one sweep and backward in another."""
    return (1 + WORDS_PER_SWEEP) * word_cycles(n_slices) / samples
