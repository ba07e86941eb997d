"""Whose a board is, and what is left on it: ``python -m dlgraph.board HOST [--free]``."""
from __future__ import annotations

import argparse
import sys

from dlgraph.board.applications import busy_cores, programs, stop_all
from dlgraph.board.claim import find, forget
from dlgraph.board.scamp import Scamp
from dlgraph.errors import MachineError
from dlgraph.reachability import board_answers


def main(arguments: list[str] | None = None) -> int:
    """:return: the exit status"""
    parser = argparse.ArgumentParser(prog="python -m dlgraph.board",
                                     description="Say whose a SpiNNaker board is, and what runs on it.")
    parser.add_argument("host", help="name or address of the board")
    parser.add_argument("--free", action="store_true", help="stop whatever runs on it, whoever it belongs to")
    options = parser.parse_args(arguments)
    try:
        if not board_answers(options.host):
            raise MachineError(f"No answer at {options.host}. A board that is not booted runs nothing and is nobody's.")
        with Scamp(options.host) as scamp:
            found, busy = find(scamp), busy_cores(scamp)
            print(f"{options.host}: " + (f"{found.owner or 'somebody'} has it" if found else "no program that uses dlgraph has it"))
            print(f"cores with programs: {len(busy)}" + (f" ({', '.join(programs(scamp, busy))})" if busy else ""))
            if options.free:
                stop_all(scamp)
                if found:
                    forget(scamp, found)
                print("freed")
    except MachineError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
