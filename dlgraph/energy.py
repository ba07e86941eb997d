"""What training would cost on a SpiNNaker board, from what the machine did and from published figures.

Nothing here is measured: time and counts come from a run (emulated, as the reports say), watts and joules from the
literature.  The figures are those that SpiNNMachine 1!7.4.1 uses:

* An idle 48-chip board takes 26.84 W: Stromatias et al., "Optimising the overall power usage on the SpiNNaker neuromimetic
  platform", 2014; ``WATTS_FOR_48_CHIP_BOARD_IDLE_COST`` in ``spinn_machine/version/version_5.py``.  Its box with power
  supply and fan takes 5.04 W more, which is not counted here.
* An idle 4-chip board takes 3.56 W, measured over one hour: ``WATTS_FOR_4_CHIP_BOARD_IDLE_COST`` in ``version_3.py``.
* A core with a program takes 0.034 W more: a 48-chip board went from 31.88 W to 59.38 W with 806 cores active, one hour
  each; ``WATTS_PER_CORE_ACTIVE_OVERHEAD`` in ``version_spin1.py``.
* A router takes 25 pJ for each bit of a packet that it handles: Painkras et al., "SpiNNaker: A 1-W 18-core system-on-chip for
  massively-parallel neural network simulation", 2013; ``JOULES_PER_ROUTER_BIT`` in ``version_spin1.py``.
"""
from __future__ import annotations

from dataclasses import dataclass

WATTS_IDLE = {"spinn5": 26.84, "spinn3": 3.56}
WATTS_PER_CORE = 0.034
JOULES_PER_ROUTER_BIT = 25e-12
BITS_OF_PACKET = 40
BITS_OF_PACKET_WITH_PAYLOAD = 72
N_CHIPS = {"spinn5": 48, "spinn3": 4}


def system_cores(board: str, boards: int = 1) -> int:
    """Cores that the stock software takes: on every chip SC&MP and an extra monitor, and on every board a packet gatherer."""
    return boards * (2 * N_CHIPS[board] + 1)


@dataclass(frozen=True)
class Energy:
    """Joules of a run, by where they go.

    :param board_idle: the board with nothing loaded
    :param cores: every core with a program loaded, asleep or not, monitors included
    :param packets: the routers, each time that a packet passes one
    :param cores_awake: what ``cores`` would be if sleeping cores took nothing; not part of the total
    """

    board_idle: float
    cores: float
    packets: float
    cores_awake: float

    @property
    def total(self) -> float:
        """All but ``cores_awake``."""
        return self.board_idle + self.cores + self.packets

    def per_sample(self, n_samples: int) -> Energy:
        """The share of one of ``n_samples``."""
        return Energy(self.board_idle / n_samples, self.cores / n_samples, self.packets / n_samples,
                      self.cores_awake / n_samples)


def energy(board: str, seconds: float, n_cores: int, core_seconds_awake: float, n_routed_with_payload: int,
           n_routed: int = 0, boards: int = 1) -> Energy:
    """Energy of a run.

    :param board: ``"spinn5"`` or ``"spinn3"``
    :param seconds: machine time
    :param n_cores: cores with a program loaded, monitors included
    :param core_seconds_awake: time that cores were not asleep, summed over the cores
    :param n_routed_with_payload: packets of 72 bits, each counted at every router that it passes
    :param n_routed: packets of 40 bits, likewise
    :param boards: how many there are, all of them on
    """
    bits = n_routed * BITS_OF_PACKET + n_routed_with_payload * BITS_OF_PACKET_WITH_PAYLOAD
    return Energy(boards * WATTS_IDLE[board] * seconds, WATTS_PER_CORE * n_cores * seconds, bits * JOULES_PER_ROUTER_BIT,
                  WATTS_PER_CORE * core_seconds_awake)


def share_used(whole: Energy, board: str, n_chips: int, n_network_cores: int, boards: int = 1) -> Energy:
    """What of a run's energy falls to the chips that the network stands on, as if others used the rest of the machine.

    Of the idle boards the same share as of their chips; of the cores those of the network, SC&MP and the extra monitors of these
    chips, and a packet gatherer for each board's worth of chips begun; all packets.

    :param whole: of the whole machine, with all its monitors
    :param n_chips: that hold a core of the network
    :param n_network_cores: cores that run vertices of the network
    """
    loaded = n_network_cores + system_cores(board, boards)
    of_chips = n_network_cores + 2 * n_chips + -(-n_chips // N_CHIPS[board])
    share = n_chips / (boards * N_CHIPS[board])
    return Energy(whole.board_idle * share, whole.cores * of_chips / loaded, whole.packets, whole.cores_awake)
