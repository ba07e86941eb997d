"""Translated code does what the interpreter does: random programs in both, compared after every slice."""
import ctypes
import random
import shutil

import pytest

from cpu_harness import (ALONE_CYCLES, DTCM_BASE, DTCM_BYTES, SDRAM, SYS, TIMERS, Core, CpuState, Retreat,
                         build_library)
from machine_support import spinnemu  # noqa: F401
from spinnemu import translation_key, translations
from spinnemu.translate_image import Image

BASES = (8, 9, 10, 11)                # point into memory; seldom written
PSR_T = 1 << 5
RESULTS = (0, 1, 2, 3, 4, 5, 6, 7, 12, 14)
PROGRAM = 0x60
WORDS = 900                           # over several pages
EDGES = [0, 1, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]


def condition(rng):
    return 14 if rng.random() < 0.6 else rng.randrange(14)


def any_register(rng):
    return 15 if rng.random() < 0.03 else rng.randrange(15)


def data_processing(rng):
    opcode = rng.randrange(16)
    flags = 1 if opcode in (8, 9, 10, 11) else rng.getrandbits(1)
    word = opcode << 21 | flags << 20 | any_register(rng) << 16 | rng.choice(RESULTS) << 12
    kind = rng.randrange(3)
    if kind == 0:
        return word | 1 << 25 | rng.getrandbits(12)
    if kind == 1:
        return word | rng.getrandbits(5) << 7 | rng.randrange(4) << 5 | any_register(rng)
    return word | rng.randrange(15) << 8 | rng.randrange(4) << 5 | 1 << 4 | rng.randrange(15)


def multiply(rng):
    rd, rn, rs, rm = rng.choice(RESULTS), rng.choice(RESULTS[:4]), rng.randrange(15), rng.randrange(15)
    kind = rng.randrange(3)
    if kind == 0:
        return rng.choice((0, 1, 4, 5, 6, 7)) << 21 | rng.getrandbits(1) << 20 | rd << 16 | rn << 12 | rs << 8 | 0x90 | rm
    if kind == 1:
        return 0x01000080 | rng.randrange(4) << 21 | rd << 16 | rn << 12 | rs << 8 | rng.getrandbits(2) << 5 | rm
    return rng.choice((0x01000050, 0x01200050, 0x01400050, 0x01600050)) | rn << 16 | rd << 12 | rm


def load_store(rng):
    base, rd = rng.choice(BASES), rng.choice(RESULTS)
    bits = rng.getrandbits(1) << 24 | rng.getrandbits(1) << 23 | rng.getrandbits(1) << 20 | base << 16 | rd << 12
    if rng.random() < 0.2:
        bits |= 1 << 21               # write-back
    kind = rng.randrange(4)
    if kind == 0:
        return 0x04000000 | bits | rng.getrandbits(1) << 22 | rng.getrandbits(6)
    if kind == 1:
        return 0x06000000 | bits | rng.getrandbits(1) << 22 | rng.randrange(4) << 7 | rng.choice((4, 5))
    if kind == 2:
        return bits | 1 << 22 | rng.randrange(3) << 8 | 0x90 | rng.choice((1, 2, 3)) << 5 | rng.getrandbits(4)
    return bits | 0x90 | rng.choice((1, 2, 3)) << 5 | rng.choice((4, 5))


def block(rng):
    registers = rng.choice((rng.sample(RESULTS, rng.randrange(1, 7)), range(4, 8), (2, 14), (0, 1)))
    word = 0x08000000 | rng.getrandbits(2) << 23 | rng.getrandbits(2) << 20 | rng.choice(BASES) << 16
    return word | sum(1 << r for r in registers)


def smlaw_run(rng):
    """What the interpreter executes as one."""
    load = [0xe8980000 | rng.getrandbits(1) << 21 | sum(1 << r for r in rng.choice((range(4, 8), (2, 14))))]
    top = rng.getrandbits(1) << 6
    return load + [0xe1200080 | k << 16 | k << 12 | 0xc00 | top | 4 + k for k in range(rng.choice((2, 4)))]


def branch(rng, at):
    if rng.random() < 0.1:
        return 0x012fff10 | rng.choice((14, 14, 0)) | rng.choice((0, 0x20))       # BX, BLX
    to = rng.randrange(WORDS)
    return 0x0a000000 | (rng.random() < 0.2) << 24 | (to - at - 2) & 0xffffff


def other(rng):
    return rng.choice((0x010f0000 | rng.choice(RESULTS) << 12, 0x0128f000 | rng.randrange(8), 0x0e070f90, 0x01a00000,
                       0x01600010 | rng.choice(RESULTS) << 12 | rng.randrange(8), 0x0e010f10, 0x0f000000,
                       0x01000090 | 8 << 16 | 1 << 12 | 2, 0x059f0000 | rng.choice(RESULTS) << 12 | rng.randrange(64) * 4))


def program(rng):
    words = []
    while len(words) < WORDS:
        kind = rng.random()
        if kind < 0.08:
            words += smlaw_run(rng)
        elif kind < 0.12:
            words += [0xe2500001 | rng.choice((0, 3)) * 0x11000, 0x1a000000 | (rng.randrange(-6, 6) - 2) & 0xffffff]
        else:
            make = rng.choices((data_processing, multiply, load_store, block, branch, other), (40, 12, 25, 10, 9, 2))[0]
            words.append(condition(rng) << 28 | (make(rng, len(words)) if make is branch else make(rng)))
    return words[:WORDS]


def vectors():
    """Every exception comes back, an interrupt after lowering both lines is left to the test."""
    back = 0xe1b0f00e                 # MOVS pc, lr
    return [back, back, back, back, back, back, 0xe25ef004, 0xe25ef004] + [0] * 16


def state(core):
    s = core.state
    names = ("cpsr", "cycles", "instructions", "irq", "fiq", "sleeping", "halted", "fault", "fault_address")
    return ([getattr(s, name) for name in names], list(s.r), list(s.spsr), list(s.banked_sp), list(s.banked_lr),
            list(s.fiq_r8_r12), list(s.user_r8_r12))


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """The interpreter twice: the second gets translations."""
    folders = [tmp_path_factory.mktemp(name) for name in ("plain", "translating")]
    return [build_library(folder) for folder in folders]


def start(library, words, registers, memory):
    core = Core(library)
    core.arm(0, *vectors(), *words)
    core.write(DTCM_BASE, memory)
    core.write(SDRAM, memory)
    core.state.r[:15] = registers
    core.state.r[15] = PROGRAM
    core.state.cpsr = SYS
    core.on_read = core.on_write = lambda *_: setattr(core.state, "cycles", core.state.cycles + 5)
    return core


def random_start(rng):
    registers = [rng.choice(EDGES) if rng.random() < 0.4 else rng.getrandbits(32) for _ in range(15)]
    for base in BASES:
        registers[base] = rng.choice((DTCM_BASE + 0x800, DTCM_BASE + 0x1002, DTCM_BASE + DTCM_BYTES - 0x60, SDRAM + 0x400))
    registers[4:6] = [rng.randrange(64), rng.randrange(64)]
    return registers, rng.randbytes(0x4000)


def thumb_instruction(rng):
    """Low registers; memory is reached through r4 to r7, which start in it and are seldom written."""
    kind, low = rng.randrange(12), rng.randrange(4)
    if kind < 2:                          # shifts, additions, moves, comparisons
        return rng.getrandbits(11) & ~7 | rng.randrange(4) << 11 | low
    if kind < 4:
        return 0x2000 | rng.randrange(4) << 11 | low << 8 | rng.choice((0, 1, 127, 128, 255))
    if kind < 6:
        return 0x4000 | rng.randrange(16) << 6 | rng.randrange(8) << 3 | low
    if kind == 6:                         # high registers, and now and then a way out
        return 0x4400 | rng.randrange(3) << 8 | rng.getrandbits(1) << 6 | rng.randrange(15) << 3 | low
    base = rng.randrange(4, 8)
    if kind < 9:
        return rng.choice((0x6000, 0x6800, 0x7000, 0x7800, 0x8000, 0x8800)) | rng.randrange(8) << 6 | base << 3 | low
    if kind == 9:
        return rng.choice((0x9000, 0x9800, 0xa000, 0xa800, 0x4800)) | low << 8 | rng.randrange(16)
    if kind == 10:
        return rng.choice((0xc000, 0xc800)) | base << 8 | rng.choice((0x0f, 0x01, 0x06))
    return rng.choice((0xd000 | rng.randrange(14) << 8 | rng.randrange(-16, 16) & 0xff, 0xe000 | rng.randrange(-40, 40) & 0x7ff,
                       0xb000 | rng.getrandbits(1) << 7 | rng.randrange(4), 0xb410, 0xbc10))


def thumb_words(rng):
    halves: list[int] = []
    while len(halves) < 2 * WORDS:
        if rng.random() < 0.03:           # a call, forward or back
            to = rng.randrange(-60, 60)
            halves += [0xf000 | to >> 11 & 0x7ff, 0xf800 | to & 0x7ff]
        else:
            halves.append(thumb_instruction(rng))
    return [low | high << 16 for low, high in zip(halves[::2], halves[1:2 * WORDS:2])]


@pytest.mark.parametrize("thumb", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_random_programs(libraries, tmp_path, seed, thumb):
    rng = random.Random(seed)
    words = thumb_words(rng) if thumb else program(rng)
    itcm = b"".join(word.to_bytes(4, "little") for word in [*vectors(), *words])
    made = tmp_path / "translation.so"
    size = 2 if thumb else 4
    addresses = [address + 1 for address in range(PROGRAM, PROGRAM + 4 * WORDS, 2)] if thumb else []
    translations.make([Image(itcm, b"".join(address.to_bytes(4, "little") for address in addresses))], made, thumb)
    assert libraries[1].translation_load(str(made).encode(), translation_key.key().encode())
    executed = 0
    for _ in range(30):
        registers, memory = random_start(rng)
        if thumb:
            registers[4:8], registers[13] = registers[8:12], DTCM_BASE + 0x1000
        cores = [start(library, words, registers, memory) for library in libraries]
        place = PROGRAM + size * rng.randrange(4 * WORDS // size)
        for core in cores:
            core.state.r[15] = place
            core.state.cpsr |= PSR_T if thumb else 0
        for _ in range(60):
            slice_cycles, line = rng.choice((1, 2, 5, 20, 48, 100, 400)), rng.random()
            for core in cores:
                if line < 0.1:
                    core.state.irq = line < 0.05
                elif line < 0.2:
                    core.state.fiq = line < 0.15
                core.run(core.state.cycles + slice_cycles)
            assert state(cores[0]) == state(cores[1])
            if cores[0].state.halted or cores[0].state.sleeping and not (cores[0].state.irq or cores[0].state.fiq):
                break
        executed += cores[0].state.instructions
        assert cores[0].dtcm.raw == cores[1].dtcm.raw
        assert cores[0].itcm.raw == cores[1].itcm.raw
        assert cores[0].sdram.raw == cores[1].sdram.raw
        for core in cores:
            core.close()
    assert executed > 1000


def look_at_pages(core):
    """A core knows of its translations what it executed."""
    before, memories = CpuState.from_buffer_copy(core.state), (core.dtcm, core.sdram)
    contents = [memory.raw for memory in memories]
    for address in (*range(0x400, PROGRAM + 4 * WORDS, 0x400), PROGRAM):
        core.state.r[15] = address
        core.run(core.state.cycles + 1)
    for memory, content in zip(memories, contents):
        memory.raw = content
    ctypes.memmove(ctypes.byref(core.state), ctypes.byref(before), ctypes.sizeof(before))


@pytest.mark.parametrize("seed", range(10, 14))
def test_runs_alone_and_back(libraries, tmp_path, seed):
    """As far as a core runs alone it does what it would do among others; it can go back, and does the same again."""
    rng = random.Random(seed)
    words = program(rng)
    itcm = b"".join(word.to_bytes(4, "little") for word in [*vectors(), *words])
    made = tmp_path / "translation.so"
    translations.make([Image(itcm, b"")], made)
    assert libraries[1].translation_load(str(made).encode(), translation_key.key().encode())
    went, back = 0, Retreat()
    accesses: list[tuple[int, ...]] = []
    for _ in range(400):
        registers, memory = random_start(rng)
        for base in BASES:                # else it soon comes to something that is not its own
            registers[base] = (TIMERS if rng.random() < 0.2 else DTCM_BASE + 0x800) + 4 * rng.randrange(64)
        cores = [start(library, words, registers, memory) for library in libraries]
        look_at_pages(cores[1])
        place = PROGRAM + 4 * rng.randrange(WORDS)
        for core in cores:
            core.state.r[15] = place
        plain, alone = cores
        alone.on_read = alone.on_write = lambda *access: accesses.append(access)
        before = state(alone), alone.dtcm.raw
        now = alone.state.cycles
        until = now + rng.choice((48, 200, ALONE_CYCLES))
        libraries[1].cpu_run_alone(alone.state, until, back)
        farthest = state(alone), alone.dtcm.raw
        assert not accesses
        went += alone.state.instructions - plain.state.instructions
        end = alone.state.cycles
        plain.run(min(end, until))
        assert (state(plain), plain.dtcm.raw) == farthest
        libraries[1].cpu_retreat(alone.state, back)
        assert (state(alone), alone.dtcm.raw) == before
        if end > now + 1:
            libraries[1].cpu_run_alone(alone.state, now + (end - now) // 2, back)
            libraries[1].cpu_retreat(alone.state, back)
            assert (state(alone), alone.dtcm.raw) == before
        for core in cores:
            core.close()
    assert went > 1000


def test_refuses_what_was_made_with_other_sources(libraries, tmp_path):
    made = tmp_path / "translation.so"
    translations.make([Image(bytes(200), b"")], made)
    assert not libraries[1].translation_load(str(made).encode(), b"another key")
    assert not libraries[1].translation_load(str(tmp_path / "none.so").encode(), translation_key.key().encode())
    shutil.copyfile(tmp_path / "translation.so", tmp_path / "broken.so")
    (tmp_path / "broken.so").write_bytes(b"\x7fELF")
    assert not libraries[1].translation_load(str(tmp_path / "broken.so").encode(), translation_key.key().encode())
