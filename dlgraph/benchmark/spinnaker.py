"""A training on a SpiNNaker board, emulated or not."""
from __future__ import annotations

import time
from typing import Any

from dlgraph.api import from_keras
from dlgraph.benchmark.observed import Observed
from dlgraph.benchmark.outcome import Cores, EnergyOutcome, EpochOutcome, Outcome, Swept
from dlgraph.benchmark.tasks import Task, accuracy
from dlgraph.energy import Energy
from dlgraph.machines import Machine
from dlgraph.networks import compile_model

METHOD = "published constants"


def train_on_spinnaker(task: Task, machine: Machine, board: str) -> Outcome:
    """Train the members, one after the other.

    Seconds are the machine's, from the first sample to the last update; the host maps and loads before, and takes no part in an
    epoch.  How good they get is computed by the reference from the machine's weights: it gives the machine's bits.

    :param board: ``"spinn5"`` or ``"spinn3"``
    """
    begun = time.monotonic()
    observed = Observed(board)
    epochs: list[EpochOutcome] = []
    energies: list[tuple[Energy, Energy] | None] = []
    cores = Cores(0, 0, 0)
    outputs: Any = 0
    described = ""
    for number, member in enumerate(task.members, 1):
        model = task.model(member)
        compile_model(model, task.recipe)
        with from_keras(model, machine, member.order_seed, executor_factory=observed) as net:
            described = net.machine
            for epoch in range(task.recipe.epochs):
                model.optimizer.learning_rate = task.recipe.rate(epoch)
                history = net.train(member.images.x, member.images.y, epochs=1, batch_size=task.recipe.batch_size, verbose=0)
                seconds = history.machine_seconds[-1]
                whole = observed.epoch_energy(seconds)
                energies.append(None if whole is None else (whole, observed.share(whole)))
                cores = max(cores, Cores(observed.network_cores, observed.loaded_cores, observed.n_chips),
                            key=lambda each: each.network)
                good = None
                if task.test is not None:
                    mine = net.reference().predict(task.test.x, verbose=0)
                    good = accuracy(outputs + mine, task.test.y)
                epochs.append(EpochOutcome(number, len(member.images), seconds, float(history.history["loss"][-1]), good))
            if task.test is not None:
                outputs = outputs + mine
    return Outcome(described, bool(observed.target.emulated), tuple(epochs), time.monotonic() - begun,
                   energy=energy_outcome(energies), cores=cores)


def energy_outcome(energies: list[tuple[Energy, Energy] | None]) -> EnergyOutcome | None:
    """The sum over epochs of (whole board, share of it that is used); None where packets were not counted in one of them."""
    known = [each for each in energies if each is not None]
    if not known or len(known) < len(energies):
        return None
    names = ("board_idle", "cores", "packets", "cores_awake")
    parts = {name: sum(getattr(whole, name) for whole, _ in known) for name in names}
    return EnergyOutcome(METHOD, True, sum(whole.total for whole, _ in known), sum(share.total for _, share in known),
                         parts["board_idle"], None, parts)


def sweep_by_cost_model(task: Task, machine: Machine, sizes: list[int]) -> list[Swept]:
    """Samples per second that the cost model expects of the first member in batches of these sizes; no machine is touched."""
    member = task.members[0]
    model = task.model(member)
    compile_model(model, task.recipe)
    density = float((member.images.x[:1000] != 0).mean())
    with from_keras(model, machine, member.order_seed) as net:
        return [Swept(size, net.describe(size, density).samples_per_second) for size in sizes]
