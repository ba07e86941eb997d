"""Processes for Keras: its backend and the devices that it sees are chosen before it is imported, once per process."""
from __future__ import annotations

import importlib.util
import json
import logging
import os
import socket
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from dlgraph.benchmark.keras_training import gpu_name
from dlgraph.errors import MachineError

LOOPBACK = "127.0.0.1"
#: No GPU for TensorFlow and JAX, and no long talk.
WITHOUT_GPU = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
#: The first one only: what its meter reads.
WITH_GPU = {"CUDA_VISIBLE_DEVICES": "0"}
ALWAYS = {"TF_CPP_MIN_LOG_LEVEL": "2"}


class Worker:
    """One process, or several that work on each job together.

    :param environments: of each process, added to this one's
    """

    def __init__(self, *environments: dict[str, str]) -> None:
        self._pools = [ProcessPoolExecutor(1, get_context("spawn"), _begin, ({**ALWAYS, **environment},))
                       for environment in environments]

    def run(self, job: Callable[..., Any], *arguments: Any) -> Any:
        """Let every process do the job; returns what the first one gives.

        :raises MachineError: where a process dies, with what to do
        """
        futures = [pool.submit(job, *arguments) for pool in self._pools]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            failed = next((future for future in done if future.exception() is not None), None)
            if failed is not None:
                failed.result()
            return futures[0].result()
        except BrokenProcessPool as error:
            self.kill()
            raise MachineError("A process that trained with Keras ended by itself, perhaps for want of memory. Give fewer samples, "
                               "or leave the device out; what was done until then is kept.") from error
        except BaseException:
            self.kill()
            raise

    def close(self) -> None:
        """Let them end."""
        for pool in self._pools:
            pool.shutdown()

    def kill(self) -> None:
        """End them, whatever they do: one that waits for another would wait for ever."""
        for pool in self._pools:
            for process in list((pool._processes or {}).values()):
                process.kill()
            pool.shutdown(wait=False, cancel_futures=True)


def cpu_worker() -> Worker:
    """Keras on TensorFlow, on all processors."""
    return Worker({"KERAS_BACKEND": "tensorflow", **WITHOUT_GPU})


def cluster_workers() -> Worker:
    """Two on this computer that TensorFlow knows as a cluster (``TF_CONFIG``); see :mod:`dlgraph.benchmark.cluster`."""
    cluster = {"worker": [f"{LOOPBACK}:{port}" for port in _free_ports(2)]}
    return Worker(*({"KERAS_BACKEND": "tensorflow", **WITHOUT_GPU,
                     "TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})}
                    for index in range(2)))


def gpu_worker() -> tuple[Worker | None, str]:
    """Keras on the first GPU, by the first backend that sees one; and the GPU's name, or why there is none."""
    if not gpu_devices():
        return None, "this computer has no GPU"
    for backend, package in (("tensorflow", "tensorflow"), ("jax", "jax")):
        if importlib.util.find_spec(package) is None:
            continue
        worker = Worker({"KERAS_BACKEND": backend, **WITH_GPU})
        name = worker.run(gpu_name)
        if name is not None:
            return worker, name
        worker.close()
    return None, "neither TensorFlow nor JAX, as installed here, sees the GPU"


def gpu_devices(root: Path = Path("/dev")) -> list[str]:
    """GPUs that the kernel has: NVIDIA's, and AMD's."""
    return sorted(path.name for pattern in ("nvidia[0-9]*", "kfd") for path in root.glob(pattern))


def _begin(environment: dict[str, str]) -> None:
    os.environ.update(environment)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)        # it warns of each further size of batch


def _free_ports(n: int) -> list[int]:
    """Of loopback; another program may take one before they are used, which TensorFlow then says."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(n)]
    try:
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
