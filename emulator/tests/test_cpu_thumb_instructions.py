"""Every class of Thumb instruction against Unicorn, with random operands, flags and modes."""
import random
import struct

import pytest

from cpu_harness import SVC, F, I, T
from test_cpu_arm_instructions import MIDDLE, data, registers, status, value
from unicorn_oracle import DATA, DATA_BYTES, Oracle

CASES = 200


@pytest.fixture(scope="module")
def oracle(cpu_library):
    oracle = Oracle(cpu_library)
    yield oracle
    oracle.close()


@pytest.fixture
def rng(request):
    return random.Random(request.node.name)


def random_registers(rng):
    values = registers(rng)
    values[13] &= ~3
    return values


@pytest.mark.parametrize("first", range(0x00, 0x43, 1))
def test_arithmetic(oracle, rng, first):
    """Shifts, add and subtract, immediates, and the register operations: 0x0000-0x43ff."""
    for _ in range(CASES // 8):
        oracle.thumb(first << 8 | rng.getrandbits(8), random_registers(rng), status(rng))


@pytest.mark.parametrize("operation", range(16))
def test_register_operations(oracle, rng, operation):
    for _ in range(CASES):
        oracle.thumb(0x4000 | operation << 6 | rng.getrandbits(6), random_registers(rng), status(rng))


@pytest.mark.parametrize("operation", range(3))
def test_high_registers(oracle, rng, operation):
    for _ in range(CASES):
        rd, rm = rng.randrange(15), rng.randrange(16)
        if operation == 1 and rm == 15:
            rm = 14                   # CMP with pc is unpredictable
        oracle.thumb(0x4400 | operation << 8 | (rd >> 3) << 7 | rm << 3 | (rd & 7), random_registers(rng), status(rng))


def test_high_registers_write_pc(oracle, rng):
    for _ in range(CASES):
        rm = rng.randrange(15)
        values = random_registers(rng)
        values[rm] = rng.randrange(0, 0x7000, 2)
        oracle.thumb(0x4687 | rm << 3, values, status(rng))      # MOV pc, rm
        values[rm] = rng.randrange(0, 64, 2)
        oracle.thumb(0x4487 | rm << 3, values, status(rng))      # ADD pc, rm


def test_exchange(oracle, rng):
    for _ in range(CASES):
        rm = rng.randrange(15)
        values = random_registers(rng)
        values[rm] = rng.choice([rng.randrange(0, 0x7000, 4), rng.randrange(0, 0x7000, 2) | 1])
        oracle.thumb(0x4700 | rng.getrandbits(1) << 7 | rm << 3, values, status(rng))
    for _ in range(20):
        oracle.thumb(0x4778, random_registers(rng), status(rng))     # BX pc


def test_addresses_and_stack(oracle, rng):
    for _ in range(CASES):
        oracle.thumb(rng.choice([0xa000, 0xa800]) | rng.getrandbits(11), random_registers(rng), status(rng))
        oracle.thumb(0xb000 | rng.getrandbits(8), random_registers(rng), status(rng))


@pytest.mark.parametrize("operation", range(8))
def test_register_offset(oracle, rng, operation):
    size = [4, 2, 1, 1, 4, 2, 1, 2][operation]
    for _ in range(CASES):
        rb, ro, rd = rng.sample(range(8), 3)
        if rng.random() < 0.2:
            rd = rng.choice([rb, ro])
        values = random_registers(rng)
        values[rb] = MIDDLE + rng.randrange(-64, 64) // size * size
        values[ro] = (rng.randrange(-64, 64) // size * size) & 0xffffffff
        oracle.thumb(0x5000 | operation << 9 | ro << 6 | rb << 3 | rd, values, status(rng), data=data(rng))


@pytest.mark.parametrize("first, size", [(0x6000, 4), (0x6800, 4), (0x7000, 1), (0x7800, 1), (0x8000, 2), (0x8800, 2)])
def test_constant_offset(oracle, rng, first, size):
    for _ in range(CASES):
        rb = rng.randrange(8)
        values = random_registers(rng)
        values[rb] = DATA + rng.randrange(128) // size * size
        oracle.thumb(first | rng.getrandbits(5) << 6 | rb << 3 | rng.randrange(8), values, status(rng), data=data(rng))


def test_stack_relative_and_literal(oracle, rng):
    for _ in range(CASES):
        values = random_registers(rng)
        values[13] = DATA + rng.randrange(0, 128, 4)
        oracle.thumb(rng.choice([0x9000, 0x9800]) | rng.randrange(8) << 8 | rng.randrange(64), values, status(rng), data=data(rng))
    for offset in range(8):
        for address in (0x1000, 0x1002):
            code = struct.pack("<H", 0x4a00 | offset) + rng.randbytes(60)
            oracle.check(code, random_registers(rng), status(rng) | T, pc=address)


def test_push_and_pop(oracle, rng):
    for _ in range(CASES):
        values = random_registers(rng)
        values[13] = MIDDLE
        oracle.thumb(0xb400 | (rng.getrandbits(9) or 1), values, status(rng), data=data(rng))
        oracle.thumb(0xbc00 | (rng.getrandbits(8) or 1), values, status(rng), data=data(rng))


def test_pop_pc_exchanges(oracle, rng):
    for _ in range(CASES):
        values = random_registers(rng)
        in_list = rng.getrandbits(8)
        contents = bytearray(data(rng))
        target = rng.choice([rng.randrange(0, 0x7000, 4), rng.randrange(0, 0x7000, 2) | 1])
        at = DATA_BYTES // 2 + 4 * bin(in_list).count("1")
        contents[at:at + 4] = target.to_bytes(4, "little")
        values[13] = MIDDLE
        oracle.thumb(0xbd00 | in_list, values, status(rng), data=bytes(contents))


def test_multiple(oracle, rng):
    for _ in range(2 * CASES):
        load, rb = rng.getrandbits(1), rng.randrange(8)
        in_list = rng.getrandbits(8) or 1
        if not load and in_list & 1 << rb and in_list & ((1 << rb) - 1):
            continue                  # unpredictable
        values = random_registers(rng)
        values[rb] = MIDDLE
        oracle.thumb(0xc000 | load << 11 | rb << 8 | in_list, values, status(rng), data=data(rng))


def test_branches(oracle, rng):
    for _ in range(CASES):
        oracle.thumb(0xd000 | rng.randrange(14) << 8 | rng.getrandbits(8), random_registers(rng), status(rng))
        oracle.thumb(0xe000 | rng.randrange(0x400), random_registers(rng), status(rng))


@pytest.mark.parametrize("suffix", [0xf800, 0xe800])
def test_branch_with_link(oracle, rng, suffix):
    """Both halves together: some ways of BLX switch to ARM."""
    for _ in range(CASES):
        upper = rng.choice([0, 0, 1, 2])
        lower = rng.getrandbits(11) & (~1 if suffix == 0xe800 else ~0)
        code = struct.pack("<HH", 0xf000 | upper, suffix | lower)
        # Unicorn takes the pair for one instruction
        oracle.core.write(0x1000, code)
        state = oracle.core.state
        state.cpsr = SVC | I | F | T
        state.r[15] = 0x1000
        oracle.core.step(2)
        target = (0x1004 + (upper << 12) + lower * 2) & (~3 if suffix == 0xe800 else ~0)
        assert state.r[15] == target
        assert state.r[14] == 0x1005
        assert bool(state.cpsr & T) == (suffix == 0xf800)


def test_branch_with_link_backwards(core):
    core.thumb(0x2000, 0xf7ff, 0xfffe)                           # BL .
    core.state.cpsr |= T
    core.state.r[15] = 0x2000
    core.step(2)
    assert core.state.r[15] == 0x2000
    assert core.state.r[14] == 0x2005


def test_values_are_varied(rng):
    assert len({value(rng) for _ in range(100)}) > 30
