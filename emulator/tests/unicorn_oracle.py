"""The same instruction on the interpreter and on Unicorn (as an ARM946E-S, also ARMv5TE)."""
import struct

import unicorn
import unicorn.arm_const as arm

from cpu_harness import DTCM_BASE, DTCM_BYTES, ITCM_BYTES, T, Core

REGISTERS = [getattr(arm, f"UC_ARM_REG_R{n}") for n in range(13)] + [
    arm.UC_ARM_REG_SP, arm.UC_ARM_REG_LR, arm.UC_ARM_REG_PC]
CODE = 0x1000
CODE_BYTES = 64
DATA = DTCM_BASE + 0x8000             # the part of memory that is compared
DATA_BYTES = 512


class Oracle:
    def __init__(self, library):
        self.core = Core(library)
        self.unicorn = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_ARM)
        self.unicorn.ctl_set_cpu_model(arm.UC_CPU_ARM_946)
        self.unicorn.mem_map(0, ITCM_BYTES)
        self.unicorn.mem_map(DTCM_BASE, DTCM_BYTES)

    def close(self):
        self.core.close()

    def check(self, code, registers, cpsr, data=None, ignore_flags=0, count=1, spsr=None, pc=CODE):
        """Run `count` instructions of `code` on both from the same state and compare everything."""
        core, uc = self.core, self.unicorn
        thumb = bool(cpsr & T)
        # what follows must not be a continuation that the interpreter executes together with `code`
        core.write(pc, code + bytes(16))
        uc.mem_write(pc, code)
        uc.ctl_remove_cache(pc, pc + len(code))
        if data is not None:
            core.write(DATA, data)
            uc.mem_write(DATA, data)

        # Banks: Unicorn changes them when CPSR is written; here the current registers are r[].
        uc.reg_write(arm.UC_ARM_REG_CPSR, cpsr)
        uc.reg_write_batch([(register, value) for register, value in zip(REGISTERS[:15], registers)])
        core.state.cpsr = cpsr
        core.state.r[:] = list(registers[:15]) + [pc]
        if spsr is not None:
            uc.reg_write(arm.UC_ARM_REG_SPSR, spsr)
            core.state.spsr[{0x11: 1, 0x12: 2, 0x13: 3, 0x17: 4, 0x1b: 5}[cpsr & 31]] = spsr

        uc.emu_start(pc | thumb, 0xfffffff0, count=count)
        core.step(count)

        expected = list(uc.reg_read_batch(REGISTERS))
        status = uc.reg_read(arm.UC_ARM_REG_CPSR)
        found = list(core.state.r)
        what = f"{code.hex()} cpsr={cpsr:08x} r=" + " ".join(f"{value:x}" for value in registers)
        assert found == expected, f"{what}\n" + "\n".join(
            f"r{n}: {f:08x}, Unicorn {e:08x}" for n, (f, e) in enumerate(zip(found, expected)) if f != e)
        difference = (core.state.cpsr ^ status) & ~ignore_flags & 0xf80000ff
        assert not difference, f"{what}: cpsr {core.state.cpsr:08x}, Unicorn {status:08x}"
        if data is not None:
            assert core.read(DATA, len(data)) == bytes(uc.mem_read(DATA, len(data))), what

    def arm(self, word, *arguments, **keywords):
        self.check(struct.pack("<I", word), *arguments, **keywords)

    def thumb(self, half, registers, cpsr, **keywords):
        self.check(struct.pack("<H", half), registers, cpsr | T, **keywords)
