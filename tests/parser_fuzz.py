"""Made-up and damaged input for the parsers in Python: files, datagrams, memory of the machine.

Each raises what it documents, or takes the input; anything else is a finding.  Input number k of a parser depends on (seed, parser,
k) alone.
"""
from __future__ import annotations

import gzip
import importlib.util
import io
import os
import random
import struct
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from spinnemu import translations
from spinnemu.boot_image import patched_image
from spinnemu.errors import EmulatorError
from spinnemu.translate_image import read_aplx

from dlgraph.binaries.aplx import complaint
from dlgraph.data.idx import read_idx
from dlgraph.data.npz import read_npz
from dlgraph.errors import DataError, MachineError
from dlgraph.gfe.progress_listener import ProgressListener
from dlgraph.machines import configured_machine
from dlgraph.vertices.pass_parameters import RESULT_BYTES, VertexResult

C_MODELS = Path(__file__).resolve().parent.parent / "c_models"
EDGES = (0, 1, 2, 3, 4, 0x10, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x400000, 0x7fffffff, 0x80000000,
         0xfffffff0, 0xffffffff)


@dataclass(frozen=True)
class Parser:
    """One parser.

    :param make: input, whole or nearly
    :param feed: gives it to the parser; raises only in case of a finding
    :param weight: share of the inputs
    """

    make: Callable[[random.Random], bytes]
    feed: Callable[[bytes], None]
    weight: int


def damage(rng: random.Random, content: bytes) -> bytes:
    """Bits, bytes, words, cuts, repeats; at times nothing."""
    data = bytearray(content)
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at:at + 1] = bytes([rng.randrange(256)])
        elif kind == 2:
            data[at:at + 4] = struct.pack(rng.choice("<>") + "I", rng.choice(EDGES))
        elif kind == 3:
            del data[at:]
        elif kind == 4:
            data[at:at] = data[at:at + rng.randrange(100)] * rng.randrange(1, 4)
        elif kind == 5:
            del data[at:at + rng.randrange(20)]
        else:
            data += rng.randbytes(rng.randrange(40))
    return bytes(data)


def word(rng: random.Random) -> int:
    return rng.choice(EDGES) if rng.randrange(2) else rng.getrandbits(32)


# --- binaries -------------------------------------------------------------------------------------------------------------

def make_aplx(rng: random.Random) -> bytes:
    n = rng.randrange(1, 5)
    code = rng.randbytes(4 * rng.randrange(40))
    entries = [(rng.choice((2, 2, 3)), rng.choice((0, 0, 0x400000, word(rng))), rng.choice((16 * (n + 1 - i), word(rng))),
                rng.choice((len(code), word(rng)))) for i in range(n)]
    return damage(rng, b"".join(struct.pack("<4I", *entry) for entry in [*entries, (4, 0, 0, 0)]) + code)


def feed_aplx(data: bytes) -> None:
    assert complaint(data) is None or complaint(data)
    try:
        image = read_aplx(data)
    except EmulatorError:
        return
    assert len(image.itcm) <= 0x8000 and len(image.data) <= len(data)


def feed_translator(data: bytes) -> None:
    """All of it but the C compiler."""
    try:
        image = read_aplx(data)
    except EmulatorError:
        return
    for number, writer in enumerate(translations._pages([image]).values()):
        assert writer.function(f"page_{number}")


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"fuzzed_{name}", C_MODELS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


elf_reader = _module("aplx")


def make_elf(rng: random.Random) -> bytes:
    sections = [(1, 2, 0, 52, 16), (1, 2, 0x400000, 52, 8), (8, 2, 0x400008, 0, 100)]
    header = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, 40, 1, 0, 0, 68, 0, 52, 0, 0, 40, len(sections), 0)
    table = b"".join(struct.pack("<10I", 0, *section, 0, 0, 4, 0) for section in sections)
    return damage(rng, header + bytes(16) + table)


def feed_elf(data: bytes) -> None:
    try:
        image = elf_reader.read_elf(data, "p")
        image.check(2048, 64)
        assert complaint(elf_reader.aplx_bytes(image)) is None
    except elf_reader.BuildError:
        pass


# --- data sets and other files --------------------------------------------------------------------------------------------

class File:
    """A file, in memory only, with the content that is to be read."""

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("input")
        self._path = Path(f"/proc/self/fd/{self._descriptor}")

    def holding(self, data: bytes) -> Path:
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, data, 0)
        return self._path


FILE = File()


def make_idx(rng: random.Random) -> bytes:
    axes = rng.choice((1, 3))
    shape = [rng.randrange(1, 6) for _ in range(axes)]
    content = struct.pack(f">{1 + axes}I", 0x800 + axes, *shape) + rng.randbytes(int(np.prod(shape)))
    if rng.randrange(3) == 0:
        return damage(rng, gzip.compress(damage(rng, content)))
    return damage(rng, content)


def feed_idx(data: bytes) -> None:
    path = FILE.holding(data)
    for axes in (1, 3):
        try:
            assert read_idx(path, axes).nbytes <= 1032 * len(data)
        except DataError:
            pass


def make_npz(rng: random.Random) -> bytes:
    file = io.BytesIO()
    labels = rng.choice((np.uint8, np.int64))
    arrays = {f"{kind}_{part}": np.zeros((3, 2, 2) if kind == "x" else 3, labels if kind == "y" else np.uint8)
              for kind in "xy" for part in ("train", "test")}
    rng.choice((np.savez, np.savez_compressed))(file, **arrays)
    return damage(rng, file.getvalue())


def feed_npz(data: bytes) -> None:
    try:
        read_npz(FILE.holding(data))
    except DataError:
        pass


CONFIGURATION = ("[Machine]\nversion = 5\nmachine_name = spinn-1\nspalloc_server = server\nspalloc_port = 7\nspalloc_user = u\n"
                 "[Reports]\nreports_enabled = False\n[DEFAULT]\nx = %(y)s\n")


def make_configuration(rng: random.Random) -> bytes:
    lines = CONFIGURATION.encode().splitlines(keepends=True)
    return damage(rng, b"".join(rng.sample(lines, len(lines)) if rng.randrange(2) else lines))


def feed_configuration(data: bytes) -> None:
    try:
        machine = configured_machine([FILE.holding(data)])
    except MachineError:
        return
    assert machine is None or machine.target().description


def feed_boot_image(data: bytes) -> None:
    try:
        assert len(patched_image(5, FILE.holding(data))) == len(data)
    except EmulatorError:
        pass


# --- what comes from the machine, or seems to -------------------------------------------------------------------------------

def make_progress(rng: random.Random) -> bytes:
    sender = rng.choice((b"\1", b"\1", b"\0"))
    return sender + damage(rng, bytes(10) + struct.pack("<IqI", word(rng), word(rng) - (1 << 31), word(rng)))


def feed_progress(data: bytes) -> None:
    told: list[tuple[int, int, int]] = []
    listener = ProgressListener.__new__(ProgressListener)         # without its socket
    listener._machine_addresses = {"127.0.0.5"}
    listener.tell(lambda *numbers: told.append(numbers), 1000)
    listener.take(data[1:], "127.0.0.5" if data[0] else "127.0.0.6")
    assert len(told) <= (len(data) == 27 and data[0] == 1)
    assert all(0 < done <= 1000 for done, _, _ in told)


def feed_results(data: bytes) -> None:
    try:
        result = VertexResult.from_bytes(data)
    except ValueError:
        assert len(data) != RESULT_BYTES
        return
    assert result.cycles >= 0 and -(1 << 63) <= result.loss_sum < 1 << 63


PARSERS = {
    "aplx": Parser(make_aplx, feed_aplx, 300),
    "translator": Parser(make_aplx, feed_translator, 5),
    "elf": Parser(make_elf, feed_elf, 200),
    "idx": Parser(make_idx, feed_idx, 150),
    "npz": Parser(make_npz, feed_npz, 100),
    "configuration": Parser(make_configuration, feed_configuration, 100),
    "boot_image": Parser(lambda rng: damage(rng, rng.randbytes(rng.choice((0, 100, 512, 513, 30000, 32768, 32769)))),
                         feed_boot_image, 20),
    "progress": Parser(make_progress, feed_progress, 300),
    "results": Parser(lambda rng: damage(rng, rng.randbytes(RESULT_BYTES)), feed_results, 300),
}


class Finding(Exception):
    """An input that a parser does not survive as it should."""


def run(seed: int, inputs: int) -> dict[str, int]:
    """Feed so many inputs in all; returns how many each parser got.

    :raises Finding: with the parser's name, the seed and the input's number
    """
    total = sum(parser.weight for parser in PARSERS.values())
    counts = {}
    for name, parser in PARSERS.items():
        counts[name] = -(-inputs * parser.weight // total)
        for number in range(counts[name]):
            repeat(seed, name, number)
    return counts


def repeat(seed: int, name: str, number: int) -> None:
    """Feed one input."""
    data = PARSERS[name].make(random.Random(f"{seed} {name} {number}"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            PARSERS[name].feed(data)
    except Exception as error:
        raise Finding(f"parser {name}, seed {seed}, input {number}: {type(error).__name__}: {error}; the input: {data[:200]!r}"
                      ) from error
