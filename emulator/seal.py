"""Libraries in the cache end with a hash of themselves: one that is cut off or damaged is known before it is loaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

_MARK = b"spinnemu sealed\0"


def seal(path: Path) -> None:
    """Add the hash, which the system's loader does not look at."""
    content = path.read_bytes()
    with open(path, "ab") as file:
        file.write(_MARK + hashlib.sha256(content).digest())


def is_whole(path: Path) -> bool:
    """Whether a file is there and as it was sealed."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    end = len(content) - len(_MARK) - hashlib.sha256().digest_size
    return end >= 0 and content[end:] == _MARK + hashlib.sha256(content[:end]).digest()
