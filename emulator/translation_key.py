"""Names what a translation depends on besides the images: the engine and the translator."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from . import build

_TOOLS = ("translations.py", "translate_image.py", "translate_page.py", "translate_block.py")


@functools.cache
def key() -> str:
    """A translation is only used by an emulator with the same key."""
    digest = hashlib.sha256(build.source_digest().encode())
    for name in _TOOLS:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()[:32]
