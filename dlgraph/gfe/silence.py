"""Which vertex died, from what is known of a pass that will not end (``pass_end.py``)."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pacman.model.placements import Placement

from dlgraph.gfe.pass_end import BOARD_SECONDS, STALL_MS, Findings
from dlgraph.mapping.plan import EXCHANGED, Core, CoreKind, Plan, Stream
from dlgraph.vertices.pass_parameters import PassParameters
from dlgraph.vertices.stream_config import ends_in_order

MAX_NAMED = 4
#: Of what a program wrote.
MAX_LINES = 5
KEPT = "The weights are those of the last finished epoch"
AFTERWARDS = f"{KEPT}; what is dead is left out where the machine is found anew."


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


def silences(found: Findings) -> list[Silence]:
    """What waiting cores said of streams."""
    return [Silence(ends_in_order(vertex.core)[result.silent_stream].stream, result.silent_sample, vertex.core)
            for vertex, result in found.waited.items()]


def explanation(found: Findings, plan: Plan, parameters: PassParameters) -> str:
    """The vertex that died: its place, and the stream, epoch and batch where it is known what was waited for.

    :param parameters: of the pass
    """
    places = {vertex.core: place for vertex, place in found.places.items()}
    waited = silences(found)
    if waited:
        return f"{_of_silences(waited, found, places, plan, parameters)} {AFTERWARDS}"
    if found.ethernet is not None:
        cores = [core for core, place in places.items() if _chip(place) == found.ethernet]
        on_it = f"On it {_named(cores, places)}. " if cores else ""
        return (f"The board answers nothing, for {BOARD_SECONDS:.0f} seconds ({_pass(parameters)}): its chip {found.ethernet} with "
                f"the Ethernet has died, or the network on the way to it. {on_it}{KEPT}.")
    if found.unreachable:
        return f"{_of_chips(found, places, parameters)} {AFTERWARDS}"
    if found.monitors and not found.speechless:
        named = ", ".join(f"core {p} of chip ({x}, {y})" for x, y, p in found.monitors)
        return (f"{named[0].upper()}{named[1:]}, where the Graph Front End has a monitor of its own and the network no vertex, did "
                f"not answer the host ({_pass(parameters)}). The core has died. {AFTERWARDS}")
    if found.speechless:
        cores = [vertex.core for vertex in found.speechless]
        does = "does" if len(cores) == 1 else "do"
        return (f"{_named(cores, places)}, {does} not answer the host, which asks all cores before a pass and after it "
                f"({_pass(parameters)}). The core has died. {AFTERWARDS}")
    cores = [vertex.core for vertex in found.unfinished]
    does = "does" if len(cores) == 1 else "do"
    return (f"{_named(cores, places)}, {does} not end {_pass(parameters)}, batch {_last_batch(parameters)}: all others have, "
            f"{STALL_MS / 1000:g} seconds of machine time ago, and wait for nothing. The core has died. {AFTERWARDS}")


def _of_silences(waited: list[Silence], found: Findings, places: dict[Core, Placement], plan: Plan,
                 parameters: PassParameters) -> str:
    """The vertex that most waited for, and that said nothing itself; rather one whose chip does not answer."""
    complaining = {silence.consumer for silence in waited}
    blamed = Counter(silence.stream.producer for silence in waited if silence.stream.producer not in complaining)
    gone = Counter({core: n for core, n in blamed.items() if _chip(places[core]) in found.unreachable})
    core = (gone or blamed).most_common(1)[0][0] if blamed else waited[0].stream.producer
    first = min((silence for silence in waited if silence.stream.producer is core), key=lambda silence: silence.sample)
    waiting = len({silence.consumer for silence in waited if silence.stream.producer is core})
    others = "No other core" if waiting == 1 else "1 more core" if waiting == 2 else f"{waiting - 1} more cores"
    died = ("Its chip does not answer the host either: the chip, its monitor or a link to it has died."
            if _chip(places[core]) in found.unreachable else "The core, its chip or a link to it has died.")
    more = len(blamed) - 1
    also = f" {more} other vert{'ex was' if more == 1 else 'ices were'} waited for in vain as well." if more > 0 else ""
    if core.kind is CoreKind.CUSTOM_TILE and _chip(places[core]) not in found.unreachable:
        died = f"The core, its chip or a link to it has died, or its program does not come to an end.{_written(found, core)}"
    return (f"{_named([core], places)}, gives no sign of life: for a second of machine time nothing "
            f"of its stream of {first.stream.kind.value} came to {first.consumer.label} ({_pass(parameters)}, batch "
            f"{_batch(first, plan, parameters)}), nor an answer to requests. {others} waited for it.{also} {died}")


def _written(found: Findings, core: Core) -> str:
    """The last lines that its program left in IOBUF, as far as they are known."""
    lines = [line for vertex, text in found.written.items() if vertex.core is core for line in text.splitlines() if line]
    return f" It wrote last: {' / '.join(lines[-MAX_LINES:])}." if lines else ""


def _of_chips(found: Findings, places: dict[Core, Placement], parameters: PassParameters) -> str:
    """Chips of which nobody waits for anything."""
    chips = sorted(found.unreachable)
    cores = [core for core, place in places.items() if _chip(place) in found.unreachable]
    one = len(chips) == 1
    return (f"Chip{'' if one else 's'} {', '.join(map(str, chips))} {'does' if one else 'do'} not answer the host, for "
            f"{STALL_MS / 1000:g} seconds of machine time ({_pass(parameters)}), while no other core waits for one there: the "
            f"monitor, or a link to it, has died, or all of the chip. "
            + (f"On it {_named(cores, places)}." if cores else "No vertex of the network is on it."))


def _chip(place: Placement) -> tuple[int, int]:
    return place.x, place.y


def _named(cores: list[Core], places: dict[Core, Placement]) -> str:
    """Vertices and where they are."""
    named = [f"{core.label}, on chip ({places[core].x}, {places[core].y}) core {places[core].p}" for core in cores[:MAX_NAMED]]
    more = f"; and {len(cores) - MAX_NAMED} more" if len(cores) > MAX_NAMED else ""
    return "; ".join(named) + more


def _pass(parameters: PassParameters) -> str:
    return f"epoch {parameters.epoch + 1}" if parameters.training else "a pass without training"


def _first_batch(parameters: PassParameters) -> int:
    """In the epoch, from 0: an epoch may take several passes."""
    return parameters.data_position // parameters.batch_size


def _last_batch(parameters: PassParameters) -> int:
    return _first_batch(parameters) + max(1, parameters.n_batches)


def _batch(silence: Silence, plan: Plan, parameters: PassParameters) -> int:
    """From 1, in the epoch."""
    if silence.stream.kind in EXCHANGED:
        core = silence.consumer
        exchange = core.exchange
        assert exchange is not None
        return _first_batch(parameters) + silence.sample // exchange.n_segments + 1
    # what goes between a replica and those that all share is counted as the replica does
    core = max((silence.stream.producer, silence.consumer), key=plan.replicas_of)
    own = parameters.of_replica(core.replica, plan.replicas_of(core))
    return _first_batch(parameters) + silence.sample // own.batch_size + 1
