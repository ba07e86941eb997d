# SPDX-License-Identifier: Apache-2.0
"""The build of core-side programs: ELF to APLX, its errors, what it keeps."""
import importlib.util
import struct
import sys
from pathlib import Path

import pytest
from spinn_front_end_common.interface.simulation.simulation_utilities import get_simulation_header_array_no_timestep

C_MODELS = Path(__file__).resolve().parent.parent / "c_models"


def _load(name):
    spec = importlib.util.spec_from_file_location(f"c_models_{name}", C_MODELS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


BUILD = _load("build")
BuildError = BUILD.BuildError
Image = BUILD.Image
read_elf = BUILD.read_elf
aplx_bytes = BUILD.aplx_bytes

ALLOC, NOBITS, PROGBITS = 2, 8, 1


def elf_file(sections, machine=40, kind=2, entry=0, ident=b"\x7fELF\x01\x01\x01"):
    """A small ELF file. sections: (type, flags, address, content or size)."""
    header_bytes, section_bytes = 52, 40
    contents, table = b"", [struct.pack("<10I", *[0] * 10)]
    for section_type, flags, address, content in sections:
        if isinstance(content, int):
            size, data = content, b""
        else:
            size, data = len(content), content
        table.append(struct.pack(
            "<10I", 0, section_type, flags, address, header_bytes + len(contents),
            size, 0, 0, 4, 0))
        contents += data
    header = struct.pack(
        "<16sHHIIIIIHHHHHH", ident, kind, machine, 1, entry, 0,
        header_bytes + len(contents), 0, header_bytes, 0, 0, section_bytes,
        len(table), 0)
    return header + contents + b"".join(table)


CODE = bytes(range(40))
DATA = b"datadatadata"
PROGRAM = [
    (PROGBITS, ALLOC, 0, CODE),
    (PROGBITS, ALLOC, 0x400000, DATA),
    (NOBITS, ALLOC, 0x40000c, 100),
    (PROGBITS, 0, 0, b"debug information"),
]


def load(aplx):
    """What SC&MP's loader does with an APLX file: memory and entry point."""
    memory = {}
    position = 0
    while True:
        kind, to, a, b = struct.unpack_from("<4I", aplx, position)
        if kind == 2:
            source = position + a
            n_bytes = -(-b // 32) * 32
            chunk = aplx[source:source + n_bytes]
            assert len(chunk) == n_bytes, "the loader would read behind the file"
            memory.update({to + i: value for i, value in enumerate(chunk)})
        elif kind == 3:
            memory.update({to + i: 0 for i in range(-(-a // 32) * 32)})
        elif kind == 4:
            return memory, to
        else:
            raise AssertionError(f"the loader would stop at entry {kind}")
        position += 16


def content(memory, address, n_bytes):
    return bytes(memory[address + i] for i in range(n_bytes))


def test_reads_what_is_loaded():
    image = read_elf(elf_file(PROGRAM), "p")
    assert (image.itcm, image.data, image.bss_bytes) == (CODE, DATA, 100)


def test_aplx_loads_code_data_and_clears_bss():
    memory, entry = load(aplx_bytes(read_elf(elf_file(PROGRAM), "p")))
    assert entry == 0
    assert content(memory, 0, len(CODE)) == CODE
    assert content(memory, 0x400000, len(DATA)) == DATA
    assert content(memory, 0x40000c, 100) == bytes(100)


@pytest.mark.parametrize("parts", [
    PROGRAM[:1], PROGRAM[:2], [PROGRAM[0], (NOBITS, ALLOC, 0x400000, 4)]])
def test_aplx_without_data_or_bss(parts):
    memory, entry = load(aplx_bytes(read_elf(elf_file(parts), "p")))
    assert entry == 0
    assert content(memory, 0, len(CODE)) == CODE


def test_largest_code_does_not_reach_the_loader():
    image = Image("p", bytes(BUILD.ITCM_BYTES), b"", 0)
    image.check(2048, 64)
    memory, _ = load(aplx_bytes(image))
    assert max(memory) < 0x7fc0


@pytest.mark.parametrize("elf, message", [
    (b"", "not an ELF file"),
    (b"MZ" + bytes(100), "not an ELF file"),
    (elf_file(PROGRAM, ident=b"\x7fELF\x02\x01\x01"), "not a 32-bit"),
    (elf_file(PROGRAM, machine=62), "not an ELF file for ARM"),
    (elf_file(PROGRAM, kind=1), "not a linked"),
    (elf_file(PROGRAM, entry=0x100), "not at its vectors"),
    (elf_file(PROGRAM)[:60], "damaged"),
    (elf_file(PROGRAM)[:-10], "damaged"),
    (elf_file([(PROGBITS, ALLOC, 0x60000000, b"x")]), "neither in ITCM nor in DTCM"),
    (elf_file([(NOBITS, ALLOC, 0x400000, 4)]), "no code"),
])
def test_bad_elf_is_refused(elf, message):
    with pytest.raises(BuildError, match=message):
        read_elf(elf, "p")


def test_too_much_code_says_by_how_much():
    with pytest.raises(BuildError, match=r"p: code and constants exceed ITCM by 12 bytes"):
        Image("p", bytes(BUILD.ITCM_BYTES + 12), b"", 0).check(2048, 64)


def test_too_much_data_says_by_how_much():
    limit = 65536 - 2048 - 64
    Image("p", CODE, b"", limit).check(2048, 64)
    with pytest.raises(BuildError, match=r"p: data exceeds DTCM by 8 bytes"):
        Image("p", CODE, bytes(8), limit).check(2048, 64)


def test_hash_of_name_is_the_hosts():
    words = get_simulation_header_array_no_timestep("runtime_minimal.aplx")
    assert words[0] == BUILD.application_name_hash("runtime_minimal")


def test_unknown_program_is_named(tmp_path):
    with pytest.raises(BuildError, match="no such program: nothing; there are: .*runtime_minimal"):
        BUILD.build(tmp_path, ["nothing"])


def test_missing_compiler_is_named(tmp_path):
    with pytest.raises(BuildError, match="no-such-gcc.*not found.*ziglang"):
        BUILD.build(tmp_path, ["runtime_minimal"], cc="no-such-gcc")


class FakeCompiler:
    """Counts the calls; makes an object that depends on the flags only."""
    identity = "fake"
    is_zig = False

    def __init__(self):
        self.compiled = []

    def flags(self, thumb):
        return ["-thumb" if thumb else "-arm"]

    def run(self, arguments, what):
        target = Path(arguments[arguments.index("-o") + 1])
        if what.startswith("linking"):
            target.write_bytes(elf_file(PROGRAM))
        else:
            self.compiled.append(what.split()[-1])
            target.write_bytes(elf_file(PROGRAM, kind=1))


@pytest.fixture(name="tree")
def _tree(tmp_path):
    root = tmp_path / "c_models"
    for source in (*BUILD.RUNTIME_SOURCES, "runtime/link.ld", "layers/a.c", "kernels/k.c"):
        path = root / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("source")
    return root


def _builder(tree, compiler):
    return BUILD.Builder(tree.parent / "out", compiler, tree.parent / "work", tree)


def test_compiles_again_only_what_changed(tree):
    programs = {"a": BUILD.Program(["layers/a.c", "kernels/k.c"])}
    _builder(tree, FakeCompiler()).build(programs, 1)

    same = FakeCompiler()
    _builder(tree, same).build(programs, 1)
    assert same.compiled == []

    (tree / "layers/a.c").write_text("another source")
    changed = FakeCompiler()
    _builder(tree, changed).build(programs, 1)
    assert changed.compiled == ["layers/a.c"]

    (tree / "kernels/k.h").write_text("a new header")
    header = FakeCompiler()
    _builder(tree, header).build(programs, 1)
    assert "kernels/k.c" in header.compiled and "runtime/src/start.S" in header.compiled


def test_shared_sources_are_compiled_once_for_all_programs(tree):
    programs = {name: BUILD.Program(["layers/a.c", "kernels/k.c"]) for name in ("a", "b")}
    compiler = FakeCompiler()
    _builder(tree, compiler).build(programs, 1)
    assert compiler.compiled.count("kernels/k.c") == 1
    assert compiler.compiled.count("layers/a.c") == 2  # each knows its name


def test_missing_source_is_named(tree):
    with pytest.raises(BuildError, match="a: no such source: layers/none.c"):
        _builder(tree, FakeCompiler()).build({"a": BUILD.Program(["layers/none.c"])}, 1)


def test_builds_with_ziglang(tmp_path):
    """The real thing, once; objects are kept in the build folder."""
    images = BUILD.build(tmp_path, ["runtime_minimal"], quiet=True)
    memory, entry = load((tmp_path / "runtime_minimal.aplx").read_bytes())
    assert entry == 0
    assert images[0].name == "runtime_minimal"
    # the reset vector loads the address of the start code
    assert struct.unpack("<I", content(memory, 0, 4))[0] == 0xe59ff018
    start = struct.unpack("<I", content(memory, 0x20, 4))[0]
    assert 0x60 <= start < 0x7fc0
