"""Answers of SC&MP to CMD_COUNT that hold no count."""
import struct

import pytest
from spinnman.exceptions import SpinnmanUnexpectedResponseCodeException
from spinnman.messages.scp.enums import SCPResult
from spinnman.messages.scp.impl.count_state_response import CountStateResponse

from dlgraph.gfe.counts import incomplete_counts

SDP_HEADER = struct.pack("<8B", 0x07, 0xff, 0xff, 0, 0, 0, 0, 0)


def answer(result: SCPResult, *words: int) -> bytes:
    return SDP_HEADER + struct.pack(f"<2H{len(words)}I", result.value, 1, *words)


def count(data: bytes) -> int:
    response = CountStateResponse()
    response.read_bytestring(data, 0)
    return response.count


@pytest.mark.parametrize("result", [SCPResult.RC_OK, SCPResult.RC_P2P_NOREPLY])
def test_without_a_count(result: SCPResult) -> None:
    with incomplete_counts():
        assert count(answer(result)) == 0
        assert count(answer(result, 747)) == 747
    with pytest.raises(struct.error):
        count(answer(result))


def test_other_answers_are_errors_still() -> None:
    with incomplete_counts(), pytest.raises(SpinnmanUnexpectedResponseCodeException):
        count(answer(SCPResult.RC_TIMEOUT))
