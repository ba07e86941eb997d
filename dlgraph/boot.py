"""Boots a board with SpiNNMan: ``python -m dlgraph.boot HOST VERSION``."""
from __future__ import annotations

import sys

#: Version -> how SpiNNMan sets the board's LEDs on booting.
LEDS = {3: 0x00000502, 5: 0x00000001}


def boot(hostname: str, version: int) -> None:
    """Send the boot image to UDP port 54321; the board does not answer to it."""
    from spinn_utilities.config_holder import set_config
    from spinnman.config_setup import unittest_setup
    from spinnman.connections.udp_packet_connections import BootConnection
    from spinnman.messages.spinnaker_boot import SpinnakerBootMessages, SystemVariableDefinition

    unittest_setup()             # SpiNNMan's own defaults, without the user's files
    set_config("Machine", "version", str(version))
    connection = BootConnection(remote_host=hostname)
    try:
        for message in SpinnakerBootMessages({SystemVariableDefinition.led_0: LEDS[version]}).messages:
            connection.send_boot_message(message)
    finally:
        connection.close()


if __name__ == "__main__":
    boot(sys.argv[1], int(sys.argv[2]))
