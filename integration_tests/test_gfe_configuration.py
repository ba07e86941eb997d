"""What dlgraph sets of GFE's configuration, and what it leaves to the user.  No machine is touched."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
from pathlib import Path
from spinn_utilities.config_holder import get_config_str
from dlgraph.gfe.session import Session
Session({"machine_name": "nowhere.invalid"}, Path("."), lambda: None)
print("compressor", get_config_str("Mapping", "compressor"))
"""


@pytest.mark.parametrize("configured, expected", [
    ("", "PairCompressor"), ("[Mapping]\ncompressor = OrderedCoveringCompressor\n", "OrderedCoveringCompressor")])
def test_routing_tables_are_compressed_on_the_host_unless_the_user_wants_them_otherwise(
        tmp_path: Path, configured: str, expected: str) -> None:
    (tmp_path / "spiNNakerGraphFrontEnd.cfg").write_text(f"[Machine]\nversion = 5\n{configured}", encoding="utf-8")
    ended = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path)},
                           capture_output=True, text=True, timeout=120, check=False)
    assert f"compressor {expected}" in ended.stdout, ended.stdout + ended.stderr
