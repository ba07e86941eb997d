"""The record as a page in Markdown."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dlgraph.benchmark.outcome import Swept, tuned_batch
from dlgraph.networks.published import PUBLISHED

Record = dict[str, Any]
_KINDS = {"same": "", "one": "one sample", "tuned": "best for it"}
DEVICE_WORDS = {"spinnaker": "SpiNNaker", "cpu": "CPU", "gpu": "GPU", "distributed": "two workers"}
#: Share of processor time from which on others' work is mentioned.
DISTURBING = 0.05
SPEED_WORDS = "Median of the repeats (minimum–maximum). Seconds are of training alone; setting up is apart."
ENERGY_WORDS = ("Energy. *whole*: the whole board, all processor packages, the GPU. *used*: the part of it in use. *idle*: what "
                "the idle device takes in the same time, which is in *whole*. *host*: the computer beside the device, which is "
                "not.")


def significant(value: float) -> str:
    """Three digits, with thousands apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def cell(found: dict[str, Any] | None, factor: float = 1.0, words: Callable[[float], str] = significant) -> str:
    """Median, and minimum and maximum where they differ from it; a dash where there is nothing."""
    if found is None:
        return "–"
    low, middle, high = (words(factor * found[name]) for name in ("minimum", "median", "maximum"))
    return middle if low == high else f"{middle} ({low}–{high})"


def markdown(record: Record) -> str:
    """The whole page."""
    conditions, host = record["conditions"], record["host"]
    rows = with_best(record)
    lines = [
        "# Training compared across machines", "",
        "Figures of TPUs are published ones, below; none was measured here. Figures of SpiNNaker are "
        + ("emulated, and its energy is worked out from published constants." if _emulated(record) else
           "of a board, and its energy is worked out from published constants."), "",
        f"{conditions['data']}: {conditions['samples']:,} samples to train on, {conditions['test_samples']:,} to test; "
        f"{_epochs(conditions['epochs'])}; seeds from {conditions['seed']}. "
        f"On {host['cpus']} CPUs ({host['processor']}), Python {host['python']}. `{record['command']}`", ""]
    if conditions["quick"]:
        lines += ["**A quick run on little data: it shows that everything works, and compares nothing.**", ""]
    notes = [*record["notes"], *disturbance(record)]
    lines += [f"* {note}" for note in notes] + ([""] if notes else [])
    lines += ["## Measured", "", SPEED_WORDS, "", *table(*_apart(speed_table(rows))), "", ENERGY_WORDS, "",
              *table(*_apart(energy_table(rows))), "", *(f"* {line}" for line in machines(record["rows"])), ""]
    lines += ["## Published by others", "",
              "Other networks, other data, other years: to be read with their conditions, not as further rows of the tables above.",
              "",
              *_published(record["published"]), ""]
    return "\n".join(lines)


def _emulated(record: Record) -> bool:
    boards = [row for row in record["rows"] if row["device"] == "spinnaker"]
    return not boards or any(row["emulated"] for row in boards)


def disturbance(record: Record) -> list[str]:
    """What is to be said where other programs kept this computer busy, of the worst run of each device."""
    worst: dict[str, float] = {}
    for run in record["runs"]:
        worst[run["device"]] = max(worst.get(run["device"], 0.0), run["others_share"] or 0.0)
    return [f"Other programs took up to {share:.0%} of this computer's processor time while rows of {DEVICE_WORDS[device]} were "
            f"made, which would be better without." for device, share in worst.items() if share > DISTURBING]


def _epochs(epochs: int | None) -> str:
    return "epochs as each recipe has them" if epochs is None else f"{epochs} epoch{'s' * (epochs != 1)}"


def with_best(record: Record) -> list[dict[str, Any]]:
    """The record's rows, each with ``best``: whether its batch is the one that suits the device best."""
    best = {(each["network"], each["device"], tuned_batch([Swept(**one) for one in each["batches"]]))
            for each in record["sweeps"] if each["batches"]}
    return [{**row, "best": (row["network"], row["device"], row["batch"]) in best} for row in record["rows"]]


def speed_table(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Cells of the table of speeds, its head first.

    :param rows: of :func:`with_best`
    """
    body = []
    for row in rows:
        figures = row["figures"]
        body.append([*_names(row), str(row["repeats"]), cell(figures["accuracy"], 100, lambda value: f"{value:.2f}"),
                     cell(figures["samples_per_s"]), cell(figures["seconds_per_training"]), cell(figures["seconds_to_98"]),
                     cell(figures["seconds_to_99"]), cell(figures["setup_seconds"])])
    return [["network", "device", "batch", "repeats", "accuracy %", "samples/s", "s per training", "s to 98%", "s to 99%",
             "set-up s"], *body]


def energy_table(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Cells of the table of energies, its head first.

    :param rows: of :func:`with_best`
    """
    body = []
    for row in rows:
        figures = row["figures"]
        method = "–" if row["method"] is None else row["method"] + (" (estimate)" if row["estimate"] else "")
        body.append([*_names(row), cell(figures["joules_per_sample"], 1e3), cell(figures["joules_per_sample_share"], 1e3),
                     cell(figures["joules_per_sample_idle"], 1e3), cell(figures["joules_per_sample_host"], 1e3),
                     cell(figures["joules_per_training"]), cell(figures["joules_per_training_share"]), method])
    return [["network", "device", "batch", "mJ/sample whole", "mJ/sample used", "mJ/sample idle", "mJ/sample host",
             "J/training whole", "J/training used", "how known"], *body]


def _names(row: dict[str, Any]) -> list[str]:
    kind = _KINDS["tuned" if row["best"] else row["kind"]]
    return [PUBLISHED[row["network"]].title, DEVICE_WORDS[row["device"]], f"{row['batch']}{f' ({kind})' if kind else ''}"]


def _apart(cells: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    return cells[0], cells[1:]


def machines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What each device was, and of boards the cores, in words."""
    found: dict[str, list[str]] = {}
    for row in rows:
        cores = row["cores"]
        taken = "" if cores is None else f"{PUBLISHED[row['network']].title} {cores['network']} cores on {cores['chips']} chips"
        found.setdefault(f"{DEVICE_WORDS[row['device']]}: {row['machine']}", []).append(taken)
    return [name + (f" ({'; '.join(dict.fromkeys(each for each in cores if each))})" if any(cores) else "")
            for name, cores in found.items()]


def _published(rows: Sequence[dict[str, Any]]) -> list[str]:
    seen = {"source": "read there", "quoted": "as quoted by another text", "derived": "worked out from it",
            "measured": "measured, not published"}
    return table(["system", "task", "", "figures", "conditions", "source"],
                 [[row["system"], row["task"], "training" if row["training"] else "recognition", row["figures"], row["conditions"],
                   f"{row['source']} ({seen[row['seen']]})"] for row in rows])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table; a bar inside a cell would end it."""
    lines = [list(head), ["---"] * len(head), *rows]
    return ["| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines]
