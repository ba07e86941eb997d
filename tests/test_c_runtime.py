# SPDX-License-Identifier: Apache-2.0
"""Parts of the core-side runtime, as built, in an ARM executor without hardware.

Functions are called one by one; the memories are plain, so a lock is always free
and nobody takes messages out of the mailbox but the test.
"""
import importlib.util
import random
import struct
import sys
from pathlib import Path

import pytest
import unicorn

C_MODELS = Path(__file__).resolve().parent.parent / "c_models"
ARM = unicorn.arm_const

SV, VCPU = 0xe5007f00, 0xe5007000
SYSTEM_FLAGS = 0xe2000058                              # SC&MP's SYNC0 and SYNC1, a bit per core
SDRAM, SHARED_BUFFERS, ALLOC_TAGS = 0x60000000, 0xe5001000, 0x60100000
HEAP, HEAP_BYTES = 0x60010000, 0x8000
STOP_AT = 0x50000000
CORE, APP_ID = 3, 17
READY, RUN, SYNC0, PAUSE = 5, 7, 8, 10


@pytest.fixture(name="program", scope="module")
def _program(tmp_path_factory):
    """Memory images and symbols of the program under test."""
    spec = importlib.util.spec_from_file_location("c_models_build_u", C_MODELS / "build.py")
    build = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = build
    spec.loader.exec_module(build)
    images = build.build(tmp_path_factory.mktemp("aplx"), ["runtime_units"], quiet=True)
    elf = (C_MODELS / "build" / "elf" / "runtime_units.elf").read_bytes()
    return images[0], symbols(elf), build.application_name_hash("runtime_units")


def symbols(elf):
    """Name -> address."""
    section_offset, = struct.unpack_from("<I", elf, 32)
    _, count = struct.unpack_from("<HH", elf, 46)
    sections = [struct.unpack_from("<10I", elf, section_offset + 40 * i) for i in range(count)]
    result = {}
    for section in sections:
        if section[1] != 2:  # symbol table
            continue
        strings = sections[section[6]][4]
        for at in range(section[4], section[4] + section[5], 16):
            name, value = struct.unpack_from("<II", elf, at)
            end = elf.index(b"\0", strings + name)
            result[elf[strings + name:end].decode()] = value
    return result


class Core:
    """A core whose runtime has come up to c_main()."""

    def __init__(self, program):
        image, self.symbols, self.name_hash = program
        self.cpu = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_ARM)
        self.cpu.ctl_set_cpu_model(ARM.UC_CPU_ARM_946)
        for base, size in ((0, 0x8000), (0x400000, 0x10000), (SDRAM, 0x200000),
                           (0xe5000000, 0x8000), (0xe2000000, 0x1000), (0x1f000000, 0x1000),
                           (0x20000000, 0x1000), (0x21000000, 0x1000), (0x40000000, 0x1000),
                           (STOP_AT, 0x1000)):
            self.cpu.mem_map(base, size)
        self.cpu.mem_write(0, image.itcm)
        self.cpu.mem_write(0x400000, image.data)
        self.write(0x40000014, CORE << 24)             # physical core
        self.write(SV + 0x24, 200)                     # MHz
        self.write(SV + 0x50, 128)                     # bytes of an IOBUF block
        self.write(SV + 0xd0, HEAP)
        self.write(SV + 0xdc, ALLOC_TAGS)
        self.write(SV + 0xfc, 0x040000)
        self.cpu.mem_write(SV + 0x94, bytes(range(20)))
        self.cpu.mem_write(SV + 0xa8, bytes(range(20)))
        for i in range(4):                             # shared message buffers
            self.write(SHARED_BUFFERS + 292 * i,
                       SHARED_BUFFERS + 292 * (i + 1) if i < 3 else 0)
        self.write(SV + 0x68, SHARED_BUFFERS)
        self.stop_at("c_main")
        self.call("sark_heap_init", HEAP, HEAP + HEAP_BYTES)

    def stop_at(self, name):
        """Run from reset to a function."""
        self.cpu.reg_write(ARM.UC_ARM_REG_CPSR, 0xd3)
        self.cpu.reg_write(ARM.UC_ARM_REG_R0, APP_ID)
        self.cpu.emu_start(0, self.symbols[name] & ~1, count=2_000_000)
        assert self.cpu.reg_read(ARM.UC_ARM_REG_PC) == self.symbols[name] & ~1

    def begin(self, name, instructions):
        """Begin a call of a function that does not come back; returns where it is, for go_on()."""
        cpu = self.cpu
        cpu.reg_write(ARM.UC_ARM_REG_CPSR, 0x1f)
        cpu.reg_write(ARM.UC_ARM_REG_SP, 0x40f000)     # below what call() uses meanwhile
        cpu.reg_write(ARM.UC_ARM_REG_LR, STOP_AT)
        cpu.emu_start(self.symbols[name], STOP_AT, count=instructions)
        return cpu.context_save()

    def go_on(self, context, instructions):
        """Go on from there; returns where it is then."""
        self.cpu.context_restore(context)
        thumb = self.cpu.reg_read(ARM.UC_ARM_REG_CPSR) >> 5 & 1
        self.cpu.emu_start(self.cpu.reg_read(ARM.UC_ARM_REG_PC) | thumb, STOP_AT, count=instructions)
        return self.cpu.context_save()

    def call(self, name, *arguments):
        """Call a function; returns r0."""
        cpu = self.cpu
        cpu.reg_write(ARM.UC_ARM_REG_CPSR, 0x1f)
        stack = 0x40ff00
        for i, value in enumerate(arguments):
            if i < 4:
                cpu.reg_write(ARM.UC_ARM_REG_R0 + i, value & 0xffffffff)
        rest = arguments[4:]
        stack -= -(-4 * len(rest) // 8) * 8
        for i, value in enumerate(rest):
            self.write(stack + 4 * i, value & 0xffffffff)
        cpu.reg_write(ARM.UC_ARM_REG_SP, stack)
        cpu.reg_write(ARM.UC_ARM_REG_LR, STOP_AT)
        cpu.emu_start(self.symbols[name], STOP_AT, count=2_000_000)
        assert cpu.reg_read(ARM.UC_ARM_REG_PC) == STOP_AT, f"{name} did not return"
        return cpu.reg_read(ARM.UC_ARM_REG_R0)

    def read(self, address):
        """A word."""
        return struct.unpack("<I", self.cpu.mem_read(address, 4))[0]

    def write(self, address, value):
        """A word."""
        self.cpu.mem_write(address, struct.pack("<I", value))

    def text(self, address, string):
        """Put a string somewhere; returns its address."""
        self.cpu.mem_write(address, string.encode() + b"\0")
        return address

    def iobuf(self):
        """Texts of the blocks of IOBUF."""
        block, texts = self.read(VCPU + 128 * CORE + 88), []
        while block:
            following, _, _, length = struct.unpack("<4I", self.cpu.mem_read(block, 16))
            texts.append(bytes(self.cpu.mem_read(block + 16, length)).decode())
            block = following
        return texts

    def state(self):
        """As the host reads it."""
        return self.cpu.mem_read(VCPU + 128 * CORE + 46, 1)[0]

    def variable(self, name):
        """A word variable of the test program."""
        return self.read(self.symbols[name])


@pytest.fixture(name="core")
def _core(program):
    return Core(program)


IO_BUF = 2


@pytest.mark.parametrize("form, values, expected", [
    ("plain %%", [], "plain %"),
    ("%d %d %d", [0, 123, -45], "0 123 -45"),
    ("%d", [-2 ** 31], "-2147483648"),
    ("%u", [2 ** 32 - 1], "4294967295"),
    ("%x %x %08x", [0, 0xabc, 0xbeef], "0 abc 0000beef"),
    ("%8z|%4z|%2z", [0x1234, 0x1234, 5], "00001234|1234|05"),
    ("[%5d] [%-5d] [%05d]", [-12, -12, -12], "[  -12] [-12  ] [-0012]"),
    ("%c%c", [ord("a"), ord("b")], "ab"),
    ("%k %k", [3 * 32768 + 16384, -1], "3.500000 -0.000030"),
    ("%lu %5.3d", [7, 8], "7     8"),
    ("%y", [1], "y"),
    ("a line that ends in %", [], "a line that ends in "),
])
def test_printf(core, form, values, expected):
    core.call("io_printf", IO_BUF, core.text(SDRAM, form + "\n"), *values)
    assert core.iobuf() == [expected + "\n"]


def test_printf_of_strings(core):
    name = core.text(SDRAM + 0x100, "name")
    core.call("io_printf", IO_BUF, core.text(SDRAM, "%s|%6s|%-6s|\n"), name, name, name)
    assert core.iobuf() == ["name|  name|name  |\n"]


def test_text_continues_in_further_blocks_until_reset(core):
    free_at_start = core.read(HEAP + 12)
    line = core.text(SDRAM, "0123456789" * 4 + "\n")
    for _ in range(10):
        core.call("io_printf", IO_BUF, line)
    blocks = core.iobuf()
    assert "".join(blocks) == ("0123456789" * 4 + "\n") * 10
    assert [len(block) for block in blocks] == [128, 128, 128, 26]
    core.call("sark_io_buf_reset")
    assert core.iobuf() == [""]
    core.call("io_printf", IO_BUF, line)
    assert core.iobuf() == ["0123456789" * 4 + "\n"]
    assert free_at_start - core.read(HEAP + 12) == 128 + 16 + 8


def test_text_is_dropped_when_memory_is_out(core):
    while core.call("sark_xalloc", HEAP, 1000, 0, 1):
        pass
    while core.call("sark_xalloc", HEAP, 8, 0, 1):
        pass
    core.call("io_printf", IO_BUF, core.text(SDRAM, "nobody reads this\n"))
    assert core.iobuf() == []


def test_log_line_has_the_form_the_host_looks_for(core):
    core.call("runtime_log", 40, core.text(SDRAM, "file.c"), 12,
              core.text(SDRAM + 0x100, "%u wrong"), 3)
    assert core.iobuf() == ["[ERROR] (file.c: 12): 3 wrong\n"]


def test_heap_gives_disjoint_blocks_and_takes_all_back(core):
    """Random use against a list of what is allocated."""
    generator = random.Random(1)
    free_at_start = core.read(HEAP + 12)
    largest_at_start = core.call("sark_heap_max", HEAP, 1)
    assert largest_at_start == free_at_start
    taken = {}
    for _ in range(400):
        if taken and generator.random() < 0.45:
            address = generator.choice(list(taken))
            del taken[address]
            core.call("sark_xfree", HEAP, address, 1)
            continue
        size = generator.choice([1, 4, 5, 12, 100, 700, 5000])
        address = core.call("sark_xalloc", HEAP, size, 0, 1)
        if address == 0:
            assert core.call("sark_heap_max", HEAP, 1) < size + 3
            continue
        assert address % 4 == 0 and HEAP + 24 <= address and address + size <= HEAP + HEAP_BYTES - 8
        assert all(address + size <= other or other + length <= address
                   for other, length in taken.items())
        assert core.read(address - 4) == 0xffff0000 | APP_ID << 8
        taken[address] = size
    for address in taken:
        core.call("sark_xfree", HEAP, address, 1)
    assert core.read(HEAP + 12) == free_at_start
    assert core.call("sark_heap_max", HEAP, 1) == largest_at_start


def test_heap_keeps_tags(core):
    lock, own_id, retry = 1, 2, 4
    address = core.call("sark_xalloc", HEAP, 40, 7, lock)
    assert core.read(ALLOC_TAGS + 4 * (APP_ID << 8 | 7)) == address
    assert core.call("sark_xalloc", HEAP, 40, 7, lock) == 0
    assert core.call("sark_xalloc", HEAP, 40, 7, lock | retry) == address
    assert core.call("sark_xalloc", HEAP, 44, 7, lock | retry) == 0
    other = core.call("sark_xalloc", HEAP, 40, 7, lock | own_id | 30 << 8)
    assert other not in (0, address)
    core.call("sark_xfree", HEAP, address, lock)
    assert core.call("sark_xalloc", HEAP, 40, 7, lock) != 0


@pytest.mark.parametrize("to, start, n_bytes", [
    (0, 0, 100), (1, 3, 50), (2, 2, 7), (0, 0, 0), (3, 0, 1)])
def test_copying(core, to, start, n_bytes):
    source = bytes(random.Random(2).randbytes(200))
    core.cpu.mem_write(SDRAM, source)
    core.cpu.mem_write(SDRAM + 0x1000, bytes(200))
    core.call("sark_mem_cpy", SDRAM + 0x1000 + to, SDRAM + start, n_bytes)
    result = bytes(core.cpu.mem_read(SDRAM + 0x1000, 200))
    assert result == bytes(to) + source[start:start + n_bytes] + bytes(200 - to - n_bytes)


# ---- commands of the host ---------------------------------------------------------

RUNTIME, GET_TIME, PAUSE_COMMAND, CLEAR_IOBUF = 7, 11, 10, 9


class Host:
    """Sends commands as SC&MP delivers them, and takes the replies."""

    def __init__(self, core, command_priority=0):
        self.core = core
        core.cpu.mem_write(SDRAM, struct.pack("<3I", core.name_hash, 0, 3))
        assert core.call("units_initialise", SDRAM, command_priority) == 1
        core.call("units_end_run")

    def send(self, command, sequence, *arguments):
        """Returns (code, sequence, first argument) of the reply, or None."""
        core, vcpu = self.core, VCPU + 128 * CORE
        message = core.read(SV + 0x68)                 # a shared buffer
        core.write(SV + 0x68, core.read(message))
        core.cpu.mem_write(message + 4, struct.pack(
            "<HH4BHHHH3I4I", 40, 0, 0x87, 1, 3 << 5 | CORE, 0xff, 0x0001, 0x0000,
            command, sequence, *(*arguments, 0, 0, 0)[:3], 0, 0, 0, 0))
        core.write(vcpu + 48, message)
        core.cpu.mem_write(vcpu + 56, b"\1\0")
        core.call("runtime_mailbox", 0)
        assert core.cpu.mem_read(vcpu + 56, 1) == b"\0"
        return self.take_reply()

    def take_reply(self):
        """As send() does."""
        core, vcpu, reply = self.core, VCPU + 128 * CORE, None
        if core.cpu.mem_read(vcpu + 57, 1) == b"\1":
            buffer = core.read(vcpu + 52)
            length, = struct.unpack("<H", core.cpu.mem_read(buffer + 4, 2))
            flags, _, to, sender, *_ = struct.unpack("<4BHH", core.cpu.mem_read(buffer + 8, 8))
            assert (flags, to, sender) == (0x87, 0xff, 3 << 5 | CORE)
            code, seq, value = struct.unpack("<HHI", core.cpu.mem_read(buffer + 16, 8))
            reply = code, seq, value if length > 12 else None
            core.write(buffer, core.read(SV + 0x68))   # SC&MP gives it back
            core.write(SV + 0x68, buffer)
            core.cpu.mem_write(vcpu + 57, b"\0")
        return reply

    def advance_clock(self, milliseconds):
        """SC&MP's clock goes on."""
        self.core.write(SV + 0x10, self.core.read(SV + 0x10) + milliseconds)

    def queued(self):
        """Calls in the scheduler's first queue."""
        first, end = (self.core.read(self.core.symbols["queues"] + 4 * i) for i in (0, 1))
        return (end - first) % 16

    def free_buffers(self):
        """Shared buffers that came back."""
        count, buffer = 0, self.core.read(SV + 0x68)
        while buffer:
            count, buffer = count + 1, self.core.read(buffer)
        return count


@pytest.fixture(name="host")
def _host(core):
    return Host(core)


def test_runtime_command_prepares_one_run(core, host):
    assert core.state() == READY
    assert host.send(RUNTIME, 100, 50, 0, 10) == (0x80, 100, None)
    assert core.state() == SYNC0
    assert host.queued() == 1
    assert core.variable("n_resumes") == 1
    assert (core.variable("end_step"), core.variable("step")) == (50, 9)
    assert host.free_buffers() == 4


def test_repeated_runtime_command_is_answered_but_not_obeyed(core, host):
    host.send(RUNTIME, 100, 50, 0, 0)
    assert host.send(RUNTIME, 100, 50, 0, 0) == (0x80, 100, None)
    assert host.queued() == 1
    assert core.variable("n_resumes") == 1


def test_runtime_command_repeated_at_the_start_barrier_is_answered_there(core):
    """The scheduler waits: what it queues is not obeyed before the run, which the host does not start without the answer."""
    host = Host(core, command_priority=1)
    core.write(SYSTEM_FLAGS, 1 << CORE)                # closed for SYNC0
    assert host.send(RUNTIME, 100, 50, 0, 0) is None and host.queued() == 1
    waiting = core.begin("spin1_start_paused", 3000)
    assert host.take_reply() == (0x80, 100, None)
    for _ in range(5):                                 # more than a core has buffers for
        assert host.send(RUNTIME, 100, 50, 0, 0) == (0x80, 100, None)
        waiting = core.go_on(waiting, 1000)
        assert (core.variable("n_resumes"), core.variable("n_starts"), core.state()) == (1, 0, SYNC0)
    core.write(SYSTEM_FLAGS, 0)
    core.go_on(waiting, 3000)
    assert (core.variable("n_resumes"), core.variable("n_starts"), core.state()) == (1, 1, RUN)
    assert host.free_buffers() == 4
    assert host.send(RUNTIME, 100, 50, 0, 0) is None and host.queued() == 1      # as before


def test_runtime_command_repeated_after_the_run_starts_nothing(core, host):
    host.send(RUNTIME, 100, 50, 0, 0)
    core.call("units_end_run")
    host.advance_clock(2000)
    assert host.send(RUNTIME, 100, 50, 0, 0) == (0x80, 100, None)
    assert core.state() == READY
    assert host.queued() == 1                          # the first one; nothing ran here


def test_next_run_is_obeyed_even_with_the_same_number_much_later(core, host):
    host.send(RUNTIME, 100, 50, 0, 0)
    core.call("units_end_run")
    host.advance_clock(60000)
    host.send(RUNTIME, 100, 50, 0, 0)
    assert core.state() == SYNC0
    assert core.variable("n_resumes") == 2


def test_other_commands(core, host):
    host.send(RUNTIME, 1, 50, 0, 7)
    assert host.send(GET_TIME, 2) == (0x80, 2, 6)
    assert core.call("runtime_stop_requested") & 1 == 0
    assert host.send(PAUSE_COMMAND, 3) == (0x80, 3, None)
    assert core.call("runtime_stop_requested") & 1 == 1
    assert host.send(CLEAR_IOBUF, 4, 0, 0, 0) is None
    assert host.send(CLEAR_IOBUF, 5, 0, 0, 1) == (0x80, 5, None)
    assert host.send(99, 6) is None
    assert "unknown command 99" in "".join(core.iobuf())
    assert host.free_buffers() == 4


def test_data_of_another_binary_is_refused(core):
    core.cpu.mem_write(SDRAM, struct.pack("<3I", core.name_hash ^ 1, 0, 3))
    assert core.call("units_initialise", SDRAM) == 0
    assert "was it renamed?" in "".join(core.iobuf())


def test_version_on_port_0(core):
    vcpu = VCPU + 128 * CORE
    message = core.read(SV + 0x68)
    core.write(SV + 0x68, core.read(message))
    core.cpu.mem_write(message + 4, struct.pack(
        "<HH4BHHHH3I", 24, 0, 0x87, 1, CORE, 0xff, 0, 0, 0, 5, 0, 0, 0))
    core.write(vcpu + 48, message)
    core.cpu.mem_write(vcpu + 56, b"\1\0")
    core.call("runtime_mailbox", 0)
    buffer = core.read(vcpu + 52)
    code, sequence, identity = struct.unpack("<HHI", core.cpu.mem_read(buffer + 16, 8))
    assert (code, sequence, identity & 0xff) == (0x80, 5, CORE)
    assert bytes(core.cpu.mem_read(buffer + 32, 21)) == b"SARK/SpiNNaker\x004.0.0\0"
