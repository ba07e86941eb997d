# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C during training: the weights of the last finished epoch, a clean machine, no process behind, and on it goes."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("interrupted_training.py")


def in_group(group: int) -> list[str]:
    """Command lines of the processes of a process group that are not over."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, of_group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            command = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        if int(of_group) == group and state != "Z":
            found.append(command)
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("on", ["emulated", pytest.param("board", marks=pytest.mark.wide)])
def test_interrupt(on: str, tmp_path: Path) -> None:
    """Once while the network is set up, once amid an epoch; as a terminal does, to the whole process group."""
    child = subprocess.Popen([sys.executable, str(PROGRAM), on], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             cwd=tmp_path, start_new_session=True)
    assert child.stdout is not None and child.stderr is not None
    try:
        for wanted, seconds in ("epoch 0 begins", 1.2), ("epoch 2 begins", 0.4):
            for line in child.stdout:
                if line.strip() == wanted:
                    break
            time.sleep(seconds)
            os.killpg(child.pid, signal.SIGINT)
            for line in child.stdout:
                if line.strip() == "interrupted":
                    break
        rest, errors = child.communicate(timeout=200)
        assert rest.strip().endswith("done"), errors
        assert child.returncode == 0
        assert "Traceback" not in errors, errors
        assert in_group(child.pid) == []
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
