"""The folder that the Graph Front End writes its reports and databases into; without room there it cannot run."""
from __future__ import annotations

from pathlib import Path

from spinn_utilities.config_holder import get_config_str

from dlgraph.whole_file import try_to_write

#: What a small network's reports take.
ROOM_BYTES = 1 << 20


def why_it_cannot_be_written() -> str | None:
    """What is wrong with it, and what to do; None where nothing is.  GFE itself says of a full disk that a table is missing."""
    try:
        configured = get_config_str("Reports", "default_report_file_path")
    except Exception:                          # no configuration was read yet
        configured = "DEFAULT"
    folder = Path.cwd() if configured == "DEFAULT" else Path(configured)
    try:
        try_to_write(folder / "reports", bytes(ROOM_BYTES))
    except OSError as error:
        return (f"The Graph Front End writes its reports into {folder}, which cannot be written to: {error.strerror or error}. "
                f"Make room there, or start the program in another folder.")
    return None
