"""What a cut of a stage costs together with those that take its value, before anything is laid out."""
from __future__ import annotations

from math import prod

from dlgraph.mapping import memory
from dlgraph.mapping.candidates import Candidate
from dlgraph.mapping.cost import CAUTIOUS
from dlgraph.mapping.cuts import DenseCut
from dlgraph.mapping.fan_out import FanOut
from dlgraph.mapping.plan import pairs
from dlgraph.mapping.stages import Stage

BASE_BYTES = 4000                # of every core: tables of streams, claims, the ring's least


def streams_of(candidate: Candidate, fan_out: FanOut) -> float:
    """Streams out of and into what makes the stage's value, and between tiles."""
    cut = candidate.cut
    n_out, n_back = fan_out.streams(candidate.largest)
    if isinstance(cut, DenseCut):
        return len(cut.groups) * (n_out + n_back) + 2 * len(cut.rows) * len(cut.columns)
    between = cut.n_tiles * (cut.n_tiles + 1) if candidate.exchanges and cut.n_tiles > 1 else 0
    return cut.n_cores * (n_out + n_back) + len(cut.channels) * between


def group_cycles(stage: Stage, candidate: Candidate, fan_out: FanOut) -> float:
    """What makes the stage's value: a group or a tile, with what its takers decide."""
    n = prod(candidate.largest.shape)
    n_out, n_back = fan_out.streams(candidate.largest)
    cycles = n * fan_out.returned * (CAUTIOUS.receive + CAUTIOUS.summand) + n / 2 * fan_out.sent * CAUTIOUS.send
    cycles += n_back * CAUTIOUS.stream_sample + n_out * CAUTIOUS.stream_send
    if isinstance(candidate.cut, DenseCut):
        n_sums = len(candidate.cut.rows)
        n_blocks = -(-len(candidate.cut.columns) // len(candidate.cut.groups))
        cycles += n * n_sums * (CAUTIOUS.receive + CAUTIOUS.summand) + n * (CAUTIOUS.unit + CAUTIOUS.send)
        cycles += (n_sums * n_blocks + 2) * CAUTIOUS.stream_sample
        if stage.is_output:
            cycles += n * CAUTIOUS.softmax_unit
        return cycles
    return cycles + candidate.compute


def core_bytes(stage: Stage, candidate: Candidate, fan_out: FanOut, window: int, n_planes: int) -> float:
    """Data memory of the largest core of a candidate, as far as it is known before everything is laid out."""
    slots = 2 * window
    n = prod(candidate.largest.shape)
    _, n_back = fan_out.streams(candidate.largest)
    per_stream = memory.SLOT_STATE_BYTES * slots + memory.STREAM_BYTES
    words_back = n * fan_out.returned
    group = (4 * slots + memory.PACKET_BYTES * window) * words_back + n_back * per_stream + BASE_BYTES
    own = (candidate.own_bytes + slots * candidate.slot_bytes + BASE_BYTES + 6 * per_stream
           + memory.PACKET_BYTES * window * pairs(candidate.n_in))
    if isinstance(candidate.cut, DenseCut):
        n_sums = len(candidate.cut.rows)
        n_blocks = -(-len(candidate.cut.columns) // len(candidate.cut.groups))
        group += (4 * slots + memory.PACKET_BYTES * window) * n * n_sums + n_sums * n_blocks * per_stream
        return max(own, group + (30 + 2 * slots + memory.STATE_BYTES * n_planes) * n)
    return own + group
