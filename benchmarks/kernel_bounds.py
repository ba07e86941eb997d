"""How near the kernels are to what the ARM9E-S permits: cycles of each beside a bound, and the size of its code.

    python benchmarks/kernel_bounds.py --out benchmarks/results/kernel_bounds.json

Cycles are counted by the emulated ARM968E-S, code and data in ITCM and DTCM.  The bound counts what cannot be spared: a cycle for
every multiply-add (SMLAWy), for every word of weights or gradients that it takes or leaves (LDM, STM), and for every word of the
vectors that go in and out, once (ARM9E-S technical reference manual, chapter 8).  Nothing is counted for finding what comes next.
Needs the cross compiler (ziglang, or ``ARM_CC``) and a C compiler for the host.
"""
from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from math import prod
from pathlib import Path
from typing import Any

from kernel_cycles import Counter, Tile
from result import checkout_state, command_line, host, validate

from dlgraph.whole_file import write_whole

#: Rows, columns, share of the inputs that are not zero: a square, and slices of 784-300-10 on a board.
DENSE = ((64, 64, 1.0), (196, 32, 1.0), (196, 32, 0.19), (75, 16, 1.0))
#: Kernels whose values are mostly read again for another position, which the bound leaves out.
CONVOLUTIONS = (Tile("LeNet-5, second", (5, 5), 6, (10, 10), 8), Tile("LeNet-5, second, part", (5, 5), 6, (2, 5), 16),
                Tile("3x3, 16 to 16", (3, 3), 16, (8, 8), 16), Tile("3x3, 32 to 16", (3, 3), 32, (4, 8), 16))
#: Words of weights or gradients that a multiply-add takes and leaves.
ACCESSES = {"forward": 1, "backward": 1, "gradient": 2}
#: Functions of each kernel.
CODE = {
    "dense_forward": ("dense_forward", "gather_rows"),
    "dense_backward": ("dense_backward",),
    "dense_gradient": ("dense_gradient", "gather_rows"),
    "convolution_forward": ("convolution_forward", "convolution_pairs", "convolution_multiply", "convolution_narrow_3",
                            "convolution_narrow_5"),
    "convolution_backward": ("convolution_backward", "convolution_backward_position"),
    "convolution_gradient": ("convolution_gradient", "convolution_errors", "convolution_gradient_column"),
}


@dataclass(frozen=True)
class Row:
    """One kernel on one shape."""

    kernel: str
    shape: str
    products: int
    bound: int
    cycles: int
    code_bytes: int


def dense_bound(name: str, rows: int, columns: int, products: int) -> int:
    """Cycles of a kernel of the dense layer.

    :param products: multiply-adds, without those of inputs that are zero
    """
    inputs, sums = -(-rows // 2), 2 * columns          # two 16-bit inputs in a word; sums come in and go out
    vectors = {"forward": inputs + sums, "backward": rows + columns, "gradient": inputs + columns}[name]
    return (1 + ACCESSES[name]) * products + vectors


def convolution_bound(name: str, tile: Tile, products: int) -> int:
    """Cycles of a kernel of the convolution, each of whose products takes its own weight from memory."""
    inputs = -(-tile.channels * (tile.out[0] - 1 + tile.kernel[0]) * (tile.out[1] - 1 + tile.kernel[1]) // 2)
    sums = prod(tile.out) * tile.units
    vectors = {"forward": inputs + 2 * sums, "backward": 4 * inputs + sums, "gradient": inputs + sums}[name]
    return (1 + ACCESSES[name]) * products + vectors


def rows_of(counter: Counter, sizes: dict[str, int]) -> list[Row]:
    """All of them."""
    found = []
    for name in ACCESSES:
        code = sum(sizes[function] for function in CODE[f"dense_{name}"])
        for rows, columns, density in DENSE:
            count, n = counter.dense(f"dense_{name}", rows, columns, density)
            products = int(n)
            nonzero = "" if density == 1 or name == "backward" else f", {density:.0%} of the inputs not zero"
            found.append(Row(f"dense_{name}", f"{rows} x {columns}{nonzero}", products, dense_bound(name, rows, columns, products),
                             count.cycles, code))
    for name in ACCESSES:
        code = sum(sizes[function] for function in CODE[f"convolution_{name}"])
        for tile in CONVOLUTIONS:
            count, products = counter.convolution(f"convolution_{name}", tile)
            shape = (f"{tile.kernel[0]} x {tile.kernel[1]} x {tile.channels} to {tile.units}, {tile.out[0]} x {tile.out[1]} "
                     f"positions")
            found.append(Row(f"convolution_{name}", shape, products, convolution_bound(name, tile, products), count.cycles, code))
    return list(dict.fromkeys(found))


def main(arguments: list[str] | None = None) -> int:
    """Count, show, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, metavar="FILE", help="the record")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        counter = Counter(Path(folder))
        rows = rows_of(counter, counter.code_sizes)
    for row in rows:
        print(f"{row.kernel:21} {row.shape:46} {row.cycles:8} cycles, {row.cycles / row.products:5.2f} per multiply-add, "
              f"{row.cycles / row.bound:5.2f} times the bound, {row.code_bytes:5} bytes of code")
    if options.out is not None:
        commit, modified = checkout_state()
        record: dict[str, Any] = {
            "schema_version": 1, "benchmark": "kernel_bounds", "command": command_line(sys.argv), "commit": commit,
            "modified": modified, "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "host": host(),
            "rows": [asdict(row) for row in rows]}
        validate(record)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(options.out, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
