"""The kernels as ARM code in an executor: compiled, linked to ITCM, called with arguments in DTCM.

The executor is Unicorn, which shares nothing with the emulator of this repository.
"""
from __future__ import annotations

import functools
import os
import shlex
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

KERNELS = Path(__file__).resolve().parent.parent / "c_models" / "kernels"
STREAMS = KERNELS.parent / "streams"
C_SOURCES = sorted(KERNELS.glob("*.c"))
SOURCES = [*C_SOURCES, *sorted(KERNELS.glob("*.S")), STREAMS / "words_fold.S"]
ITCM, ITCM_BYTES = 0, 0x10000
DTCM, DTCM_BYTES = 0x400000, 0x10000
STACK_BYTES = 0x800
GUARD = 0xa5
Q_BIT = 1 << 27

LINKER_SCRIPT = """
__aeabi_unwind_cpp_pr0 = 0;
SECTIONS
{
    .text 0x0 : { *(.text .text.*) *(.rodata .rodata.*) }
    .data 0x00400000 : { *(.data .data.*) *(.bss .bss.* COMMON) }
    .ARM.extab : { *(.ARM.extab*) }
    .ARM.exidx : { *(.ARM.exidx*) }
}
"""


def compiler() -> list[str]:
    """The cross compiler with its target flags: ``ARM_CC``, or ziglang."""
    if os.environ.get("ARM_CC"):
        return [*shlex.split(os.environ["ARM_CC"]), "-mcpu=arm968e-s", "-marm"]
    return [sys.executable, "-m", "ziglang", "cc", "-target", "arm-freestanding-eabi", "-mcpu=arm968e_s+dsp",
            "-fno-sanitize=all"]


def build(folder: Path) -> Path:
    """Compile and link every kernel; the ELF file's path."""
    flags = ["-std=gnu11", "-O2", "-ffreestanding", "-fno-stack-protector", "-fomit-frame-pointer",
             "-ffunction-sections", f"-I{KERNELS}"]
    objects, running = [], []
    for source in SOURCES:
        target = folder / f"{source.name}.o"
        objects.append(str(target))
        running.append(subprocess.Popen([*compiler(), *flags, "-c", str(source), "-o", str(target)]))
    assert not any(process.wait() for process in running)
    script, elf = folder / "kernels.ld", folder / "kernels.elf"
    script.write_text(LINKER_SCRIPT)
    libraries = ["-lgcc"] if os.environ.get("ARM_CC") else []
    subprocess.run([*compiler(), "-nostdlib", "-Wl,-e,0", "-T", str(script), *objects, *libraries, "-o", str(elf)],
                   check=True)
    return elf


class Elf:
    """Sections and symbols of a small 32-bit ELF file."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        offset, = struct.unpack_from("<I", data, 32)
        size, count = struct.unpack_from("<HH", data, 46)
        headers = [struct.unpack_from("<10I", data, offset + i * size) for i in range(count)]
        #: (address, content) of everything to be loaded
        self.loaded = [(h[3], data[h[4]:h[4] + h[5]] if h[1] != 8 else bytes(h[5]))
                       for h in headers if h[2] & 2 and h[5]]
        self.symbols: dict[str, int] = {}
        #: bytes of those that say so
        self.sizes: dict[str, int] = {}
        for h in headers:
            if h[1] == 2:
                names = headers[h[6]][4]
                for at in range(h[4], h[4] + h[5], 16):
                    name, value, size = struct.unpack_from("<III", data, at)
                    start = names + name
                    word = data[start:data.index(b"\0", start)].decode()
                    self.symbols[word] = value
                    if size:
                        self.sizes[word] = size

    @property
    def first_free(self) -> int:
        """The first address in DTCM behind the kernels' own data, aligned to 8 bytes."""
        return max((-(-(a + len(c)) // 8) * 8 for a, c in self.loaded if a >= DTCM), default=DTCM) + 0x40

    @property
    def code(self) -> np.ndarray:
        """The words at ITCM."""
        content = max((c for a, c in self.loaded if a == ITCM), key=len)
        return np.frombuffer(content[:len(content) // 4 * 4], "<u4")


@functools.lru_cache(maxsize=1)
def shared_elf() -> Elf:
    """The image, built once per process."""
    with tempfile.TemporaryDirectory() as folder:
        return Elf(build(Path(folder)))


class ArmKernels:
    """Calls functions of the image; arrays are placed in DTCM with guards around them."""

    def __init__(self, elf: Elf) -> None:
        from unicorn import UC_ARCH_ARM, UC_MODE_ARM, Uc
        from unicorn import arm_const as arm
        self.elf = elf
        self._arm = arm
        self.engine = Uc(UC_ARCH_ARM, UC_MODE_ARM)
        self.engine.ctl_set_cpu_model(arm.UC_CPU_ARM_946)
        self.engine.mem_map(ITCM, ITCM_BYTES)
        self.engine.mem_map(DTCM, DTCM_BYTES, 3)
        for address, content in elf.loaded:
            self.engine.mem_write(address, content)
        self._first_free = elf.first_free
        self._free = self._first_free
        self._placed: list[tuple[int, int]] = []

    def reset(self) -> None:
        """Forget what was placed."""
        self._free = self._first_free
        self._placed = []

    def put(self, array: np.ndarray) -> int:
        """The address of a copy of the array, aligned to 8 bytes, with a guard behind it."""
        content = np.ascontiguousarray(array).tobytes()
        address = self._free
        guard = 16 + -len(content) % 8
        self._free += len(content) + guard
        assert self._free <= DTCM + DTCM_BYTES - STACK_BYTES, "DTCM is full"
        self.engine.mem_write(address, content + bytes([GUARD]) * guard)
        self._placed.append((address + len(content), guard))
        return address

    def get(self, address: int, like: np.ndarray) -> np.ndarray:
        """The array at an address, of the type and shape of another."""
        content = self.engine.mem_read(address, like.nbytes)
        return np.frombuffer(bytes(content), like.dtype).reshape(like.shape)

    def call(self, name: str, *arguments: int) -> int:
        """Call a function by the ABI; checks that guards, stack and preserved registers are as before."""
        arm, engine = self._arm, self.engine
        stack = DTCM + DTCM_BYTES - 64
        words = [a & 0xffffffff for a in arguments]
        for i, word in enumerate(words[:4]):
            engine.reg_write(arm.UC_ARM_REG_R0 + i, word)
        engine.mem_write(stack, struct.pack(f"<{len(words[4:])}I", *words[4:]))
        preserved = [arm.UC_ARM_REG_R4 + i for i in range(8)]
        for i, register in enumerate(preserved):
            engine.reg_write(register, 0x1000 + i)
        engine.reg_write(arm.UC_ARM_REG_SP, stack)
        stop = ITCM_BYTES - 16
        engine.reg_write(arm.UC_ARM_REG_LR, stop)
        engine.emu_start(self.elf.symbols[name], stop)
        assert engine.reg_read(arm.UC_ARM_REG_SP) == stack
        assert [engine.reg_read(register) for register in preserved] == [0x1000 + i for i in range(8)]
        for address, size in self._placed:
            assert bytes(engine.mem_read(address, size)) == bytes([GUARD]) * size, "wrote behind an array"
        return engine.reg_read(arm.UC_ARM_REG_R0)

    @property
    def result_64(self) -> int:
        """r1:r0, signed."""
        low, high = (self.engine.reg_read(self._arm.UC_ARM_REG_R0 + i) for i in range(2))
        return struct.unpack("<q", struct.pack("<II", low, high))[0]

    def take_q(self) -> int:
        """The Q flag, and clear it, behind the kernels' back."""
        cpsr = self.engine.reg_read(self._arm.UC_ARM_REG_CPSR)
        self.engine.reg_write(self._arm.UC_ARM_REG_CPSR, cpsr & ~Q_BIT)
        return cpsr >> 27 & 1
