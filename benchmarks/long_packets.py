"""Passes very many packets through one run of an emulated machine: their counts must balance, its memory must not grow.

    python benchmarks/long_packets.py [--packets 1000000000] [--seed 1] [--out FILE]

One core sends, the packets go over a link, a core on the next chip takes them; a few in a million are lost, and a few come twice,
on request.  Sender and receiver count for themselves, and so do routers, links and faults.
"""
from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "emulator" / "tests")]

from machine_support import program  # noqa: E402
from resources import held_by  # noqa: E402
from result import checkout_state, command_line, conclude, host  # noqa: E402

from spinnemu.direct import DirectMachine  # noqa: E402
from spinnemu.machine import CLOCK_HZ  # noqa: E402

BOARD = "spinn3"
KEY, MASK = 0x1000, 0xfffff000
SENDER, RECEIVER, LINK = (0, 0, 1), (1, 0, 2), 0
#: Between two packets, by which the sender is the slowest on their way.
DELAY_STEPS = 10
RATES = {"lose": 1e-5, "duplicate": 1e-5}
#: Emulated time between two looks at memory, and for what is on its way at the end.
STEP_SECONDS = 0.25
REST_SECONDS = 1e-3
#: The host's own: pages that are touched for the first time.
MOST_GROWTH_BYTES = 1 << 20
#: Byte offsets in a core's DTCM of what the programs count.
COUNT_AT = 16


@dataclass(frozen=True)
class Counts:
    """What was counted of the packets."""

    sent_by_core: int
    taken_by_core: int
    sent: int
    over_link: int
    delivered: int
    dropped: int
    lost: int
    duplicated: int

    def balance(self) -> dict[str, bool]:
        """Each packet goes to one core, over one link."""
        return {"sent is what the sender counted": self.sent == self.sent_by_core,
                "delivered is what the receiver counted": self.delivered == self.taken_by_core,
                "sent = delivered + lost + dropped - added":
                    self.sent == self.delivered + self.lost + self.dropped - self.duplicated,
                "nothing was dropped": self.dropped == 0}


def run(n_packets: int, seed: int) -> tuple[Counts, list[int], float]:
    """What was counted, the memory of this process at each step in bytes, and the emulated seconds."""
    memory = []
    with DirectMachine(BOARD) as machine:
        machine.route(*SENDER[:2], 0, KEY, MASK, links=(LINK,))
        machine.route(*RECEIVER[:2], 0, KEY, MASK, cores=(RECEIVER[2],))
        machine.start(*RECEIVER, program("receive"))
        machine.start(*SENDER, program("send"), w0=KEY, w1=n_packets, w2=1, w3=DELAY_STEPS)
        machine.faults({**RATES, "seed": seed})
        while machine.packets("sent")["mc"] < n_packets:
            before = machine.packets("sent")["mc"]
            machine.run(STEP_SECONDS)
            memory.append(held_by(os.getpid()).resident_bytes)
            if machine.packets("sent")["mc"] == before:
                raise SystemExit(f"After {before} packets none is sent any more.")
        machine.run(REST_SECONDS)
        faults = machine.fault_counts()
        packets = {what: machine.packets(what)["mc"] for what in ("sent", "forwarded", "delivered", "dropped")}
        counts = Counts(machine.read_word(*SENDER, COUNT_AT), machine.read_word(*RECEIVER, COUNT_AT), packets["sent"],
                        packets["forwarded"], packets["delivered"], packets["dropped"], faults["deliveries_lost"],
                        faults["deliveries_added"])
        return counts, memory, machine.cycles / CLOCK_HZ


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--packets", type=int, default=1_000_000_000, help="fewer than 2**32")
    parser.add_argument("--seed", type=int, default=1, help="of what is lost and what comes twice")
    parser.add_argument("--out", type=Path, help="file for the record")
    options = parser.parse_args()
    if not 0 < options.packets < 1 << 32:
        parser.error(f"--packets {options.packets} is not possible: the cores count in 32 bits. Give 1 to {(1 << 32) - 1}.")
    started, date = time.monotonic(), datetime.now(timezone.utc)
    commit, modified = checkout_state()
    counts, memory, seconds = run(options.packets, options.seed)
    growth = memory[-1] - memory[0]
    checks = {**counts.balance(), "all packets were sent": counts.sent == options.packets,
              "memory does not grow": growth <= MOST_GROWTH_BYTES}
    record: dict[str, Any] = {
        "schema_version": 1, "benchmark": "long_packets", "command": command_line(sys.argv), "commit": commit, "modified": modified,
        "date": date.strftime("%Y-%m-%dT%H:%M:%SZ"), "host": host(), "seed": options.seed, "packets": vars(counts),
        "emulated_seconds": round(seconds, 6), "wall_seconds": round(time.monotonic() - started, 1),
        "resident_bytes": {"first": memory[0], "last": memory[-1], "most": max(memory), "looks": len(memory)}, "checks": checks}
    print(f"{counts.sent} packets sent, {counts.delivered} delivered, {counts.lost} lost and {counts.duplicated} doubled on "
          f"request, {counts.dropped} dropped; memory grew by {growth} bytes; {record['wall_seconds']:.0f} s")
    return conclude(record, checks, options.out)


if __name__ == "__main__":
    sys.exit(main())
