"""Files that are there whole or not at all, also where the power fails or the disk is full."""
from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place of the one that is there, if any, which stays where this fails.

    The content goes to a file beside it, and onto the disk, before it takes the name.

    :raises OSError: where it cannot be written
    """
    target = Path(os.path.realpath(path))               # a link stays a link
    beside = _write_beside(target, content)
    try:
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def try_to_write(path: Path, content: bytes) -> None:
    """Find out whether :func:`write_whole` could; leaves everything as it was.

    :raises OSError: where it could not
    """
    _write_beside(Path(os.path.realpath(path)), content).unlink(missing_ok=True)


def _write_beside(target: Path, content: bytes) -> Path:
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        with open(beside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return beside


def _sync_folder(folder: Path) -> None:
    """Bring the new name onto the disk.  Not every file system can; the file is whole either way."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
