"""What a network's set-up takes: from the call of ``train`` to the first sample on the machine, stage by stage."""
from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

#: Stages in their order, in the field's terms.
CUT = "choosing the cut"
BOARD = "starting the board"
MACHINE = "looking at the machine"
PLACING = "placing"
ROUTING = "routing"
KEYS = "allocating keys"
TABLES = "compressing routing tables"
REGIONS = "generating data regions"
LOADING_MONITORS = "loading monitors"
LOADING_REGIONS = "loading data regions"
LOADING_TABLES = "loading routing tables"
LOADING_BINARIES = "loading binaries"
STARTING = "starting cores"
PARAMETERS = "loading parameters"
SAMPLES = "loading samples"
STAGES = (CUT, BOARD, MACHINE, PLACING, ROUTING, KEYS, TABLES, REGIONS, LOADING_MONITORS, LOADING_REGIONS, LOADING_TABLES,
          LOADING_BINARIES, STARTING, PARAMETERS, SAMPLES)
#: Not of the time to the first sample on a board that is ready: how many samples there are is the user's.
LEFT_OUT = (BOARD, SAMPLES)


@dataclass(frozen=True)
class Upload:
    """Samples on their way to the machine's SDRAM, by the host's clock.

    :param n_bytes: that were written, each copy counted
    """

    n_bytes: int
    seconds: float

    @property
    def megabytes_per_second(self) -> float:
        """1,000,000 bytes each; 0 where nothing was written."""
        return self.n_bytes / 1e6 / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        return f"{self.n_bytes / 1e6:.3g} MB in {self.seconds:.2f} s, {self.megabytes_per_second:.3g} MB/s"


class SetUp:
    """A clock for the stages of a set-up.

    :ivar seconds: stage -> what it took, by the host's clock
    :ivar tell: called with the name of each stage as it begins, or None
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.tell: Callable[[str], None] | None = None
        self._stage, self._since = "", 0.0

    def begin(self, stage: str) -> None:
        """A stage begins; what went before it is over."""
        self.end()
        self._stage, self._since = stage, time.monotonic()
        self.seconds.setdefault(stage, 0.0)
        if self.tell is not None:
            self.tell(stage)

    def end(self) -> None:
        """The stage that went is over, and so is the set-up unless another begins."""
        if self._stage:
            self.seconds[self._stage] += time.monotonic() - self._since
        self._stage = ""

    def clear(self) -> None:
        """A new set-up is to begin."""
        self._stage, self.seconds = "", {}

    @property
    def until_first_sample(self) -> float:
        """Seconds of all stages but :data:`LEFT_OUT`."""
        return sum(seconds for stage, seconds in self.seconds.items() if stage not in LEFT_OUT)


def words(seconds: Mapping[str, float]) -> str:
    """The longest stages, such as ``"9.4 s: choosing the cut 5.1 s, loading data regions 2.0 s, others 2.3 s"``."""
    stages = {stage: taken for stage, taken in seconds.items() if stage not in LEFT_OUT}
    total = sum(stages.values())
    shown = sorted((stage for stage in stages if stages[stage] >= max(0.1, total / 20)), key=list(stages).index)
    rest = total - sum(stages[stage] for stage in shown)
    return f"{total:.1f} s: " + ", ".join([*(f"{stage} {stages[stage]:.1f} s" for stage in shown), f"others {rest:.1f} s"])
