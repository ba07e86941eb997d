"""One page of HTML of recorded trainings: curves, energy, and a table of all beside Keras and what is published.

    python benchmarks/record_page.py benchmarks/results/lenet*.json --output report.html
"""
from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from dlgraph.energy_words import method
from dlgraph.pages import Compared, Curve, EnergyUse, Run, document
from dlgraph.run_report import save_page

LECUN = "LeCun et al., Gradient-based learning applied to document recognition, 1998"
#: Key of an epoch in a record -> quantity, series; with "_float" behind it, of floating-point Keras.
CURVES = {"loss": "training loss", "test": "error on the test images, %"}
#: How the records' energy of packets is counted.
PACKETS = ("Packets: 1.8 nJ for each router that one passed (dlgraph/energy.py); what is loaded and read between the epochs is "
           "among them.")


def run_of(record: dict[str, Any]) -> Run:
    """A record as ``train_networks.py`` or ``train_mnist.py`` writes it."""
    machine, used = record["machine"], record["energy"]
    n_samples = round(record["samples_per_s"] * record["machine_seconds"])
    facts = {"date": record["date"][:10], "seed": record["seed"], "batch size": record["batch"], "epochs": record["epochs"],
             "data": record.get("data"), "commit": (record["commit"] or "not known")[:10], "command": record["command"],
             "equal to the reference": "yes, every bit" if record["checks"].get("equal_to_reference") else None,
             "wall time of this computer": f"{record['wall_seconds']:.0f} s on {record['host']['cpus']} CPUs"}
    if machine:
        facts["cores"] = f"{machine['network_cores']}, {machine['loaded_cores']} loaded"
    energy = None
    if used and machine:                        # it has joules of packets, not how many they were
        words = (*method(machine["board"], machine["emulated"], machine["loaded_cores"], None)[:-1], PACKETS)
        energy = EnergyUse(used["board_idle"], used["cores"], used["packets"], used["cores_awake"], machine["loaded_cores"], words)
    shown = tuple((what, str(value)) for what, value in facts.items() if value is not None)
    return Run(record["network"], machine["description"] if machine else "reference on this computer",
               bool(machine and machine["emulated"]), shown,
               "all epochs", n_samples, record["machine_seconds"], curves=curves_of(record), energy=energy,
               test_error=_share(record["figures"].get("test_error_percent")))


def curves_of(record: dict[str, Any]) -> tuple[Curve, ...]:
    """Loss and test error on the machine and in Keras, of each of the networks where there are several."""
    found = []
    where = record["machine"]["description"] if record["machine"] else "reference"
    members = sorted({epoch.get("member", 1) for epoch in record["accuracy"]})
    for key, quantity in CURVES.items():
        for member in members:
            own = [epoch for epoch in record["accuracy"] if epoch.get("member", 1) == member]
            of_which = f", network {member}" if len(members) > 1 else ""
            for suffix, series in (("", where), ("_float", "Keras, floating point")):
                points = tuple((i, epoch[key + suffix] if key == "loss" else 100 * (1 - epoch[key + suffix]))
                               for i, epoch in enumerate(own, 1) if key + suffix in epoch)
                found.append(Curve(quantity, series + of_which, points, from_zero=True))
    return tuple(curve for curve in found if curve.points)


def others_of(record: dict[str, Any]) -> list[Compared]:
    """The same training in floating point, and what is published of the network."""
    rows, figures = [], record["figures"]
    error, published = (_share(figures.get(key)) for key in ("test_error_percent_float", "published_error_percent"))
    if error is not None:
        rows.append(Compared(f"{record['network']}, Keras in floating point", "measured", test_error=error,
                             conditions="the same start, samples, order and epochs", source="this record"))
    if published is not None:
        rows.append(Compared(f"{record['network']} as published", "published", test_error=published,
                             conditions="their own recipe", source=LECUN))
    return rows


def _share(percent: float | None) -> float | None:
    """Of per cent; those just below 0 by rounding are 0."""
    return None if percent is None else max(0.0, percent / 100)


def main(arguments: list[str] | None = None) -> int:
    """Read, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", type=Path, nargs="+", metavar="FILE", help="of train_networks.py or train_mnist.py")
    parser.add_argument("--output", type=Path, default=Path("report.html"), metavar="FILE")
    options = parser.parse_args(arguments)
    records = [json.loads(path.read_text(encoding="utf-8")) for path in options.records]
    strange = [path for path, record in zip(options.records, records, strict=True)
               if record.get("benchmark") not in ("train_networks", "train_mnist")]
    if strange:
        parser.error(f"{strange[0]} is no record of train_networks.py or train_mnist.py")
    rows = [row for record in records for row in others_of(record)]
    remarks = ["Each from the record that its command wrote."]
    save_page(options.output, document([run_of(record) for record in records], "Recorded trainings", remarks, rows))
    print(f"written to {os.path.relpath(options.output)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
