"""Where a record comes from: the commit and the computer, in words that name no folder and no host."""
from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any, Sequence

ROOT = Path(__file__).resolve().parent.parent.parent


def checkout_state() -> tuple[str | None, bool]:
    """The commit, and whether tracked files differ from it; (None, False) outside a checkout of dlgraph."""
    if not (ROOT / ".git").exists():                     # installed, perhaps inside somebody else's checkout
        return None, False
    try:
        commit = _git("rev-parse", "HEAD")
        return commit.strip(), bool(_git("status", "--porcelain", "--untracked-files=no").strip())
    except (OSError, subprocess.CalledProcessError):
        return None, False


def short_words(words: Sequence[str]) -> list[str]:
    """Words of a command line, with files outside the current folder by their names only."""
    return [Path(word).name if os.path.isabs(word) or word.startswith("..") else word for word in words]


def host() -> dict[str, Any]:
    """The computer that wall times are of."""
    return {"processor": _processor(), "cpus": len(os.sched_getaffinity(0)), "python": platform.python_version()}


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()
