"""Every class of ARM instruction against Unicorn, with random operands, flags and modes."""
import random

import pytest

from cpu_harness import FIQ, IRQ, SVC, SYS, USR, C, F, I, N, Q, V, Z
from unicorn_oracle import DATA, DATA_BYTES, Oracle

ALWAYS = 14 << 28
MIDDLE = DATA + DATA_BYTES // 2
CASES = 200


@pytest.fixture(scope="module")
def oracle(cpu_library):
    oracle = Oracle(cpu_library)
    yield oracle
    oracle.close()


@pytest.fixture
def rng(request):
    return random.Random(request.node.name)


EDGES = [0, 1, 2, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0x80008000,
         0x7fff7fff, 31, 32, 33, 255, 256]


def value(rng):
    return rng.choice(EDGES) if rng.random() < 0.4 else rng.getrandbits(32)


def registers(rng):
    return [value(rng) for _ in range(15)]


def status(rng, mode=None):
    flags = rng.getrandbits(5) << 27
    return flags | (mode if mode is not None else rng.choice([SVC, SYS, USR, IRQ, FIQ])) | I | F


def low(rng, count, exclude=()):
    """Different registers out of r0..r14."""
    return rng.sample([n for n in range(15) if n not in exclude], count)


def any_register(rng):
    return rng.randrange(15)


def condition(rng):
    return (14 if rng.random() < 0.7 else rng.randrange(14)) << 28


@pytest.mark.parametrize("opcode", range(16))
@pytest.mark.parametrize("operand", ["constant", "register", "shift", "shift by register"])
def test_data_processing(oracle, rng, opcode, operand):
    for _ in range(CASES // 2):
        flags = 1 if 8 <= opcode <= 11 else rng.getrandbits(1)
        word = condition(rng) | opcode << 21 | flags << 20 | any_register(rng) << 16 | any_register(rng) << 12
        if 8 <= opcode <= 11:
            word &= ~(15 << 12)
        if opcode in (13, 15):
            word &= ~(15 << 16)
        if operand == "constant":
            word |= 1 << 25 | rng.getrandbits(12)
        elif operand == "register":
            word |= any_register(rng)
        elif operand == "shift":
            word |= any_register(rng) | rng.choice([0, 1, 2, 31, rng.randrange(32)]) << 7 | rng.randrange(4) << 5
        else:
            word |= any_register(rng) | any_register(rng) << 8 | rng.randrange(4) << 5 | 1 << 4
        oracle.arm(word, registers(rng), status(rng))


@pytest.mark.parametrize("opcode", [0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15])
def test_data_processing_reads_pc(oracle, rng, opcode):
    for _ in range(CASES // 8):
        flags = rng.getrandbits(1)
        word = ALWAYS | opcode << 21 | flags << 20 | any_register(rng) << 12
        form = rng.randrange(3)
        if form == 0 and opcode not in (13, 15):
            word |= 15 << 16 | 1 << 25 | rng.getrandbits(12)
        elif form == 1 and opcode not in (13, 15):
            word |= 15 << 16 | any_register(rng) | rng.randrange(32) << 7 | rng.randrange(4) << 5
        else:
            rn = 0 if opcode in (13, 15) else any_register(rng)
            word |= rn << 16 | 15 | rng.randrange(32) << 7 | rng.randrange(4) << 5
        oracle.arm(word, registers(rng), status(rng))


def test_data_processing_writes_pc(oracle, rng):
    for _ in range(CASES):
        target = rng.randrange(0, 0x7000, 4)
        rm = any_register(rng)
        values = registers(rng)
        values[rm] = target
        oracle.arm(condition(rng) | 13 << 21 | 15 << 12 | rm, values, status(rng))              # MOV pc, rm
        values[rm] = rng.randrange(64)
        oracle.arm(condition(rng) | 4 << 21 | 15 << 16 | 15 << 12 | 2 << 7 | rm, values, status(rng))  # ADD pc, pc, rm, LSL #2


@pytest.mark.parametrize("accumulate", [0, 1])
@pytest.mark.parametrize("flags", [0, 1])
def test_multiply(oracle, rng, accumulate, flags):
    for _ in range(CASES):
        rd, rm = low(rng, 2)
        rn = any_register(rng) if accumulate else 0
        word = condition(rng) | accumulate << 21 | flags << 20 | rd << 16 | rn << 12 | any_register(rng) << 8 | 9 << 4 | rm
        oracle.arm(word, registers(rng), status(rng))


@pytest.mark.parametrize("kind", range(4))
@pytest.mark.parametrize("flags", [0, 1])
def test_long_multiply(oracle, rng, kind, flags):
    for _ in range(CASES):
        high, low_, rm = low(rng, 3)
        word = condition(rng) | 1 << 23 | kind << 21 | flags << 20 | high << 16 | low_ << 12 | any_register(rng) << 8 | 9 << 4 | rm
        oracle.arm(word, registers(rng), status(rng))


@pytest.mark.parametrize("operation", range(4))
def test_dsp_multiply(oracle, rng, operation):
    for _ in range(2 * CASES):
        rd, rn = low(rng, 2)
        xy = rng.randrange(4)
        if operation == 3 or (operation == 1 and xy & 1):
            rn = 0
        word = condition(rng) | 2 << 23 | operation << 21 | rd << 16 | rn << 12 | any_register(rng) << 8 | 1 << 7 | xy << 5 | any_register(rng)
        oracle.arm(word, registers(rng), status(rng))


def test_saturating_arithmetic_and_clz(oracle, rng):
    for _ in range(2 * CASES):
        word = condition(rng) | 2 << 23 | rng.randrange(4) << 21 | any_register(rng) << 16 | any_register(rng) << 12 | 5 << 4 | any_register(rng)
        oracle.arm(word, registers(rng), status(rng))
        word = condition(rng) | 0x016f0f10 | any_register(rng) << 12 | any_register(rng)
        oracle.arm(word, registers(rng), status(rng))


def data(rng):
    return rng.randbytes(DATA_BYTES)


def check_transfer(oracle, rng, word, base, offset_register=None, offset=0, align=1):
    """A load or store whose address lies in the compared memory, aligned to `align`."""
    values = registers(rng)
    address = MIDDLE + rng.randrange(-64, 64) // align * align
    values[base] = address
    if offset_register is not None:
        values[offset_register] = offset & 0xffffffff
    oracle.arm(word, values, status(rng), data=data(rng))


@pytest.mark.parametrize("load", [0, 1])
@pytest.mark.parametrize("byte", [0, 1])
def test_load_store_word_and_byte(oracle, rng, load, byte):
    align = 1 if byte else 4
    for _ in range(CASES):
        base, rd = low(rng, 2)
        first, up, back = (rng.getrandbits(1) for _ in range(3))
        word = condition(rng) | 1 << 26 | first << 24 | up << 23 | byte << 22 | (back if first else 0) << 21 | load << 20 | base << 16 | rd << 12
        check_transfer(oracle, rng, word | rng.randrange(0, 64) // align * align, base, align=align)
        rm, = low(rng, 1, (base,))
        amount, kind = rng.randrange(0, 4), 0
        offset = rng.randrange(8) * align
        if rng.random() < 0.4:
            kind = rng.randrange(1, 4)
            amount = rng.choice([31, 30, 32 - 4])
            offset = 16 if kind < 3 else 0
        check_transfer(oracle, rng, word | 1 << 25 | amount << 7 | kind << 5 | rm, base, rm, offset, align=align)


@pytest.mark.parametrize("load, kind, size", [(0, 1, 2), (1, 1, 2), (1, 2, 1), (1, 3, 2)])
def test_load_store_halfword_and_signed(oracle, rng, load, kind, size):
    for _ in range(CASES):
        base, rd, rm = low(rng, 3)
        first, up, back = (rng.getrandbits(1) for _ in range(3))
        word = condition(rng) | first << 24 | up << 23 | (back if first else 0) << 21 | load << 20 | base << 16 | rd << 12 | 9 << 4 | kind << 5
        offset = rng.randrange(64) // size * size
        check_transfer(oracle, rng, word | 1 << 22 | (offset >> 4) << 8 | (offset & 15), base, align=size)
        check_transfer(oracle, rng, word | rm, base, rm, offset, align=size)


@pytest.mark.parametrize("kind", [2, 3])
def test_load_store_double(oracle, rng, kind):
    for _ in range(CASES):
        rd = rng.randrange(0, 14, 2)
        base, rm = low(rng, 2, (rd, rd + 1))
        first, up, back = (rng.getrandbits(1) for _ in range(3))
        word = condition(rng) | first << 24 | up << 23 | (back if first else 0) << 21 | base << 16 | rd << 12 | 9 << 4 | kind << 5
        offset = rng.randrange(0, 64, 8)
        check_transfer(oracle, rng, word | 1 << 22 | (offset >> 4) << 8 | (offset & 15), base, align=8)
        check_transfer(oracle, rng, word | rm, base, rm, offset, align=8)


@pytest.mark.parametrize("load", [0, 1])
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("up", [0, 1])
def test_load_store_multiple(oracle, rng, load, first, up):
    for _ in range(CASES):
        base, = low(rng, 1)
        registers_in_list = rng.getrandbits(15) or 1
        back = rng.getrandbits(1)
        if back and registers_in_list & 1 << base and (load or registers_in_list & ((1 << base) - 1)):
            back = 0                  # unpredictable
        word = condition(rng) | 4 << 25 | first << 24 | up << 23 | back << 21 | load << 20 | base << 16 | registers_in_list
        check_transfer(oracle, rng, word, base, align=4)


@pytest.mark.parametrize("load", [0, 1])
def test_user_bank_transfers(oracle, rng, load):
    """LDM and STM with ^: Unicorn's user bank is compared through system mode."""
    for mode in (FIQ, IRQ, SVC):
        for _ in range(CASES // 4):
            base = rng.randrange(8)
            registers_in_list = (rng.getrandbits(15) or 1) & ~(1 << base if load else 0) or 0x4000
            values = registers(rng)
            values[base] = MIDDLE
            user = {n: value(rng) for n in ([8, 9, 10, 11, 12] if mode == FIQ else []) + [13, 14]}
            set_user_registers(oracle, user, mode)
            word = ALWAYS | 4 << 25 | 1 << 23 | 1 << 22 | load << 20 | base << 16 | registers_in_list
            oracle.arm(word, values, mode | I | F, data=data(rng))
            compare_user_registers(oracle, mode)


def set_user_registers(oracle, user, mode):
    import unicorn.arm_const as arm
    from unicorn_oracle import REGISTERS
    oracle.unicorn.reg_write(arm.UC_ARM_REG_CPSR, SYS | I | F)
    for n, contents in user.items():
        oracle.unicorn.reg_write(REGISTERS[n], contents)
        if n >= 13:
            (oracle.core.state.banked_sp if n == 13 else oracle.core.state.banked_lr)[0] = contents
        else:
            oracle.core.state.user_r8_r12[n - 8] = contents
    oracle.unicorn.reg_write(arm.UC_ARM_REG_CPSR, mode | I | F)


def compare_user_registers(oracle, mode):
    import unicorn.arm_const as arm
    from unicorn_oracle import REGISTERS
    oracle.unicorn.reg_write(arm.UC_ARM_REG_CPSR, SYS | I | F)
    state = oracle.core.state
    assert state.banked_sp[0] == oracle.unicorn.reg_read(REGISTERS[13])
    assert state.banked_lr[0] == oracle.unicorn.reg_read(REGISTERS[14])
    if mode == FIQ:
        assert list(state.user_r8_r12) == [oracle.unicorn.reg_read(r) for r in REGISTERS[8:13]]


@pytest.mark.parametrize("byte", [0, 1])
def test_swap(oracle, rng, byte):
    for _ in range(CASES):
        base, rd, rm = low(rng, 3)
        check_transfer(oracle, rng, condition(rng) | 2 << 23 | byte << 22 | base << 16 | rd << 12 | 9 << 4 | rm, base,
                       align=1 if byte else 4)


def test_branches(oracle, rng):
    for _ in range(CASES):
        offset = rng.randrange(-0x380, 0x1000) & 0xffffff
        oracle.arm(condition(rng) | 5 << 25 | rng.getrandbits(1) << 24 | offset, registers(rng), status(rng))
        oracle.arm(15 << 28 | 5 << 25 | rng.getrandbits(1) << 24 | offset, registers(rng), status(rng))
        rm = any_register(rng)
        values = registers(rng)
        values[rm] = rng.randrange(0, 0x7000, 2) | rng.getrandbits(1)
        if not values[rm] & 1:
            values[rm] &= ~3
        kind = rng.choice([1, 3])
        oracle.arm(condition(rng) | 0x012fff00 | kind << 4 | rm, values, status(rng))


def test_loads_of_pc_exchange(oracle, rng):
    for _ in range(CASES):
        target = rng.randrange(0, 0x7000, 4) | rng.choice([0, 0, 1, 3])
        contents = bytearray(data(rng))
        contents[DATA_BYTES // 2:DATA_BYTES // 2 + 4] = target.to_bytes(4, "little")
        base = any_register(rng)
        values = registers(rng)
        values[base] = MIDDLE
        oracle.arm(condition(rng) | 0x0590f000 | base << 16, values, status(rng), data=bytes(contents))
        in_list = (rng.getrandbits(15) & ~(1 << base)) | 1 << 15
        values[base] = MIDDLE - 4 * (bin(in_list).count("1") - 1)
        oracle.arm(condition(rng) | 0x08b00000 | base << 16 | in_list, values, status(rng), data=bytes(contents))


def test_stores_of_pc(oracle, rng):
    """ARM9E-S stores the address of the instruction plus 12 (Unicorn: plus 8), so no Unicorn here."""
    core = oracle.core
    core.state.cpsr = SVC | I | F
    core.arm(0x1000, 0xe580f000, 0xe8808001)              # STR pc, [r0]; STMIA r0, {r0, pc}
    core.state.r[0] = MIDDLE
    core.state.r[15] = 0x1000
    core.step()
    assert core.word(MIDDLE) == 0x100c
    core.step()
    assert core.word(MIDDLE + 4) == 0x1010


def test_exception_returns(oracle, rng):
    for _ in range(CASES):
        target = rng.randrange(0, 0x7000, 4)
        mode = rng.choice([SVC, IRQ, FIQ])
        # back to the same mode, so that no bank that the oracle does not set becomes visible
        spsr = status(rng, mode) & ~(I | F) | rng.choice([0, I, F])
        values = registers(rng)
        values[14] = target + 4
        oracle.arm(0xe25ef004, values, status(rng, mode), spsr=spsr)      # SUBS pc, lr, #4
        oracle.arm(0xe1b0f00e, values, status(rng, mode), spsr=spsr)      # MOVS pc, lr
        contents = bytearray(data(rng))
        contents[DATA_BYTES // 2:DATA_BYTES // 2 + 4] = target.to_bytes(4, "little")
        values[13] = MIDDLE - 8
        oracle.arm(0xe8fd8003, values, status(rng, mode), data=bytes(contents), spsr=spsr)   # LDMIA sp!, {r0, r1, pc}^


def test_status_registers(oracle, rng):
    for _ in range(CASES):
        rd = any_register(rng)
        mode = rng.choice([SVC, IRQ, FIQ])
        spsr = status(rng, mode)
        oracle.arm(condition(rng) | 0x010f0000 | rd << 12, registers(rng), status(rng))
        oracle.arm(condition(rng) | 0x014f0000 | rd << 12, registers(rng), status(rng, mode), spsr=spsr)
        # flags; then the control field without changing mode, from a register and as a constant
        oracle.arm(condition(rng) | 0x0128f000 | rd, registers(rng), status(rng), ignore_flags=0)
        values = registers(rng)
        values[rd] = status(rng, mode) & ~(I | F) | rng.choice([0, I, F, I | F])
        oracle.arm(condition(rng) | 0x0129f000 | rd, values, status(rng, mode))
        oracle.arm(condition(rng) | 0x0321f000 | (mode | rng.choice([0, I, F])), values, status(rng, mode))
        # user mode changes nothing but flags
        values[rd] = value(rng)
        oracle.arm(condition(rng) | 0x0129f000 | rd, values, status(rng, USR))


def test_mode_changes_bank_registers(oracle, rng):
    """A walk through all modes by MSR, writing sp and lr, with r8-r12 in FIQ mode."""
    from cpu_harness import ABT, UND
    modes = [SVC, IRQ, FIQ, ABT, UND, SYS]
    values = registers(rng)
    core, current = oracle.core, SVC
    words = []
    for _ in range(12):
        current = rng.choice(modes)
        words += [0xe321f000 | current | I | F, 0xe1a0d000 | rng.randrange(8), 0xe1a0e000 | rng.randrange(8),
                  0xe1a08000 | rng.randrange(8)]
    for mode in modes + [SVC]:
        words += [0xe321f000 | mode | I | F, 0xe0200000 | 13, 0xe0211000 | 14, 0xe0222000 | (2 << 16) | 8]
    for mode in modes + [SVC]:        # start from equal banks
        import unicorn.arm_const as arm
        oracle.unicorn.reg_write(arm.UC_ARM_REG_CPSR, mode | I | F)
        for n in ("SP", "LR") + (("R8", "R9", "R10", "R11", "R12") if mode in (FIQ, SVC) else ()):
            oracle.unicorn.reg_write(getattr(arm, f"UC_ARM_REG_{n}"), 0)
    state = core.state
    state.banked_sp[:] = state.banked_lr[:] = [0] * 6
    state.fiq_r8_r12[:] = state.user_r8_r12[:] = [0] * 5
    code = b"".join(word.to_bytes(4, "little") for word in words)
    oracle.check(code, values, SVC | I | F, count=len(words))


@pytest.mark.parametrize("address, expected", [(0, 0x44332211), (1, 0x11443322), (2, 0x22114433), (3, 0x33221144)])
def test_unaligned_word_load_rotates(core, address, expected):
    """ARM968E-S rotates (Unicorn does not: it loads the unaligned word)."""
    core.write(MIDDLE, bytes.fromhex("1122334455667788"))
    core.arm(0, 0xe5910000, 0xe7912003, 0xe1013092)       # LDR r0,[r1]; LDR r2,[r1,r3]; SWP r3,r2,[r1]
    core.state.r[1] = MIDDLE + address
    core.step(2)
    assert core.state.r[0] == core.state.r[2] == expected
    core.state.r[2] = 0xaabbccdd
    core.step()
    assert core.state.r[3] == expected
    assert core.word(MIDDLE) == 0xaabbccdd


def test_other_unaligned_accesses_ignore_the_low_bits(core):
    core.write(MIDDLE, bytes.fromhex("1122334455667788"))
    core.arm(0, 0xe1d100b0, 0xe1d120f0, 0xe5813000, 0xe1c130b0, 0xe8910030)
    core.state.r[1] = MIDDLE + 3
    core.state.r[3] = 0xcafef00d
    core.step(2)                      # LDRH r0,[r1]; LDRSH r2,[r1]
    assert core.state.r[0] == core.state.r[2] == 0x4433
    core.step()                       # STR r3,[r1]
    assert core.word(MIDDLE) == 0xcafef00d
    core.state.r[3] = 0x1234
    core.step()                       # STRH r3,[r1]
    assert core.word(MIDDLE) == 0x1234f00d
    core.step()                       # LDMIA r1,{r4,r5}
    assert list(core.state.r[4:6]) == [0x1234f00d, 0x88776655]


def test_edge_of_dtcm(core):
    """Block transfers that begin in DTCM and end on the bus."""
    seen = []
    core.on_write = lambda address, value, size: seen.append((address, value, size)) or True
    core.arm(0, 0xe8a000ff)           # STMIA r0!, {r0-r7}
    core.state.r[:8] = [0x40fff0, 1, 2, 3, 4, 5, 6, 7]
    core.step()
    assert core.read(0x40fff0, 16) == b"".join(n.to_bytes(4, "little") for n in (0x40fff0, 1, 2, 3))
    assert seen == [(0x410000 + 4 * n, 4 + n, 4) for n in range(4)]
    assert core.state.r[0] == 0x410010


def test_preload_does_nothing(oracle, rng):
    oracle.arm(0xf5d0f010, registers(rng), status(rng))
    oracle.arm(0xf7d1f002, registers(rng), status(rng))


def test_all_conditions(oracle, rng):
    for flags in range(16):
        for cond in range(15):
            oracle.arm(cond << 28 | 0x03a00001, registers(rng), flags << 28 | SVC | I | F)
            oracle.arm(cond << 28 | 0x0a000010, registers(rng), flags << 28 | SVC | I | F)
            oracle.arm(cond << 28 | 0x0a000810, registers(rng), flags << 28 | SVC | I | F)
            oracle.arm(cond << 28 | 0x008ff001, [0] * 15, flags << 28 | SVC | I | F)      # ADD pc, pc, r1
    assert N | Z | C | V | Q
