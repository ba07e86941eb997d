"""Makes libraries of translated programs: C from instructions, and that compiled.  See :mod:`spinnemu.translate`."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import build
from .errors import EmulatorError
from .seal import is_whole, seal
from .translate_image import Explorer, Image, read_aplx
from .translation_key import key
from .translate_page import LOOKAHEAD, PAGE_BYTES, VECTOR_BYTES, Decoder, PageWriter

#: more than -O1 makes the code larger and nothing faster
FLAGS = ["-O1", "-std=gnu11", "-fPIC", "-w"]
#: libraries in the cache; half a megabyte each
_KEPT = 16


def path_of(images: Iterable[bytes], thumb: bool = False) -> Path:
    """Where in the cache the translation of images is, or will be.

    :param images: contents of ``.aplx`` files
    :param thumb: as in :func:`library`
    """
    digest = hashlib.sha256(key().encode() + (b"thumb" if thumb else b""))
    for content in sorted(set(images)):
        digest.update(hashlib.sha256(content).digest())
    return build.cache_folder() / f"translation-{digest.hexdigest()[:24]}.so"


def library(images: Iterable[bytes], thumb: bool = False) -> Path:
    """The translation of images, in the cache; made if it is not there.

    :param images: contents of ``.aplx`` files
    :param thumb: also of their Thumb code, which doubles the time that it takes to make.  What is compiled as Thumb code is not
        meant to be fast; LeNet-5's training, whose tiles have no room for more ARM code, is a fifth faster with it.
    :raises EmulatorError: if one is damaged, or there is no C compiler
    """
    contents = sorted(set(images))
    target = path_of(contents, thumb)
    with open(target.with_suffix(".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)     # one process at a time
        if not is_whole(target):
            make([read_aplx(content) for content in contents], target, thumb)
            _forget_old(target)
    return target


def library_later(paths: Sequence[Path]) -> Path | None:
    """The translation of ``.aplx`` files if it is there, with Thumb code if that is; else the one without is made by a process in
    the background, for next time.
    """
    contents = [path.read_bytes() for path in paths]
    target = path_of(contents)
    for found in (path_of(contents, thumb=True), target):
        if is_whole(found):
            os.utime(found)
            return found
    if _has_headers() and not _is_being_made(target):
        command = [sys.executable, "-m", f"{__package__}.translate", "--background", *map(str, paths)]
        subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, env=build.environment())
    return None


def _has_headers() -> bool:
    """A wheel has none: only a source checkout makes translations."""
    return (build.SOURCE / "translated_code.h").is_file()


def _is_being_made(target: Path) -> bool:
    try:
        with open(target.with_suffix(".lock"), "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _forget_old(newest: Path) -> None:
    kept = sorted(newest.parent.glob("translation-*.so"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[_KEPT:]:
        path.unlink(missing_ok=True)
        path.with_suffix(".lock").unlink(missing_ok=True)


def _pages(images: Sequence[Image], thumb: bool = False) -> dict[tuple[int, bool, bytes], PageWriter]:
    """Of all images; what several have in common only once."""
    decoder = Decoder(ctypes.CDLL(str(build.library())))
    result = {}
    for image in images:
        for (number, is_thumb), code in sorted(Explorer(decoder, image).explore().items()):
            if is_thumb and not thumb:
                continue
            content = image.page(number)
            if (number, is_thumb, content) not in result:
                result[number, is_thumb, content] = PageWriter(decoder, content, number, is_thumb, code.wanted, code.targets,
                                                               code.loops)
    return result


def _sanitizers() -> list[str]:
    return build.SANITIZER_FLAGS if build.sanitized() else []


def _compile(compiler: list[str], source: Path) -> Path:
    out = source.with_suffix(".o")
    result = subprocess.run([*compiler, *FLAGS, *_sanitizers(), f"-I{build.SOURCE}", "-c", str(source), "-o", str(out)],
                            capture_output=True, text=True)
    if result.returncode:
        raise EmulatorError(f"a translation does not compile:\n{result.stderr[:2000]}")
    return out


def _bytes(content: bytes) -> str:
    return "{" + ",".join(map(str, content)) + "}"


def make(images: Sequence[Image], target: Path, thumb: bool = False) -> None:
    """Write the library for images.

    :param thumb: also for their Thumb code
    :raises EmulatorError: if there is no C compiler, or no headers of the emulator
    """
    if not _has_headers():
        raise EmulatorError("translations are made in a source checkout of the emulator; an installed one has no headers")
    compiler = build.compiler()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources, declarations, keys, rows = [], [], [], []
        for place, ((number, is_thumb, content), writer) in enumerate(_pages(images, thumb).items()):
            function = f"page_{place}"
            source = folder / f"{function}.c"
            source.write_text(f'#include "translated_code.h"\n{writer.function(function)}')
            sources.append(source)
            declarations.append(f"TranslatedCode {function};\n")
            keys.append(f"static const uint8_t bytes_{place}[{PAGE_BYTES + LOOKAHEAD}] = {_bytes(content)};\n")
            rows.append(f"{{{function}, bytes_{place}, {0 if number else VECTOR_BYTES}, {number}, {int(is_thumb)}}},\n")
        table = folder / "table.c"
        table.write_text(
            f'#include "translated.h"\n{"".join(declarations)}{"".join(keys)}'
            f"static const TranslatedPage pages[] = {{\n{''.join(rows)}}};\n"
            "const Translation spinnemu_translation = {TRANSLATION_MAGIC, sizeof(Cpu), sizeof(Slice), "
            f'{len(rows)}, "{key()}", pages}};\n')
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(lambda source: _compile(compiler, source), [*sources, table]))
        handle, temporary = tempfile.mkstemp(suffix=".so", dir=target.parent)
        os.close(handle)
        result = subprocess.run([*compiler, "-shared", *_sanitizers(), *map(str, objects), "-o", temporary],
                                capture_output=True, text=True)
        if result.returncode:
            os.unlink(temporary)
            raise EmulatorError(f"a translation cannot be linked:\n{result.stderr[:2000]}")
        seal(Path(temporary))
        os.replace(temporary, target)
