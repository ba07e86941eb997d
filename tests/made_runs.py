"""Runs that never were, for pages: every part of them is made up."""
from __future__ import annotations

import random

from dlgraph.energy import energy
from dlgraph.energy_words import method
from dlgraph.pages import ChipUse, Compared, Curve, CycleBar, EnergyUse, LayerWords, LinkUse, Run, StageUse
from dlgraph.pages.board import N_LINKS, chips, has_link

#: What a layer of an unfriendly model may be called.
UNFRIENDLY = "<script>document.title='ran'</script>\"'&<img src=x onerror=alert(1)>\0\ud800"
OTHERS = (
    Compared("Keras on this CPU", "measured", 24_100.0, None, 0.0108, "2 cores, float32, batch 128", "made up"),
    Compared("Keras on this CPU", "estimated", None, 5.1e-3, None, "by the package's stated power", "made up"),
    Compared("another machine", "published", 1_234.0, 0.7e-3, None, "inference, batch 1", "Nobody et al., 2001"))


def board_run(board: str = "5", seed: int = 1, **changes: object) -> Run:
    """A run of which everything is known.

    :param board: ``"3"`` or ``"5"``
    """
    rng = random.Random(seed)
    stages = (
        StageUse("input", "input source", 2, 3244.0, 4118.0, 0.30, 9116, 800, 0),
        StageUse("conv_1", "convolution tile", 24, 9986.0, 10_500.0, 0.93, 912_362, 843_200, 3),
        StageUse("dense", "neuron group", 4, 5838.0, 5994.0, 0.54, 12_362, 43_200, 0),
        StageUse("dense", "weight slice", 24, 10_286.0, 11_697.0, 0.96, 29_600, 31_406, 0),
        StageUse("output", "output group", 1, 5027.0, 4920.0, 0.47, 4400, 4400, 17))
    places = sorted(chips(board))
    used = places[:-9] if board == "5" else places[:-1]
    name = "spinn5" if board == "5" else "spinn3"
    joules = energy(name, 22.49, 55 + 97, 900.0, 1_400_000_000)
    made = {
        "title": "lenet5, sparse_categorical_crossentropy and accuracy, SGD with momentum 0.9",
        "machine": f"emulated SpiNN-{board} board",
        "emulated": True, "facts": (("date", "2001-02-03"), ("batch size", "128")), "last_pass": "Epoch 12/12", "n_samples": 60_000,
        "machine_seconds": 22.49,
        "layers": (LayerWords("conv_1", "convolution 5 x 5, relu", "28x28x6", "s4.11", 156, "6 x 4 tiles"),
                   LayerWords("pool", "maximum of 2 x 2", "14x14x6", "s4.11", 0, "on conv_1"),
                   LayerWords("dense", "dense, relu", "120", "s4.11", 30_840, "6 x 4 slices, 4 groups")),
        "curves": (Curve("loss", "training", tuple((i, 0.22 / i**1.2) for i in range(1, 13))),
                   Curve("loss", "validation", tuple((i, 0.1 / i + 0.03) for i in range(1, 13))),
                   Curve("accuracy", "training", tuple((i, 1 - 0.07 / i) for i in range(1, 13))),
                   Curve("machine time of an epoch, s", "machine time", tuple((i, 22.5 + rng.random() / 10) for i in range(1, 13)),
                         from_zero=True)),
        "stages": stages,
        "cycles": tuple(CycleBar(stage.layer, stage.kind, {
            "arithmetic": stage.cycles * 0.5, "receive": stage.cycles * 0.25, "send": stage.cycles * 0.15,
            "DMA": stage.cycles * 0.1,
            "waiting": stage.cycles / stage.busy - stage.cycles}) for stage in stages),
        "board": board,
        "chips": tuple(ChipUse(x, y, rng.randint(1, 16), rng.uniform(0.2, 0.96), "dense weight slice, units 0..63, to units 0..31",
                               rng.randint(8_000, 58_000), rng.randint(1 << 20, 90 << 20)) for x, y in used),
        "links": tuple(LinkUse(x, y, link, rng.randint(0, 3000) ** 2, rng.choice([0] * 30 + [7]))
                       for x, y in places for link in range(N_LINKS) if has_link(board, x, y, link)),
        "dtcm_bytes": 57 * 1024, "sdram_bytes": 123_469_792,
        "energy": EnergyUse(joules.board_idle, joules.cores, joules.packets, joules.cores_awake, 152,
                            method(name, True, 152, 1_400_000_000)),
        "compared": OTHERS, "test_error": 0.0105}
    return Run(**(made | changes))  # type: ignore[arg-type]


def run_without_counters() -> Run:
    """As on a board: no links, no packets in the energy."""
    used = EnergyUse(600.0, 110.0, None, 30.0, 152, method("spinn5", False, 152, None))
    return board_run(links=(), emulated=False, machine="SpiNN-5 board", cycles=(), energy=used, compared=())


def host_run() -> Run:
    """A run of the reference: no machine, and nothing of one."""
    return Run("mlp, mean_squared_error, SGD", "reference on this computer", False, last_pass="Epoch 2/2", n_samples=60,
               curves=(Curve("loss", "training", ((1, 0.5), (2, 0.4))),))
