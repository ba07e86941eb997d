"""The directive ``recorded-training``: figures and training curve of a network, where ``benchmarks/results`` has them."""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"


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


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("recorded-training", RecordedTraining)
    return {"version": "1", "parallel_read_safe": True}
