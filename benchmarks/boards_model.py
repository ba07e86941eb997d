"""Speed and energy of machines of many boards: the cost model for a board, and an exchange of gradients between boards on top.

The mapping puts a network on one board.  Here every board holds the whole network and takes an equal share of each batch (data
parallelism); at the end of a batch the boards add up their gradients and all make the same step.  dlgraph does not do that, so
nothing of it is measured; what is assumed stands here, all of it:

* **A board** takes what the cost model expects of its share of the batch (``dlgraph.mapping.expected``).
* **The exchange** is a reduce-scatter and an all-gather in rings, along the rows and then along the columns of a torus of boards,
  as libraries of collective operations do it: each board sends 2 W (R - 1) / R words of W parameters on R boards, in 2 (rows - 1)
  + 2 (columns - 1) steps (Thakur, Rabenseifner, Gropp, "Optimization of collective communication operations in MPICH", 2005).  It
  does not overlap with the batch.
* **Links between boards**: a side of a board has 8 of its 48 links that leave it (48 chips of 6 links, ``spinnemu.boards``);
  words go both ways round a ring, over two sides.  A packet with payload takes 128 cycles of such a link: 2.8 million packets/s
  were measured without payload (network_tester, ``examples/link_throughput.R``), 72/40 of the time with it.
* **Cores** receive and send the words of the parameters that they update; the fullest of them decides.
* **A step** costs what a core spends on a sample besides everything that depends on its size (``MEASURED.sample`` of
  ``dlgraph.mapping.cost``).
* **Energy** is that of :mod:`dlgraph.energy` for each board; cabinets, supplies, switches and hosts are not counted.  A word of
  the exchange passes the routers of a board's width, 8.
"""
from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

from dlgraph.energy import BITS_OF_PACKET_WITH_PAYLOAD, JOULES_PER_ROUTER_BIT, WATTS_IDLE, WATTS_PER_CORE
from dlgraph.mapping.cost import MEASURED
from dlgraph.progress import MACHINE_HZ

#: Of a SpiNN-5 board: chips with 18 cores each.
CHIPS, CORES_OF_CHIP = 48, 18
#: Links that a ring has between two boards: a side's eight, both ways round.
RING_LINKS = 16
#: Cycles of 200 MHz that a packet with payload takes of a link between boards: ``FPGA_LINK_PACKET_PAYLOAD``, emulator/src/timing.h.
LINK_CYCLES = 128
#: Routers that a word passes in each step.
ROUTERS_OF_STEP = 8
#: How wrong the exchange may be, either way.
EXCHANGE_FACTOR = 2.0


@dataclass(frozen=True)
class Copy:
    """A network on a board, as the cost model sees it.

    :param cycles_per_sample: in training, in batches of ``batch``
    :param batch: of this board
    :param n_parameters: that are trained
    :param most_updated: parameters that the core with most of them updates
    :param loaded_cores: with a program, monitors included
    :param routed_per_sample: packets, each counted at every router
    """

    cycles_per_sample: float
    batch: int
    n_parameters: int
    most_updated: int
    loaded_cores: int
    routed_per_sample: float


@dataclass(frozen=True)
class Exchange:
    """Cycles of an exchange of gradients, by what could bind it; links and cores work at the same time."""

    links: float
    cores: float
    steps: float

    @property
    def cycles(self) -> float:
        """From the last error of a batch to the step."""
        return max(self.links, self.cores) + self.steps


@dataclass(frozen=True)
class Expected:
    """Of a machine of many boards.

    :param batch: of all boards
    :param bound: what most of a batch's time goes to
    """

    boards: int
    batch: int
    compute: float
    exchange: Exchange
    samples_per_s: float
    joules_per_sample: float
    bound: str

    @property
    def cores(self) -> int:
        """All that the machine has."""
        return self.boards * CHIPS * CORES_OF_CHIP


def torus(boards: int) -> tuple[int, int]:
    """Rows and columns, as near to a square as they come."""
    rows = next(n for n in range(isqrt(boards), 0, -1) if boards % n == 0)
    return rows, boards // rows


def exchange(copy: Copy, boards: int) -> Exchange:
    """Of the gradients of so many copies, a board each."""
    rows, columns = torus(boards)
    share = 2 * (boards - 1) / boards
    steps = 2 * (rows - 1) + 2 * (columns - 1)
    return Exchange(share * copy.n_parameters * LINK_CYCLES / RING_LINKS,
                    share * copy.most_updated * (MEASURED.receive + MEASURED.send), steps * MEASURED.sample)


def expected(copy: Copy, boards: int, compute_factor: float = 1.0, exchange_factor: float = 1.0) -> Expected:
    """What a machine of so many boards should do.

    :param compute_factor: cycles of a board by those that the cost model expects
    :param exchange_factor: of the exchange, likewise
    """
    compute = compute_factor * copy.cycles_per_sample * copy.batch
    parts = exchange(copy, boards)
    between = exchange_factor * parts.cycles
    seconds, batch = (compute + between) / MACHINE_HZ, boards * copy.batch
    watts = boards * (WATTS_IDLE["spinn5"] + WATTS_PER_CORE * copy.loaded_cores)
    routed = batch * copy.routed_per_sample + 2 * (boards - 1) * copy.n_parameters * ROUTERS_OF_STEP
    packets = routed * BITS_OF_PACKET_WITH_PAYLOAD * JOULES_PER_ROUTER_BIT
    by_cycles = {"the batch on each board": compute, "links between boards": exchange_factor * parts.links,
                 "cores, to receive and send gradients": exchange_factor * parts.cores,
                 "steps of the exchange": exchange_factor * parts.steps}
    return Expected(boards, batch, compute, parts, batch / seconds, (watts * seconds + packets) / batch,
                    max(by_cycles, key=lambda name: by_cycles[name]))
