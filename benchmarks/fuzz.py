"""Feeds made-up and damaged input to everything that takes bytes from outside, and records how much of it went without a finding.

    python benchmarks/fuzz.py [--inputs 10000000] [--parser-inputs 100000] [--seed 1] [--out FILE]

The engine of the emulated machine is built with sanitisers for it (``emulator/fuzz``); its inputs are the ones that count.  The
parsers in Python (``tests/parser_fuzz.py``) come after it and are counted apart.  The first finding ends it: it says which input
it was, and leaves that in the current folder.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests"), str(HERE.parent / "emulator" / "fuzz")]

import engine_fuzzer  # noqa: E402
import parser_fuzz  # noqa: E402
from result import checkout_state, command_line, host, validate  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--inputs", type=int, default=10_000_000, help="for the engine")
    parser.add_argument("--parser-inputs", type=int, default=100_000, help="for the parsers in Python")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="file for the record")
    options = parser.parse_args()
    started, date = time.monotonic(), datetime.now(timezone.utc)
    engine_fuzzer.fuzzer()
    built = time.monotonic()
    result = engine_fuzzer.run(["--inputs", str(options.inputs), "--seed", str(options.seed), "--save", os.getcwd()])
    if result.returncode:
        return 1
    ran = time.monotonic()
    try:
        counts = parser_fuzz.run(options.seed, options.parser_inputs)
    except parser_fuzz.Finding as finding:
        print(f"FINDING in {finding}", file=sys.stderr)
        return 1
    targets = json.loads(result.stdout)["targets"]
    commit, modified = checkout_state()
    record = {
        "schema_version": 1, "benchmark": "fuzz", "command": command_line(sys.argv), "commit": commit, "modified": modified,
        "date": date.strftime("%Y-%m-%dT%H:%M:%SZ"), "host": host(), "seed": options.seed, "findings": 0,
        "build_seconds": round(built - started, 1), "wall_seconds": round(ran - built, 1),
        "inputs": sum(target["inputs"] for target in targets.values()), "targets": targets,
        "parsers": {"wall_seconds": round(time.monotonic() - ran, 1), "inputs": sum(counts.values()), "targets": counts}}
    validate(record)
    print(f"{record['inputs']} inputs for the engine and {sum(counts.values())} for the parsers without a finding")
    if options.out:
        options.out.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
