"""Many blocks written or read by plain SCP, one request behind the other.

SpiNNMan's ``write_memory`` and ``read_memory`` wait at the end of every block for all answers.  A graph has thousands of small
blocks, so there the host would mostly wait; here it waits at the end of all.
"""
from __future__ import annotations

from functools import partial
from typing import Sequence

from spinn_front_end_common.data import FecDataView
from spinnman.constants import UDP_MESSAGE_MAX_SIZE
from spinnman.messages.scp.impl import CheckOKResponse, ReadMemory, WriteMemory
from spinnman.messages.scp.impl.read_memory import Response
from spinnman.processes import AbstractMultiConnectionProcess

#: Requests before all answers are waited for.  Sequence numbers come again after 65,536 requests: where one is still unanswered,
#: SpiNNMan forgets that request and waits for it for ever (``scp_request_pipeline.py``, ``_requests``).
AT_ONCE = 1 << 14

#: (x, y, address, bytes).
Block = tuple[int, int, int, bytes]


class _Writes(AbstractMultiConnectionProcess[CheckOKResponse]):
    """Some requests, a few of them unanswered at a time, as far as all are answered: a chip that has died would be asked for each
    of its pieces, a few in some seconds.
    """

    __slots__ = ()

    def __call__(self, pieces: Sequence[Block]) -> None:
        with self._collect_responses():
            for x, y, address, data in pieces:
                if self.is_error():
                    break
                self._send_request(WriteMemory((x, y, 0), address, data))


class _Reads(AbstractMultiConnectionProcess[Response]):
    """The same; each piece is put into its place of an array."""

    __slots__ = ()

    def __call__(self, pieces: Sequence[tuple[int, int, int, memoryview]]) -> None:
        with self._collect_responses():
            for x, y, address, place in pieces:
                if self.is_error():
                    break
                self._send_request(ReadMemory((x, y, 0), address, len(place)), partial(_keep, place))


def _keep(place: memoryview, response: Response) -> None:
    place[:] = response.data[response.offset:response.offset + response.length]


def write_plainly(blocks: Sequence[Block]) -> None:
    """Write blocks to chips' memories.

    :raises SpinnmanException: where a chip does not answer
    """
    pieces = [(x, y, address + start, bytes(data[start:start + UDP_MESSAGE_MAX_SIZE])) for x, y, address, data in blocks
              for start in range(0, len(data), UDP_MESSAGE_MAX_SIZE)]
    for start in range(0, len(pieces), AT_ONCE):
        _Writes(FecDataView.get_scamp_connection_selector())(pieces[start:start + AT_ONCE])


def read_plainly(blocks: Sequence[tuple[int, int, int, int]]) -> list[bytes]:
    """Read (x, y, address, number of bytes) blocks.

    :raises SpinnmanException: where a chip does not answer
    """
    found = [bytearray(n_bytes) for *_, n_bytes in blocks]
    pieces = [(x, y, address + start, memoryview(data)[start:start + UDP_MESSAGE_MAX_SIZE])
              for (x, y, address, n_bytes), data in zip(blocks, found, strict=True)
              for start in range(0, n_bytes, UDP_MESSAGE_MAX_SIZE)]
    for start in range(0, len(pieces), AT_ONCE):
        _Reads(FecDataView.get_scamp_connection_selector())(pieces[start:start + AT_ONCE])
    return [bytes(data) for data in found]
