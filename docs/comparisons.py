"""How SpiNNaker compares, in factors, verdicts and words, worked out from records; see ``competitive.py``."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dlgraph.benchmark.published import PublishedFigure, published
from dlgraph.benchmark.table import significant
from dlgraph.networks.published import PUBLISHED

Record = Mapping[str, Any]
SPINNAKER, CPU = "spinnaker", "cpu"
SPEED, SPEED_ONE = "samples/s, best batch", "samples/s, one sample"
WHOLE, WHOLE_ONE = "energy, whole devices, best batch", "energy, whole devices, one sample"
USED, USED_ONE = "energy, parts in use, best batch", "energy, parts in use, one sample"
_DEVICE_WORDS = {CPU: "the processor of this computer", "gpu": "its GPU", "distributed": "two workers on that processor"}


#: Share of processor time of other programs, from which on a record tells nothing of how a processor compares.
TOO_BUSY = 0.2


@dataclass(frozen=True)
class Ratio:
    """SpiNNaker and another device, on one network.

    :param what: is compared
    :param factor: from 1: by so much the better is better
    :param ahead: whether that is SpiNNaker
    """

    network: str
    device: str
    what: str
    factor: float
    ahead: bool


@dataclass(frozen=True)
class _Best:
    """Of one device on one network, in batches of one kind."""

    samples_per_s: float
    whole: float | None
    used: float | None


def fairest(record: Record, to_the_end: Record | None) -> Record:
    """With the rows of trainings to the end: what Keras does once an epoch weighs less in those than in a short comparison.

    :param to_the_end: of ``dlgraph benchmark --to-the-end``; None where there is none
    """
    return record if to_the_end is None else {**record, "rows": [*record["rows"], *to_the_end["rows"]]}


def ratios(record: Record) -> list[Ratio]:
    """All that both have, network by network."""
    found = []
    devices = dict.fromkeys(row["device"] for row in record["rows"] if row["device"] != SPINNAKER)
    for network in dict.fromkeys(row["network"] for row in record["rows"]):
        for device in devices:
            for one, speed, whole, used in ((False, SPEED, WHOLE, USED), (True, SPEED_ONE, WHOLE_ONE, USED_ONE)):
                ours, theirs = (_best(record, network, name, one) for name in (SPINNAKER, device))
                if ours is None or theirs is None:
                    continue
                found.append(_ratio(network, device, speed, ours.samples_per_s / theirs.samples_per_s))
                for what, own, other in ((whole, ours.whole, theirs.whole), (used, ours.used, theirs.used)):
                    if own is not None and other is not None:
                        found.append(_ratio(network, device, what, other / own))
    return found


def _ratio(network: str, device: str, what: str, better: float) -> Ratio:
    """:param better: by how much SpiNNaker is, below 1 where it is worse"""
    return Ratio(network, device, what, better if better >= 1 else 1 / better, better >= 1)


def _best(record: Record, network: str, device: str, one: bool) -> _Best | None:
    """In batches of one sample; or in the larger ones that are fastest, whose joules are lowest as well where power is constant."""
    rows = [row["figures"] for row in record["rows"]
            if (row["network"], row["device"], row["kind"] == "one") == (network, device, one)]
    if not rows:
        return None
    best = max(rows, key=lambda figures: figures["samples_per_s"]["median"])
    whole, share = (None if best[name] is None else float(best[name]["median"])
                    for name in ("joules_per_sample", "joules_per_sample_share"))
    return _Best(best["samples_per_s"]["median"], whole, whole if share is None else share)


def kept_alone(record: Record) -> dict[str, dict[str, float]]:
    """Device -> network -> share of its best speed that it keeps in batches of one sample."""
    kept: dict[str, dict[str, float]] = {}
    for device in dict.fromkeys(row["device"] for row in record["rows"]):
        for network in dict.fromkeys(row["network"] for row in record["rows"]):
            one, best = (_best(record, network, device, alone) for alone in (True, False))
            if one is not None and best is not None:
                kept.setdefault(device, {})[network] = one.samples_per_s / best.samples_per_s
    return kept


def verdicts(found: list[Ratio]) -> dict[tuple[str, str], list[Ratio]]:
    """(what is compared, device) -> networks."""
    together: dict[tuple[str, str], list[Ratio]] = {}
    for what in (SPEED, WHOLE, USED, SPEED_ONE, WHOLE_ONE, USED_ONE):
        for each in found:
            if each.what == what:
                together.setdefault((what, each.device), []).append(each)
    return together


def range_words(found: list[Ratio], better: str, worse: str) -> str:
    """From the worst to the best: "3 to 5 times slower", or which network is at which end.

    :param better: such as "faster"
    """
    order = sorted(found, key=lambda each: each.factor if each.ahead else 1 / each.factor)
    ends = [order[0], order[-1]]
    if ends[0].ahead == ends[1].ahead:
        low, high = sorted((significant(each.factor) for each in ends), key=lambda text: float(text.replace(",", "")))
        return f"{low if low == high else f'{low} to {high}'} times {better if ends[0].ahead else worse}"
    low, high = (f"{significant(end.factor)} times {word} ({PUBLISHED[end.network].title})"
                 for end, word in zip(ends, (worse, better), strict=True))
    return f"from {low} to {high}"


def lead(found: list[Ratio]) -> str:
    """The first words, from the comparison with the CPU: yes where SpiNNaker is ahead on all networks, no where on none."""
    of_cpu = {what: {each.ahead for each in found if each.device == CPU and each.what == what} for what in (SPEED, WHOLE, USED)}
    said = {what: "yes" if ahead == {True} else "no" if ahead == {False} else "on some networks" for what, ahead in of_cpu.items()
            if ahead}
    if not said:
        return "There is nothing to compare yet."
    energies = [said[what] for what in (WHOLE, USED) if what in said]
    if not energies:
        return f"In raw speed: {said[SPEED]}."
    energy = (energies[0] if len(set(energies)) == 1 else
              f"{energies[0]} with whole devices counted, {energies[1]} with the parts in use")
    return f"In raw speed: {said[SPEED]}; in energy: {energy}."


def answer(record: Record, others: Mapping[str, Record | None]) -> str:
    """The paragraph.

    :param others: name -> record of ``whole_training``, ``prediction`` and ``scaling``; None where there is none
    """
    found = ratios(record)
    busy = max((run["others_share"] or 0.0 for run in record["runs"]), default=0.0)
    sentences = [f"**{lead(found) if busy < TOO_BUSY else _too_busy(busy)}**"]
    together = verdicts(found)
    for device in dict.fromkeys(each.device for each in found):
        words = [range_words(together[what, device], *said) if (what, device) in together else ""
                 for what, said in ((SPEED, ("faster", "slower")), (WHOLE, ("less", "more")), (USED, ("less", "more")),
                                    (SPEED_ONE, ("faster", "slower")), (WHOLE_ONE, ("less", "more")))]
        sentences.append(_against(_DEVICE_WORDS[device], *words))
    sentences += [_tpu(record), _trained(others.get("whole_training")), _loihi(record), _recognised(others.get("prediction")),
                  _scaled(others.get("scaling"))]
    return " ".join(sentence for sentence in sentences if sentence)


def _too_busy(share: float) -> str:
    return (f"This record does not tell: other programs took up to {share:.0%} of the computer's processor time while Keras "
            f"trained, which flatters SpiNNaker in every figure of that computer that follows.")


def _against(device: str, speed: str, whole: str, used: str, one: str, whole_one: str) -> str:
    words = f"In training, in the batch that suits each best, an emulated SpiNN-5 board is {speed} than {device}"
    if whole:
        words += f", and takes {whole} energy per sample with whole devices counted, {used} with the parts in use"
    if one:
        words += f"; sample by sample it is {one}" + (f" and takes {whole_one} energy" if whole_one else "")
    return words + "."


def _tpu(record: Record) -> str:
    gpu = "" if any(row["device"] == "gpu" for row in record["rows"]) else "There was no GPU here, and "
    tpu = f"{'n' if gpu else 'N'}o TPU was measured: of TPUs{' and GPUs' if gpu else ''} only published figures stand below, apart."
    return gpu + tpu + " SpiNNaker's seconds are emulated, its joules worked out from published constants."


def _trained(whole: Record | None) -> str:
    """How long to 99% of the test images, against the quickest published."""
    if whole is None:
        return ""
    found = []
    for name, entry in whole["networks"].items():
        epochs = next((number for number, epoch in enumerate(entry["epochs"], 1) if epoch["test_error"] <= 1), None)
        if epochs is not None and entry["on_board"]:
            seconds = sum(row["machine_seconds"] for row in entry["on_board"]) / len(entry["on_board"])
            found.append((epochs * seconds, epochs, name))
    fastest = _published(lambda each: each.training and each.accuracy_percent == 99 and each.seconds_per_training is not None)
    if not found:
        return ""
    seconds, epochs, name = min(found)
    words = (f"To 99% of MNIST's test images it takes {significant(seconds)} s of machine time at the least "
             f"({PUBLISHED[name].title}, {epochs} epochs)")
    return words + ("." if fastest is None else
                    f", where {fastest.system} is published with {fastest.seconds_per_training:g} s.")


def _loihi(record: Record) -> str:
    """Learning sample by sample on a chip, against ours."""
    chip = _published(lambda each: each.group == "Loihi" and each.training and each.seconds_per_sample is not None)
    own = _best(record, "mlp_300", SPINNAKER, True)
    if chip is None or own is None or own.whole is None or own.used is None or chip.joules_per_sample is None:
        return ""
    return (f"Sample by sample, the case of neuromorphic chips, 784-300-10 takes {1e3 / own.samples_per_s:.2g} ms and "
            f"{1e3 * own.whole:.2g} mJ ({1e3 * own.used:.2g} mJ of the chips in use); {chip.system}, is published with "
            f"{1e3 * (chip.seconds_per_sample or 0):g} ms and {1e3 * chip.joules_per_sample:g} mJ for "
            f"{chip.task.rpartition(' ')[2]}.")


def _recognised(prediction: Record | None) -> str:
    """One sample alone, of the quickest and of the slowest network, against a spiking network on the same machine."""
    other = _published(lambda each: each.group == "SpiNNaker" and not each.training and each.joules_per_sample is not None)
    if prediction is None or not prediction["networks"] or other is None:
        return ""
    order = sorted(prediction["networks"], key=lambda name: float(prediction["networks"][name]["alone"]["seconds"]["median"]))
    said = []
    for name in dict.fromkeys((order[0], order[-1])):
        alone = prediction["networks"][name]["alone"]
        joules = alone["joules_per_sample"]
        said.append(f"{1e3 * alone['seconds']['median']:.2g} ms and {1e3 * joules['used']:.2g} mJ of the chips in use "
                    f"({1e3 * joules['whole']:.2g} mJ of the board) by {PUBLISHED[name].title}")
    return (f"To recognise a digit alone takes {', '.join(said)}; a spiking network on SpiNNaker is published with "
            f"{1e3 * (other.seconds_per_sample or 0):g} ms and {1e3 * (other.joules_per_sample or 0):g} mJ.")


def _scaled(scaling: Record | None) -> str:
    entry = (scaling or {"networks": {}})["networks"].get("mlp_300")
    if entry is None or not entry["larger"]:
        return ""
    rows = [row for row in entry["rows"] if row["error"] is None]
    best = max(row["samples_per_s"] for row in rows)
    enough = next(row for row in rows if row["samples_per_s"] >= 0.9 * best)
    largest = max(entry["larger"], key=lambda row: (row["boards"], row["batch_kind"] == "grows"))
    one = next(row for row in entry["larger"] if row["boards"] == 1)
    factor = largest["samples_per_s"]["expected"] / one["samples_per_s"]["expected"]
    return (f"To train, 784-300-10 needs {enough['chips']} of a board's {rows[-1]['chips']} to be within a tenth of its best, "
            f"and {largest['cores']:,} cores, each board with a batch of its own, are expected to give {significant(factor)} "
            f"times a board's samples/s for {largest['boards']:,} times its power.")


def _published(wanted: Callable[[PublishedFigure], bool]) -> PublishedFigure | None:
    return next((each for each in published() if wanted(each)), None)
