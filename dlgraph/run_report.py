"""The report of a run: of its last pass, core by core, with the epochs until then; as text, and as a page of HTML."""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from dlgraph.callbacks import History
from dlgraph.description import Description
from dlgraph.energy import energy, system_cores
from dlgraph.energy_words import method
from dlgraph.errors import DataError
from dlgraph.executor import CoreWork, PassPackets
from dlgraph.graph.words import product
from dlgraph.mapping.memory import DTCM_HEAP_BYTES
from dlgraph.pages import ChipUse, Compared, Curve, CycleBar, EnergyUse, LayerWords, LinkUse, Run, StageUse, document
from dlgraph.report import PassReport
from dlgraph.set_up import Upload, words
from dlgraph.whole_file import write_whole

#: What Keras puts before the names of quantities of the validation.
VALIDATION = "val_"
#: Of a chip, for programs: ``max_sdram_per_chip`` in SpiNNMachine's ``version_spin1.py``.
CHIP_SDRAM_BYTES = 123_469_792
#: The Graph Front End's number of a board -> what :mod:`dlgraph.energy` calls it.
BOARD_OF_VERSION = {"3": "spinn3", "5": "spinn5"}


@dataclass(frozen=True)
class RunReport(PassReport):
    """One pass, in the run that it belongs to; ``str()`` makes a table of it, :meth:`save` a page of HTML.

    In Jupyter, a report at the end of a cell shows the page.

    :param emulated: whether the machine is software
    :param board: ``"3"`` or ``"5"``, as the Graph Front End numbers boards; empty where none took part
    :param boards: how many of them
    :param batch_size: of the pass; None of a pass that only goes forward
    :param cores: every core; empty on the host
    :param packets: None where they are not counted by router, as on a board
    :param network: its layers and how they are cut
    :param set_up: stage -> seconds, by the host's clock, of the last set-up of the network on the machine
    :param upload: of the pass's samples; None where they were on the machine already, and on the host
    :param curves: loss, metrics and machine time over the epochs of the last call of ``train``, those before a
        checkpoint that it went on from among them
    """

    emulated: bool = False
    board: str = ""
    batch_size: int | None = None
    cores: tuple[CoreWork, ...] = field(default=(), repr=False)
    packets: PassPackets | None = field(default=None, repr=False)
    network: Description | None = field(default=None, repr=False)
    set_up: Mapping[str, float] = field(default_factory=dict, repr=False)
    upload: Upload | None = None
    curves: tuple[Curve, ...] = field(default=(), repr=False)
    boards: int = 1

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"{what}: {told}" for what, told in self._host_side().items())])

    def _host_side(self) -> dict[str, str]:
        """What the host did for the pass, in words."""
        told = {"set-up": words(self.set_up)} if self.set_up else {}
        return told if self.upload is None else {**told, "upload of samples": str(self.upload)}

    def page(self, *, title: str | None = None, date: Any = None, others: Sequence[Compared] = (), test_error: float | None = None,
             cycles: Sequence[CycleBar] = (), facts: Mapping[str, Any] | None = None) -> Run:
        """What the page shows, as data; ``as_json()`` makes of it what JSON has.

        :param title: None for the network's name, loss and optimiser
        :param date: of the run, as it is to be shown; left out where it is not given, so that the same run gives the same page
        :param others: rows of a table beside this run's
        :param test_error: of this run, 0 to 1, for its row there
        :param cycles: where the cycles of each kind of core went, if that is known
        :param facts: more to be shown at the top: what -> value
        :raises DataError: for rows of other types
        """
        for name, rows, kind in (("others", others, Compared), ("cycles", cycles, CycleBar)):
            if isinstance(rows, kind) or not all(isinstance(row, kind) for row in rows):
                raise DataError(f"{name} has what is no {kind.__name__}. Give a list of dlgraph.pages.{kind.__name__}.")
        if test_error is not None and not 0 <= test_error <= 1:
            raise DataError(f"test_error={test_error!r} cannot be. Give a share of the test samples, from 0 to 1.")
        known = {"date": date, "batch size": self.batch_size, **self._host_side(), **(facts or {})}
        name = self.network.title if self.network is not None else self.title
        return Run(
            name if title is None else title, self.machine, self.emulated,
            tuple((what, str(value)) for what, value in known.items() if value is not None), self.title, self.n_samples,
            self.machine_seconds, self._layers(), self.curves,
            tuple(StageUse(**vars(stage)) for stage in self.stages), tuple(cycles), self.board, _chips(self.cores),
            () if self.packets is None else tuple(LinkUse(**vars(link)) for link in self.packets.links),
            DTCM_HEAP_BYTES, CHIP_SDRAM_BYTES, self._energy(), tuple(others), test_error, self.boards)

    def html(self, **shown: Any) -> str:
        """The page as text.

        :param shown: as for :meth:`page`
        """
        return document([self.page(**shown)])

    def save(self, path: Any, **shown: Any) -> Path:
        """Write the page: one file, that a browser shows without a network.

        :param path: such as ``"run.html"``; a file that is there is replaced
        :param shown: as for :meth:`page`
        :raises DataError: where that is no name of a file
        :raises OSError: where it cannot be written
        """
        return save_page(path, self.html(**shown))

    def _repr_html_(self) -> str:
        """For Jupyter, in a frame: the page's style stays its own."""
        return f'<iframe srcdoc="{escape(self.html())}" sandbox="" style="width:100%;height:40rem;border:0"></iframe>'

    def _layers(self) -> tuple[LayerWords, ...]:
        if self.network is None:
            return ()
        cut = {name: cores.cut for name, cores in self.network.cores.items()}
        on = {name: f"on {other}" for name, other in self.network.runs_on.items()}
        return tuple(LayerWords(layer.name, layer.does, product(layer.gives), layer.values, layer.n_parameters,
                                cut.get(layer.name) or on.get(layer.name, "")) for layer in self.network.layers)

    def _energy(self) -> EnergyUse | None:
        board = BOARD_OF_VERSION.get(self.board)
        longest = max((core.cycles for core in self.cores), default=0)
        if board is None or not longest or not self.machine_seconds:
            return None
        # of the last fill, as a share of it, for the whole pass
        awake = sum(core.cycles - core.waiting_cycles for core in self.cores) / longest * self.machine_seconds
        n_loaded = len(self.cores) + system_cores(board, self.boards)
        routed = 0 if self.packets is None else self.packets.routed
        used = energy(board, self.machine_seconds, n_loaded, awake, routed, boards=self.boards)
        return EnergyUse(used.board_idle, used.cores, None if self.packets is None else used.packets, used.cores_awake, n_loaded,
                         method(board, self.emulated, n_loaded, None if self.packets is None else routed, self.boards))


def curves_of(history: History | None) -> tuple[Curve, ...]:
    """Loss and metrics, of training and of validation, then machine time: what a history tells of.

    What was not noted in every epoch is left out, as a history does not say in which it was (``validation_freq``).
    """
    if history is None:
        return ()
    found = []
    for quantity in sorted({name.removeprefix(VALIDATION) for name in history.history}, key=lambda name: (name != "loss", name)):
        for series, name in (("training", quantity), ("validation", VALIDATION + quantity)):
            values = history.history.get(name, [])
            if len(values) == len(history.epoch):
                found.append(Curve(quantity, series, tuple((number + 1, float(value))
                                                           for number, value in zip(history.epoch, values, strict=True))))
    timed = tuple((number + 1, seconds) for number, seconds in zip(history.epoch, history.machine_seconds) if seconds)
    return tuple(curve for curve in (*found, Curve("machine time of an epoch, s", "machine time", timed, from_zero=True))
                 if curve.points)


def save_page(path: Any, page: str) -> Path:
    """Write a page to a file.

    :raises DataError: where ``path`` is no name of a file
    :raises OSError: where it cannot be written
    """
    name = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(name, str) or not name or "\0" in name:
        raise DataError(f"path={path!r} is not a path. Give the name of a file, such as 'run.html'.")
    if os.path.isdir(name):
        raise DataError(f"path={name!r} is a folder. Give the name of a file, such as {os.path.join(name, 'run.html')!r}.")
    write_whole(Path(name), page.encode())
    return Path(name)


def _chips(cores: Sequence[CoreWork]) -> tuple[ChipUse, ...]:
    """The cores of each chip together; cores whose chip is not known are left out."""
    longest = max((core.cycles for core in cores), default=0)
    together: dict[tuple[int, int], list[CoreWork]] = {}
    for core in cores:
        if core.chip is not None:
            together.setdefault(core.chip, []).append(core)
    found = []
    for (x, y), own in sorted(together.items()):
        busiest = max(own, key=lambda core: core.cycles - core.waiting_cycles)
        found.append(ChipUse(x, y, len(own), (busiest.cycles - busiest.waiting_cycles) / max(1, longest), busiest.label,
                             max(core.dtcm_bytes for core in own), sum(core.sdram_bytes for core in own)))
    return tuple(found)
