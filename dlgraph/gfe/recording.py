"""What probes recorded in the passes of one epoch, or of one prediction."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from dlgraph.gfe.tracing import in_format
from dlgraph.mapping.plan import Core, Plan
from dlgraph.mapping.probes import probes_of, record_words, segments_recorded
from dlgraph.mapping.sent_log import positions
from dlgraph.trace import StreamTrace
from dlgraph.vertices.pass_parameters import PassParameters

Records = npt.NDArray[np.int32]


class Recorder:
    """Takes the passes in, one after the other: an epoch takes several where SDRAM does not hold all samples.

    :param weight_unit: of the samples' weights, which errors are to be multiplied by
    """

    def __init__(self, plan: Plan, weight_unit: float) -> None:
        self._plan, self._weight_unit = plan, weight_unit
        self._records: dict[Core, Records] = {
            core: np.empty((0, record_words(core)), np.int32) for core, _ in probes_of(plan)}

    def take(self, parameters: PassParameters, read: Callable[[list[tuple[Core, int]]], list[bytes]]) -> None:
        """The pass that has ended.

        :param parameters: of all replicas
        :param read: (probe, number of bytes) of each -> what the region of its records begins with
        """
        came = {core: self._came(core, parameters) for core in self._records}
        wanted = [(core, 4 * record_words(core) * min(came[core], _most(core))) for core in self._records]
        for (core, _), data in zip(wanted, read(wanted), strict=True):
            rows = _in_order(core, np.frombuffer(data, "<i4").reshape(-1, record_words(core)), came[core]).copy()
            rows[:, 0] += parameters.data_position // parameters.whole_batch * segments_recorded(core)
            known = np.concatenate([self._records[core], rows])
            assert core.recording is not None
            self._records[core] = known[-_most(core):] if core.recording.last else known[:_most(core)]

    def _came(self, core: Core, parameters: PassParameters) -> int:
        """Samples, or segments, in a pass."""
        if segments_recorded(core):
            return parameters.training * parameters.n_batches * segments_recorded(core)
        return parameters.of_replica(core.replica, self._plan.replicas_of(core)).n_samples

    def traces(self) -> tuple[StreamTrace, ...]:
        """What went along each stream; rows in the order in which samples were taken."""
        found = []
        for core, stream in probes_of(self._plan):
            records = self._records[core]
            words = np.ascontiguousarray(records[:, 1 + positions(stream.index)])
            if core.exchange is not None:                # whatever lay in memory fills up the last segment
                segment = records[:, :1] % core.exchange.n_segments
                words[segment * core.exchange.segment + positions(stream.source) >= core.exchange.n_words] = 0
            found.append(StreamTrace(
                stream.kind.value, self._plan.stages[stream.producer.stage].name, stream.producer.label,
                tuple(consumer.label for consumer in stream.consumers if consumer is not core),
                records[:, 0].astype(np.int64), in_format(self._plan, stream, words, self._weight_unit)))
        return tuple(found)


def _most(core: Core) -> int:
    assert core.recording is not None
    return core.recording.n_samples


def _in_order(core: Core, rows: Records, n: int) -> Records:
    """Records of a pass in which ``n`` came, from first to last: where there were more, the last have taken others' places."""
    assert core.recording is not None
    if core.recording.last and n > len(rows):
        return np.roll(rows, -(n % len(rows)), axis=0)
    return rows
