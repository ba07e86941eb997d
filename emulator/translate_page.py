"""Writes C for a page of ITCM: what the engine's decoder says of its instructions, in the words of ``src/translated_code.h``.

A page is 1 KB.  Its C is a function that can be entered at any instruction and left after any.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

from .translate_block import Stretch, stretch

PAGE_BYTES = 1024
LOOKAHEAD = 8
#: what software writes at the start of ITCM: the vectors, and the words they are loaded from
VECTOR_BYTES = 96

_CONDITIONS = "EQ NE CS CC MI PL VS VC HI LS GE LT GT LE".split()
_ALWAYS = 14
_SP, _PC = 13, 15
_BRANCH_TAKEN = 3                            # CYCLES_BRANCH_TAKEN, checked by the tests
_BLOCK_ADD, _BLOCK_FIRST, _BLOCK_BACK, _BLOCK_REGISTER = 1, 2, 4, 8
_SHIFT_BY_REGISTER = 8


class Description(ctypes.Structure):
    """Mirror of the structure of that name in ``src/describe.c``."""

    _fields_ = [
        ("op", ctypes.c_uint16), ("fused", ctypes.c_uint16),
        *((name, ctypes.c_uint8) for name in (
            "cond", "rd", "rn", "rm", "rs", "cost", "cost_failed", "shift", "writes_pc", "returns", "delay_loop",
            "leaves")),
        *((name, ctypes.c_uint32) for name in ("imm", "imm2", "pc_value", "near"))]


class Decoder:
    """The engine's decoder.

    :param engine: the engine's library
    """

    def __init__(self, engine: ctypes.CDLL) -> None:
        self._describe = engine.describe_page
        self._describe.restype = None
        self._describe.argtypes = [ctypes.c_char_p, ctypes.c_uint, ctypes.c_bool, ctypes.POINTER(Description)]
        engine.describe_op.restype = ctypes.c_char_p
        engine.describe_op.argtypes = [ctypes.c_uint]
        self.names: list[str] = []
        while name := engine.describe_op(len(self.names)).decode():
            self.names.append(name)

    def page(self, content: bytes, number: int, thumb: bool) -> list[Description]:
        """What is known of each instruction of a page; ``content`` has the lookahead at its end."""
        if len(content) != PAGE_BYTES + LOOKAHEAD:
            raise ValueError("a page with its lookahead is 1032 bytes")
        count = PAGE_BYTES // (2 if thumb else 4)
        result = (Description * count)()
        self._describe(content, number, thumb, result)
        return list(result)

    def name(self, op: int) -> str:
        """The name of an operation of ``src/decoded.h``; "" where there is none."""
        return self.names[op] if op < len(self.names) else ""


def _hex(value: int) -> str:
    return f"0x{value & 0xffffffff:x}u"


class _Unknown(Exception):
    """The interpreter keeps this instruction."""


class PageWriter:
    """The C of one page.

    :param decoder: the engine's
    :param content: the page and its lookahead
    :param number: of the page in ITCM
    :param thumb: in which state it is executed
    :param wanted: instructions (by their place in the page) to be translated; the others are left to the interpreter
    :param targets: instructions that may be jumped to; inside a sequence that is executed as one, only these have code
    :param loops: instructions of loops, which are made faster
    """

    def __init__(self, decoder: Decoder, content: bytes, number: int, thumb: bool, wanted: Iterable[int],
                 targets: Iterable[int], loops: Iterable[int] = ()) -> None:
        self._decoder, self._content, self._number, self._thumb = decoder, content, number, thumb
        self._size = 2 if thumb else 4
        self._base = number * PAGE_BYTES
        self._all = decoder.page(content, number, thumb)
        self._count = len(self._all)
        self._wanted = set(wanted)
        self._targets = set(targets)
        self._loops = set(loops)
        self._cost = [0]
        for d in self._all:
            self._cost.append(self._cost[-1] + (d.cost_failed if self._is_conditional_branch(d) else d.cost))
        self._ends: set[int] = set()
        self._used: set[int] = set()             # goto at_N
        self._coded: set[int] = set()
        self._units: dict[int, int] = {}         # what is executed as one: from where to where
        self._slow: dict[int, str] = {}          # the long ways of memory accesses

    def _is_conditional_branch(self, d: Description) -> bool:
        return d.cond < _ALWAYS and self._decoder.name(d.op) in ("B_FAR", "BL_FAR")

    # --- text ------------------------------------------------------------------------------------------

    def function(self, name: str) -> str:
        """The whole function."""
        body: list[str] = []
        blocks = self._blocks()
        stretches = self._stretches()
        for index, text in blocks:
            if index in stretches:
                enough = self._cost[stretches[index].end]
                text = f"if (LIKELY(budget > {enough})) {{ goto straight_{index}; }}\nstep_{index}:;\n{text}"
            body.append(f"at_{index}:;\n{text}")
        body += [found.text for found in stretches.values()]
        stubs = [f"at_{i}: INTERPRET({i});\n" for i in sorted(self._used - self._coded) if i < self._count]
        if self._count in self._used or self._count in self._coded:
            stubs.append(f"at_{self._count}: GO(PAGE_ADDRESS + TRANSLATED_PAGE_BYTES, {self._cost[-1]}, {self._count});\n")
        stubs += self._slow.values()
        ends = [f"END({i});\n" for i in sorted(self._ends)]
        starts = ",".join(f"&&at_{i}" if i in self._coded else "&&interpret" for i in range(self._count))
        costs = ",".join(map(str, self._cost))
        return (f"#define PAGE_ADDRESS {_hex(self._base)}\n#define SIZE_SHIFT {1 if self._thumb else 2}\n"
                f"#define IS_THUMB {int(self._thumb)}\n"
                f"enum TranslatedResult {name}(Cpu *cpu, Slice *slice, uint32_t pc, int64_t left)\n{{\n"
                f"static const void *const start_at[] = {{{starts}}};\nstatic const uint16_t cost_before[] = {{{costs}}};\n"
                f"PAGE_BEGIN()\n{''.join(body)}{''.join(stubs)}{''.join(ends)}PAGE_END()\n}}\n"
                f"#undef PAGE_ADDRESS\n#undef SIZE_SHIFT\n#undef IS_THUMB\n")

    def _blocks(self) -> list[tuple[int, str]]:
        result = []
        covered_until = 0
        for i in range(self._count):
            if i not in self._wanted or (i < covered_until and not self._may_be_entered(i)):
                continue
            try:
                text, after = self._unit(i)
            except _Unknown:
                continue
            if "r[15]" in text:
                continue
            self._coded.add(i)
            self._units[i] = after if after >= 0 else i + 1
            covered_until = max(covered_until, after)
            if after >= 0:
                self._used.add(after)
                text += f"goto at_{after};\n"
            result.append((i, text))
        return result

    # --- stretches of loops ------------------------------------------------------------------------------

    def _stretches(self) -> dict[int, Stretch]:
        """By their first instructions."""
        found: dict[int, Stretch] = {}
        starts = self._starts()
        while starts:
            first = min(starts)
            starts.remove(first)
            made = stretch(first, self._straight_on, self._near, self._units)
            if made:
                found[first] = made
                self._used |= made.left_at
                self._used.add(made.end)
                if made.end in self._loops & self._coded:
                    starts.add(made.end)
        return found

    def _starts(self) -> set[int]:
        """Where loops are entered, as far as that is known."""
        return {i for i in self._loops & self._coded if i in self._targets or i - 1 not in self._loops}

    def _straight_on(self, i: int) -> str | None:
        d = self._all[i] if i in self._loops & self._wanted else None
        name = self._decoder.name(d.op) if d else ""
        if d is None or d.delay_loop or name in ("B_FAR", "BL_FAR", "WFI") or name.startswith(("MRS_", "MSR_")):
            return None
        slow = dict(self._slow)              # a stretch has no long ways of its own
        try:
            if self._leaving(i, name):
                return None
            text = self._if(d, self._plain(i), i)
        except _Unknown:
            return None
        finally:
            self._slow = slow
        return None if "r[15]" in text else text

    def _near(self, i: int) -> str | None:
        if i not in self._loops & self._wanted or self._decoder.name(self._all[i].op) != "B_FAR":
            return None
        return self._taken(i) if self._all[i].cond == _ALWAYS else self._branch(i)

    def _may_be_entered(self, i: int) -> bool:
        """Inside a sequence that is executed as one: by a branch, or where a computed one would jump to."""
        return i in self._targets or self._decoder.name(self._all[i].op).startswith("LDM")

    # --- an instruction, or a sequence that is executed as one --------------------------------------------

    def _unit(self, i: int) -> tuple[str, int]:
        """Its text and the place that it goes on at; -1 where it never goes straight on."""
        d = self._all[i]
        if d.delay_loop:
            raise _Unknown
        fused = self._decoder.name(d.fused)
        if fused.startswith(("CMP_", "SUBS_")):
            return self._plain(i) + self._near_branch(i + 1), i + 2
        if fused:
            return self._sequence(i, fused)
        return self._single(i)

    def _check(self, following: int) -> str:
        self._ends.add(following)
        return f"CHECK({following}, {self._cost[following]});\n"

    def _single(self, i: int) -> tuple[str, int]:
        d = self._all[i]
        name = self._decoder.name(d.op)
        if name in ("B_FAR", "BL_FAR"):
            if d.cond == _ALWAYS:
                return self._taken(i), -1
            return self._branch(i), i + 1
        leaving = self._leaving(i, name)
        if leaving:
            if d.cond == _ALWAYS:
                return leaving, -1
            return self._if(d, leaving, i) + self._check(i + 1), i + 1
        return self._if(d, self._plain(i), i) + self._check(i + 1), i + 1

    def _if(self, d: Description, text: str, i: int) -> str:
        if d.cond >= _ALWAYS:
            return text
        back = d.cost - d.cost_failed
        otherwise = f" else {{ budget += {back}; }}" if back else ""
        return f"if (HOLDS_{_CONDITIONS[d.cond]}) {{\n{text}}}{otherwise}\n"

    def _taken(self, i: int) -> str:
        """A branch that is taken."""
        d = self._all[i]
        link = f"r[14] = {_hex(d.imm2)};\n" if self._decoder.name(d.op) == "BL_FAR" else ""
        if not d.near:
            return f"{link}GO({_hex(d.imm)}, {self._cost[i] + d.cost}, {i + 1});\n"
        target = (d.imm - self._base) // self._size
        self._used.add(target)
        self._ends.add(target)
        return (f"{link}TAKE({target}, {self._cost[target] - self._cost[i] - _BRANCH_TAKEN}, {i + 1 - target}, "
                f"{self._cost[target]});\n")

    def _branch(self, i: int) -> str:
        d = self._all[i]
        return f"if (HOLDS_{_CONDITIONS[d.cond]}) {{\n{self._taken(i)}}}\n{self._check(i + 1)}"

    _near_branch = _branch

    # --- operands ----------------------------------------------------------------------------------------

    def _r(self, d: Description, number: int) -> str:
        return _hex(d.pc_value) if number == _PC else f"r[{number}]"

    def _operand(self, d: Description, kind: str) -> tuple[str, str, str]:
        """What comes before, the operand, and the shifter's carry."""
        rm = self._r(d, d.rm)
        if kind == "IMM":
            return "", _hex(d.imm), ("carry", "0", "1")[d.imm2] if d.imm2 < 3 else "carry"
        if kind == "REG":
            return "", rm, "carry"
        if kind == "LSL":
            return "", f"({rm} << {d.shift})", f"({rm} >> {32 - d.shift} & 1)"
        if kind == "LSR":
            return "", f"({rm} >> {d.shift})", f"({rm} >> {d.shift - 1} & 1)"
        if kind == "ASR":
            return "", f"(uint32_t)((int32_t){rm} >> {d.shift})", f"({rm} >> {d.shift - 1} & 1)"
        amount = f"{self._r(d, d.rs)} & 0xff" if d.imm & _SHIFT_BY_REGISTER else f"{d.shift}"
        before = f"uint32_t shifted_out = carry, b = shift({rm}, {d.imm & 7}, {amount}, &shifted_out);\n"
        return before, "b", "shifted_out"

    _RESULTS = {
        "AND": "{a} & {b}", "EOR": "{a} ^ {b}", "SUB": "{a} - {b}", "RSB": "{b} - {a}", "ADD": "{a} + {b}",
        "ADC": "{a} + {b} + carry", "SBC": "{a} - {b} - !carry", "RSC": "{b} - {a} - !carry", "ORR": "{a} | {b}",
        "MOV": "{b}", "BIC": "{a} & ~{b}", "MVN": "~{b}"}
    _LOGICAL = {"ANDS": "{a} & {b}", "EORS": "{a} ^ {b}", "TST": "{a} & {b}", "TEQ": "{a} ^ {b}", "ORRS": "{a} | {b}",
                "MOVS": "{b}", "BICS": "{a} & ~{b}", "MVNS": "~{b}"}
    _SUMS = {"SUBS": "SUBTRACT({a}, {b})", "RSBS": "SUBTRACT({b}, {a})", "CMP": "SUBTRACT({a}, {b})",
             "ADDS": "ADD_UP({a}, {b}, 0)", "CMN": "ADD_UP({a}, {b}, 0)", "ADCS": "ADD_UP({a}, {b}, carry)",
             "SBCS": "ADD_UP({a}, ~{b}, carry)", "RSCS": "ADD_UP(~{a}, {b}, carry)"}
    _NO_RESULT = ("TST", "TEQ", "CMP", "CMN")

    def _alu(self, d: Description, name: str, kind: str) -> tuple[str, str]:
        """Text that computes, and the result; "" where there is none."""
        before, b, carry = self._operand(d, kind)
        words = {"a": self._r(d, d.rn), "b": b}
        if name in self._RESULTS:
            return before, self._RESULTS[name].format(**words)
        if name in self._LOGICAL:
            text = f"{before}LOGICAL({carry}, {self._LOGICAL[name].format(**words)});\n"
        else:
            text = f"{before}{self._SUMS[name].format(**words)};\n"
        return text, "" if name in self._NO_RESULT else "zero"

    def _split(self, name: str) -> tuple[str, str] | None:
        """The operation and the kind of its operand, for data processing."""
        base, _, kind = name.rpartition("_")
        if base in self._RESULTS or base in self._LOGICAL or base in self._SUMS:
            return base, kind
        return None

    # --- what goes elsewhere --------------------------------------------------------------------------------

    def _leaving(self, i: int, name: str) -> str:
        """The text of an instruction that does not go straight on; "" if it is none."""
        d = self._all[i]
        where = f"{self._cost[i] + d.cost}, {i + 1}"
        alu = self._split(name)
        if alu and d.writes_pc:
            text, result = self._alu(d, *alu)
            if d.returns:
                return f"{{\nNOT_ALONE({i});\n{text}GO_BACK({result}, {where});\n}}\n"
            return f"{{\n{text}GO({result}, {where});\n}}\n"
        if name == "MOV_PC":
            return f"GO({self._r(d, d.rm)}, {where});\n"
        if name == "BX":
            return f"EXCHANGE({self._r(d, d.rm)}, {where});\n"
        if name == "BLX_REG":
            return f"{{\nuint32_t to = {self._r(d, d.rm)};\nr[14] = {_hex(d.imm2)};\nEXCHANGE(to, {where});\n}}\n"
        if name == "BLX_FAR":
            return f"r[14] = {_hex(d.imm2)};\nEXCHANGE({_hex(d.imm | 1)}, {where});\n"
        if name == "BL_SUFFIX":
            return f"{{\nuint32_t to = r[14] + {_hex(d.imm)};\nr[14] = {_hex(d.imm2)};\nGO(to, {where});\n}}\n"
        if name == "BLX_SUFFIX":
            return f"{{\nuint32_t to = (r[14] + {_hex(d.imm)}) & ~3u;\nr[14] = {_hex(d.imm2)};\nEXCHANGE(to, {where});\n}}\n"
        if name in ("LDM_PC", "LDM_RETURN"):
            go = "EXCHANGE" if name == "LDM_PC" else "GO_BACK"
            last = 4 * (len(self._list(d)) - 1)
            alone = f"NOT_ALONE({i});\n" if go == "GO_BACK" else ""
            return f"{{\n{alone}{self._load_block(i)}{go}(get32(from + {last}), {where});\n}}\n"
        if name in ("LDR_PC", "LDR_PC_LITERAL"):
            if name == "LDR_PC":
                before, address, after = self._general_address(d)
            else:
                before, address, after = "", _hex(d.imm), ""
            return f"{{\n{before}{self._load(i, address, after, 4, 'get32')}EXCHANGE(value, {where});\n}}\n"
        return ""

    # --- what goes straight on --------------------------------------------------------------------------------

    def _plain(self, i: int) -> str:
        """The text of an instruction without its condition and the check after it."""
        d = self._all[i]
        name = self._decoder.name(d.op)
        if d.leaves or d.writes_pc:
            raise _Unknown
        alu = self._split(name)
        if alu:
            text, result = self._alu(d, *alu)
            return f"{{\n{text}{f'r[{d.rd}] = {result};' if result else ''}\n}}\n"
        for prefix in ("LDRSB", "LDRSH", "LDRB", "LDRH", "LDR", "STRB", "STRH", "STR"):
            if name.startswith(prefix + "_") and name.split("_")[1] in ("OFF", "REG", "LSL", "PRE", "POST", "POSTREG", "GEN"):
                return self._transfer(i, prefix, name.split("_")[1])
        writer = getattr(self, "_op_" + name.lower(), None)
        if writer:
            return writer(i, d)
        if name.startswith(("LDM", "STM")) and not name.endswith("USER"):
            if name.startswith("LDM"):
                return f"{{\n{self._load_block(i)}}}\n"
            return f"{{\n{self._store_block(i)}}}\n"
        text = self._multiply(d, name)
        if text:
            return text
        raise _Unknown

    def _op_nop(self, i: int, d: Description) -> str:
        return ""

    def _op_wfi(self, i: int, d: Description) -> str:
        return f"NOT_ALONE({i});\nWAIT({i}, {self._cost[i]});\n"

    def _op_clz(self, i: int, d: Description) -> str:
        return f"r[{d.rd}] = r[{d.rm}] ? (uint32_t)__builtin_clz(r[{d.rm}]) : 32;\n"

    def _op_mrs_cpsr(self, i: int, d: Description) -> str:
        return f"READ_STATUS(r[{d.rd}], 0);\n"

    def _op_mrs_spsr(self, i: int, d: Description) -> str:
        return f"READ_STATUS(r[{d.rd}], 1);\n"

    def _op_msr_cpsr_imm(self, i: int, d: Description) -> str:
        return self._write_status(i, _hex(d.imm), _hex(d.imm2))

    def _op_msr_cpsr_reg(self, i: int, d: Description) -> str:
        return self._write_status(i, self._r(d, d.rm), _hex(d.imm2))

    def _write_status(self, i: int, value: str, mask: str) -> str:
        return f"STATUS_ALONE({i}, {value}, {mask});\nWRITE_STATUS({value}, {mask}, {self._cost[i]});\n"

    # --- loads and stores ------------------------------------------------------------------------------------

    def _general_address(self, d: Description) -> tuple[str, str, str]:
        """As general_address() of interpret.c: text before, the address, and the write-back."""
        rn = self._r(d, d.rn)
        before, offset = "", _hex(d.imm)
        if d.imm2 & _BLOCK_REGISTER:
            before = f"uint32_t unused = carry, moved = shift({self._r(d, d.rm)}, {d.imm2 >> 4}, {d.shift}, &unused);\n"
            offset = "moved"
        sign = "+" if d.imm2 & _BLOCK_ADD else "-"
        before += f"uint32_t base = {rn};\nindexed = base {sign} {offset};\n"
        after = f"r[{d.rn}] = indexed;\n" if d.imm2 & _BLOCK_BACK else ""
        if after and d.rn == _PC:
            raise _Unknown
        return before, "indexed" if d.imm2 & _BLOCK_FIRST else "base", after

    def _address(self, d: Description, kind: str) -> tuple[str, str, str]:
        rn, rm = self._r(d, d.rn), self._r(d, d.rm)
        if kind == "GEN":
            return self._general_address(d)
        if d.rn == _PC and kind in ("PRE", "POST", "POSTREG"):
            raise _Unknown
        imm = _hex(d.imm)
        return {
            "OFF": ("", f"{rn} + {imm}", ""), "REG": ("", f"{rn} + {rm}", ""), "LSL": ("", f"{rn} + ({rm} << {d.shift})", ""),
            "PRE": ("", f"{rn} + {imm}", f"r[{d.rn}] = address;\n"),
            "POST": ("", rn, f"r[{d.rn}] = address + {imm};\n"),
            "POSTREG": ("", rn, f"r[{d.rn}] = address + {rm};\n")}[kind]

    _LOADS = {"LDR": (4, "get32", "value"), "LDRB": (1, "GET8", "value"), "LDRH": (2, "get16", "value"),
              "LDRSB": (1, "GET8", "(uint32_t)(int32_t)(int8_t)value"),
              "LDRSH": (2, "get16", "(uint32_t)(int32_t)(int16_t)value")}
    _STORES = {"STR": (4, "put32"), "STRB": (1, "PUT8"), "STRH": (2, "put16")}

    def _transfer(self, i: int, what: str, kind: str) -> str:
        d = self._all[i]
        before, address, after = self._address(d, kind)
        cost = self._cost[i]
        if what in self._STORES:
            size, put = self._STORES[what]
            self._slow[i] = f"SLOW_STORE({i}, {size}, {cost});\n"
            return f"{{\n{before}STORE({i}, {self._r(d, d.rd)}, {address}, {size}, {put});\n{after}}}\n"
        if d.rd == _PC:
            raise _Unknown
        size, get, convert = self._LOADS[what]
        return f"{{\n{before}{self._load(i, address, after, size, get)}r[{d.rd}] = {convert};\n}}\n"

    def _load(self, i: int, address: str, after: str, size: int, get: str) -> str:
        """Puts what is at an address into `value`."""
        self._slow[i] = f"SLOW_LOAD({i}, {size}, {self._cost[i]});\n"
        return f"LOAD({i}, {address}, {size}, {get});\n{after}"

    def _op_ldr_literal(self, i: int, d: Description) -> str:
        place = (d.imm & ~3) - self._base
        skipped = VECTOR_BYTES if self._number == 0 else 0
        if skipped <= place <= PAGE_BYTES + LOOKAHEAD - 4:
            word = int.from_bytes(self._content[place:place + 4], "little")
            turn = (d.imm & 3) * 8
            return f"r[{d.rd}] = {_hex(word >> turn | word << (32 - turn))};\n"
        if d.imm & 3 or d.imm >= 0x8000:
            raise _Unknown
        return f"r[{d.rd}] = get32(cpu->itcm + {_hex(d.imm)});\n"

    def _list(self, d: Description) -> list[int]:
        return [n for n in range(16) if d.imm2 >> n & 1]

    def _step(self, d: Description) -> int:
        return (d.imm2 >> 16) - (0x10000 if d.imm2 >> 31 else 0)

    def _block_address(self, i: int, otherwise: str) -> str:
        d = self._all[i]
        if d.rn == _PC or not self._list(d):
            raise _Unknown
        return (f"uint32_t base = r[{d.rn}], first = base + {_hex(d.imm)};\n"
                f"if (!IS_FAST_BLOCK(first)) {{ {otherwise} }}\n")

    def _load_block(self, i: int, otherwise: str = "") -> str:
        """Loads all but r15, and leaves `from` pointing at the first word."""
        d = self._all[i]
        step = self._step(d)
        text = self._block_address(i, otherwise or f"INTERPRET({i});") + "const uint8_t *from = BLOCK_AT(first);\n"
        if step:
            text += f"r[{d.rn}] = base + {_hex(step)};\n"
        if step > 0 and d.rn != _SP:
            text += "FETCH_AHEAD(from);\n"
        for k, n in enumerate(self._list(d)):
            if n != _PC:
                text += f"r[{n}] = get32(from + {4 * k});\n"
        return text

    def _store_block(self, i: int, otherwise: str = "") -> str:
        d = self._all[i]
        if _PC in self._list(d):
            raise _Unknown
        step = self._step(d)
        text = self._block_address(i, otherwise or f"INTERPRET({i});") + "uint8_t *to = BLOCK_AT(first);\n"
        for k, n in enumerate(self._list(d)):
            text += f"KEEP(to - dtcm + {4 * k});\nput32(to + {4 * k}, r[{n}]);\n"
        return text + (f"r[{d.rn}] = base + {_hex(step)};\n" if step else "")

    def _double(self, i: int, d: Description, load: bool) -> str:
        before, address, after = self._general_address(d)
        text = f"{{\n{before}uint32_t address = {address}, offset = (address & ~3u) - DTCM_BASE;\n"
        text += f"if (!LIKELY(offset <= DTCM_BYTES - 8)) {{ INTERPRET({i}); }}\n"
        if load:
            return (f"{text}{after}uint32_t low = get32(dtcm + offset), high = get32(dtcm + offset + 4);\n"
                    f"r[{d.rd}] = low;\nr[{d.rd | 1}] = high;\n}}\n")
        return (f"{text}KEEP(offset);\nKEEP(offset + 4);\n"
                f"uint32_t low = r[{d.rd}], high = r[{d.rd | 1}];\n{after}put32(dtcm + offset, low);\n"
                f"put32(dtcm + offset + 4, high);\n}}\n")

    def _op_ldrd(self, i: int, d: Description) -> str:
        return self._double(i, d, True)

    def _op_strd(self, i: int, d: Description) -> str:
        return self._double(i, d, False)

    # --- multiplies ------------------------------------------------------------------------------------------

    def _multiply(self, d: Description, name: str) -> str:
        if _PC in (d.rd, d.rn, d.rm, d.rs) and name[:3] in ("MUL", "MLA", "UMU", "UML", "SMU", "SML", "QAD", "QSU", "QDA", "QDS"):
            raise _Unknown
        rd, rn, rm, rs = (f"r[{n}]" for n in (d.rd, d.rn, d.rm, d.rs))
        halves = {"B": "bottom", "T": "top"}
        if name in ("MUL", "MULS", "MLA", "MLAS"):
            flags = "negative = zero = " if name.endswith("S") else ""
            return f"{flags}{rd} = {rm} * {rs}{f' + {rn}' if name.startswith('MLA') else ''};\n"
        if name[:5] in ("UMULL", "UMLAL", "SMULL", "SMLAL") and name[5:] in ("", "S"):
            product = f"(uint64_t){rm} * {rs}" if name[0] == "U" else f"(uint64_t)((int64_t)(int32_t){rm} * (int32_t){rs})"
            if name[2] == "L":
                product = f"({product}) + ((uint64_t){rd} << 32 | {rn})"
            flags = f"LONG_FLAGS({rd}, {rn});\n" if name.endswith("S") else ""
            return f"MULTIPLY_LONG({product}, {rd}, {rn});\n{flags}"
        if name[:4] == "SMLA" and name[4:] in ("BB", "TB", "BT", "TT"):
            return f"{rd} = accumulate(cpu, {halves[name[4]]}({rm}) * {halves[name[5]]}({rs}), {rn});\n"
        if name[:4] == "SMUL" and name[4:] in ("BB", "TB", "BT", "TT"):
            return f"{rd} = (uint32_t)({halves[name[4]]}({rm}) * {halves[name[5]]}({rs}));\n"
        if name in ("SMLAWB", "SMLAWT"):
            return f"{rd} = accumulate(cpu, wide({rm}, {halves[name[5]]}({rs})), {rn});\n"
        if name in ("SMULWB", "SMULWT"):
            return f"{rd} = (uint32_t)wide({rm}, {halves[name[5]]}({rs}));\n"
        if name == "SMLAL_XY":
            x, y = ("top" if d.imm else "bottom"), ("top" if d.imm2 else "bottom")
            return (f"MULTIPLY_LONG(((uint64_t){rd} << 32 | {rn}) + (uint64_t)((int64_t){x}({rm}) * {y}({rs})), "
                    f"{rd}, {rn});\n")
        if name in ("QADD", "QSUB"):
            return f"{rd} = saturate(cpu, (int64_t)(int32_t){rm} {'+' if name == 'QADD' else '-'} (int32_t){rn});\n"
        return ""

    # --- sequences that are executed as one (fuse.c) ----------------------------------------------------------

    #: how many instructions a sequence has
    _LENGTHS = {"SMLAW2": 2, "SMLAW4": 4, "SUMS4": 4, "DOT4": 4, "LDM4_SMLAW4": 5, "LDM4_SUMS4": 5, "LDM4_DOT4": 5,
                "LDM4_SUMS4_STM4": 6, "LDM2_SMLAW2": 3, "LDM2_SMLAW2_TWICE": 6, "LDM2_SMLAW2_THRICE": 9,
                "LDM2_SMLAW2_STM2": 4, "LDM2_SMLAW2_STM2_TWICE": 8, "LDM2_LDR_SMLAW2": 4}

    def _sequence(self, i: int, fused: str) -> tuple[str, int]:
        """The interpreter looks at the address of a transfer before it goes on: where one is not in DTCM it executes
        what came before as one, and takes it up from there."""
        length = self._LENGTHS[fused]
        text = ""
        if fused == "LDM4_SUMS4_STM4":
            text += self._both_in_dtcm(i, i + 5)
        for k in range(i, i + length):
            name = self._decoder.name(self._all[k].op)
            if name.startswith("LDM") or name.startswith("STM"):
                otherwise = f"INTERPRET({k});" if k == i else self._go_on_before(k)
                block = self._load_block(k, otherwise) if name.startswith("LDM") else self._store_block(k, otherwise)
                text += f"{{\n{block}}}\n"
            elif name == "LDR_POST":
                d = self._all[k]
                text += (f"{{\nuint32_t address = r[{d.rn}], word;\n"
                         f"if (!LIKELY(in_dtcm(address))) {{ {self._go_on_before(k)} }}\n"
                         f"word = get32(dtcm + ((address - DTCM_BASE) & ~3u));\nr[{d.rn}] = address + {_hex(d.imm)};\n"
                         f"r[{d.rd}] = rotate_unaligned(word, address);\n}}\n")
            else:
                text += self._plain(k)
        return text + self._check(i + length), i + length

    def _go_on_before(self, k: int) -> str:
        self._used.add(k)
        return f"{self._check(k).strip()} goto at_{k};"

    def _both_in_dtcm(self, load: int, store: int) -> str:
        first, second = self._all[load], self._all[store]
        kept = self._step(first) if first.rn == second.rn else 0
        return (f"if (!IS_FAST_BLOCK(r[{first.rn}] + {_hex(first.imm)}) || !IS_FAST_BLOCK(r[{second.rn}] + "
                f"{_hex(kept + second.imm)})) {{ INTERPRET({load}); }}\n")
