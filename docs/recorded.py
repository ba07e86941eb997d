"""Directives that show what ``benchmarks/results`` has.

``recorded-training`` is figures and training curve of a network, ``recorded-losses`` what faults cost, ``recorded-deaths`` what
became of parts that died, ``recorded-kernels`` how near kernels are to what the processor permits, ``recorded-whole-trainings``
what networks come to when they are trained to the end, ``recorded-expected-cycles`` what the cost
model expects of a sample and what it takes, ``recorded-pipeline`` how full the pipeline is, ``recorded-assumptions`` how speed
depends on what the emulator assumes, ``recorded-speed-bounds`` what forbids to train faster, ``recorded-start-up`` how long it
takes to the first sample, ``recorded-boards`` what the cost model expects of one board and of several, and what was measured.
"""
from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"
CLOCK_HZ = 200_000_000


class RecordedTraining(SphinxDirective):
    """Nothing where there is no record of the network yet."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        record, picture = (RESULTS / f"{self.arguments[0]}.{kind}" for kind in ("json", "svg"))
        self.env.note_dependency(str(record))
        if not record.exists():
            return []
        lines = text(json.loads(record.read_text(encoding="utf-8")))
        if picture.exists():
            source = Path(self.env.doc2path(self.env.docname)).parent
            lines += ["", f".. image:: {Path(os.path.relpath(picture, source)).as_posix()}", ""]
        node = nodes.section()
        node.document = self.state.document
        self.state.nested_parse(StringList(lines, source=str(record)), self.content_offset, node)
        return node.children


def text(record: dict[str, Any]) -> list[str]:
    """The record in words, as reStructuredText."""
    figures, machine, energy = record["figures"], record["machine"], record["joules_per_sample"]
    rate = ("" if not machine else
            f" in {record['machine_seconds']:.2f} s of machine time ({record['samples_per_s']:,.0f} samples/s)")
    joules = "" if energy is None else f", {1e3 * energy:.2f} mJ per sample by published figures"
    where = f"the {machine['description']}, {machine['network_cores']} cores" if machine else "the reference on a computer"
    published = figures.get("published_error_percent")
    equal = {True: "Every bit was equal to the reference.", False: "It was **not** equal to the reference."}.get(
        record["checks"].get("equal_to_reference"), "")
    after = ", ".join(map(str, record.get("resumed_after", [])))
    resumed = f" Resumed from checkpoints after epoch {after}." if after else ""
    return [f"**{record['network']}**: {figures['test_error_percent']:.2f}% of the test images wrong, "
            f"{figures['test_error_percent_float']:.2f}% in floating-point Keras"
            + (f", {published:g}% published" if published is not None else "")
            + f". {record['epochs']} epoch{'s' * (record['epochs'] != 1)} of {record['samples']:,} samples on "
            f"{where}{rate}{joules}. {equal}{resumed} ``{record['command']}``"]


class RecordedTable(SphinxDirective, ABC):
    """Made of one record; nothing where there is none yet."""

    name_of_record = ""

    @abstractmethod
    def lines(self, record: dict[str, Any]) -> list[str]:
        """As reStructuredText."""

    def run(self) -> list[nodes.Node]:
        path = RESULTS / f"{self.name_of_record}.json"
        self.env.note_dependency(str(path))
        if not path.exists():
            return []
        node = nodes.section()
        node.document = self.state.document
        lines = self.lines(json.loads(path.read_text(encoding="utf-8")))
        self.state.nested_parse(StringList(lines, source=str(path)), self.content_offset, node)
        return node.children


def table(widths: list[int], rows: list[list[str]]) -> list[str]:
    """The first row is the header."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {' '.join(map(str, widths))}", ""]
    for row in rows:
        lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    return [*lines, ""]


class RecordedLosses(RecordedTable):
    """Machine time relative to that without faults, and whether the bits were the reference's."""

    name_of_record = "losses"

    def lines(self, record: dict[str, Any]) -> list[str]:
        members = [(name if len({row["member"] for row in network["rows"]}) == 1 else f"{name}, {member}",
                    {row["case"]: row for row in network["rows"] if row["member"] == member})
                   for name, network in record["networks"].items() for member in sorted({row["member"] for row in network["rows"]})]
        cases = list(dict.fromkeys(case for _, rows in members for case in rows))
        lines = table([22, *[12] * len(members)], [["faults", *(name for name, _ in members)],
                                                   *([case, *(slowdown(rows, case) for _, rows in members)] for case in cases)])
        for name, network in record["networks"].items():
            lines += [f"* {name}: batches of {network['batch']}, {network['samples']} samples of {network['data']}, "
                      f"{network['cores']} cores. ``{network['command']}``"]
        return [*lines, ""]


def slowdown(rows: dict[str, dict[str, Any]], case: str) -> str:
    """One cell: seconds where nothing goes wrong, else times those."""
    row, without = rows.get(case), rows.get("none")
    if row is None:
        return ""
    if row["error"] is not None:
        return "**error**"
    seconds = f"{1e3 * row['machine_seconds']:.1f} ms" if case == "none" or without is None else (
        f"{row['machine_seconds'] / without['machine_seconds']:.2f}")
    return seconds if row["equal"] else f"{seconds}, **not equal**"


class RecordedDeaths(RecordedTable):
    """What died, when, what the error said, how long it took."""

    name_of_record = "deaths"

    def lines(self, record: dict[str, Any]) -> list[str]:
        rows = [["died", "when", "error", "seconds", "then"]]
        for case in record["cases"]:
            kind, place = next(iter(case["place"].items()))
            then = "equal" if case["next_equal"] else "**not equal**"
            if not case["keeps_epoch"]:
                then += ", **weights of another moment**"
            said = "none: the run does not need it" if case["error"] is None else case["error"].partition(" The weights are")[0]
            took = "" if case["seconds"] is None else f"{case['seconds']:.2f}"
            if case["part"] == "the Ethernet chip" and case["host_seconds"] is not None:
                took += f" ({case['host_seconds']:.1f} by the host's clock)"
            rows.append([f"{case['part']}: {kind} ({', '.join(map(str, place))})", case["moment"],
                         said.replace("*", r"\*").replace("`", r"\`"),
                         took, then])
        return [f"{record['network']} in batches of {record['batch']}, {record['samples']} samples, on a {record['board']} board. "
                f"``{record['command']}``", "", *table([17, 9, 54, 8, 12], rows)]


class RecordedKernels(RecordedTable):
    """Cycles of kernels beside what cannot be spared."""

    name_of_record = "kernel_bounds"

    def lines(self, record: dict[str, Any]) -> list[str]:
        rows = [["kernel", "shape", "cycles per multiply-add", "times the bound", "bytes of code"]]
        rows += [[f"``{row['kernel']}``", row["shape"], f"{row['cycles'] / row['products']:.2f}",
                  f"{row['cycles'] / row['bound']:.2f}", str(row["code_bytes"])] for row in record["rows"]]
        return [*table([24, 36, 14, 12, 14], rows), f"``{record['command']}``", ""]


class RecordedWholeTrainings(RecordedTable):
    """Networks trained to the end, and which of their epochs were resumed on a board."""

    name_of_record = "whole_training"

    def lines(self, record: dict[str, Any]) -> list[str]:
        rows = [["network", "epochs", "test images wrong", "Keras in floating point", "on a board, epoch by epoch"]]
        for name, entry in record["networks"].items():
            last, done = entry["epochs"][-1], {row["epoch"]: row for row in entry["on_board"]}
            board = [f"{epoch_words(entry, epoch)}: {'equal' if done[epoch]['equal'] else '**not equal**'}, "
                     f"{done[epoch]['samples_per_s']:,.0f}/s"
                     if epoch in done else f"{epoch_words(entry, epoch)}: not yet" for epoch in entry["drawn"]]
            rows.append([name, str(len(entry["epochs"])), f"{last['test_error']:.2f}%", f"{last['test_error_float']:.2f}%",
                         "; ".join(board)])
        lines = table([18, 9, 15, 15, 43], rows)
        for name, entry in record["networks"].items():
            recipe = entry["recipe"]
            words = {"batches of": recipe["batch_size"], "rate": recipe["learning_rate"], "each epoch times": recipe["decay"],
                     "momentum": recipe["momentum"], "seed": entry["seed"]}
            lines += [f"* {name}: {entry['samples']:,} samples an epoch of {entry['data']}, "
                      f"{', '.join(f'{what} {value:g}' for what, value in words.items())}. ``{entry['command']}``"]
        return [*lines, ""]


def epoch_words(entry: dict[str, Any], epoch: int) -> str:
    """An epoch of a whole training, from 0, as people count; of several networks, which of them comes first."""
    own = epoch % entry["recipe"]["epochs"] + 1
    several = entry["epochs"][-1].get("member", 1) > 1
    return f"{entry['epochs'][epoch]['member']}. network, {own}" if several else str(own)


class RecordedExpectedCycles(RecordedTable):
    """What the cost model expects, and what a sample takes."""

    name_of_record = "expected_cycles"

    def lines(self, record: dict[str, Any]) -> list[str]:
        """A row for each network."""
        rows = [["network", "batch", "cores", "replicas", "expected cycles a sample", "measured", "expected / measured"]]
        rows += [[row["network"], str(row["batch"]), str(row["cores"]), str(row["replicas"]), f"{row['expected']:,}",
                  f"{row['measured']:,}", f"{row['expected'] / row['measured']:.2f}"] for row in record["rows"]]
        return [*table([24, 10, 10, 12, 16, 14, 14], rows), ""]


class RecordedPipeline(RecordedTable):
    """Speed in batches, beside that of a batch without end."""

    name_of_record = "pipeline"

    def lines(self, record: dict[str, Any]) -> list[str]:
        """A row for each network and batch."""
        rows = [["network", "batch", "cores", "cycles a sample", "of a batch without end", "% of its speed", "samples/s",
                 "mJ a sample: whole board, chips in use"]]
        rows += [[row["network"], str(row["batch"]), str(row["cores"]), f"{row['cycles_per_sample']:,.0f}",
                  f"{row['endless_cycles_per_sample']:,.0f}", f"{100 * row['share_of_endless']:.0f}",
                  f"{row['samples_per_s']:,.0f}", millijoules(row)] for row in record["rows"] if row["assumptions_percent"] == 100]
        return [*table([22, 8, 8, 13, 15, 10, 10, 22], rows), ""]


class RecordedAssumptions(RecordedTable):
    """Speed and energy with all that is assumed of times halved and doubled."""

    name_of_record = "pipeline"

    def lines(self, record: dict[str, Any]) -> list[str]:
        """A row for each network and batch that was run with other assumptions, too."""
        by_key: dict[tuple[str, int], dict[int, dict[str, Any]]] = {}
        for row in record["rows"]:
            by_key.setdefault((row["network"], row["batch"]), {})[row["assumptions_percent"]] = row
        found = {key: rows for key, rows in by_key.items() if len(rows) > 1}
        if not found:
            return []
        percents = sorted({percent for rows in found.values() for percent in rows})
        lines = [["network", "batch", *(f"{percent}%" for percent in percents)]]
        lines += [[name, str(batch), *(f"{rows[percent]['samples_per_s']:,.0f} samples/s, {millijoules(rows[percent])} mJ"
                                       if percent in rows else "" for percent in percents)]
                  for (name, batch), rows in found.items()]
        return [*table([20, 8, *[24] * len(percents)], lines), ""]


def millijoules(row: dict[str, Any]) -> str:
    """Of a sample: the whole board, the chips in use."""
    joules = row["joules_per_sample"]
    return f"{1e3 * joules['whole']:.2f}, {1e3 * joules['used']:.2f}"


class RecordedSpeedBounds(RecordedTable):
    """How long a sample takes at least, by what, and how long it took."""

    name_of_record = "speed_bounds"

    def lines(self, record: dict[str, Any]) -> list[str]:
        """A row for each network."""
        pipeline = RESULTS / "pipeline.json"
        self.env.note_dependency(str(pipeline))
        measured = json.loads(pipeline.read_text(encoding="utf-8"))["rows"] if pipeline.exists() else []
        return bounds_table(record, measured)


def bounds_table(record: dict[str, Any], measured: list[dict[str, Any]]) -> list[str]:
    """Bounds beside what was measured, in cycles and samples/s."""
    took = {(row["network"], row["batch"]): row for row in measured if row["assumptions_percent"] == 100}
    rows = [["network", "arithmetic, on all cores", "input, by one link", "busiest core of the mapping", "busiest link",
             "measured"]]
    for row in record["rows"]:
        cells = [cycles_and_rate(row["bounds"][what]) for what in ("arithmetic", "input", "core", "link")]
        cells[2] += f", {row['busiest']}"
        own = took.get((row["network"], row["batch"]))
        rows.append([row["network"], *cells, "" if own is None else cycles_and_rate(own["cycles_per_sample"])])
    return [*table([18, 16, 16, 20, 16, 16], rows), f"``{record['command']}``", ""]


def cycles_and_rate(cycles: float) -> str:
    """Of a sample."""
    return f"{cycles:,.0f} ({2e8 / cycles:,.0f}/s)"


class RecordedStartUp(RecordedTable):
    """Seconds to the first sample, and what they are spent on."""

    name_of_record = "start_up"

    def lines(self, record: dict[str, Any]) -> list[str]:
        networks = record["rows"]
        rows = [["stage", *(f"{row['network']}, {row['cores']} cores" for row in networks)]]
        for stage in dict.fromkeys(stage["stage"] for row in networks for stage in row["stages"]):
            spent = [next((each for each in row["stages"] if each["stage"] == stage), None) for row in networks]
            rows.append([stage, *("" if each is None else seconds_of(each) for each in spent)])
        rows.append(["**until the first sample**", *(seconds_of(row["until_first_sample"]) for row in networks)])
        rows.append(["upload of samples", *(f"{row['upload']['megabytes_per_s']:.2g} MB/s" for row in networks)])
        return [f"Seconds by the host's clock; in brackets processor time of the host's program and of the emulated board, "
                f"and datagrams. {networks[0]['samples']} samples, with {record['load']:.1f} processes waiting for "
                f"{record['host']['cpus']} processors at the end. ``{record['command']}``", "",
                *table([28, *[24] * len(networks)], rows)]


class RecordedBoards(RecordedTable):
    """Samples a second of a machine time of 200 MHz: expected, and measured where the machine can be emulated."""

    name_of_record = "boards"

    def lines(self, record: dict[str, Any]) -> list[str]:
        rows = [["boards", "cores", "replicas", "chips in use", "samples/s expected", "measured", "expected / measured"]]
        for row in record["rows"]:
            cells = [row["boards"], row["cores"], row["replicas"], row.get("used_chips", ""), f"{CLOCK_HZ / row['predicted']:,.0f}"]
            measured = row.get("measured")
            cells += ["", ""] if measured is None else [f"{CLOCK_HZ / measured:,.0f}", f"{measured / row['predicted']:.2f}"]
            rows.append(list(map(str, cells)))
        equal = "" if all(record["checks"].values()) else " **Not all of its checks hold.**"
        return [f"{record['network']}, batches of {record['batch']}, {record['samples']:,} samples.{equal} ``{record['command']}``",
                "", *table([10, 10, 12, 14, 18, 14, 18], rows)]


def seconds_of(spent: dict[str, Any]) -> str:
    """One cell."""
    return (f"{spent['seconds']:.1f} s ({spent['host_cpu']:.1f} + {spent['emulator_cpu']:.1f} s, {spent['datagrams']:,})")


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("recorded-training", RecordedTraining)
    app.add_directive("recorded-losses", RecordedLosses)
    app.add_directive("recorded-deaths", RecordedDeaths)
    app.add_directive("recorded-kernels", RecordedKernels)
    app.add_directive("recorded-whole-trainings", RecordedWholeTrainings)
    app.add_directive("recorded-expected-cycles", RecordedExpectedCycles)
    app.add_directive("recorded-pipeline", RecordedPipeline)
    app.add_directive("recorded-assumptions", RecordedAssumptions)
    app.add_directive("recorded-speed-bounds", RecordedSpeedBounds)
    app.add_directive("recorded-start-up", RecordedStartUp)
    app.add_directive("recorded-boards", RecordedBoards)
    return {"version": "1", "parallel_read_safe": True}
