#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Build the core-side programs: C and assembly in, ``.aplx`` binaries out,
each with a ``.code`` file that says which function its code is of (code_map.py).

    python c_models/build.py --out DIR [--cc arm-none-eabi-gcc] [--official] [targets]

The default compiler is ``python -m ziglang cc``. ``--cc``, or ``ARM_CC`` in the
environment, names a GCC for ARM instead. ``--official``, or
``DLGRAPH_RUNTIME=official`` in the environment, takes the official SpiNNaker
tools that ``SPINN_DIRS`` names instead of our own runtime. Objects are kept by
content, so only what changed is compiled again.

To add a program, add a line to ``PROGRAMS``.
"""
from __future__ import annotations

import argparse
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, Mapping, Optional, Sequence

HERE = Path(__file__).resolve().parent
#: Beside the binaries: dlgraph/binaries looks at them before a machine gets them.
CHECKSUMS = "checksums.sha256"
sys.path.insert(0, str(HERE))

# pylint: disable=wrong-import-position
import official_tools  # noqa: E402
from aplx import (  # noqa: E402
    BuildError, DTCM_BYTES, Image, ITCM_BYTES, aplx_bytes, read_elf)
from code_map import code_lines  # noqa: E402


@dataclass(frozen=True)
class Program:
    """One binary: its own sources (below ``c_models/``) and its memory needs."""
    sources: Sequence[str]
    #: bytes reserved for all stacks
    stack: int = 2048
    #: bytes of DTCM that must be left for the heap
    heap: int = 64
    #: more preprocessor definitions
    defines: Mapping[str, object] = field(default_factory=dict)
    #: sources compiled as Thumb code, for size: for what is never in a hurry
    thumb: Sequence[str] = ()
    #: whether there is so little room in ITCM that what is in `THUMB_WHERE_TIGHT` must be
    tight: bool = False


#: Every kernel goes into every binary; the linker drops what is not called.
_KERNELS = tuple(sorted(
    f"kernels/{path.name}" for path in (HERE / "kernels").glob("*.[cS]")))
#: What every vertex of a network is made of beside the runtime.
_VERTEX = (
    "layers/vertex.c", "layers/unpack.c", "layers/copy_words.c", "layers/trained.c", "layers/exchange.c",
    "streams/stream_in.c", "streams/streams_drain.S", "streams/stream_late.c", "streams/inlets.c", "streams/streams_start.c",
    "streams/stream_out.c", "streams/stream_send_run.S", "streams/stream_pause.c", "streams/stream_signals.c",
    "streams/stream_kept.c", "streams/stream_recovery.c",
    "streams/packet_ring.c", "streams/streams_receive.S", "streams/words_fold.S", "streams/words_clear.S", *_KERNELS)

#: What every vertex is made of that computes units and gets partial errors back.
_UNITS = ("layers/unit_sums.c", "layers/planes.c", "layers/unit_chain.c")

_CONVOLUTION = ("layers/convolution_tile.c", "layers/kernel_share.c")

#: Operations, as ``layers/unit_chain.h`` numbers them.
ACTIVATION, DROPOUT, AVERAGE, MAXIMUM = range(4)


def _can(*operations: int) -> dict[str, object]:
    """What the small layers of a binary can be."""
    return {"CHAIN_OPERATIONS": sum(1 << operation for operation in operations)}


#: Optimisers that are told apart where ITCM does not hold all: name -> 1 << kind of each.
OPTIMISERS = {"momentum": 0b0011, "adam": 0b0100, "rmsprop": 0b1000}

#: Those whose code leaves the least room beside that of convolutions.
_LARGE_OPTIMISERS = frozenset({"adam", "rmsprop"})

#: The binaries that the library runs: name -> program.
PROGRAMS: dict[str, Program] = {
    "dlgraph_input_source": Program(["layers/input_source.c", "streams/stream_credit.c", "streams/packet_list.c", *_VERTEX]),
    "dlgraph_weight_slice": Program(["layers/weight_slice.c", "streams/packet_list.c", *_VERTEX]),
    "dlgraph_weight_slice_sdram": Program(["layers/weight_slice_sdram.c", *_VERTEX]),
    "dlgraph_neuron_group": Program(
        ["layers/neuron_group.c", *_UNITS, *_VERTEX], defines=_can(DROPOUT)),
    **{f"dlgraph_convolution_{pooling}_{optimiser}": Program(
        [*_CONVOLUTION, *_UNITS, *_VERTEX], defines=_can(DROPOUT, operation) | {"OPTIMISER_KINDS": kinds}, tight=True,
        thumb=["layers/planes.c"] if optimiser in _LARGE_OPTIMISERS else [])
       for pooling, operation in (("average", AVERAGE), ("maximum", MAXIMUM))
       for optimiser, kinds in OPTIMISERS.items()},
    "dlgraph_unit_tile": Program(
        ["layers/unit_tile.c", *_UNITS, *_VERTEX],
        defines=_can(ACTIVATION, DROPOUT, AVERAGE, MAXIMUM)),
    "dlgraph_output_group": Program(
        ["layers/output_group.c", "layers/unit_sums.c", "layers/progress.c",
         *_VERTEX], tight=True),
    "dlgraph_probe": Program(["layers/probe.c", "streams/stream_credit.c", *_VERTEX]),
}

def custom_program(source: os.PathLike | str, optimiser: str) -> Program:
    """The program of a layer kind from outside (layers/custom_layer.h).

    :param source: its C file
    :param optimiser: name in ``OPTIMISERS``
    """
    return Program(["layers/custom_tile.c", str(Path(source).resolve()), "layers/kernel_share.c", "layers/planes.c", *_VERTEX],
                   defines={"OPTIMISER_KINDS": OPTIMISERS[optimiser]})


#: Binaries that only tests run.
TEST_PROGRAMS: dict[str, Program] = {
    "runtime_exchange": Program(["test_programs/exchange.c"]),
    "runtime_minimal": Program(["test_programs/minimal.c"]),
    "runtime_ticks": Program(["test_programs/ticks.c"]),
    "runtime_units": Program(["test_programs/units.c"]),
    "runtime_costs": Program(["test_programs/costs.c", "test_programs/costs_asm.S"]),
}

#: In every binary; unused functions are dropped by the linker.
RUNTIME_SOURCES = tuple(
    f"runtime/src/{name}" for name in (
        "start.S", "startup.c", "faults.c", "vic.c", "packets.c", "dma.c",
        "timers.c", "barrier.c", "events.c", "mailbox.c", "messages.c", "scp.c",
        "heap.c", "memory.c", "print.c", "iobuf.c", "data_specification.c",
        "recording.c", "simulation.c"))

#: What runs once in a pass or batch, or loses little by it, compiled for size
#: as Thumb code.
SELDOM = frozenset({
    "layers/vertex.c", "layers/unpack.c", "layers/trained.c", "layers/exchange.c", "layers/kernel_share.c",
    "streams/streams_start.c", "streams/packet_ring.c", "streams/stream_pause.c", "streams/stream_recovery.c",
    "streams/stream_late.c",
    "kernels/convolution_walk.c",
    "kernels/dropout.c", "kernels/pooling.c"})

#: Thumb code in programs that are tight, else ARM code.
THUMB_WHERE_TIGHT = frozenset({
    "layers/convolution_tile.c", "layers/unit_chain.c", "streams/inlets.c", "streams/stream_out.c", "streams/stream_signals.c",
    "streams/stream_kept.c", "kernels/order.c",
    *(f"runtime/src/{name}" for name in ("events.c", "vic.c", "packets.c", "memory.c", "dma.c"))})

#: Never Thumb code: the one has an instruction that it lacks, the other would call a function for every product of 64 bits.
ARM_ONLY = frozenset({"streams/stream_in.c", "kernels/optimisers.c"})

#: Runtime code that is never in a hurry, compiled for size as Thumb code.
RUNTIME_THUMB = frozenset({"runtime/official/memory.c"} | {
    f"runtime/src/{name}" for name in (
        "startup.c", "faults.c", "scp.c", "print.c", "iobuf.c",
        "data_specification.c", "recording.c", "simulation.c", "messages.c",
        "mailbox.c", "heap.c", "timers.c", "barrier.c")})

#: With the optimisers that a program has, where it has not all: for size, as beside it there is little room.
_OF_CONVOLUTION = "kernels/optimisers.c"

#: These sources do not know which binary they are in, so they compile once.
SHARED_FOLDERS = ("runtime/", "streams/", "kernels/")

INCLUDE_FOLDERS = ("streams", "kernels", "layers")

C_FLAGS = (
    "-std=gnu11", "-g", "-ffreestanding", "-fno-stack-protector",
    "-fomit-frame-pointer", "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables", "-ffunction-sections", "-fdata-sections",
    "-fno-common", "-Wall", "-Wextra")

#: The mem... functions themselves must not be recognised as mem... functions.
EXTRA_FLAGS = {f"runtime/{folder}/memory.c": ("-fno-builtin",) for folder in ("src", "official")}


def application_name_hash(name: str) -> int:
    """The word by which a binary recognises that data is meant for it."""
    return int(hashlib.md5(name.encode()).hexdigest()[:8], 16)


class Compiler:
    """How to call a compiler; ``identity`` changes when its output may."""

    def __init__(self, command: Optional[str] = None):
        if command:
            self.command = shlex.split(command)
            if shutil.which(self.command[0]) is None:
                raise BuildError(
                    f"compiler {self.command[0]!r} not found; leave out --cc and "
                    "ARM_CC to use ziglang, or install Debian's "
                    "gcc-arm-none-eabi")
            self.is_zig = False
            version = ["--version"]
        else:
            self.command = [sys.executable, "-m", "ziglang", "cc"]
            self.is_zig = True
            version = ["--version"]
            self._check_ziglang()
        result = subprocess.run(
            self.command + version, capture_output=True, text=True, check=False)
        self.identity = " ".join(self.command) + result.stdout

    @staticmethod
    def _check_ziglang() -> None:
        import importlib.util  # pylint: disable=import-outside-toplevel
        if importlib.util.find_spec("ziglang") is None:
            raise BuildError(
                "no compiler: install ziglang (pip install ziglang), or name a "
                "GCC for ARM with --cc or ARM_CC")

    def flags(self, thumb: bool) -> list[str]:
        """Target flags."""
        if self.is_zig:
            # ziglang ignores -mthumb; the target says it instead
            target = "thumb" if thumb else "arm"
            return ["-target", f"{target}-freestanding-eabi",
                    "-mcpu=arm968e_s+dsp", "-fno-sanitize=all"]
        return ["-mcpu=arm968e-s", "-mthumb-interwork",
                "-mthumb" if thumb else "-marm",
                "-fno-tree-loop-distribute-patterns"]

    def run(self, arguments: Sequence[str], what: str) -> None:
        """Call it; its messages become the error's text."""
        result = subprocess.run(
            self.command + list(arguments), capture_output=True, text=True,
            check=False)
        output = (result.stdout + result.stderr).strip()
        if result.returncode != 0:
            raise BuildError(f"{what} failed:\n{output}")
        if output:
            print(output, file=sys.stderr)


@dataclass(frozen=True)
class OwnRuntime:
    """What a program is compiled and linked with beside its own sources: the runtime in ``runtime/``."""
    compiler: Compiler
    sources: Sequence[str] = RUNTIME_SOURCES
    include_folders: Sequence[str] = ("runtime/include",)
    #: for code and constants
    itcm_bytes: int = ITCM_BYTES
    #: whether it leaves so little room in ITCM that programs that are tight must be as small as they can
    large: bool = False
    #: that the runtime itself takes from the heap before a program starts
    heap_bytes: int = 0

    def files(self) -> list[Path]:
        """What it is made of that is not below ``c_models``."""
        return []

    def include_flags(self) -> list[str]:
        """Headers that are not below ``c_models``."""
        return []

    def thumb_flags(self) -> list[str]:
        """For sources that are compiled as Thumb code."""
        return []

    def name_source(self, name: str) -> str:
        """The binary's name for its vcpu block, cut to what fits there."""
        return f'const char build_name[16] = "{name[:15]}";\n'

    def linker_script(self, root: Path, stack: int) -> str:
        """Text of it."""
        return f"STACK_SIZE = {stack};\n" + (root / "runtime/link.ld").read_text()

    def link_flags(self) -> list[str]:
        """Flags for linking only."""
        if self.compiler.is_zig:
            return ["-nostartfiles", "-Wl,--gc-sections", "-Wl,-e,runtime_vectors"]
        return ["-nostdlib", "-static", "-Wl,--gc-sections",
                "-Wl,--no-warn-rwx-segments"]

    def libraries(self) -> list[str]:
        """Libraries, behind the objects."""
        return [] if self.compiler.is_zig else ["-lgcc"]


Runtime = OwnRuntime | official_tools.OfficialRuntime


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:24]


class Builder:
    """Builds programs of one table with one compiler into one folder."""

    def __init__(self, out: Path, compiler: Compiler, work: Path,
                 root: Path = HERE, runtime: Optional[Runtime] = None):
        self.root = root
        self.runtime = runtime or OwnRuntime(compiler)
        self.out = out
        self.work = work
        self.compiler = compiler
        self.headers = self._hash_of_headers()

    def _hash_of_headers(self) -> bytes:
        headers = sorted([*self.root.rglob("*.h"), *self.root.rglob("*.inc")])
        parts = [p.relative_to(self.root).as_posix().encode() + p.read_bytes()
                 for p in headers]
        return _digest(*parts, *[p.read_bytes() for p in self.runtime.files()]).encode()

    def _includes(self) -> list[str]:
        return [f"-I{self.root / folder}" for folder in (*self.runtime.include_folders, *INCLUDE_FOLDERS)
                if (self.root / folder).is_dir()] + self.runtime.include_flags()

    def object_file(self, name: str, program: Program, source: str) -> Path:
        """Compile one source unless the same was compiled before."""
        path = self.root / source
        if not path.is_file():
            raise BuildError(f"{name}: no such source: {source}")
        thumb = (source in program.thumb or source in RUNTIME_THUMB or source in SELDOM
                 or program.tight and (source in THUMB_WHERE_TIGHT or self.runtime.large and source not in ARM_ONLY))
        flags = self.compiler.flags(thumb and path.suffix == ".c")
        if thumb:
            flags += self.runtime.thumb_flags()
        if program.tight and self.runtime.large:
            flags.append("-DTABLES_IN_DTCM")
        own_optimisers = source == _OF_CONVOLUTION and bool(program.defines)
        small = thumb or own_optimisers or program.tight and self.runtime.large
        flags += [*C_FLAGS, "-Os" if small else "-O2", *EXTRA_FLAGS.get(source, ())]
        if own_optimisers or not source.startswith(SHARED_FOLDERS):
            flags.append(
                f"-DAPPLICATION_NAME_HASH=0x{application_name_hash(name):08x}u")
            flags += [f"-D{key}={value}" for key, value in program.defines.items()]
        if not path.is_relative_to(self.root) and self.compiler.is_zig:
            flags.append("-Werror=implicit-int-conversion")   # a number cut short is found by a test only if it is large there
        return self._compile(path, flags)

    def _compile(self, path: Path, flags: list[str]) -> Path:
        key = _digest(self.compiler.identity.encode(), " ".join(flags).encode(),
                      self.headers, path.read_bytes(), path.name.encode())
        result = self.work / "objects" / f"{path.stem}-{key}.o"
        if not result.exists():
            result.parent.mkdir(parents=True, exist_ok=True)
            partial = result.with_suffix(f".{os.getpid()}-{threading.get_ident()}.tmp.o")
            inside = path.is_relative_to(self.root)
            self.compiler.run(
                flags + self._includes() + ["-c", str(path), "-o", str(partial)],
                f"compiling {path.relative_to(self.root) if inside else path.name}")
            partial.replace(result)
        return result

    def _name_object(self, name: str) -> Path:
        """The binary's name for its vcpu block, cut to what fits there."""
        folder = self.work / "names"
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / f"{name}.c"
        text = self.runtime.name_source(name)
        if not source.exists() or source.read_text() != text:
            source.write_text(text)
        return self._compile(source, self.compiler.flags(False) + list(C_FLAGS))

    def link(self, name: str, program: Program, objects: Iterable[Path]) -> Path:
        """Link one program."""
        script = self.work / "names" / f"{name}.ld"
        text = self.runtime.linker_script(self.root, program.stack)
        if not script.exists() or script.read_text() != text:
            script.write_text(text)
        objects = [str(path) for path in objects]
        key = _digest(self.compiler.identity.encode(), text.encode(), self.headers,
                      *[path.encode() for path in objects])
        elf = self.work / "elf" / f"{name}.elf"
        stamp = elf.with_suffix(".key")
        if not (elf.exists() and stamp.exists() and stamp.read_text() == key):
            elf.parent.mkdir(parents=True, exist_ok=True)
            partial = elf.with_suffix(f".{os.getpid()}-{threading.get_ident()}.tmp")
            self.compiler.run(
                self.compiler.flags(False) + self.runtime.link_flags()
                + ["-T", str(script), "-o", str(partial)] + objects
                + self.runtime.libraries(), f"linking {name}")
            partial.replace(elf)
            stamp.write_text(key)
        return elf

    def build(self, programs: Mapping[str, Program], jobs: int) -> list[Image]:
        """Build all; returns what was made."""
        tasks = []
        for name, program in programs.items():
            for source in (*self.runtime.sources, *program.sources):
                tasks.append((name, program, source))
        with ThreadPoolExecutor(jobs) as pool:
            objects = list(pool.map(lambda task: self.object_file(*task), tasks))
            names = list(pool.map(self._name_object, programs))
            images = list(pool.map(
                lambda item: self._finish(
                    item[1], programs[item[1]],
                    [(task[2], o) for o, task in zip(objects, tasks) if task[0] == item[1]],
                    names[item[0]]),
                enumerate(programs)))
        return images

    def _finish(self, name: str, program: Program, objects: list[tuple[str, Path]], name_object: Path) -> Image:
        elf = self.link(name, program, [*(path for _, path in objects), name_object]).read_bytes()
        image = read_elf(elf, name)
        image.check(program.stack, program.heap + self.runtime.heap_bytes)
        self.out.mkdir(parents=True, exist_ok=True)
        data = aplx_bytes(image)
        target = self.out / f"{name}.aplx"
        if not target.exists() or target.read_bytes() != data:
            target.write_bytes(data)
        code = code_lines(elf, [(self._short(source), path.read_bytes()) for source, path in objects])
        (self.out / f"{name}.code").write_text(code, encoding="ascii")
        return image

    @staticmethod
    def _short(source: str) -> str:
        """A source in one word: of those from outside, only the file's name."""
        return source if not Path(source).is_absolute() else "outside/" + re.sub(r"[^\w.]", "_", Path(source).name, flags=re.ASCII)


def size_table(images: Iterable[Image], programs: Mapping[str, Program],
               itcm_bytes: int = ITCM_BYTES) -> str:
    """Bytes used and free, one line for each binary."""
    lines = [f"{'binary':<24}{'ITCM':>8}{'free':>8}{'data':>8}{'bss':>8}"
             f"{'stack':>8}{'heap':>8}"]
    for image in images:
        stack = programs[image.name].stack
        heap = DTCM_BYTES - stack - image.dtcm_bytes
        lines.append(
            f"{image.name:<24}{len(image.itcm):>8}{itcm_bytes - len(image.itcm):>8}"
            f"{len(image.data):>8}{image.bss_bytes:>8}{stack:>8}{heap:>8}")
    return "\n".join(lines)


def write_checksums(folder: Path, names: Iterable[str]) -> None:
    """Write the SHA-256 of files that were just built beside them, in the form
    of sha256sum; those of others stay."""
    path = folder / CHECKSUMS
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    known = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    known |= {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    path.write_text("".join(f"{known[name]}  {name}\n" for name in sorted(known)
                            if (folder / name).is_file()), encoding="ascii")


def build(out: os.PathLike | str, targets: Optional[Sequence[str]] = None,
          cc: Optional[str] = None, work: Optional[os.PathLike | str] = None,
          jobs: Optional[int] = None, quiet: bool = False,
          more: Optional[Mapping[str, Program]] = None,
          official: Optional[bool] = None) -> list[Image]:
    """Build binaries into ``out``.

    :param targets: names; all of ``PROGRAMS`` if None
    :param cc: a GCC for ARM instead of ziglang; also from ``ARM_CC``
    :param official: on top of the official tools (``official_tools.py``); if None,
        whether ``DLGRAPH_RUNTIME`` is ``official``
    :param work: folder for objects; ``build`` beside this file if None
    :param more: programs from outside, which are all that is built where no
        targets are given
    """
    known = {**PROGRAMS, **TEST_PROGRAMS, **(more or {})}
    if targets is None:
        targets = list(more or PROGRAMS)
    unknown = [name for name in targets if name not in known]
    if unknown:
        raise BuildError(
            f"no such program: {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
    programs = {name: known[name] for name in targets}
    if not programs:
        return []
    cc = cc or os.environ.get("ARM_CC")
    work = Path(work or HERE / "build")
    if official_tools.asked_for() if official is None else official:
        tools = official_tools.find()
        compiler = Compiler(cc or official_tools.COMPILER)
        builder = Builder(Path(out), compiler, work / "official",
                          runtime=official_tools.OfficialRuntime(tools))
    else:
        compiler = Compiler(cc)
        builder = Builder(Path(out), compiler, work)
    images = builder.build(programs, jobs or os.cpu_count() or 1)
    write_checksums(Path(out), [f"{name}.aplx" for name in programs])
    if not quiet:
        print(size_table(images, programs, builder.runtime.itcm_bytes))
    return images


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("targets", nargs="*", help="binaries; default: all but the tests'")
    parser.add_argument("--out", default=str(HERE / "build" / "aplx"),
                        help="folder for the .aplx files")
    parser.add_argument("--work", help="folder for objects")
    parser.add_argument("--cc", help="a GCC for ARM, instead of ziglang")
    parser.add_argument("--official", action="store_true", default=None,
                        help="on top of the official tools that SPINN_DIRS names")
    parser.add_argument("--custom", metavar="FILE", action="append", default=[],
                        help="the program of a layer kind with this C file, for SGD with and without momentum")
    parser.add_argument("--all", action="store_true", help="the tests' binaries too")
    parser.add_argument("--jobs", type=int, help="compilers at a time")
    parser.add_argument("--list", action="store_true", help="names only")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join([*PROGRAMS, *TEST_PROGRAMS]))
        return 0
    targets = options.targets or None
    custom = {f"{Path(source).stem}_momentum": custom_program(source, "momentum")
              for source in options.custom}
    if options.all:
        targets = [*PROGRAMS, *TEST_PROGRAMS]
    try:
        build(options.out, targets, options.cc, options.work, options.jobs, more=custom,
              official=options.official)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
