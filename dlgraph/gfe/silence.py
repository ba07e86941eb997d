"""Which vertex gave no sign of life, from what those said that waited for it (``on_silence`` in ``c_models/layers/vertex.c``)."""
from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Callable, Sequence

from pacman.model.placements import Placement

from dlgraph.mapping.plan import EXCHANGED, Core, Plan, Stream
from dlgraph.vertices import NetworkVertex
from dlgraph.vertices.pass_parameters import PassParameters
from dlgraph.vertices.stream_config import ends_in_order

SILENT = re.compile(r"stream (\d+) is silent, sample (\d+)$")


@dataclass(frozen=True)
class Silence:
    """What one core did not get.

    :param stream: of which there was nothing
    :param sample: of the consumer's own count
    :param consumer: who waited
    """

    stream: Stream
    sample: int
    consumer: Core


def silences(said: Sequence[tuple[NetworkVertex, str]]) -> list[Silence]:
    """What waiting cores said of streams.

    :param said: what cores wrote as errors, each with its vertex
    """
    found = []
    for vertex, text in said:
        match = SILENT.match(text)
        if match:
            number, sample = (int(group) for group in match.groups())
            found.append(Silence(ends_in_order(vertex.core)[number].stream, sample, vertex.core))
    return found


def explanation(found: Sequence[Silence], plan: Plan, parameters: PassParameters,
                placement: Callable[[Core], Placement]) -> str:
    """The vertex that most waited for, and that said nothing itself: its place, the stream, epoch and batch.

    :param found: at least one
    :param parameters: of the pass
    """
    complaining = {silence.consumer for silence in found}
    blamed = Counter(silence.stream.producer for silence in found if silence.stream.producer not in complaining)
    core = blamed.most_common(1)[0][0] if blamed else found[0].stream.producer
    first = min((silence for silence in found if silence.stream.producer is core), key=lambda silence: silence.sample)
    at = placement(core)
    where = f"batch {_batch(first, plan, parameters)}"
    where = f"epoch {parameters.epoch + 1}, {where}" if parameters.training else f"a pass without training, {where}"
    waiting = len({silence.consumer for silence in found if silence.stream.producer is core})
    others = "No other core" if waiting == 1 else f"{waiting - 1} more cores"
    return (f"{core.label}, on chip ({at.x}, {at.y}) core {at.p}, gives no sign of life: for a second of machine time nothing "
            f"of its stream of {first.stream.kind.value} came to {first.consumer.label} ({where}), nor an answer to requests. "
            f"{others} waited for it. The core, its chip or a link to it has died. The weights are those of the last finished "
            f"epoch; what is dead is left out where the machine is found anew.")


def _batch(silence: Silence, plan: Plan, parameters: PassParameters) -> int:
    """From 1, in the pass."""
    if silence.stream.kind in EXCHANGED:
        core = silence.consumer
        exchange = core.exchange
        assert exchange is not None
        return silence.sample // exchange.n_segments + 1
    own = parameters.of_replica(silence.consumer.replica, plan.replicas_of(silence.consumer))
    return silence.sample // own.batch_size + 1
