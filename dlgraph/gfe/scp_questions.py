"""Questions to SC&MP that are put once.

SpiNNMan asks up to eleven times and waits for seconds where a chip is dead; whoever watches a run must know within one.  An
emulated machine that is slow gets the time that it needs (``patience.py``).
"""
from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from typing import Any, Sequence

from spinn_front_end_common.data import FecDataView
from spinnman.connections import scp_request_pipeline
from spinnman.exceptions import SpinnmanException, SpinnmanTimeoutException
from spinnman.messages.scp.enums import SCPResult

from dlgraph.gfe.patience import Deadline

#: Two bytes of padding and the SDP header, then result and sequence number, then what the command answers.
_RESULT_AT, _DATA_AT = 10, 14
_RESULT = struct.Struct("<HH")
_SEQUENCES = 1 << 16
#: SC&MP has few buffers: SpiNNMan has no more than so many questions open at a time.
_AT_ONCE = 8
#: To take what has come already, once the time is up.
_AT_HAND_SECONDS = 0.001
#: What SC&MP answers where another chip does not.
_UNREACHABLE = (SCPResult.RC_P2P_NOREPLY.value, SCPResult.RC_P2P_TIMEOUT.value, SCPResult.RC_ROUTE.value)


@dataclass(frozen=True)
class Answer:
    """What came back to one question.

    :param result: of SCP; None: nothing came
    :param data: behind it
    """

    result: int | None = None
    data: bytes = b""

    @property
    def complete(self) -> bool:
        """Whether it is the whole answer."""
        return self.result == SCPResult.RC_OK.value

    @property
    def unreachable(self) -> bool:
        """Whether the board says that the chip does not answer."""
        return self.result in _UNREACHABLE

    def word(self) -> int:
        """The first 32 bits, also of an answer that is not complete; 0 where there are none."""
        return int.from_bytes(self.data[:4], "little") if len(self.data) >= 4 else 0


def ask(requests: Sequence[Any], seconds: float) -> list[Answer]:
    """Put questions, a few at a time.

    :param requests: SpiNNMan's SCP requests
    :param seconds: how long to wait for an answer, by the host's clock; an emulated machine's counts as well
    :return: in the order of the questions
    """
    answers: list[Answer] = []
    for start in range(0, len(requests), _AT_ONCE):
        answers += _ask_few(requests[start:start + _AT_ONCE], seconds)
    return answers


def _ask_few(requests: Sequence[Any], seconds: float) -> list[Answer]:
    answers = [Answer()] * len(requests)
    selector = FecDataView.get_scamp_connection_selector()
    open_at: dict[Any, dict[int, int]] = {}
    # far from those that SpiNNMan gives its own requests, on the same connections
    first = scp_request_pipeline._next_sequence + _SEQUENCES // 2 + random.randrange(_SEQUENCES // 4)
    for i, request in enumerate(requests):
        connection = selector.get_next_connection(request)
        sequence = request.scp_request_header.sequence = (first + i) % _SEQUENCES
        connection.send(connection.get_scp_data(request))
        open_at.setdefault(connection, {})[sequence] = i
    deadline = Deadline(seconds)
    for connection, waiting in open_at.items():
        while waiting:
            left = deadline.left()
            try:
                datagram = connection.receive(max(left, _AT_HAND_SECONDS))
            except SpinnmanTimeoutException:             # none came yet
                if not left:
                    break
                continue
            except SpinnmanException:
                break
            if len(datagram) >= _DATA_AT:
                result, sequence = _RESULT.unpack_from(datagram, _RESULT_AT)
                place = waiting.pop(sequence, None)
                if place is not None:
                    answers[place] = Answer(result, datagram[_DATA_AT:])
    return answers
