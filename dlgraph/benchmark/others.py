"""How much of this computer's processors other programs take while one is measured: what a fair comparison has to say.

Linux counts the time that all processors spend (``/proc/stat``, ``proc(5)``, in ticks): all of it but *idle* and *iowait* is
work, or time that a hypervisor gave to others (*steal*).  What of it is not this process' own is others'.
"""
from __future__ import annotations

import os
import time
from pathlib import Path

STAT = Path("/proc/stat")
#: Fields of the first line that are no work: idle, iowait; and guests', which are among user's already.
_NO_WORK = (3, 4, 8, 9)


def busy_ticks(text: str) -> int:
    """Of all processors, from what ``/proc/stat`` says."""
    fields = [int(field) for field in text.partition("\n")[0].split()[1:]]
    return sum(ticks for number, ticks in enumerate(fields) if number not in _NO_WORK)


class Others:
    """Looks from when it is made on.

    :param n_alike: processes like this one, that work as much
    """

    def __init__(self, n_alike: int = 1) -> None:
        self._n_alike = n_alike
        self._start = self._now()

    def share(self) -> float | None:
        """Of the time of all processors since then, 0 .. 1; None where the system does not say."""
        now = self._now()
        if now is None or self._start is None:
            return None
        wall, busy, own = (after - before for after, before in zip(now, self._start, strict=True))
        n_processors = os.cpu_count() or 1
        return min(1.0, max(0.0, (busy - self._n_alike * own) / (n_processors * wall))) if wall > 0 else None

    @staticmethod
    def _now() -> tuple[float, float, float] | None:
        """Seconds: of the clock, of work of all processors, of this process."""
        try:
            busy = busy_ticks(STAT.read_text(encoding="ascii")) / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError):
            return None
        return time.monotonic(), busy, time.process_time()
