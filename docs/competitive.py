"""Directives of "Is SpiNNaker competitive?": every figure on that page comes from a record, and every "yes" and "no" from figures.

``competitive-answer`` is the paragraph, ``competitive-verdicts`` where it is yes and where no, ``competitive-table`` the tables of
speed or energy, ``competitive-times`` how long to a given error, ``competitive-plot`` a picture beside a record,
``competitive-machines`` what was compared, ``recorded-prediction`` and ``recorded-scaling`` these records, ``published-figures``
what others say of some systems, ``raw-records`` all files.
"""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Iterable

from comparisons import Ratio, answer, fairest, kept_alone, ratios, verdicts
from docutils import nodes
from docutils.statemachine import StringList
from recorded import RESULTS, RecordedTable, table
from sphinx.util.docutils import SphinxDirective
from times import TARGETS, Time, by_keras, figure, on_board

from dlgraph.benchmark.published import published
from dlgraph.benchmark.table import DEVICE_WORDS, cell, disturbance, energy_table, machines, significant, speed_table, with_best
from dlgraph.networks.published import PUBLISHED

COMPARISON = "comparison/benchmark"
TO_THE_END = "to_the_end/benchmark"
_SEEN = {"source": "read there", "quoted": "as quoted by another text", "derived": "worked out from it",
         "measured": "measured, not published"}
#: Of the page, in this order: what was recorded, by which command, file.
RAW = {"comparison": COMPARISON, "training to the end": "whole_training", "the same with Keras": TO_THE_END,
       "recognition": "prediction", "scaling": "scaling"}


class OfComparison(RecordedTable):
    """Made of what ``dlgraph benchmark`` wrote."""

    name_of_record = COMPARISON


class Answer(OfComparison):
    """One paragraph."""

    def lines(self, record: dict[str, Any]) -> list[str]:
        others = {name: _record(name) for name in ("whole_training", "prediction", "scaling")}
        return [answer(fairest(record, _record(TO_THE_END)), others), ""]


class Verdicts(OfComparison):
    """Where SpiNNaker wins and where it loses, by how much."""

    def lines(self, record: dict[str, Any]) -> list[str]:
        record = fairest(record, _record(TO_THE_END))
        rows = [["compared", "with", "SpiNNaker is ahead", "SpiNNaker is behind"]]
        for (what, device), found in verdicts(ratios(record)).items():
            ahead, behind = [each for each in found if each.ahead], [each for each in found if not each.ahead]
            rows.append([what, DEVICE_WORDS[device], _listed(ahead), _listed(behind)])
        if len(rows) == 1:
            return ["Only one side is recorded yet.", ""]
        lines = [*table([24, 12, 32, 32], rows), "Of its best speed, a device keeps with one sample at a time:", ""]
        for device, kept in kept_alone(record).items():
            words = "; ".join(f"{PUBLISHED[network].title} {share:.0%}" for network, share in kept.items())
            lines.append(f"* {DEVICE_WORDS[device]}: {words}")
        return [*lines, ""]


def _listed(found: list[Ratio]) -> str:
    return "; ".join(f"{PUBLISHED[each.network].title} {significant(each.factor)} times" for each in found) or "–"


class Tables(OfComparison):
    """Of ``speed`` or of ``energy``, as the benchmark's own page has them."""

    required_arguments = 1

    def lines(self, record: dict[str, Any]) -> list[str]:
        cells = {"speed": speed_table, "energy": energy_table}[self.arguments[0]](with_best(record))
        return table([15, 11, 13, *[10] * (len(cells[0]) - 3)], cells)


class Times(RecordedTable):
    """Seconds to 98% and 99% of the test images, by the board and by Keras."""

    name_of_record = "whole_training"

    def lines(self, record: dict[str, Any]) -> list[str]:
        path = RESULTS / f"{TO_THE_END}.json"
        self.env.note_dependency(str(path))
        keras = _record(TO_THE_END)
        devices = [] if keras is None else list(dict.fromkeys(row["device"] for row in keras["rows"]))
        rows = [["network", "test images right", "epochs of the board", "s on SpiNNaker",
                 *(f"s on {DEVICE_WORDS[each]} (samples/s, % right in the end)" for each in devices)]]
        for name, entry in record["networks"].items():
            for target in TARGETS:
                board = on_board(entry, target)
                epochs = "–" if board is None else str(board.epochs)
                rows.append([PUBLISHED[name].title, f"{100 - target:g}%", epochs, _seconds(board),
                             *(f"{_seconds(by_keras(keras, name, device, target))} "
                               f"({cell(figure(keras, name, device, 'samples_per_s'))}, "
                               f"{cell(figure(keras, name, device, 'accuracy'), 100)})" for device in devices)])
        lines = table([20, 14, 14, 22, *[15] * len(devices)], rows)
        if keras is None:
            return lines
        host = keras["host"]
        return [*lines, f"Keras on {host['cpus']} CPUs ({host['processor']}), {keras['date'][:10]}. ``{keras['command']}``", "",
                *(f"* {line}" for line in disturbance(keras)), ""]


def _seconds(found: Time | None) -> str:
    if found is None:
        return "–"
    low, middle, high = (significant(value) for value in (found.least, found.middle, found.most))
    return middle if low == high else f"{middle} ({low}–{high})"


class Machines(OfComparison):
    """What it ran on, what was trained."""

    def lines(self, record: dict[str, Any]) -> list[str]:
        conditions, host = record["conditions"], record["host"]
        n = conditions["epochs"]
        epochs = "the recipes' epochs" if n is None else f"{n} epoch{'s' * (n != 1)}"
        lines = [f"{conditions['data']}, {conditions['samples']:,} samples to train on, {conditions['test_samples']:,} to test, "
                 f"{epochs}, on a computer with {host['cpus']} CPUs ({host['processor']}), {record['date'][:10]}. "
                 f"``{record['command']}``", ""]
        if conditions["samples"] < 60_000:
            lines += [f"**This is not all of MNIST**: {conditions['samples']:,} samples are enough to tell samples/s and energy, "
                      f"not to tell how good a network gets; errors of whole trainings stand below.", ""]
        return [*lines, *(f"* {line}" for line in [*machines(record["rows"]), *record["notes"], *disturbance(record)]), ""]


class Plot(SphinxDirective):
    """A picture beside a record; nothing where it was not drawn."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = RESULTS / f"{self.arguments[0]}.svg"
        self.env.note_dependency(str(path))
        if not path.exists():
            return []
        source = Path(self.env.doc2path(self.env.docname)).parent
        return _parsed(self, [f".. image:: {Path(os.path.relpath(path, source)).as_posix()}", ""])


class Prediction(RecordedTable):
    """Recognition on an emulated board."""

    name_of_record = "prediction"

    def lines(self, record: dict[str, Any]) -> list[str]:
        rows = [["network", "samples/s", "mJ/sample whole (used)", "one sample alone, us", "its mJ whole (used)",
                 "idle W whole (used)", "cores, chips", "bits"]]
        for name, entry in record["networks"].items():
            many, alone, idle = entry["throughput"], entry["alone"], entry["idle_watts"]
            seconds = alone["seconds"]
            rows.append([PUBLISHED[name].title, significant(many["samples_per_s"]), _both(many["joules_per_sample"], 1e3),
                         f"{1e6 * seconds['median']:,.0f} ({1e6 * seconds['minimum']:,.0f}–{1e6 * seconds['maximum']:,.0f})",
                         _both(alone["joules_per_sample"], 1e3), _both(idle, 1.0), f"{entry['cores']}, {entry['chips']}",
                         "equal" if entry["equal"] else "**not equal**"])
        commands = dict.fromkeys(entry["command"] for entry in record["networks"].values())
        return [*table([16, 11, 15, 16, 14, 12, 10, 8], rows), *(f"``{command}``" for command in commands), ""]


def _both(found: dict[str, float], factor: float) -> str:
    return f"{significant(factor * found['whole'])} ({significant(factor * found['used'])})"


class Scaling(RecordedTable):
    """Parts of a board, then many boards."""

    name_of_record = "scaling"

    def lines(self, record: dict[str, Any]) -> list[str]:
        lines: list[str] = []
        for name, entry in record["networks"].items():
            lines += [f"**{PUBLISHED[name].title}**, batches of {entry['batch']}, {entry['samples']:,} samples of {entry['data']}, "
                      f"emulated. ``{entry['command']}``", "", *_parts(entry["rows"]), "By the cost model:", "",
                      *_boards(entry["larger"])]
        return lines


def _parts(found: list[dict[str, Any]]) -> list[str]:
    rows = [["chips", "cores of the network (chips)", "samples/s", "mJ/sample", "cycles/sample: emulated, expected", "busiest core",
             "weights in SDRAM of", "bits"]]
    for row in found:
        if row["error"] is not None:
            rows.append([str(row["chips"]), row["error"], *[""] * 6])
            continue
        busiest, in_sdram = row["busiest"], ", ".join(row["weights_in_sdram"]) or "none"
        rows.append([str(row["chips"]), f"{row['network_cores']} ({row['chips_used']})", significant(row["samples_per_s"]),
                     significant(1e3 * row["joules_per_sample"]["total"]),
                     f"{row['cycles_per_sample']:,.0f}, {row['predicted']:,.0f}",
                     f"{busiest['kind']} of {busiest['layer']}, {busiest['busy']:.0%}", in_sdram,
                     "equal" if row["equal"] else "**not equal**"])
    return table([7, 14, 11, 11, 18, 20, 12, 7], rows)


def _boards(found: list[dict[str, Any]]) -> list[str]:
    rows = [["boards", "cores", "batch", "samples/s", "mJ/sample", "most of a batch goes to"]]
    for row in found:
        speed, joules = row["samples_per_s"], row["joules_per_sample"]
        rows.append([f"{row['boards']:,}", f"{row['cores']:,}", f"{row['batch']:,}{' (shared)' * (row['batch_kind'] == 'stays')}",
                     _bar(speed, 1.0), _bar(joules, 1e3), row["bound"]])
    return table([9, 12, 16, 26, 22, 15], rows)


def _bar(found: dict[str, float], factor: float) -> str:
    middle, low, high = (significant(factor * found[name]) for name in ("expected", "least", "most"))
    return f"{middle} ({low}–{high})"


class PublishedFigures(SphinxDirective):
    """What others say; ``training`` or ``recognition``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        rows = [["system", "task", "figures", "conditions", "source"]]
        rows += [[row.system, row.task, row.figures, row.conditions, f"{row.source} ({_SEEN[row.seen]})"]
                 for row in published() if row.training == (self.arguments[0] == "training")]
        return _parsed(self, table([18, 18, 20, 22, 22], rows))


class RawRecords(SphinxDirective):
    """Links to the files that this page is made of."""

    def run(self) -> list[nodes.Node]:
        source = Path(self.env.doc2path(self.env.docname)).parent
        lines = []
        for what, name in RAW.items():
            path = RESULTS / f"{name}.json"
            self.env.note_dependency(str(path))
            if path.exists():
                place = Path(os.path.relpath(path, source)).as_posix()
                lines.append(f"* {what}: :download:`{path.name} <{place}>`, {_commit(path)}")
            else:
                lines.append(f"* {what}: not recorded yet")
        return _parsed(self, [*lines, ""])


def _commit(path: Path) -> str:
    record = json.loads(path.read_text(encoding="utf-8"))
    entries: Iterable[dict[str, Any]] = record.get("networks", {"": record}).values()
    commits = dict.fromkeys(str(entry["commit"] or "not known")[:10] + ", modified" * bool(entry["modified"]) for entry in entries)
    return f"commit {'; '.join(commits)}"


def _record(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _parsed(directive: SphinxDirective, lines: list[str]) -> list[nodes.Node]:
    node = nodes.section()
    node.document = directive.state.document
    directive.state.nested_parse(StringList(lines, source=__file__), directive.content_offset, node)
    return node.children


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    for name, directive in (("competitive-answer", Answer), ("competitive-verdicts", Verdicts), ("competitive-table", Tables),
                            ("competitive-machines", Machines), ("competitive-times", Times), ("competitive-plot", Plot),
                            ("recorded-prediction", Prediction), ("recorded-scaling", Scaling),
                            ("published-figures", PublishedFigures), ("raw-records", RawRecords)):
        app.add_directive(name, directive)
    return {"version": "1", "parallel_read_safe": True}
