"""The process in which an emulated machine runs.

Started by :class:`spinnemu.Machine` as a script, with its options in a JSON object on the command
line; imports nothing but ctypes, to be there at once.
"""

import ctypes
import json
import sys


class ServeOptions(ctypes.Structure):
    """Mirror of the structure of that name in ``src/serve.c``."""

    _fields_ = [
        ("board", ctypes.c_uint32),
        ("address", ctypes.c_uint8 * 4),
        ("image", ctypes.c_char_p),
        ("image_bytes", ctypes.c_uint32),
        ("serial_rom", ctypes.c_char_p),
        ("serial_rom_bytes", ctypes.c_uint32),
        ("snapshot_path", ctypes.c_char_p),
        ("snapshot_key", ctypes.c_char_p),
        ("record_path", ctypes.c_char_p),
        ("replay_path", ctypes.c_char_p),
        ("control_in", ctypes.c_int32),
        ("control_out", ctypes.c_int32),
        ("die_with_parent", ctypes.c_uint32),
        ("threads", ctypes.c_uint32),
        ("translation_count", ctypes.c_uint32),
        ("translations", ctypes.POINTER(ctypes.c_char_p)),
        ("translation_key", ctypes.c_char_p),
        ("faults", ctypes.c_char_p),
    ]


def _text(value):
    return value.encode() if value is not None else None


def main(arguments):
    """Serve a machine until the control channel closes."""
    options = json.loads(arguments[0])
    image = bytes.fromhex(options["image"])
    rom = bytes.fromhex(options["serial_rom"])
    engine = ctypes.CDLL(options["library"])
    translations = options["translations"]
    serve = ServeOptions(
        board=options["board"],
        address=(ctypes.c_uint8 * 4)(*map(int, options["address"].split("."))),
        image=image or None, image_bytes=len(image),
        serial_rom=rom, serial_rom_bytes=len(rom),
        snapshot_path=_text(options["snapshot_path"]), snapshot_key=_text(options["snapshot_key"]),
        record_path=_text(options["record"]), replay_path=_text(options["replay"]),
        control_in=0, control_out=1, die_with_parent=options["die_with_parent"],
        threads=options["threads"], translation_count=len(translations),
        translations=(ctypes.c_char_p * len(translations))(*map(str.encode, translations)),
        translation_key=_text(options["translation_key"]), faults=_text(options["faults"]))
    return engine.spinnemu_serve(ctypes.byref(serve))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
