"""What a benchmark is asked to do."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlgraph.arguments import check_folder
from dlgraph.errors import DataError

NETWORKS = ("mlp_300", "mlp_300_100", "lenet1", "lenet4", "lenet5", "boosted_lenet4")
SPINNAKER, CPU, GPU, DISTRIBUTED = DEVICES = ("spinnaker", "cpu", "gpu", "distributed")
#: How a batch size is found: the recipe's own, a single sample, the one that is best for the device.
SAME, ONE, TUNED = KINDS = ("same", "one", "tuned")


@dataclass(frozen=True)
class Settings:
    """Of one call of ``dlgraph benchmark``.

    :param output: folder for record, table and plots; one that has a record of the same conditions is gone on with
    :param devices: to train on; None for those there are
    :param data: a file or folder of MNIST, ``"digits"`` for scikit-learn's; None for Keras' cache
    :param samples: to train on, the first so many; None for all
    :param test_samples: likewise
    :param epochs: of each network; None for those of its recipe
    :param repeats: of every training, each with another seed
    :param seed: of the first repeat
    :param board: ``"spinn5"`` or ``"spinn3"``
    :param threads: of this computer, for an emulated board
    :param cpu_watts: of the processor's package, in place of what can be measured; None to measure
    :param cpu_cores: of the package; None for those of the stated one
    :param to_the_end: by the recipes for that (:data:`dlgraph.networks.TO_THE_END`), in their own batches
    :param quick: only what shows that everything works: fewer sizes of batches, short trials
    """

    output: Path
    networks: tuple[str, ...] = NETWORKS
    devices: tuple[str, ...] | None = None
    data: str | None = None
    samples: int | None = None
    test_samples: int | None = None
    epochs: int | None = None
    repeats: int = 1
    seed: int = 1
    board: str = "spinn5"
    threads: int = 1
    cpu_watts: float | None = None
    cpu_cores: int | None = None
    to_the_end: bool = False
    quick: bool = False

    def __post_init__(self) -> None:
        check_folder("output", self.output)
        for name, given, known in (("networks", self.networks, NETWORKS), ("devices", self.devices, DEVICES)):
            if given is not None and (not given or not set(given) <= set(known)):
                raise DataError(f"{name}={' '.join(given) or 'none'} is not known. Give some of {', '.join(known)}.")
        for name, least in (("samples", 1), ("test_samples", 1), ("epochs", 1), ("repeats", 1), ("cpu_cores", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise DataError(f"{name}={value} is too small. Give a whole number from {least}.")
        if not 0 <= self.seed <= 2**31 - 1 - self.repeats:
            raise DataError(f"seed={self.seed} cannot be used: weights have seeds from 0 to {2**31 - 1}, one for each repeat. Give "
                            f"a smaller whole number from 0.")
        if self.to_the_end and self.quick:
            raise DataError("A training to the end is not quick. Give one of to_the_end and quick.")
        if self.cpu_watts is not None and not 0 < self.cpu_watts < 1e5:
            raise DataError(f"cpu_watts={self.cpu_watts} is no power of a processor. Give watts above 0, such as 65.")

    def conditions(self, data: str, digest: str, n_train: int, n_test: int) -> dict[str, Any]:
        """What runs must have in common to stand in one record."""
        found = {"data": data, "digest": digest, "samples": n_train, "test_samples": n_test, "epochs": self.epochs,
                 "seed": self.seed, "board": self.board, "quick": self.quick}
        return {**found, "to_the_end": True} if self.to_the_end else found


#: What ``--quick`` asks for unless told otherwise.
QUICK: dict[str, Any] = {"samples": 128, "test_samples": 200, "epochs": 1, "repeats": 1, "board": "spinn3"}
