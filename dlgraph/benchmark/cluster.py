"""Two workers that TensorFlow knows as a cluster, kept to themselves.

TensorFlow's servers listen at every address of a computer, whatever address they are given, and do what anybody who connects asks
of them.  So they get a network of their own, a namespace of Linux with nothing but a loopback device in it (``unshare`` of
util-linux).  For that they need a process between: this module run as a program, which takes jobs from its standard input and
starts the workers.
"""
from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from dlgraph.benchmark import loopback
from dlgraph.errors import MachineError

_OPTIONS = ("--map-root-user", "--net")
_PRIVATE = "private"


class Cluster:
    """Two workers, and the process between.

    :param private: with a network of their own
    """

    def __init__(self, private: bool) -> None:
        program = [sys.executable, "-m", __name__]
        self._process = subprocess.Popen([*_unshare(), *program, _PRIVATE] if private else program, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, start_new_session=True)

    def run(self, job: Callable[..., Any], *arguments: Any) -> Any:
        """Let both workers do the job; returns what the first one gives.

        :raises MachineError: where they end before that
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            pickle.dump((job, arguments), self._process.stdin)
            self._process.stdin.flush()
            done, result = pickle.load(self._process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            self.kill()
            raise MachineError("The two workers ended by themselves, perhaps for want of memory. Give fewer samples, or leave the "
                               "device 'distributed' out; what was done until then is kept.") from error
        except BaseException:
            self.kill()
            raise
        if not done:
            raise result
        return result

    def close(self) -> None:
        """Let them end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def kill(self) -> None:
        """End them, whatever they do."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)           # a session of their own: nobody else is in it
            self._process.wait()


def can_be_private() -> bool:
    """Whether this computer lets us make a network namespace."""
    command = _unshare()
    if not command:
        return False
    tried = subprocess.run([*command, sys.executable, str(Path(loopback.__file__))], capture_output=True, check=False)
    return tried.returncode == 0


def _unshare() -> list[str]:
    program = shutil.which("unshare")
    return [] if program is None else [program, *_OPTIONS]


def serve(jobs: BinaryIO, results: BinaryIO) -> None:
    """Do jobs until there are no more."""
    from dlgraph.benchmark.workers import cluster_workers

    workers = cluster_workers()
    while True:
        try:
            job, arguments = pickle.load(jobs)
        except EOFError:
            break
        try:
            answer = (True, workers.run(job, *arguments))
        except Exception as error:
            answer = (False, _sendable(error))
        pickle.dump(answer, results)
        results.flush()
    workers.close()


def _sendable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:           # those of TensorFlow hold what cannot be sent
        return MachineError(f"The two workers failed: {type(error).__name__}: {error}")


if __name__ == "__main__":
    if _PRIVATE in sys.argv[1:]:
        loopback.switch_on()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)                               # what libraries print goes elsewhere
    serve(sys.stdin.buffer, answers)
