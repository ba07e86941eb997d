"""Sequences that the interpreter executes together give what their instructions give one by one.

Single instructions are checked against Unicorn elsewhere; a page that is decoded as it runs is
never fused.
"""
import random

import pytest

from cpu_harness import DTCM_BASE, SDRAM, SYS, Core
from test_cpu_system import snapshot

EDGES = [0, 1, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0x80008000, 0x7fff8000]


def smlaw(rd, rm, rs, rn, top):
    return 0xe1200080 | rd << 16 | rn << 12 | rs << 8 | top << 6 | rm


def ldm(base, registers, write_back):
    return 0xe8900000 | write_back << 21 | base << 16 | sum(1 << r for r in registers)


def stm(base, registers, write_back):
    return ldm(base, registers, write_back) & ~(1 << 20)


def sums(rng, rd=8, rm=4, rs=12):
    top = rng.getrandbits(1)
    return [smlaw(rd + k, rm + k, rs, rd + k, top) for k in range(4)]


def dot(rng, rd=12, rm=8, rs=4):
    top = rng.getrandbits(1)
    return [smlaw(rd, rm + k, rs + k, rd, top) for k in range(4)]


def mixed(rng, count):
    return [smlaw(rng.randrange(2, 14), rng.randrange(2, 14), rng.randrange(2, 14), rng.randrange(2, 14), rng.getrandbits(1))
            for _ in range(count)]


def overlapping(rng):
    """Almost the patterns, with a register that is both source and result."""
    rd, rm, rs = rng.choice([(4, 4, 12), (5, 4, 12), (4, 8, 5), (6, 3, 12), (8, 4, 9)])
    return sums(rng, rd, rm, rs) + dot(rng, rng.choice([4, 9, 12]), 8, 4)


PATTERNS = {
    "sums": lambda rng: sums(rng),
    "dot": lambda rng: dot(rng),
    "ldm sums": lambda rng: [ldm(0, range(4, 8), rng.getrandbits(1))] + sums(rng),
    "ldm dot": lambda rng: [ldm(0, range(4, 8), rng.getrandbits(1))] + dot(rng),
    "gradient": lambda rng: [ldm(0, range(4, 8), 0)] + sums(rng, 4, 8) + [stm(rng.randrange(2), range(4, 8), 1)],
    "ldm base in list": lambda rng: [ldm(4, range(4, 8), 0)] + sums(rng),
    "mixed": lambda rng: mixed(rng, rng.randrange(2, 10)),
    "ldm mixed": lambda rng: [ldm(0, range(4, 8), rng.getrandbits(1))] + mixed(rng, rng.randrange(2, 10)),
    "ldm two": lambda rng: [ldm(0, rng.sample(range(2, 13), 2), rng.getrandbits(1))] + mixed(rng, rng.randrange(1, 6)),
    "ldm two again": lambda rng: [word for _ in range(rng.randrange(2, 5)) for word in
                                  [ldm(rng.choice([0, 0, 1]), (2, 14), 1)] + mixed(rng, 2)],
    "gradient two": lambda rng: [word for _ in range(rng.randrange(1, 4)) for word in
                                 [ldm(0, (2, 14), 0), smlaw(2, 4, 3, 2, 0), smlaw(14, 5, 3, 14, 0), stm(rng.choice([0, 0, 1]), (2, 14), 1)]],
    "ldm two, ldr": lambda rng: [ldm(0, (2, 14), 1), 0xe4913004 | rng.randrange(2) << 12] + mixed(rng, 2),
    "overlapping": overlapping,
    "compare and branch": lambda rng: [
        rng.choice([0xe2533001, 0xe1530004, 0xe3530005, 0xe2433001, 0xe0533004, 0xe2933001, 0xe3130001]),
        rng.choice(range(14)) << 28 | 0x0a000001, 0xe2822001, 0xe2822002, 0xe2822004],
}


def run(library, words, registers, memory, slices=None):
    """The state in which the program falls asleep; slices=None executes one instruction after the other."""
    core = Core(library)
    start = 0x3c0                     # across the border of two pages
    state = core.state
    state.cpsr = SYS
    core.arm(start, 0xe1a00000)
    core.arm(0x400, 0xe1a00000)
    if slices is None:
        core.never_fuse(start)
        core.never_fuse(0x400)
    core.arm(start, *words, 0xee070f90, 0xeafffffe)
    core.write(DTCM_BASE, memory)
    core.write(DTCM_BASE + 0xffc0, memory[:64])
    core.write(SDRAM, memory)
    state.r[15] = start
    state.r[:15] = registers
    while state.cycles < 1000 and not state.halted and not state.sleeping:
        core.run(state.cycles + (slices() if slices else 1))
        assert slices or state.instructions <= 1000
    result = snapshot(core)
    core.close()
    return result


@pytest.mark.parametrize("name", PATTERNS)
def test_fused_equals_single(cpu_library, name):
    rng = random.Random(name)
    for _ in range(40):
        words = []
        for _ in range(6):
            words += PATTERNS[name](rng)
        registers = [rng.choice(EDGES) if rng.random() < 0.4 else rng.getrandbits(32) for _ in range(15)]
        registers[0] = rng.choice([DTCM_BASE, DTCM_BASE + 2, DTCM_BASE + 0xffc0, SDRAM])
        registers[1] = rng.choice([DTCM_BASE + 0x100, SDRAM + 0x100])
        if name == "ldm base in list":
            registers[4] = DTCM_BASE + 0x40
        memory = b"".join((rng.choice(EDGES) if rng.random() < 0.3 else rng.getrandbits(32)).to_bytes(4, "little") for _ in range(256))
        arguments = (cpu_library, words, registers, memory)
        single = run(*arguments)
        assert run(*arguments, lambda: 1000) == single
        assert run(*arguments, lambda: rng.randrange(1, 20)) == single
        assert run(*arguments, lambda: 1) == single


def test_a_run_ends_at_most_one_sequence_late(core):
    """Never longer than FUSED_CYCLES beyond the time asked for."""
    rng = random.Random(1)
    core.arm(0, *(PATTERNS["gradient"](rng) * 20), 0xeafffffe)
    core.state.cpsr = SYS
    for base in (0, 1):
        core.state.r[base] = DTCM_BASE
    for until in range(1, 200):
        core.run(until)
        assert until <= core.state.cycles < until + 16
