"""A SpiNNaker machine in software.

It models the hardware of SpiNNaker chips and boards and runs the stock software on it: SC&MP on
the monitor cores, SARK and application binaries on the others.  Host software reaches it by UDP,
as it would reach a board::

    import spinnemu
    with spinnemu.Machine(board="spinn3") as machine:
        ...  # talk to machine.address, ports 17893 and 54321
        print(machine.counters().seconds)
"""

from . import translations
from .errors import AddressBusyError, EmulatorError
from .faults import Death, Faults, PacketFault, SlowCore
from .machine import Counters, Machine
from .profile import CodeGroups, CoreCycles, Profile

__all__ = ["AddressBusyError", "CodeGroups", "CoreCycles", "Counters", "Death", "EmulatorError", "Faults", "Machine", "PacketFault",
           "Profile", "SlowCore", "translations"]
