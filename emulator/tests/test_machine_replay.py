"""A run is repeated from the log of what the host did, to the same cycle and the same bits."""
import socket
import struct
import time

import pytest
from machine_support import spinnemu
from test_machine_host import scp

from spinnemu.boot_image import patched_image
from spinnemu.machine import replay


@pytest.mark.parametrize("boot", [True, False])
def test_replay(tmp_path, boot):
    log, address = tmp_path / "log", f"127.0.9.{20 + boot}"
    with spinnemu.Machine("spinn3", address, boot=boot, record=log) as machine:
        if not boot:
            send_boot_image(machine)
        for i in range(20):
            assert scp(machine, 3, 0x60001000 + 64 * i, 64, 2, data=bytes([i] * 64),
                       x=i % 2, y=i // 2 % 2, sequence=i, attempts=5)[0] == 0x80      # chips far away boot later
        code, data = scp(machine, 2, 0x60001000, 4, 2, x=0, y=0, sequence=50)
        assert (code, data) == (0x80, bytes(4))
    first = replay(log, "spinn3", address, boot=boot)
    second = replay(log, "spinn3", address, boot=boot)
    assert first.counters.cycles == second.counters.cycles
    assert first.counters.instructions == second.counters.instructions
    assert first.state_hash == second.state_hash
    assert first.state_hash == machine.final_state_hash


def test_a_log_that_finds_no_room_is_not_taken_for_whole():
    machine = spinnemu.Machine("spinn3", boot=False, record="/dev/full")
    with pytest.raises(spinnemu.EmulatorError, match="log.*not be written to its end.*make room"):
        machine.close()
    machine.close()


def boot_messages():
    """What SpiNNMan sends to boot a board."""
    image = patched_image(3)
    blocks = [image[i:i + 1024] for i in range(0, len(image), 1024)]

    def message(op, one, two, three, data=b""):
        swapped = b"".join(data[i:i + 4][::-1] for i in range(0, len(data), 4))
        return struct.pack(">HIIII", 1, op, one, two, three) + swapped

    return [message(1, 0, 0, len(blocks) - 1), *(message(3, 255 << 8 | i, 0, 0, block) for i, block in enumerate(blocks)),
            message(5, 1, 0, 0)]


def send_boot_image(machine):
    """As SpiNNMan does, without its pauses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((machine.address, 54321))
        for message in boot_messages():
            client.send(message)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            _, data = scp(machine, 0, timeout=0.5)
        except TimeoutError:
            continue
        if data[3] != 255:                   # knows where it is
            return
        time.sleep(0.05)
    raise AssertionError("SC&MP did not come up")
