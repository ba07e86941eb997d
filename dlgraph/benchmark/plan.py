"""Which trainings a benchmark consists of, and how many samples short ones take."""
from __future__ import annotations

from dataclasses import dataclass

from dlgraph.benchmark.record import Key
from dlgraph.benchmark.settings import DISTRIBUTED, ONE, SAME, SPINNAKER, TUNED, Settings


@dataclass(frozen=True)
class Trials:
    """How much short trials take.

    :param sweep_seconds: with Keras, of each size of batch
    :param sweep_batches: by the two workers, likewise
    :param one_by_one: samples in batches of one, with Keras
    :param one_by_one_spinnaker: on SpiNNaker, where samples of different batches do not overlap
    :param tuned_spinnaker: batches on SpiNNaker in batches of the best size
    :param idle_seconds: of looking at an idle device
    """

    sweep_seconds: float
    sweep_batches: int
    one_by_one: int
    one_by_one_spinnaker: int
    tuned_spinnaker: int
    idle_seconds: float


FULL_TRIALS = Trials(2.0, 20, 1000, 256, 8, 5.0)
QUICK_TRIALS = Trials(0.1, 1, 32, 32, 1, 0.5)


def trials_of(settings: Settings) -> Trials:
    """As they are asked for."""
    return QUICK_TRIALS if settings.quick else FULL_TRIALS


def kinds_of(device: str, settings: Settings, first: bool = True) -> tuple[str, ...]:
    """Sizes of batches that a device is to show.

    Two workers share a batch, so they do not train sample by sample.  A quick benchmark has one load of the board for each network;
    other batches than the recipe's, each of which XLA compiles for seconds, and two workers, it has for the first network only.  To
    the end every network is trained in the recipe's batches.

    :param first: of the networks that are asked for
    """
    if settings.to_the_end:
        return (SAME,)
    if settings.quick and (not first or device in (SPINNAKER, DISTRIBUTED)):
        return (SAME,) if first or device != DISTRIBUTED else ()
    return (SAME, TUNED) if device == DISTRIBUTED else (SAME, ONE, TUNED)


def keys_of(settings: Settings, devices: tuple[str, ...]) -> list[Key]:
    """Every training, network by network."""
    return [Key(network, device, kind, repeat) for number, network in enumerate(settings.networks) for device in devices
            for repeat in range(settings.repeats) for kind in kinds_of(device, settings, number == 0)]


def sizes_to_try(recipe: int, n_samples: int, device: str, quick: bool) -> list[int]:
    """Sizes of batches for a sweep: powers of two up to 4,096, and the recipe's.

    On SpiNNaker, where each takes the cost model half a minute, the recipe's and twice, four and eight times that.
    """
    if quick:
        sizes = {recipe, 2 * recipe}
    elif device == SPINNAKER:
        sizes = {recipe, 2 * recipe, 4 * recipe, 8 * recipe}
    else:
        sizes = {recipe, *(2**i for i in range(4, 13))}
    return sorted(size for size in sizes if size <= n_samples)
