"""Exceptions, interrupts, waiting, CP15, code that changes, pages that are shared, and slices of time."""
import random

import pytest

from cpu_harness import (ABT, DTCM_BASE, FIQ, HIGH, IRQ, SDRAM, SVC, SYS, UND, USR, C, Core, F, I, N, Q, T, V, Z)

NOP = 0xe1a00000
BRANCH_SELF = 0xeafffffe
WFI = 0xee070f90                      # MCR p15, 0, r0, c7, c0, 4


def start(core, address=0x100, cpsr=SYS):
    core.state.r[15] = address
    core.state.cpsr = cpsr


# --- exceptions ---

@pytest.mark.parametrize("high", [False, True])
def test_swi(core, high):
    core.library.cpu_reset(core.state, high)
    base = HIGH if high else 0
    assert core.state.r[15] == base and core.state.cpsr == SVC | I | F
    core.arm(base + 8, 0xe1b0f00e)                # MOVS pc, lr
    core.arm(0x100, 0xef123456, NOP)
    start(core, cpsr=USR | N | C)
    core.state.r[13] = 77
    core.step()
    assert core.state.r[15] == base + 8
    assert core.state.cpsr == SVC | I | N | C
    assert core.state.spsr[3] == USR | N | C
    assert core.state.r[14] == 0x104
    core.step()
    assert core.state.r[15] == 0x104 and core.state.cpsr == USR | N | C and core.state.r[13] == 77
    assert core.state.instructions == 2


def test_swi_from_thumb(core):
    core.thumb(0x100, 0xdf05)
    start(core, cpsr=SYS | T)
    core.step()
    assert core.state.r[14] == 0x102 and core.state.cpsr == SVC | I and core.state.spsr[3] == SYS | T


@pytest.mark.parametrize("word", [
    0xe7f000f0, 0xee000000, 0xed900000, 0xec510f10, 0xee100e10, 0xf7ffffff, 0xe0600090, 0xe1600090, 0xe1c00090 | 1 << 21])
def test_undefined(core, word):
    core.arm(4, NOP)
    core.arm(0x100, word)
    start(core, cpsr=SYS)
    core.step()
    assert core.state.r[15] == 4 and core.state.cpsr == UND | I and core.state.r[14] == 0x104
    assert core.state.spsr[5] == SYS


def test_undefined_in_thumb(core):
    core.arm(4, NOP)
    core.thumb(0x100, 0xde00)
    start(core, cpsr=SYS | T)
    core.step()
    assert core.state.r[15] == 4 and core.state.r[14] == 0x102


def test_undefined_without_vector_halts(core):
    core.arm(0x100, 0xe7f000f0)
    start(core)
    core.run(1000)
    assert core.state.halted and core.state.fault == 2 and core.state.fault_address == 0x100
    cycles = core.state.cycles
    core.run(2000)
    assert core.state.cycles == cycles


def test_fetch_from_nowhere_halts(core):
    core.arm(0x100, 0xe3a0f20a)                   # MOV pc, #0xa0000000
    start(core)
    core.run(1000)
    assert core.state.halted and core.state.fault == 1 and core.state.fault_address == 0xa0000000


def test_breakpoint_is_a_prefetch_abort(core):
    core.arm(0x100, 0xe1200070)
    start(core)
    core.step()
    assert core.state.r[15] == 12 and core.state.cpsr == ABT | I and core.state.r[14] == 0x104


# --- interrupts ---

def interrupt_handlers(core):
    core.arm(0x18, 0xe51ffff0)                    # LDR pc, [pc, #-0xff0], as with a VIC at 0xfffff000
    core.arm(0x1c, 0xe25ef004)                    # FIQ: SUBS pc, lr, #4
    core.arm(0x800, 0xe2855001, 0xe25ef004)       # IRQ: ADD r5, r5, #1; SUBS pc, lr, #4


@pytest.mark.parametrize("thumb", [False, True])
def test_irq_and_return(core, thumb):
    interrupt_handlers(core)
    vector = []

    def read(address, size):
        vector.append(address)
        core.state.irq = False                    # the line falls inside the callback
        return 0x800
    core.on_read = read
    if thumb:
        core.thumb(0x100, *[0x3001] * 16)         # ADD r0, #1
    else:
        core.arm(0x100, *[0xe2800001] * 16)
    start(core, cpsr=SYS | (T if thumb else 0))
    core.run(4)
    assert core.state.r[0] == 4 and core.state.r[15] == 0x100 + (8 if thumb else 16)
    core.state.irq = True
    core.run(5)
    assert core.state.cpsr == IRQ | I and core.state.spsr[2] & ~0xf0000000 == SYS | (T if thumb else 0)
    assert core.state.r[14] == 0x100 + (8 if thumb else 16) + 4
    assert core.state.cycles == 7 and core.state.instructions == 4 and core.state.r[15] == 0x18
    core.step(3)
    assert vector == [0x18 + 8 - 0xff0 & 0xffffffff]
    assert core.state.r[5] == 1
    assert core.state.cycles == 7 + 5 + 1 + 3
    core.step()
    assert core.state.r[0] == 5 and core.state.cpsr & 31 == SYS


def test_fiq_wins_and_masks_irq(core):
    interrupt_handlers(core)
    core.arm(0x100, NOP)
    start(core, cpsr=SYS)
    core.state.irq = core.state.fiq = True
    core.run(1)
    assert core.state.cpsr == FIQ | I | F and core.state.r[15] == 0x1c
    core.state.fiq = False
    core.step()                                   # returns; the IRQ is taken before anything else
    core.step()
    assert core.state.cpsr & 31 == IRQ and core.state.r[14] == 0x104


def test_masked_interrupt_waits_for_msr(core):
    interrupt_handlers(core)
    core.arm(0x100, NOP, 0xe321f01f, NOP, NOP)    # MSR cpsr_c, #0x1f
    start(core, cpsr=SYS | I)
    core.state.irq = True
    core.run(2)
    assert core.state.instructions == 2 and core.state.r[15] == 0x108
    core.run(core.state.cycles + 1)
    assert core.state.cpsr & 31 == IRQ and core.state.r[14] == 0x10c
    assert core.state.instructions == 2


def test_interrupt_inside_a_slice_after_a_store(core):
    """A store that raises the line: the handler comes before the next instruction."""
    interrupt_handlers(core)
    core.arm(0x18, 0xe1a07000, 0xe3a00000, 0xe25ef004)     # MOV r7, r0; MOV r0, #0; SUBS pc, lr, #4

    def write(address, value, size):
        core.state.irq = value == 1
        core.state.cycles += 10
        return True
    core.on_write = write
    core.arm(0x100, 0xe3a00001, 0xe5810000, 0xe2800005, BRANCH_SELF)
    start(core)
    core.state.r[1] = SDRAM
    core.on_read = None
    core.arm(0x1c, BRANCH_SELF)
    core.state.cpsr |= F
    core.run(1 + 11 + 3 + 1)                      # MOV, STR with 10 wait cycles, entry, MOV r7
    assert core.state.r[7] == 1 and core.state.r[0] == 1
    assert core.state.cycles == 16


def test_high_vector_interrupt(core):
    core.arm(HIGH + 0x18, 0xe25ef004)
    core.arm(0x100, NOP, NOP)
    start(core)
    core.state.cp15_control = 0x2000
    core.state.irq = True
    core.run(1)
    assert core.state.r[15] == HIGH + 0x18
    core.state.irq = False
    core.step()
    assert core.state.r[15] == 0x100


def test_stop_ends_the_run_after_the_instruction(core):
    def write(address, value, size):
        core.state.stop = True
        return True
    core.on_write = write
    core.arm(0x100, 0xe5810000, NOP, NOP, NOP)
    start(core)
    core.state.r[1] = SDRAM
    core.run(1000)
    assert core.state.instructions == 1 and core.state.r[15] == 0x104
    core.run(core.state.cycles + 2)
    assert core.state.instructions == 3


# --- waiting for interrupts ---

@pytest.mark.parametrize("word", [WFI, 0xee0f0f58])
def test_wait_for_interrupt(core, word):
    core.arm(0x100, NOP, word, NOP, BRANCH_SELF)
    start(core, cpsr=SYS | I | F)
    core.run(100)
    assert core.state.sleeping and core.state.cycles == 2 and core.state.r[15] == 0x108
    core.run(200)
    assert core.state.sleeping and core.state.cycles == 2
    core.state.cycles = 500                       # the machine wakes it later
    core.state.irq = True                         # masked, yet it wakes
    core.run(501)
    assert not core.state.sleeping and core.state.r[15] == 0x10c and core.state.cycles == 501
    assert core.state.cycles_awake == 3


def test_wait_for_interrupt_with_the_line_up_does_not_sleep(core):
    core.arm(0x100, WFI, NOP, BRANCH_SELF)
    start(core, cpsr=SYS | I | F)
    core.state.fiq = True
    core.run(2)
    assert not core.state.sleeping and core.state.r[15] == 0x108


# --- coprocessor 15 ---

def test_control_register_moves_the_vectors(core):
    core.arm(0x100, 0xe3a00a02, 0xee010f10, 0xee112f10, 0xef000000)   # MOV r0,#0x2000; MCR c1; MRC c1; SWI
    start(core)
    core.step(3)
    assert core.state.cp15_control == 0x2000 and core.state.r[2] & 0x2000
    core.step()
    assert core.state.r[15] == HIGH + 8


def test_identification(core):
    core.arm(0x100, 0xee100f10, 0xee10ff10)       # MRC p15,0,r0,c0,c0,0; the same to the flags
    start(core)
    core.step(2)
    assert core.state.r[0] >> 4 == 0x4105968
    assert core.state.cpsr & (N | Z | C | V) == core.state.r[0] & (N | Z | C | V)


def test_cache_operations_are_ignored_and_user_mode_may_not(core):
    core.arm(4, NOP)
    core.arm(0x100, 0xee070f9a, 0xee070f15, 0xee070f9a)
    start(core)
    core.step(2)
    assert core.state.r[15] == 0x108
    core.state.cpsr = USR
    core.step()
    assert core.state.cpsr & 31 == UND


# --- code outside ITCM, code that changes ---

def test_code_on_the_bus(core):
    core.arm(SDRAM, 0xe3a00007, 0xe59f1004, 0xe12fff11, 0, 0x100)      # MOV; LDR r1, [pc, #4]; BX r1
    core.arm(0x100, 0xe2800001)
    start(core, SDRAM)
    core.step(4)
    assert core.state.r[0] == 8 and core.state.r[15] == 0x104


def test_thumb_code_on_the_bus(core):
    core.thumb(SDRAM, 0x2003, 0x3801, 0xd2fd, 0x4678)      # MOV r0,#3; SUB r0,#1; BCS; MOV r0,pc
    start(core, SDRAM, SYS | T)
    core.step(1 + 8)
    assert core.state.r[0] == 0xffffffff and core.state.r[15] == SDRAM + 6
    core.step()
    assert core.state.r[0] == SDRAM + 6 + 4


@pytest.mark.parametrize("place", [0x108, 0x3f8, 0x3fc, 0x400])
def test_store_over_the_next_instruction(core, place):
    """STR r0, [r1] replaces the instruction after it, also across a page border."""
    core.arm(place, NOP, 0xe5810000, 0xe3a02001, 0xe3a03001)
    start(core, place)
    core.state.r[0] = 0xe3a02002                  # MOV r2, #2
    core.state.r[1] = place + 8
    core.run(6)
    assert core.state.r[2] == 2 and core.state.r[3] == 1


def test_self_modifying_loop(core):
    """A loop that increments the constant of its own instruction, beyond the limit of re-decoding."""
    core.arm(0x100, 0xe3a02000, 0xe5910000, 0xe2800001, 0xe5810000, 0xe2533001, 0x1afffff9, BRANCH_SELF)
    start(core)
    core.state.r[1] = 0x100
    core.state.r[3] = 200
    core.run(200 * 12)
    assert core.state.r[15] == 0x118 and core.state.r[2] == 199
    assert core.state.instructions >= 1200


def test_itcm_written_by_others(core):
    core.arm(0x100, 0xe3a00001, 0xeafffffd)
    start(core)
    core.run(100)
    core.arm(0x100, 0xe3a00002)
    core.run(200)
    assert core.state.r[0] == 2


def test_written_by_others_inside_a_callback(core):
    """DMA that ends while the core waits for its register: the page is rewritten under the instruction."""
    def write(address, value, size):
        core.arm(0x104, 0xe3a02002)
        return True
    core.on_write = write
    core.arm(0x100, 0xe5810000, 0xe3a02001, BRANCH_SELF)
    start(core)
    core.state.r[1] = SDRAM
    core.run(20)
    assert core.state.r[2] == 2


# --- sharing ---

def test_pages_are_shared_and_copied_on_write(cpu_library):
    assert cpu_library.code_cache_pages() == 0
    cores = [Core(cpu_library) for _ in range(5)]
    for number, core in enumerate(cores):
        core.arm(0x100, 0xe2800001, 0xe5812000, 0xeafffffc)
        start(core)
        core.state.r[1] = DTCM_BASE
        core.run(100)
        assert core.library.code_cache_pages() == 1
    cores[2].state.r[1] = 0x104                   # its own STR becomes something else
    cores[2].state.r[2] = 0xe2800002
    for core in cores:
        core.run(200)
    assert cpu_library.code_cache_pages() == 2
    counts = [core.state.r[0] for core in cores]
    assert counts[0] == counts[1] == counts[3] == counts[4] != counts[2]
    cores[2].arm(0x104, 0xe5812000)               # the same again
    cores[2].state.r[1] = DTCM_BASE
    cores[2].run(300)
    assert cpu_library.code_cache_pages() == 1
    for core in cores:
        core.close()
    assert cpu_library.code_cache_pages() == 0


# --- slices of time, delay loops, hostile code ---

def snapshot(core):
    state = core.state
    return (list(state.r), state.cpsr, state.cycles, state.instructions, bytes(core.dtcm), bytes(core.itcm), bytes(core.sdram),
            list(state.spsr), list(state.banked_sp), list(state.banked_lr), state.halted, state.fault, state.sleeping)


def random_program(rng):
    """Words of which many are valid instructions on DTCM, with backward branches."""
    words = []
    for _ in range(200):
        kind = rng.randrange(8)
        if kind < 3:
            word = 0xe0000000 | rng.getrandbits(26) & ~(1 << 4 if rng.getrandbits(1) else 0)
        elif kind == 3:
            word = 0xe5900000 | rng.getrandbits(1) << 20 | 8 << 16 | rng.randrange(8) << 12 | rng.randrange(0, 256, 4)
        elif kind == 4:
            word = 0xe8900000 & ~(1 << 20) | rng.getrandbits(1) << 20 | 8 << 16 | rng.getrandbits(8)
        elif kind == 5:
            word = 0xe1200080 | rng.randrange(8) << 16 | rng.randrange(8) << 12 | rng.randrange(8) << 8 | rng.getrandbits(1) << 6 | rng.randrange(8)
        elif kind == 6:
            word = rng.randrange(15) << 28 | 5 << 25 | rng.randrange(-20, 20) & 0xffffff
        else:
            word = rng.getrandbits(32)
        words.append(word)
    return words


def run_program(library, words, slices, until=3000, thumb=False):
    core = Core(library)
    if thumb:
        core.thumb(0x380, *[half & 0xffff for word in words for half in (word, word >> 16)])
    else:
        core.arm(0x380, *words)
    core.arm(0, *[0xe25ef004] * 8)                # all vectors return
    start(core, 0x380, SYS | (T if thumb else 0))
    core.state.r[:15] = [n * 0x01234567 & 0xffffffff for n in range(15)]
    core.state.r[8] = DTCM_BASE + 0x100
    core.state.r[13] = DTCM_BASE + 0x1000
    while core.state.cycles < until and not core.state.halted and not core.state.sleeping:
        core.run(min(until, core.state.cycles + slices()))
    result = snapshot(core)
    core.close()
    return result


@pytest.mark.parametrize("thumb", [False, True])
@pytest.mark.parametrize("seed", range(30))
def test_results_do_not_depend_on_slices(cpu_library, seed, thumb):
    rng = random.Random(f"{seed} {thumb}")
    words = random_program(rng)
    whole = run_program(cpu_library, words, lambda: 10 ** 9, thumb=thumb)
    assert run_program(cpu_library, words, lambda: 1, thumb=thumb) == whole
    assert run_program(cpu_library, words, lambda: rng.randrange(1, 60), thumb=thumb) == whole


@pytest.mark.parametrize("seed", range(40))
def test_hostile_code_is_harmless(cpu_library, seed):
    """Pure noise as code: whatever it does, it stays inside the emulation."""
    rng = random.Random(seed)
    words = [rng.getrandbits(32) for _ in range(2000)]
    run_program(cpu_library, words, lambda: 50, until=20000, thumb=bool(seed & 1))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 1000])
@pytest.mark.parametrize("slices", [1, 3, 7, 50, 10 ** 6])
@pytest.mark.parametrize("thumb, condition", [(True, 2), (False, 2), (False, 1)])
def test_delay_loop(core, count, slices, thumb, condition):
    if condition == 1:
        count = count or 5
    if thumb:
        core.thumb(0x100, 0x3801, 0xd2fd, 0xe7fe)
    else:
        core.arm(0x100, 0xe2500001, condition << 28 | 0x0afffffd, BRANCH_SELF)
    start(core, cpsr=SYS | (T if thumb else 0))
    core.state.r[0] = count
    turns = count if condition == 1 else count + 1
    cycles = 4 * turns - 3 + 1
    while core.state.cycles < cycles:
        core.run(min(cycles, core.state.cycles + slices))
    assert core.state.instructions == 2 * turns
    assert core.state.cycles == cycles
    assert core.state.r[15] == (0x104 if thumb else 0x108)
    assert core.state.r[0] == (0 if condition == 1 else 0xffffffff)
    assert bool(core.state.cpsr & C) == (condition == 1)
    assert bool(core.state.cpsr & Z) == (condition == 1)


def test_long_delay_is_one_step(core):
    core.thumb(0x100, 0x3801, 0xd2fd, 0xe7fe)
    start(core, cpsr=SYS | T)
    core.state.r[0] = 0xfffffff0
    core.run(10 ** 10)
    assert core.state.cycles == 10 ** 10 and core.state.instructions == 5 * 10 ** 9


def test_saturation_is_sticky(core):
    core.arm(0x100, 0xe1010051, 0xe3a01000, 0xe1010051)    # QADD r0,r1,r1; MOV r1,#0; QADD r0,r1,r1
    start(core)
    core.state.r[1] = 0x7fffffff
    core.step(3)
    assert core.state.r[0] == 0 and core.state.cpsr & Q
