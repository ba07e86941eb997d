"""The ``spinnemu`` command: an emulated board that serves until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Sequence

from . import fault_options
from .boards import COUNTS
from .errors import EmulatorError
from .machine import BOARDS, Counters, Machine, replay


def _numbers(count: int, what: str):
    def parse(text: str) -> tuple[int, ...]:
        try:
            numbers = tuple(int(part) for part in text.split(","))
        except ValueError:
            numbers = ()
        if len(numbers) != count:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return numbers
    return parse


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spinnemu",
        description="A SpiNNaker board in software, or three of them. It runs the stock software of SpiNNaker and "
                    "listens on UDP ports 17893 and 54321 of its address until Ctrl-C.")
    parser.add_argument("--board", choices=sorted(BOARDS), default="spinn5",
                        help="4 chips (spinn3) or 48 (spinn5, the default)")
    parser.add_argument("--boards", type=int, choices=COUNTS, default=1,
                        help="three spinn5 boards are a machine of 144 chips")
    parser.add_argument("--address", help="where to listen; default: a free loopback address. Three boards: that of the first; "
                                          "the others have the two that follow it")
    parser.add_argument("--expose", action="store_true",
                        help="allow an address that other computers can reach")
    parser.add_argument("--no-boot", action="store_true",
                        help="start cold: the board waits for a boot image on port 54321")
    parser.add_argument("--dead-chip", metavar="X,Y", action="append", default=[],
                        type=_numbers(2, "a chip, such as 2,3"))
    parser.add_argument("--dead-core", metavar="X,Y,P", action="append", default=[],
                        type=_numbers(3, "a physical core, such as 2,3,17"))
    parser.add_argument("--dead-link", metavar="X,Y,L", action="append", default=[],
                        type=_numbers(3, "a link, such as 2,3,0"))
    fault_options.add(parser)
    parser.add_argument("--threads", type=int, choices=(1, 2), default=1,
                        help="host threads; two help when hundreds of cores are busy")
    parser.add_argument("--translation", metavar="LIBRARY", action="append", default=[],
                        help="what python -m spinnemu.translate made of a program: cores run it faster")
    parser.add_argument("--record", metavar="LOG", help="log what the host does, for --replay")
    parser.add_argument("--replay", metavar="LOG",
                        help="repeat a log without listening, and say where it ended; needs the "
                             "--address and the other options of the recorded machine, but for faults, "
                             "which are in the log")
    parser.add_argument("--stats", metavar="SECONDS", type=float, nargs="?", const=0.0,
                        help="print counters at the end, and every so many seconds if given")
    return parser


def _report(counters: Counters) -> str:
    return json.dumps({
        "emulated_seconds": round(counters.seconds, 6), "cycles": counters.cycles,
        "instructions": counters.instructions, "faulted_cores": counters.faulted_cores,
        "packets_sent": counters.sent, "delivered": counters.delivered,
        "over_links": counters.forwarded, "dropped": counters.dropped,
        "faults": {kind: number for kind, number in counters.faults.items() if number},
        "deliveries_missing": counters.deliveries_missing,
        "default_routed": counters.default_routed,
        "datagrams_in": counters.datagrams_in, "datagrams_out": counters.datagrams_out,
        "core_cycles_awake": sum(counters.awake.values())})


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the command."""
    options = _parser().parse_args(arguments)
    dead = {"dead_chips": options.dead_chip, "dead_cores": options.dead_core,
            "dead_links": options.dead_link}
    try:
        if options.replay:
            if not options.address:
                print("spinnemu: --replay needs the --address of the recorded machine", file=sys.stderr)
                return 2
            end = replay(options.replay, options.board, options.address, boot=not options.no_boot,
                         threads=options.threads, translations=options.translation, boards=options.boards, **dead)
            print(json.dumps({"cycles": end.counters.cycles, "state": end.state_hash}))
            if options.stats is not None:
                print(_report(end.counters))
            return 0
        return _serve(options, dead)
    except (EmulatorError, ValueError) as error:
        print(f"spinnemu: {error}", file=sys.stderr)
        return 1


def _serve(options: argparse.Namespace, dead: dict) -> int:
    end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: end.set())
    started = time.monotonic()
    with Machine(options.board, options.address, boot=not options.no_boot, record=options.record,
                 expose=options.expose, threads=options.threads, translations=options.translation,
                 faults=fault_options.faults(options), boards=options.boards, **dead) as machine:
        try:
            print(f"emulated {options.board} at {', '.join(machine.addresses)} after "
                  f"{time.monotonic() - started:.1f} s; Ctrl-C ends it", flush=True)
            while not end.wait(options.stats or 3600):
                if options.stats:
                    print(_report(machine.counters()), flush=True)
        except KeyboardInterrupt:
            pass
        if options.stats is not None:
            print(_report(machine.counters()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
