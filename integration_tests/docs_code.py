"""The code blocks of a page of the documentation."""
from __future__ import annotations

import re
import textwrap
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
_BLOCK = re.compile(r"^\.\. code-block:: (\w+)\n\n((?:(?:   .*)?\n)+)", re.MULTILINE)


def code_blocks(page: str, language: str = "python") -> list[str]:
    """Those in one language, in their order.

    :param page: name of the file in ``docs``
    """
    text = (DOCS / page).read_text(encoding="utf-8")
    return [textwrap.dedent(block) for kind, block in _BLOCK.findall(text) if kind == language]
