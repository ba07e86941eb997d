"""What a run says while it goes: a live line on a terminal, plain lines elsewhere, nothing when silent."""
from __future__ import annotations

import shutil
import sys
import threading
import time
from typing import TextIO

from dlgraph.errors import DataError
from dlgraph.layer_graph import PassResult

#: Clock of SpiNNaker's cores, in Hz: machine time is counted in its cycles.
MACHINE_HZ = 200_000_000
_REDRAW_SECONDS = 0.1       #: at least this long between two drawings of the live line
_PLAIN_SECONDS = 30.0       #: at least this long between two plain lines inside a pass
_STAGE_SECONDS = 2.0        #: at least this long between two plain lines that name stages of mapping and loading
_BAR_CELLS = 20


def check_verbose(verbose: object) -> int:
    """0, 1 or 2, as Keras has it; "auto" is 1.

    :raises DataError: for anything else
    """
    if verbose == "auto":
        return 1
    for level in (0, 1, 2):
        if verbose == level:
            return level
    raise DataError(f"verbose={verbose!r} is not known. Give 'auto', 0 (silent), 1 (live) or 2 (one line per epoch).")


def machine_seconds(result: PassResult) -> float:
    """Time on the machine from the first sample to the last update; 0 on the host."""
    return result.machine_cycles / MACHINE_HZ


class Report:
    """Says how the passes of one call go.

    :param verbose: 0 silent, 1 live, 2 one line per pass
    :param machine: such as ``"emulated SpiNN-5 board"``
    :param emulated: whether the machine is software; every rate says so
    :param n_passes: epochs of the call, for the time left
    :param stream: where to; None for standard output
    """

    def __init__(self, verbose: int, machine: str, emulated: bool, n_passes: int = 1,
                 stream: TextIO | None = None) -> None:
        self.verbose = verbose
        self.machine = machine
        self.emulated = emulated
        self.n_passes = n_passes
        self.stream = stream if stream is not None else sys.stdout
        self.live = verbose == 1 and self.stream.isatty()
        #: Samples per second on the machine in the last pass; 0 where not known.
        self.machine_rate = 0.0
        self._line_open = False

    def begin(self, text: str) -> None:
        """Say what is about to run, and on which machine."""
        if self.verbose:
            self.line(f"{text} on the {self.machine}")

    def open_pass(self, title: str, index: int, n_samples: int) -> Pass:
        """A pass over samples begins.

        :param title: such as ``"Epoch 2/5"``
        :param index: how many passes of this call are done already
        """
        return Pass(self, title, index, n_samples)

    def note(self, text: str) -> None:
        """A line of its own, unless silent."""
        if self.verbose:
            self.line(text)

    def line(self, text: str) -> None:
        """Write a line that stays, in place of the live one."""
        self.stream.write(("\r\x1b[K" if self._line_open else "") + text + "\n")
        self.stream.flush()
        self._line_open = False

    def redraw(self, text: str) -> None:
        """Replace the live line."""
        width = max(20, shutil.get_terminal_size().columns - 1)
        self.stream.write("\r\x1b[K" + text[:width])
        self.stream.flush()
        self._line_open = True

    def abandon(self) -> None:
        """Leave the cursor on a fresh line, after an interrupt."""
        if self._line_open:
            self.stream.write("\n")
            self.stream.flush()
            self._line_open = False


class Pass:
    """One pass over the samples: an epoch of training, or one time forward."""

    def __init__(self, report: Report, title: str, index: int, n_samples: int) -> None:
        self._report = report
        self._title = title
        self._index = index
        self._n = n_samples
        self._start = self._last = time.monotonic()
        #: Stage of mapping and loading that is under way.
        self._stage = "setting up"
        self._setting_up = False
        self._lock = threading.Lock()       # progress may come from a thread that listens to the machine
        self._closed = False
        #: When progress first came, and with how many samples: the pace is taken from there on, as a first pass
        #: begins with mapping and loading.
        self._paced_from: tuple[float, int] | None = None
        if report.live:
            self.update(0, {})

    def set_up(self, stage: str) -> None:
        """Show that a stage of mapping and loading begins: on a terminal in the live line, elsewhere by a line now and then."""
        with self._lock:
            if self._closed or self._report.verbose != 1:
                return
            self._stage, first, self._setting_up = stage, not self._setting_up, True
            if self._report.live:
                self._show(0, {}, 0)
            elif first or time.monotonic() - self._last >= _STAGE_SECONDS:
                self._last = time.monotonic()
                self._report.line(f"{self._title}  {stage}")

    def update(self, done: int, values: dict[str, float], machine_cycles: int = 0) -> None:
        """Show how far the pass is.

        :param done: samples done
        :param values: name -> mean so far
        :param machine_cycles: cycles so far of this pass, 0 where not known yet
        """
        with self._lock:
            if not self._closed:
                self._show(done, values, machine_cycles)

    def _show(self, done: int, values: dict[str, float], machine_cycles: int) -> None:
        report, now = self._report, time.monotonic()
        if done and self._paced_from is None:
            self._paced_from = (now, done)
        wait = _REDRAW_SECONDS if report.live else _PLAIN_SECONDS
        if report.verbose != 1 or (done and now - self._last < wait):
            return
        self._last = now
        parts = [self._title]
        if report.live:
            filled = min(_BAR_CELLS, _BAR_CELLS * done // max(1, self._n))
            parts.append("[" + "=" * filled + " " * (_BAR_CELLS - filled) + "]")
        parts += [f"{done}/{self._n}", *_values(values)]
        rate = done * MACHINE_HZ / machine_cycles if machine_cycles else report.machine_rate
        if rate:
            parts.append(self._rate(rate))
        if not done and (self._index == 0 or self._setting_up):
            parts.append(self._stage)
        left = self._left(done, now)
        if left is not None:
            parts.append(f"ETA {duration(left)}")
        (report.redraw if report.live else report.line)("  ".join(parts))

    def close(self, result: PassResult, values: dict[str, float]) -> None:
        """The pass is over: one line that stays."""
        report = self._report
        with self._lock:
            self._closed = True
        seconds = machine_seconds(result)
        parts = [self._title, f"{result.n_samples}/{self._n}", *_values(values)]
        if seconds:
            report.machine_rate = result.n_samples / seconds
            parts.append(self._rate(report.machine_rate))
        parts.append(duration(time.monotonic() - self._start))
        if report.verbose:
            report.line("  ".join(parts))

    def _left(self, done: int, now: float) -> float | None:
        """Seconds left in this call, by the pace of this pass; None where it is not known yet."""
        if self._paced_from is None or done <= self._paced_from[1]:
            return None
        start, first = self._paced_from
        per_sample = (now - start) / (done - first)
        return per_sample * (self._n - done + self._n * (self._report.n_passes - self._index - 1))

    def _rate(self, rate: float) -> str:
        return f"{rate:.0f} samples/s ({'emulated' if self._report.emulated else 'machine time'})"


def duration(seconds: float) -> str:
    """``"4.2 s"``, ``"1:05"`` or ``"2:01:05"``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _values(values: dict[str, float]) -> list[str]:
    return [f"{name}: {value:.4f}" for name, value in values.items()]
