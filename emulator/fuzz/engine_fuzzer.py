"""Builds the fuzzer of the engine, with sanitisers, and runs it.

    python emulator/fuzz/engine_fuzzer.py --help
    python emulator/fuzz/engine_fuzzer.py --inputs 1000000 --seed 2 --save .

All of its options are those of ``main.c``; the boot image is that of the installed SpiNNMan.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from spinnemu import boot_image, build
from spinnemu.errors import EmulatorError
from spinnemu.seal import is_whole, seal

HERE = Path(__file__).resolve().parent
FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-pthread", *build.SANITIZER_FLAGS, f"-I{build.SOURCE}"]
#: target_board_frames.c has what the bridge would send
LINK_FLAGS = ["-Wl,--wrap=sendto", "-ldl"]


def _compile(compiler: list[str], source: Path, folder: Path) -> Path:
    out = folder / f"{source.parent.name}-{source.stem}.o"
    _run([*compiler, *FLAGS, "-c", str(source), "-o", str(out)])
    return out


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise EmulatorError(f"the fuzzer does not compile:\n{result.stderr[:4000]}")


def fuzzer() -> Path:
    """The program, built into the cache unless it is there.

    :raises EmulatorError: if there is no C compiler, or one without sanitisers
    """
    compiler = build.compiler()
    sources = sorted([*build.SOURCE.glob("*.c"), *HERE.glob("*.c")], key=lambda path: -path.stat().st_size)     # longest first
    digest = hashlib.sha256(" ".join([*compiler, *FLAGS, *LINK_FLAGS]).encode())
    for path in sorted([*sources, *build.SOURCE.glob("*.h"), *HERE.glob("*.h")]):
        digest.update(path.read_bytes())
    target = build.cache_folder() / f"fuzzer-{digest.hexdigest()[:16]}"
    if is_whole(target):
        return target
    for old in target.parent.glob("fuzzer-*"):
        old.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(lambda source: _compile(compiler, source, Path(name)), sources))
        handle, made = tempfile.mkstemp(dir=target.parent)
        os.close(handle)
        _run([*compiler, *FLAGS, *map(str, objects), *LINK_FLAGS, "-o", made])
    seal(Path(made))
    os.chmod(made, 0o700)
    os.replace(made, target)
    return target


def run(options: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run it; what it found stands in its standard error, counts as JSON in its standard output."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image"
        image.write_bytes(boot_image.patched_image(3))
        return subprocess.run([str(fuzzer()), "--image", str(image), *options], stdout=subprocess.PIPE, text=True)


if __name__ == "__main__":
    result = run(sys.argv[1:])
    print(result.stdout, end="")
    sys.exit(result.returncode)
