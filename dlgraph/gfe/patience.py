"""How long the host waits for an answer of an emulated machine, on a computer that may be slow.

The host software waits by the clock of its computer: a second for most answers, ten times, two for counts of cores.  SC&MP takes
microseconds to read a word and 11 ms to count the cores of three boards, by the clock of the machine.  Where hundreds of
emulated cores are busy, and other programs keep the computer busy too, 11 ms of that take two seconds and more of this, and the
host takes for dead what only had no time to answer.

So an answer of an emulated machine is late only when both have passed: the time by the computer's clock, and then
:data:`MACHINE_SECONDS` by the machine's.  Until then nothing is sent again either.  The machine's clock is looked at only where an
answer is late by the computer's.  A real board keeps time with the computer: there nothing is changed.
"""
from __future__ import annotations

import contextlib
import time
from typing import Any, Callable, Iterator

from spinn_machine import CoreSubsets
from spinnman.connections.scp_request_pipeline import SCPRequestPipeLine
from spinnman.exceptions import SpiNNManCoresNotInStateException, SpinnmanTimeoutException
from spinnman.model.enums import CPUState
from spinnman.transceiver.base_transceiver import BaseTransceiver

#: By the machine's clock.  What SC&MP has not answered by then it will not: it gives up on a chip that does not answer after some
#: 10 ms, and takes up to eight requests one after the other.
MACHINE_SECONDS = 0.1
#: Between two looks at the machine's clock, by the computer's.
LOOK_SECONDS = 0.2
#: Cores in these states will reach no other.
_FAILED = (CPUState.RUN_TIME_EXCEPTION, CPUState.WATCHDOG)

#: Seconds that a machine is on; None where it is gone.
Clock = Callable[[], float | None]

#: Of the emulated machine that the host talks to; None: a real one.
_clock: Clock | None = None


def _machine_seconds() -> float | None:
    return None if _clock is None else _clock()


class Deadline:
    """When an answer that is waited for from now on is late.

    :param seconds: by the computer's clock
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._machine_end: float | None = None

    def left(self) -> float:
        """Seconds to wait before this is asked again; 0 where the answer is late."""
        left = self._end - time.monotonic()
        if left > 0:
            return left
        now = _machine_seconds()
        if now is None:
            return 0.0
        if self._machine_end is None:
            self._machine_end = now + MACHINE_SECONDS
        return LOOK_SECONDS if now < self._machine_end else 0.0


def _wait_on(pipeline: SCPRequestPipeLine[Any]) -> bool:
    """After a time-out of SpiNNMan's: whether an answer came before it was late."""
    deadline = Deadline(0.0)
    while left := deadline.left():
        with contextlib.suppress(SpinnmanTimeoutException):
            pipeline._single_retrieve(left)
            return True
    return False


@contextlib.contextmanager
def waits_by(clock: Clock | None) -> Iterator[None]:
    """Meanwhile the host waits as long as the machine takes.

    :param clock: of an emulated machine; None: nothing is changed
    """
    global _clock
    if clock is None:
        yield
        return
    before, _clock = _clock, clock
    late, wait = SCPRequestPipeLine._handle_receive_timeout, BaseTransceiver.wait_for_cores_to_be_in_state

    def handle_timeout(self: SCPRequestPipeLine[Any]) -> None:
        if not _wait_on(self):
            late(self)

    def wait_for_cores(self: BaseTransceiver, all_core_subsets: CoreSubsets, *arguments: Any, timeout: float | None = None,
                       **options: Any) -> None:
        _wait_for_cores(lambda seconds: wait(self, all_core_subsets, *arguments, timeout=seconds, **options), timeout)

    SCPRequestPipeLine._handle_receive_timeout = handle_timeout              # type: ignore[method-assign]
    BaseTransceiver.wait_for_cores_to_be_in_state = wait_for_cores           # type: ignore[method-assign]
    try:
        yield
    finally:
        _clock = before
        SCPRequestPipeLine._handle_receive_timeout = late                    # type: ignore[method-assign]
        BaseTransceiver.wait_for_cores_to_be_in_state = wait                 # type: ignore[method-assign]


def _wait_for_cores(wait: Callable[[float | None], None], seconds: float | None) -> None:
    """
    :param wait: SpiNNMan's wait for cores, so many seconds by the computer's clock
    :param seconds: by whichever clock is slower; None: for ever
    :raises SpiNNManCoresNotInStateException: where they have not come that far, or failed
    """
    begun, left = _machine_seconds(), seconds
    while True:
        try:
            wait(left)
            return
        except SpiNNManCoresNotInStateException as error:
            now = _machine_seconds()
            if seconds is None or begun is None or now is None or _has_failed(error):
                raise
            left = begun + seconds - now
            if left <= 0:
                raise


def _has_failed(error: SpiNNManCoresNotInStateException) -> bool:
    states = error.failed_core_states()
    return any(states.get_cpu_info(*core).state in _FAILED for core in states)
