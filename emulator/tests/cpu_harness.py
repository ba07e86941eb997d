"""A single ARM968E-S core for tests: the interpreter alone, with memory and a bus made of Python.

The shared library is built from the sources beside this folder with the host's C compiler.
"""
import ctypes
import os
import pathlib
import subprocess

SOURCES = ["cpu.c", "interpret.c", "code_cache.c", "fuse.c", "decode_arm.c", "decode_thumb.c", "decode_timing.c",
           "exceptions.c", "cp15.c", "translation.c", "alone.c"]
SOURCE_FOLDER = pathlib.Path(__file__).resolve().parent.parent / "src"

ITCM_BYTES, DTCM_BASE, DTCM_BYTES = 0x8000, 0x400000, 0x10000
SDRAM, SDRAM_BYTES = 0x60000000, 0x10000
TIMERS = 0x21000000
REWRITES_BEFORE_UNCACHED = 64          # code_cache.h
HIGH, HIGH_BYTES = 0xffff0000, 0x1000

USR, FIQ, IRQ, SVC, ABT, UND, SYS = 0x10, 0x11, 0x12, 0x13, 0x17, 0x1b, 0x1f
N, Z, C, V, Q, I, F, T = 1 << 31, 1 << 30, 1 << 29, 1 << 28, 1 << 27, 1 << 7, 1 << 6, 1 << 5


class CpuState(ctypes.Structure):
    """struct Cpu of cpu.h."""
    _fields_ = [
        ("r", ctypes.c_uint32 * 16), ("cpsr", ctypes.c_uint32), ("cp15_control", ctypes.c_uint32),
        ("cycles", ctypes.c_uint64), ("instructions", ctypes.c_uint64), ("cycles_awake", ctypes.c_uint64),
        ("irq", ctypes.c_bool), ("fiq", ctypes.c_bool), ("sleeping", ctypes.c_bool),
        ("halted", ctypes.c_bool), ("stop", ctypes.c_bool),
        ("fault", ctypes.c_uint32), ("fault_address", ctypes.c_uint32), ("spsr", ctypes.c_uint32 * 6),
        ("banked_sp", ctypes.c_uint32 * 6), ("banked_lr", ctypes.c_uint32 * 6),
        ("fiq_r8_r12", ctypes.c_uint32 * 5), ("user_r8_r12", ctypes.c_uint32 * 5),
        ("itcm", ctypes.c_void_p), ("dtcm", ctypes.c_void_p), ("bus", ctypes.c_void_p),
        ("code", ctypes.c_void_p), ("owner", ctypes.c_void_p),
    ]


ALONE_CYCLES = 2048                    # cpu.h


class Retreat(ctypes.Structure):
    """struct CpuRetreat of cpu.h."""
    _fields_ = [
        ("r", ctypes.c_uint32 * 16), ("cpsr", ctypes.c_uint32),
        ("cycles", ctypes.c_uint64), ("instructions", ctypes.c_uint64), ("cycles_awake", ctypes.c_uint64),
        ("end", ctypes.c_void_p), ("undo", ctypes.c_uint64 * (ALONE_CYCLES + 64)),
    ]



READ = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.POINTER(CpuState), ctypes.c_uint32, ctypes.c_uint)
WRITE = ctypes.CFUNCTYPE(None, ctypes.POINTER(CpuState), ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint)
FETCH = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(CpuState), ctypes.c_uint32)


class Bus(ctypes.Structure):
    _fields_ = [("read", READ), ("write", WRITE), ("fetch", FETCH), ("read_own", READ)]


def build_library(folder, extra_flags=()):
    """Compile the interpreter and return it loaded."""
    path = pathlib.Path(folder) / "libcpu.so"
    command = [os.environ.get("CC", "gcc"), "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
               "-pthread", *extra_flags, "-o", str(path), *(str(SOURCE_FOLDER / name) for name in SOURCES), "-ldl"]
    subprocess.run(command, check=True)
    library = ctypes.CDLL(str(path))
    state = ctypes.POINTER(CpuState)
    library.cpu_init.argtypes = [state, ctypes.POINTER(Bus), ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    library.cpu_free.argtypes = [state]
    library.cpu_reset.argtypes = [state, ctypes.c_bool]
    library.cpu_run.argtypes = [state, ctypes.c_uint64]
    library.cpu_run_alone.argtypes = [state, ctypes.c_uint64, ctypes.POINTER(Retreat)]
    library.cpu_retreat.argtypes = [state, ctypes.POINTER(Retreat)]
    library.cpu_itcm_changed.argtypes = [state, ctypes.c_uint32, ctypes.c_uint32]
    library.translation_load.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    library.translation_load.restype = ctypes.c_bool
    library.code_cache_pages.restype = ctypes.c_uint
    return library


class Core:
    """One core with ITCM, DTCM, a block of SDRAM and a block at the high vectors.

    `on_read` and `on_write`, when set, see every bus access but reads of timers, and may change the state.
    """

    def __init__(self, library):
        self.library = library
        self.state = CpuState()
        self.itcm = ctypes.create_string_buffer(ITCM_BYTES)
        self.dtcm = ctypes.create_string_buffer(DTCM_BYTES)
        self.sdram = ctypes.create_string_buffer(SDRAM_BYTES)
        self.high = ctypes.create_string_buffer(HIGH_BYTES)
        self.on_read = self.on_write = None
        self.bus = Bus(READ(self._read), WRITE(self._write), FETCH(self._fetch), READ(self._read_timer))
        library.cpu_init(self.state, self.bus, None, ctypes.addressof(self.itcm), ctypes.addressof(self.dtcm))
        self.state.cpsr = SVC | I | F

    def close(self):
        self.library.cpu_free(self.state)

    def _find(self, address):
        for base, memory in ((SDRAM, self.sdram), (HIGH, self.high), (DTCM_BASE, self.dtcm), (0, self.itcm)):
            if base <= address < base + len(memory):
                return memory, address - base
        return None, 0

    def _read_timer(self, _, address, size):
        """What depends on the core's time, as a counter does, and takes some."""
        assert address % size == 0
        value = (self.state.cycles * 0x9e3779b1 + address) % (1 << 8 * size)
        self.state.cycles += 3
        return value

    def _read(self, state, address, size):
        assert address % size == 0
        if address >> 24 in (0x11, TIMERS >> 24):
            return self._read_timer(state, address, size)
        if self.on_read:
            value = self.on_read(address, size)
            if value is not None:
                return value
        memory, offset = self._find(address)
        return int.from_bytes(memory[offset:offset + size], "little") if memory else 0

    def _write(self, _, address, value, size):
        assert address % size == 0
        if self.on_write and self.on_write(address, value, size):
            return
        memory, offset = self._find(address)
        if memory:
            memory[offset:offset + size] = value.to_bytes(size, "little")

    def _fetch(self, _, address):
        assert address % 4 == 0
        memory, offset = self._find(address)
        return ctypes.addressof(memory) + offset if memory else None

    def write(self, address, data):
        memory, offset = self._find(address)
        memory[offset:offset + len(data)] = data
        if memory is self.itcm:
            self.library.cpu_itcm_changed(self.state, offset, len(data))

    def read(self, address, size):
        memory, offset = self._find(address)
        return memory[offset:offset + size]

    def word(self, address):
        return int.from_bytes(self.read(address, 4), "little")

    def arm(self, address, *words):
        self.write(address, b"".join(word.to_bytes(4, "little") for word in words))

    def thumb(self, address, *halves):
        self.write(address, b"".join(half.to_bytes(2, "little") for half in halves))

    def run(self, until):
        self.library.cpu_run(self.state, until)

    def step(self, count=1):
        """Execute `count` instructions in the shortest possible runs."""
        last = self.state.instructions + count
        turns = 0
        while self.state.instructions < last and turns < count:
            self.run(self.state.cycles + 1)
            turns += 1

    def never_fuse(self, address):
        """Make the core decode the page of `address` as it runs, as after many rewrites of it."""
        before = CpuState.from_buffer_copy(self.state)
        for _ in range(REWRITES_BEFORE_UNCACHED):
            self.library.cpu_itcm_changed(self.state, address, 4)
            self.state.r[15] = address
            self.run(self.state.cycles + 1)
        self.library.cpu_itcm_changed(self.state, address, 4)
        ctypes.memmove(ctypes.byref(self.state), ctypes.byref(before), ctypes.sizeof(before))
