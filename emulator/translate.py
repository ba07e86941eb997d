"""Translates programs for SpiNNaker's cores into C, and that into a library with which emulated machines run them faster.

    python -m spinnemu.translate IMAGE.aplx... [--thumb] [-o LIBRARY]

A machine takes such libraries as ``spinnemu.Machine(translations=[...])``.  It uses them for every core whose ITCM holds the
same bytes as the images, as long as it holds them; results and times are the same with and without.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import EmulatorError
from .translate_image import read_aplx
from .translations import library


def _checked(path: Path) -> bytes:
    """What is in an ``.aplx`` file.

    :raises EmulatorError: naming the file, if it is none
    """
    content = path.read_bytes()
    try:
        read_aplx(content)
    except EmulatorError as error:
        raise EmulatorError(f"{path}: {error}") from error
    return content


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of ``python -m spinnemu.translate``."""
    parser = argparse.ArgumentParser(
        prog="python -m spinnemu.translate",
        description="Translate programs for SpiNNaker's cores, with which emulated machines run them faster.")
    parser.add_argument("image", type=Path, nargs="+", help="an .aplx file")
    parser.add_argument("-o", "--out", type=Path, help="the library; default: one in the cache, whose path is printed")
    parser.add_argument("--thumb", action="store_true", help="also Thumb code, which takes twice as long")
    parser.add_argument("--background", action="store_true", help="leave the processor to others")
    options = parser.parse_args(arguments)
    if options.background:
        os.nice(19)
    try:
        made = library((_checked(path) for path in options.image), options.thumb)
        if options.out:
            shutil.copyfile(made, options.out)
    except (EmulatorError, OSError) as error:
        print(f"spinnemu.translate: {error}", file=sys.stderr)
        return 1
    print(options.out or made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
