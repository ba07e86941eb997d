"""The boot image of SC&MP, as SpiNNMan would send it."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path

from .errors import EmulatorError

#: where the image holds the system variables that the host sets
VARIABLES_OFFSET = 384
VARIABLES_BYTES = 128
#: what the boot ROM takes
IMAGE_BYTES = 32 * 1024
#: time stamp of machines that start booted: fixed, so that they can be kept
BOOT_TIME = 1_700_000_000

#: offset, format and value of the variables that SpiNNMan sets when it boots a board; all others
#: are 0.  The names are those of SpiNNMan's ``SystemVariableDefinition``.
_DEFAULTS = (
    (0x0c, "B", 4),            # p2p_b_repeats
    (0x0d, "B", 4),            # log_peer_to_peer_sequence_length
    (0x0e, "B", 0x33),         # clock_divisor
    (0x1c, "I", BOOT_TIME),    # unix_timestamp
    (0x24, "H", 200),          # cpu_clock_mhz
    (0x26, "H", 130),          # sdram_clock_frequency_mhz
    (0x28, "B", 0x3f),         # nearest_neighbour_forward
    (0x2a, "B", 200),          # link_peek_timeout_microseconds
    (0x2b, "B", 1),            # led_half_period_10_ms
    (0x2c, "B", 50),           # netinit_bc_wait_time
    (0x30, "I", 1),            # led_0
    (0x40, "B", 1),            # is_root_chip
    (0x41, "B", 7),            # n_shared_message_buffers
    (0x42, "B", 20),           # nearest_neighbour_delay_us
    (0x48, "I", 1024),         # system_ram_heap_address
    (0x50, "I", 16384),        # iobuf_size
    (0x54, "I", 8388608),      # system_sdram_bytes
    (0x58, "I", 32768),        # system_buffer_words
    (0x5c, "I", BOOT_TIME),    # boot_signature
    (0x65, "B", 0x3f),         # links_available
)
_HARDWARE_VERSION = 0x0a


def find_image() -> Path:
    """The image in the installed SpiNNMan.

    :raises EmulatorError: if SpiNNMan is not installed
    """
    spec = importlib.util.find_spec("spinnman")
    folder = Path(spec.origin).parent if spec is not None and spec.origin else None
    image = folder / "messages/spinnaker_boot/boot_data/scamp.boot" if folder else None
    if image is None or not image.is_file():
        raise EmulatorError(
            "SpiNNMan, which brings the boot image of SC&MP, is not installed; "
            "install it, or start the machine cold and boot it over UDP")
    return image


def patched_image(hardware_version: int, path: Path | None = None) -> bytes:
    """The image with its system variables set for a board.

    :param hardware_version: 3 or 5
    :param path: the image; that of the installed SpiNNMan if not given
    :raises EmulatorError: if there is none, or it is none
    """
    path = path or find_image()
    try:
        image = bytearray(path.read_bytes())
    except OSError as error:
        raise EmulatorError(f"the boot image cannot be read: {error}") from error
    least = VARIABLES_OFFSET + VARIABLES_BYTES
    if not least < len(image) <= IMAGE_BYTES:
        raise EmulatorError(f"{path} is no boot image of SC&MP, or damaged: it has {len(image)} bytes, and one has more than "
                            f"{least} and at most {IMAGE_BYTES}")
    variables = bytearray(VARIABLES_BYTES)
    for offset, kind, value in _DEFAULTS:
        struct.pack_into(f"<{kind}", variables, offset, value)
    variables[_HARDWARE_VERSION] = hardware_version
    image[VARIABLES_OFFSET:VARIABLES_OFFSET + VARIABLES_BYTES] = variables
    return bytes(image)
