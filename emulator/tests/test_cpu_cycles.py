"""Cycle counts of short sequences, worked out by hand from the ARM9E-S TRM (ARM DDI 0165B, chapter 8)."""
import pytest

from cpu_harness import DTCM_BASE, SDRAM, SYS, T

NOP = 0xe1a00000                      # MOV r0, r0

# name, ARM words, cycles of all of them executed once in a row
SEQUENCES = [
    ("ALU", [0xe0800001, 0xe0800001, 0xe0800101], 3),                    # ADD; ADD; ADD with LSL #2
    ("shift by register", [0xe0800211], 2),                              # ADD r0,r0,r1,LSL r2
    ("failed condition", [0x00800211, 0x05910000, 0x08910006], 3),       # ADDEQ; LDREQ; LDMEQIA
    ("MUL", [0xe0000291, NOP], 4),                                       # MUL r0,r1,r2: 2, used at once +1, 1
    ("MUL, result unused", [0xe0030291, NOP], 3),
    ("MULS has no interlock", [0xe0100291, NOP], 5),
    ("MLA into MLA", [0xe0200291, 0xe0200291, 0xe3a04000], 5),           # accumulator forwarded
    ("MLA then store", [0xe0200291, 0xe5840000], 4),                     # STR r0,[r4]
    ("MUL result as factor", [0xe0000291, 0xe0030290, 0xe3a05000], 6),   # MUL r0; MUL r3,r0,r2
    ("SMULL", [0xe0c10392, 0xe3a05000], 4),
    ("SMULL used", [0xe0c10392, 0xe2811001], 5),
    ("SMULLS", [0xe0d10392, 0xe2811001], 6),
    ("SMLABB chain", [0xe1000281, 0xe1000281, 0xe1000281], 4),           # SMLABB r0,r1,r2,r0: acc is bits 12..15 = 0
    ("SMLAWB chain", [0xe1200281, 0xe12002c1, 0xe1200281, 0xe3a05000], 4),
    ("SMLAWB then ALU", [0xe1200281, 0xe2800001], 3),
    ("SMLALBB", [0xe1410382, 0xe3a05000], 3),
    ("QADD then ALU", [0xe1010052, 0xe2800001], 3),
    ("QADD then store", [0xe1010052, 0xe5840000], 2),
    ("QADD into MLA", [0xe1010052, 0xe0200291, 0xe3a05000], 4),
    ("CLZ", [0xe16f0f11, 0xe2800001], 2),
    ("LDR unused", [0xe5940000, 0xe3a05000], 2),
    ("LDR used", [0xe5940000, 0xe2805001], 3),
    ("LDR, one between", [0xe5940000, 0xe3a05000, 0xe2805001], 3),
    ("LDR then STR of it", [0xe5940000, 0xe5840000], 3),
    ("LDR then STR, one between", [0xe5940000, 0xe3a05000, 0xe5840000], 3),
    ("LDR into accumulator", [0xe5940000, 0xe0230291, 0xe3a05000], 5),   # MLA r3,r1,r2,r0: rn is bits 12..15 = 0
    ("LDR as address", [0xe5940000, 0xe5901000, 0xe3a05000], 4),
    ("LDRB used", [0xe5d40000, 0xe2805001], 4),
    ("LDRB, one between", [0xe5d40000, 0xe3a05000, 0xe2805001], 4),
    ("LDRB, two between", [0xe5d40000, 0xe3a05000, 0xe3a05000, 0xe2805001], 4),
    ("LDRB, MUL between", [0xe5d40000, 0xe0060291, 0xe2805001], 4),
    ("LDRB used twice", [0xe5d40000, 0xe2805001, 0xe2806001], 5),
    ("LDRH used", [0xe1d400b0, 0xe2805001], 4),
    ("LDRSH used", [0xe1d400f0, 0xe2805001], 4),
    ("LDR used by what does not execute", [0xe5940000, 0x02805001], 3),
    ("LDREQ that fails", [0x05940000, 0xe2805001], 2),
    ("LDR with scaled offset", [0xe7940103, 0xe3a05000], 3),             # LDR r0,[r4,r3,LSL #2]
    ("STR", [0xe5840000], 1),
    ("LDRD", [0xe1c400d0, 0xe3a05000], 3),
    ("LDRD, second used", [0xe1c400d0, 0xe2815001], 4),
    ("LDRD, first used", [0xe1c400d0, 0xe2805001], 3),
    ("STRD", [0xe1c400f0], 2),
    ("LDM of one", [0xe8940001, 0xe2805001], 3),
    ("LDM of two", [0xe8940003, 0xe3a05000], 3),
    ("LDM of two, last used", [0xe8940003, 0xe2815001], 4),
    ("LDM of two, first used", [0xe8940003, 0xe2805001], 3),
    ("LDM of four", [0xe894000f, 0xe3a05000], 5),
    ("STM of one", [0xe8840001], 2),
    ("STM of five", [0xe884002f], 5),
    ("LDR then STM of it first", [0xe5940000, 0xe8840003], 4),
    ("LDR then STM of it second", [0xe5941000, 0xe8840003], 3),
    ("LDR of the base of STM", [0xe5940004, 0xe8800006], 4),
    ("LDRB then STM of it second", [0xe5d41000, 0xe8840003], 4),
    ("SWP", [0xe1040091, 0xe3a05000], 3),
    ("SWP used", [0xe1040091, 0xe2805001], 4),
    ("MRS", [0xe10f0000], 2),
    ("MSR flags", [0xe328f000], 1),
    ("MSR control", [0xe321f01f], 3),
    ("MRC used", [0xee100f10, 0xe2805001], 3),
    ("MCR", [0xee070f9a], 1),
    ("PLD", [0xf5d4f000], 1),
    ("branch not taken", [0x0a000010], 1),
    ("branch", [0xeaffffff], 3),                                         # to the next word
    ("BL", [0xebffffff], 3),
    ("ALU to pc", [0xe28ff000], 3),                                       # ADD pc, pc, #0
    ("MOV pc", [0xe1a0f007], 3),
    ("BX", [0xe12fff17], 3),
    ("BLX", [0xe12fff37], 3),
    ("LDR pc", [0xe594f008], 5),
    ("LDM pc", [0xe8b48003], 7),                                         # LDMIA r4!, {r0,r1,pc}
    ("SWI", [0xef000000], 3),
    ("4 weights: LDM + 8 SMLAWB", [0xe8b4000f] + [0xe1286580, 0xe1286581, 0xe1286582, 0xe1286583] * 2, 12),
]


@pytest.mark.parametrize("words, expected", [(words, cycles) for _, words, cycles in SEQUENCES],
                         ids=[name for name, _, _ in SEQUENCES])
@pytest.mark.parametrize("address", [0x100, 0x3fc, 0x3f8])
def test_sequence(core, words, expected, address):
    """The same wherever the border between two decoded pages falls."""
    core.arm(address, *words, NOP, 0xeafffffe)
    state = core.state
    state.cpsr = SYS
    state.r[15] = address
    state.r[3] = 0
    state.r[4] = DTCM_BASE + 0x100
    state.r[7] = 0x200
    core.write(DTCM_BASE + 0x108, (0x200).to_bytes(4, "little"))
    core.write(DTCM_BASE + 0x100, (DTCM_BASE + 0x100).to_bytes(4, "little") * 2)
    core.step(len(words))
    assert state.instructions == len(words)
    assert state.cycles == expected


def test_uncached_page_has_the_same_cycles(core):
    """A page that is rewritten all the time is decoded as it runs, with the same stalls."""
    loop = [0xe5810000, 0xe5d43000, 0xe3a05000, 0xe2835001, 0xe0000291, 0xe2522001, 0x1afffff8, 0xeafffffe]
    core.arm(0x100, *loop)            # STR r0,[r1]; LDRB r3; MOV; ADD r5,r3; MUL r0; SUBS r2,#1; BNE
    state = core.state
    state.cpsr, state.r[15] = SYS, 0x100
    state.r[4] = DTCM_BASE
    state.r[1] = 0x180                # in the page of the loop
    state.r[2] = 300
    turn = 1 + (1 + 1) + 1 + 1 + 2 + 1 + 3
    core.run(300 * turn - 2)
    assert state.r[15] == 0x11c and state.cycles == 300 * turn - 2
    assert state.instructions == 300 * 7


THUMB_SEQUENCES = [
    ("ALU", [0x1840, 0x3001, 0x4308], 3),
    ("shift by register", [0x4088], 2),
    ("MUL", [0x4348, 0x3001], 5),
    ("LDR used", [0x6820, 0x3001], 3),
    ("LDRB used", [0x7820, 0x3001], 4),
    ("PUSH of three", [0xb413], 3),
    ("POP pc", [0xbd03], 7),
    ("LDM of two, last used", [0xcc03, 0x3101], 4),
    ("BL", [0xf000, 0xf800], 4),
    ("B", [0xe7ff], 3),
    ("B not taken", [0xd000], 1),
    ("BX", [0x4738], 3),
    ("LDR literal used", [0x4801, 0x3001], 3),
]


@pytest.mark.parametrize("halves, expected", [(halves, cycles) for _, halves, cycles in THUMB_SEQUENCES],
                         ids=[name for name, _, _ in THUMB_SEQUENCES])
def test_thumb_sequence(core, halves, expected):
    core.thumb(0x100, *halves, 0x46c0, 0xe7fe)
    state = core.state
    state.cpsr, state.r[15] = SYS | T, 0x100
    state.r[4] = DTCM_BASE + 0x100
    state.r[13] = DTCM_BASE + 0x100
    state.r[7] = 0x201
    core.write(DTCM_BASE + 0x108, (0x201).to_bytes(4, "little"))
    core.step(len(halves))
    assert state.instructions == len(halves)
    assert state.cycles == expected


def test_waits_of_the_bus_are_added(core):
    def wait(*_):
        core.state.cycles += 20
    core.on_read = core.on_write = wait
    core.arm(0x100, 0xe8910006, 0xe5812000, 0xe3a00000)     # LDMIA r1,{r1,r2}; STR r2,[r1]; MOV
    core.state.cpsr, core.state.r[15] = SYS, 0x100
    core.state.r[1] = SDRAM
    core.write(SDRAM, SDRAM.to_bytes(4, "little"))
    core.step()
    assert core.state.cycles == 2 * 20 + 2 + 1              # the store uses the last register loaded
    core.step(2)
    assert core.state.cycles == 43 + 20 + 1 + 1


def test_time_seen_by_the_bus_is_that_of_the_instruction(core):
    times = []
    core.on_write = lambda *_: times.append(core.state.cycles)
    core.arm(0x100, NOP, 0xe5812000, NOP, 0xe0030291, 0xe5812000, 0xeafffffe)
    core.state.cpsr, core.state.r[15] = SYS, 0x100
    core.state.r[1] = SDRAM
    core.run(20)
    assert times == [1, 5]
