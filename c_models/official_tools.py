# SPDX-License-Identifier: Apache-2.0
"""The same programs on top of the official SpiNNaker tools instead of ``runtime/src``: where those are, and how to link with them.

They are the user's own, built as their makefiles say: nothing here fetches or builds any of them.
"""
from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Sequence

from aplx import BuildError

COMPILER = "arm-none-eabi-gcc"
#: Library, a header that belongs to it, and where it is beside SPINN_DIRS where it was not installed into that.
_PARTS = (
    ("libspin1_api.a", "spin1_api.h", "."),
    ("libspinn_common.a", "spin-print.h", "../spinn_common"),
    ("libspinn_frontend_common.a", "simulation.h", "../SpiNNFrontEndCommon/c_common/front_end_common_lib"),
)
#: Stacks and the end of ITCM are as the official linker script has them.
STACK_BYTES = 2048
ITCM_BYTES = 0x7f00
#: Taken from the heap in DTCM before a program starts: SARK's messages and events, and its head of the heap.
_SARK_HEAP_BYTES = 2048


@dataclass(frozen=True)
class OfficialTools:
    """Headers, libraries and linker script of an installation.

    :param folders: of SpiNNaker's own libraries, in the order in which they are linked
    """
    spinn_dirs: Path
    includes: Sequence[Path]
    libraries: Sequence[Path]

    def files(self) -> list[Path]:
        """What a program is made of besides its own sources."""
        headers = [path for folder in self.includes for path in sorted(folder.glob("*.h"))]
        return [*headers, *self.libraries, self.linker_script]

    @property
    def linker_script(self) -> Path:
        """As all programs of the official tools are linked."""
        return self.spinn_dirs / "tools" / "sark.lnk"


def asked_for(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether ``DLGRAPH_RUNTIME`` is ``official``.

    :raises BuildError: if it is none of the names there are
    """
    given = environment.get("DLGRAPH_RUNTIME", "own")
    if given not in ("own", "official"):
        raise BuildError(f"DLGRAPH_RUNTIME is {given!r}; accepted: 'own', dlgraph's own runtime, which is taken if it is not set, "
                         "and 'official', the official tools that SPINN_DIRS names")
    return given == "official"


def find(environment: Mapping[str, str] = os.environ) -> OfficialTools:
    """The tools that ``SPINN_DIRS`` names.

    :raises BuildError: what is missing, and what brings it
    """
    given = environment.get("SPINN_DIRS", "")
    if not given:
        raise BuildError("SPINN_DIRS is not set: the official tools were asked for, and it names the folder of their "
                         "spinnaker_tools. Set it, or leave the official tools out: dlgraph's own runtime needs none of them")
    spinn_dirs = Path(given).resolve()
    includes, libraries = [], []
    for library, header, beside in _PARTS:
        places = [spinn_dirs, (spinn_dirs / beside).resolve()]
        folder = next((place for place in places
                       if (place / "lib" / library).is_file() and (place / "include" / header).is_file()), None)
        if folder is None:
            looked = " or ".join(dict.fromkeys(str(place) for place in places))
            raise BuildError(f"SPINN_DIRS is {given}: there is no lib/{library} with include/{header} in {looked}. Build the "
                             f"official libraries as their own instructions say, those beside spinnaker_tools too")
        libraries.append(folder / "lib" / library)
        if folder / "include" not in includes:
            includes.append(folder / "include")
    tools = OfficialTools(spinn_dirs, tuple(includes), tuple(reversed(libraries)))
    if not tools.linker_script.is_file():
        raise BuildError(f"SPINN_DIRS is {given}: there is no {tools.linker_script}, by which programs are linked. "
                         "Set it to a whole copy of spinnaker_tools")
    return tools


@dataclass(frozen=True)
class OfficialRuntime:
    """What ``build.OwnRuntime`` says of ours, of SARK, spin1_api and the simulation library."""
    tools: OfficialTools
    sources: Sequence[str] = ("runtime/official/memory.c",)
    include_folders: Sequence[str] = ("runtime/official",)
    itcm_bytes: int = ITCM_BYTES
    large: bool = True
    heap_bytes: int = _SARK_HEAP_BYTES

    def files(self) -> list[Path]:
        """What it is made of that is not below ``c_models``."""
        return self.tools.files()

    def include_flags(self) -> list[str]:
        """Headers that are not below ``c_models``."""
        return [flag for folder in self.tools.includes for flag in ("-isystem", str(folder))]

    def thumb_flags(self) -> list[str]:
        """The official headers have instructions in line that Thumb code lacks, where this is not set."""
        return ["-DTHUMB"]

    def name_source(self, name: str) -> str:
        """The binary's name for its vcpu block, cut to what fits there, and a date, as SARK looks for them."""
        return f'const int build_date = 0;\nconst char build_name[] = "{name[:15]}";\n'

    def linker_script(self, root: Path, stack: int) -> str:
        """Text of it; the official one has a size of stacks of its own.

        :raises BuildError: for a program that needs more
        """
        if stack > STACK_BYTES:
            raise BuildError(f"the program needs {stack} bytes of stacks; the official linker script has {STACK_BYTES}")
        return self.tools.linker_script.read_text()

    def link_flags(self) -> list[str]:
        """As for all programs of the official tools, but without a C library."""
        return ["-nostdlib", "-static", "-Wl,--gc-sections", "-Wl,-e,cpu_reset", "-Wl,--use-blx", "-Wl,--no-warn-rwx-segments"]

    def libraries(self) -> list[str]:
        """Behind the objects."""
        return [*(str(path) for path in self.tools.libraries), "-lgcc"]
