"""How the energy of a pass is counted, in sentences: every constant with its source."""
from __future__ import annotations

from dlgraph.energy import BITS_OF_PACKET_WITH_PAYLOAD, JOULES_PER_ROUTER_BIT, N_CHIPS, WATTS_IDLE, WATTS_PER_CORE
from dlgraph.progress import MACHINE_HZ

#: Of the idle boards' power.
_IDLE_SOURCE = {
    "spinn5": "Stromatias et al., “Optimising the overall power usage on the SpiNNaker neuromimetic platform”, 2014; SpiNNMachine, "
              "version_5.py",
    "spinn3": "SpiNNMachine, version_3.py: measured over one hour"}


def method(board: str, emulated: bool, n_loaded: int, n_routed: int | None, boards: int = 1) -> tuple[str, ...]:
    """What :func:`dlgraph.energy.energy` did.

    :param board: ``"spinn5"`` or ``"spinn3"``
    :param n_loaded: cores with a program loaded, monitors included
    :param n_routed: packets, each counted at every router that it passed; None where they were not counted
    :param boards: how many there are
    """
    which = "Board" if boards == 1 else f"Boards, each of {boards}"
    return (
        f"Time: {'emulated ' if emulated else ''}machine time of the pass, at {MACHINE_HZ // 1_000_000} MHz; loading, mapping and "
        f"the host are not counted.",
        f"{which}: {WATTS_IDLE[board]} W with nothing loaded, for all {N_CHIPS[board]} chips, used or not "
        f"({_IDLE_SOURCE[board]}). Power supply and fan are not counted.",
        f"Cores: {WATTS_PER_CORE} W more for each of {n_loaded} cores with a program, asleep or not, those of the system among "
        f"them (SpiNNMachine, version_spin1.py: 31.88 W and 59.38 W with 806 cores active).",
        _packets(n_routed))


def _packets(n_routed: int | None) -> str:
    if n_routed is None:
        return ("Packets are not counted router by router on a board and are not in the sum; in the emulated runs that are "
                "recorded they took 0.1 to 0.2% of it.")
    nanojoules, picojoules = 1e9 * JOULES_PER_ROUTER_BIT * BITS_OF_PACKET_WITH_PAYLOAD, 1e12 * JOULES_PER_ROUTER_BIT
    return (f"Packets: {n_routed:,} multicast packets, each counted at every router that it passed, all taken for packets with "
            f"payload, at {nanojoules:.1f} nJ ({BITS_OF_PACKET_WITH_PAYLOAD} bits at {picojoules:.0f} pJ: Painkras et al., "
            f"“SpiNNaker: A 1-W 18-core system-on-chip for massively-parallel neural network simulation”, 2013).")
