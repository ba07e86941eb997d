"""The devices that a benchmark trains on: which there are, and how to call them."""
from __future__ import annotations

import os
from types import TracebackType

from dlgraph.benchmark.cluster import Cluster, can_be_private
from dlgraph.benchmark.distributed import sweep_distributed, train_distributed
from dlgraph.benchmark.keras_training import Power, sweep, train_with_keras
from dlgraph.benchmark.outcome import Outcome, Swept
from dlgraph.benchmark.plan import Trials
from dlgraph.benchmark.settings import CPU, DEVICES, DISTRIBUTED, GPU, SPINNAKER, Settings
from dlgraph.benchmark.spinnaker import sweep_by_cost_model, train_on_spinnaker
from dlgraph.benchmark.tasks import Task
from dlgraph.benchmark.workers import Worker, cpu_worker, gpu_worker
from dlgraph.errors import MachineError
from dlgraph.machines import MACHINE_VARIABLE, Emulated, Machine, default_machine


class Devices:
    """Everything to train on; processes for Keras begin when they are first needed.

    :ivar names: of those there are, as asked for
    :ivar notes: why there are no others
    :raises MachineError: where a GPU is asked for and there is none
    """

    def __init__(self, settings: Settings, trials: Trials) -> None:
        self._settings, self._trials = settings, trials
        self._power = Power(settings.cpu_watts, settings.cpu_cores, len(os.sched_getaffinity(0)), trials.idle_seconds)
        self._workers: dict[str, Worker | Cluster] = {}
        self._private = True
        wanted = settings.devices or DEVICES
        self.notes: list[str] = []
        if GPU in wanted:
            worker, words = gpu_worker()
            if worker is not None:
                self._workers[GPU] = worker
            elif settings.devices is not None:
                raise MachineError(f"devices has gpu, but {words}. Leave it out, or install TensorFlow or JAX for the GPU.")
            else:
                self.notes.append(f"There are no rows of a GPU: {words}.")
                wanted = tuple(name for name in wanted if name != GPU)
        if DISTRIBUTED in wanted and not can_be_private():
            self._private = False                        # by name is by name; else nothing listens that nobody asked for
            if settings.devices is None:
                self.notes.append(f"There are no rows of two workers: TensorFlow's servers listen at every address, and this "
                                  f"computer does not let them have a network of their own. --devices {DISTRIBUTED} makes them "
                                  f"all the same.")
                wanted = tuple(name for name in wanted if name != DISTRIBUTED)
        self.names = tuple(wanted)

    def train(self, device: str, task: Task) -> Outcome:
        """One training."""
        outcome: Outcome
        if device == SPINNAKER:
            return train_on_spinnaker(task, self._machine(), self._settings.board)
        if device == DISTRIBUTED:
            outcome = self._worker(device).run(train_distributed, task, self._power)
        else:
            outcome = self._worker(device).run(train_with_keras, task, self._power, device == GPU)
        return outcome

    def sweep(self, device: str, task: Task, sizes: list[int]) -> list[Swept]:
        """Samples per second in batches of these sizes."""
        found: list[Swept]
        if device == SPINNAKER:
            return sweep_by_cost_model(task, self._machine(), sizes)
        if device == DISTRIBUTED:
            found = self._worker(device).run(sweep_distributed, task, sizes, self._trials.sweep_batches)
        else:
            found = self._worker(device).run(sweep, task, sizes, self._trials.sweep_seconds)
        return found

    def close(self) -> None:
        """Let the processes end."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()

    def __enter__(self) -> Devices:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.close()
        else:                                                   # one of them may wait for what never comes
            for worker in self._workers.values():
                worker.kill()

    def _machine(self) -> Machine:
        if os.environ.get(MACHINE_VARIABLE):
            return default_machine()
        return Emulated(board=self._settings.board, threads=self._settings.threads)

    def _worker(self, device: str) -> Worker | Cluster:
        if device not in self._workers:
            self._workers[device] = cpu_worker() if device == CPU else Cluster(self._private)
        return self._workers[device]
