# SPDX-License-Identifier: Apache-2.0
"""A board that lives on when the program that uses it does not."""
from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import spinnemu

from dlgraph.board.applications import busy_cores
from dlgraph.board.claim import find
from dlgraph.board.scamp import Scamp
from dlgraph.errors import MachineError
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import Activation
from dlgraph.machines import Board
from dlgraph.reference import ReferenceExecutor
from integration_tests.networks import OUTPUTS, assert_equal, make_graph, make_samples, train

PROGRAM = Path(__file__).with_name("killed_training.py")


@pytest.mark.timeout(300)
def test_a_second_program_and_the_next_one_when_the_first_is_killed(tmp_path: Path) -> None:
    """The second is refused by the owner's name.  Killed amid a pass, the owner leaves cores that send; the next one's bits are
    the reference's, and nothing is left behind it."""
    graph = make_graph([30, 20, 6], [Activation.RELU], OUTPUTS[0], seed=32)
    samples = make_samples(graph, 60, seed=33)
    with spinnemu.Machine("spinn3") as board:
        root = str(PROGRAM.parents[1])
        first = subprocess.Popen([sys.executable, str(PROGRAM), board.address], stdout=subprocess.PIPE, text=True, cwd=tmp_path,
                                 env={**os.environ, "PYTHONPATH": root})
        executor = GfeExecutor(graph, Board(board.address, board="spinn3").target())
        try:
            assert first.stdout is not None and first.stdout.readline() == "epoch 0 is over\n"
            with pytest.raises(MachineError, match=rf"in use: .* on .* \(process {first.pid}\) since "):
                executor.train_epoch(samples, 0, 16, True, 0.1)
            assert first.stdout.readline() == "epoch 1 is over\n"     # undisturbed
            sent = board.counters().sent["mc"]
            while board.counters().sent["mc"] < sent + 1000:          # amid the next one
                time.sleep(0.01)
            first.kill()
            first.wait()
            on_machine = train(executor, samples, epochs=2, batch_size=16)
        finally:
            first.kill()
            first.wait()
            executor.close()
        with Scamp(board.address) as scamp:
            assert find(scamp) is None and busy_cores(scamp) == []
    assert_equal(on_machine, train(ReferenceExecutor(graph), samples, epochs=2, batch_size=16))
