"""What training would cost on a SpiNNaker board: :mod:`dlgraph.energy`, by the name that the benchmarks know it by."""
from dlgraph.energy import (
    BITS_OF_PACKET, BITS_OF_PACKET_WITH_PAYLOAD, JOULES_PER_ROUTER_BIT, N_CHIPS, WATTS_IDLE, WATTS_PER_CORE, Energy, energy,
    system_cores)

__all__ = ["BITS_OF_PACKET", "BITS_OF_PACKET_WITH_PAYLOAD", "JOULES_PER_ROUTER_BIT", "N_CHIPS", "WATTS_IDLE", "WATTS_PER_CORE",
           "Energy", "energy", "system_cores"]
