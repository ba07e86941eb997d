"""What a page shows: plain data, every part of which may be missing."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dlgraph.errors import DataError

#: What a figure in a comparison rests on -> in words.  Rows of one are never mixed with those of another.
BASES = {
    "emulated": "Emulated: counted by a machine in software",
    "measured": "Measured",
    "estimated": "Estimated",
    "published": "Published by others, under their conditions",
}


@dataclass(frozen=True)
class LayerWords:
    """A layer in words.

    :ivar does: such as ``"dense, relu"``
    :ivar gives: shape of its value, such as ``"32"``
    :ivar values: number format of its value, such as ``"s4.11"``
    :ivar cut: over how many cores, in words; empty where it has none of its own
    """

    name: str
    does: str
    gives: str
    values: str
    n_parameters: int
    cut: str


@dataclass(frozen=True)
class Curve:
    """A quantity over the epochs of a training.

    :ivar quantity: such as ``"loss"``; curves of one are drawn together
    :ivar series: such as ``"validation"``
    :ivar points: (epoch from 1, value)
    :ivar from_zero: whether the axis has to begin there
    """

    quantity: str
    series: str
    points: tuple[tuple[int, float], ...]
    from_zero: bool = False


@dataclass(frozen=True)
class StageUse:
    """The cores of one kind of one layer in a pass, as :class:`dlgraph.report.StageReport` has them.

    :ivar cycles: per sample, of 200 MHz, that the busiest was awake
    :ivar predicted_cycles: that the cost model expected; None where it expected nothing
    :ivar busy: share of the pass that the busiest was awake, 0 to 1
    """

    layer: str
    kind: str
    n_cores: int
    cycles: float
    predicted_cycles: float | None
    busy: float
    packets_sent: int
    packets_received: int
    saturations: int


@dataclass(frozen=True)
class CycleBar:
    """Where the cycles of a kind of core went.

    :ivar parts: such as ``{"arithmetic": 5200.0, "waiting": 800.0}``, cycles per sample
    """

    layer: str
    kind: str
    parts: Mapping[str, float]


@dataclass(frozen=True)
class ChipUse:
    """What the network's cores on a chip did and hold.

    :ivar awake: share of the pass that the busiest of them was awake, 0 to 1
    :ivar busiest: that core's vertex, in words
    :ivar dtcm_bytes: of data memory, that the fullest of them asks for
    :ivar sdram_bytes: that all of them together ask for
    """

    x: int
    y: int
    n_cores: int
    awake: float
    busiest: str
    dtcm_bytes: int
    sdram_bytes: int


@dataclass(frozen=True)
class LinkUse:
    """A link out of a chip: 0 east, 1 north-east, 2 north, 3 west, 4 south-west, 5 south.

    :ivar packets: of all types that went over it in the pass
    :ivar dropped: that the router gave up while it was blocked
    """

    x: int
    y: int
    link: int
    packets: int
    dropped: int


@dataclass(frozen=True)
class EnergyUse:
    """Joules of a pass, by where they go.

    :ivar cores: of every core with a program loaded, asleep or not
    :ivar packets: of the routers; None where packets were not counted by router: then they are in no sum
    :ivar cores_awake: what ``cores`` would be if sleeping cores took nothing; not part of the sum
    :ivar n_loaded: cores with a program loaded
    :ivar method: sentences on where times, counts and constants come from
    """

    board_idle: float
    cores: float
    packets: float | None
    cores_awake: float
    n_loaded: int
    method: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """All that is known."""
        return self.board_idle + self.cores + (self.packets or 0.0)


@dataclass(frozen=True)
class Compared:
    """A row of a comparison; what is not known is None.

    :ivar system: such as ``"Keras on a laptop"``
    :ivar basis: what its figures rest on, one of :data:`BASES`
    :ivar joules_per_sample: in training
    :ivar test_error: share of the test samples, 0 to 1
    :ivar conditions: batch size, precision, what is counted
    :ivar source: where the figures stand; published ones need it
    :raises DataError: for another basis, a published row without a source, or a figure that cannot be
    """

    system: str
    basis: str
    samples_per_second: float | None = None
    joules_per_sample: float | None = None
    test_error: float | None = None
    conditions: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if self.basis not in BASES:
            raise DataError(f"basis={self.basis!r} of {self.system!r} is not known. Give one of {', '.join(map(repr, BASES))}.")
        if self.basis == "published" and not self.source:
            raise DataError(f"{self.system!r} is said to be published, without a source. Give source='who, where, when'.")
        for name, largest in (("samples_per_second", float("inf")), ("joules_per_sample", float("inf")), ("test_error", 1.0)):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= largest:
                words = "share of the test samples, from 0 to 1" if name == "test_error" else "number from 0"
                raise DataError(f"{name}={value!r} of {self.system!r} cannot be. Give a {words}, or None where it is not known.")


@dataclass(frozen=True)
class Run:
    """One run.

    :ivar title: such as the network's name
    :ivar machine: in words, such as ``"emulated SpiNN-5 board"``
    :ivar emulated: whether that is software
    :ivar facts: (what, value) pairs, shown first
    :ivar last_pass: which pass everything but the curves is about, such as ``"Epoch 2/5"``
    :ivar machine_seconds: of that pass, at 200 MHz; 0 where no machine took part
    :ivar board: ``"3"`` (4 chips) or ``"5"`` (48 chips), as the Graph Front End numbers them; empty where there is none
    :ivar dtcm_bytes: of a core, that programs can ask for; likewise ``sdram_bytes``, of a chip
    :ivar compared: other rows than this run's own, which comes first
    :ivar test_error: of this run, for its row; None where it is not known
    :ivar boards: how many there are
    """

    title: str
    machine: str
    emulated: bool
    facts: tuple[tuple[str, str], ...] = ()
    last_pass: str = ""
    n_samples: int = 0
    machine_seconds: float = 0.0
    layers: tuple[LayerWords, ...] = ()
    curves: tuple[Curve, ...] = ()
    stages: tuple[StageUse, ...] = ()
    cycles: tuple[CycleBar, ...] = ()
    board: str = ""
    chips: tuple[ChipUse, ...] = ()
    links: tuple[LinkUse, ...] = ()
    dtcm_bytes: int = 0
    sdram_bytes: int = 0
    energy: EnergyUse | None = None
    compared: tuple[Compared, ...] = field(default=())
    test_error: float | None = None
    boards: int = 1

    @property
    def samples_per_second(self) -> float:
        """Of machine time; 0 where no machine took part."""
        return self.n_samples / self.machine_seconds if self.machine_seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        """Everything, made of what JSON has."""
        return asdict(self)
