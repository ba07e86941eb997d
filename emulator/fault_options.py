"""The part of the ``spinnemu`` command's options that says what is to go wrong."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .faults import DATAGRAM_KINDS, PACKET_KINDS, Faults

_FLAT = (*PACKET_KINDS, *DATAGRAM_KINDS, "seed", "delay_us", "overtaken_by")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    group = parser.add_argument_group(
        "faults on request",
        "What is to go wrong with the machine; the same seed makes the same go wrong. Times are emulated: @MS is so many "
        "milliseconds since power-on, @+MS since the machine was ready; parts without a time are dead before power-on.")
    group.add_argument("--fault", metavar="NAME=NUMBER", action="append", default=[], type=_named_number,
                       help=f"a rate from 0 to 1 of {', '.join((*PACKET_KINDS, *DATAGRAM_KINDS))}; or seed, delay_us (longest "
                            f"time that packets are held back), overtaken_by (longest number of packets that overtake one)")
    group.add_argument("--faults", metavar="JSON", default={}, type=_json,
                       help="all parameters of spinnemu.Faults, as JSON or in a file of it, such as "
                            '{"packets": [{"kind": "lose", "key": 4096, "mask": 65535, "rate": 0.01}]}')
    for name, form, parts in (("link", "X,Y,L", "a link"), ("core", "X,Y,P", "a physical core"), ("chip", "X,Y", "a chip")):
        group.add_argument(f"--kill-{name}", metavar=f"{form}[@MS]", action="append", default=[], type=_death(name, form),
                           help=f"{parts} dies")
    group.add_argument("--slow-core", metavar="X,Y,P,FACTOR[@MS]", action="append", default=[], type=_slow,
                       help="a core's instructions take so many times the cycles")


def faults(options: argparse.Namespace) -> Faults | None:
    """What the options say; None if they say nothing.

    :raises ValueError: for faults that cannot be
    """
    given = dict(options.faults)
    for name, number in options.fault:
        given[name] = number
    for name, more in (("deaths", [*options.kill_link, *options.kill_core, *options.kill_chip]), ("slow", options.slow_core)):
        if more:
            given[name] = [*given.get(name, []), *more]
    return Faults.of(given) if given else None


def _named_number(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        if name in _FLAT:
            return name, int(number) if number.strip().isdigit() else float(number)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not NAME=NUMBER with a name of {', '.join(_FLAT)}")


def _json(text: str) -> dict[str, Any]:
    try:
        content = text if text.lstrip().startswith("{") else Path(text).read_text()
        value = json.loads(content)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is neither JSON nor a file of it: {error}") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON object")
    return value


def _moment(text: str) -> tuple[str, dict[str, Any]]:
    """What stands before @, and the time behind it."""
    what, at, time = text.partition("@")
    return what, {} if not at else {"after_ms": float(time[1:])} if time.startswith("+") else {"at_ms": float(time)}


def _death(name: str, form: str) -> Callable[[str], dict[str, Any]]:
    def parse(text: str) -> dict[str, Any]:
        try:
            what, moment = _moment(text)
            return {name: tuple(int(part) for part in what.split(",")), **moment}
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {form}, {form}@MS or {form}@+MS") from None
    return parse


def _slow(text: str) -> dict[str, Any]:
    try:
        what, moment = _moment(text)
        *core, factor = what.split(",")
        return {"core": tuple(int(part) for part in core), "factor": float(factor), **moment}
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not X,Y,P,FACTOR, with @MS or @+MS or without") from None
