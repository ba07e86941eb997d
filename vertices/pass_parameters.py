"""What the host tells a vertex before a pass, and what the vertex tells after it.

C side: ``pass_parameters_t`` and ``pass_result_t`` in ``c_models/layers/vertex.h``.
"""
from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from dlgraph.mapping.stages import MAX_OPERATIONS
from dlgraph.update_words import CONSTANT_WORDS, NO_STEP


#: ``enum pass_load``, the flags in ``load_parameters``; its other bits are the address of parameters that do not lie in the
#: vertex's own region.
LOAD, FRESH_STATE = 1, 2


@dataclass(frozen=True)
class PassParameters:
    """One pass over samples; every field is one or more unsigned 32-bit words, in this order."""

    training: int = 0
    load_parameters: int = 0
    keep_outputs: int = 0
    n_samples: int = 0
    batch_size: int = 1
    n_batches: int = 0
    whole_batch: int = 1
    replica: int = 0
    n_replicas: int = 1
    n_order: int = 0
    first_position: int = 0
    order_half_bits: int = 1
    order_key_0: int = 0
    order_key_1: int = 0
    order_key_2: int = 0
    order_key_3: int = 0
    order_key_4: int = 0
    order_key_5: int = 0
    n_data_order: int = 0
    data_position: int = 0
    seed: int = 0
    epoch: int = 0
    samples_offset: int = 0
    row_bytes: int = 0
    code_bytes: int = 1
    has_targets: int = 0
    has_weights: int = 0
    progress_cycles: int = 0
    gradient_shift: int = 0
    bias_shift: int = 0
    step_words: int = 0
    optimiser: tuple[int, ...] = (0,) * CONSTANT_WORDS
    step: tuple[int, ...] = NO_STEP.words()
    last_step: tuple[int, ...] = NO_STEP.words()
    bias_step: tuple[int, ...] = NO_STEP.words()
    last_bias_step: tuple[int, ...] = NO_STEP.words()

    def of_replica(self, replica: int, n_replicas: int) -> PassParameters:
        """The same for one of several replicas of the network, which take the samples of every batch in turn."""
        whole_batches, rest = divmod(self.n_samples, self.batch_size)
        own = _turns(self.batch_size, replica, n_replicas)
        return replace(self, n_samples=whole_batches * own + _turns(rest, replica, n_replicas), batch_size=max(1, own),
                       replica=replica, n_replicas=n_replicas)

    def words(self) -> npt.NDArray[np.uint32]:
        return np.hstack([np.array(getattr(self, field.name), np.uint32) for field in fields(self)])


def _turns(n: int, replica: int, n_replicas: int) -> int:
    """How many of n samples a replica takes."""
    return max(0, -(-(n - replica) // n_replicas))


PASS_PARAMETER_BYTES = PassParameters().words().nbytes

STATUS_OK = 0
STATUS_SUM_OVERFLOW = 1
STATUS_SILENCE = 2


@dataclass(frozen=True)
class VertexResult:
    """What one vertex counted in a pass; ``pass_result_t``."""

    status: int
    saturations: int
    packets_sent: int
    packets_received: int
    packets_repeated: int
    packets_foreign: int
    cycles: int
    waiting_cycles: int
    loss_sum: int
    n_correct: int
    samples_done: int
    operation_saturations: tuple[int, ...] = (0,) * MAX_OPERATIONS
    packets_resent: int = 0
    requests: int = 0
    silent_stream: int = 0
    silent_sample: int = 0

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """:raises ValueError: if the length is wrong"""
        if len(data) != RESULT_BYTES:
            raise ValueError(f"a pass result has {RESULT_BYTES} bytes, not {len(data)}")
        words = [int(word) for word in np.frombuffer(data, "<u4")]
        status, saturations, sent, received, repeated, foreign = words[:6]
        loss = words[10] | words[11] << 32
        return cls(status, saturations, sent, received, repeated, foreign,
                   cycles=words[6] | words[7] << 32, waiting_cycles=words[8] | words[9] << 32,
                   loss_sum=loss - (1 << 64) if loss >> 63 else loss, n_correct=words[12], samples_done=words[13],
                   operation_saturations=tuple(words[14:14 + MAX_OPERATIONS]), packets_resent=words[-4], requests=words[-3],
                   silent_stream=words[-2], silent_sample=words[-1])


RESULT_BYTES = (14 + MAX_OPERATIONS + 4) * 4
