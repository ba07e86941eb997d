"""The command ``dlgraph benchmark``."""
from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from dlgraph.benchmark.provenance import short_words
from dlgraph.benchmark.settings import DEVICES, NETWORKS, QUICK, Settings

_DESCRIPTION = (
    "Train the networks of LeCun et al. 1998 on a SpiNNaker board (emulated unless DLGRAPH_MACHINE names one) and with Keras on "
    "this computer: on its processor, on its GPU where it has one, and by two workers that share each batch. Written are a record, "
    "a table and plots, with published figures beside. Given again with the same folder, the command goes on where it ended. "
    "Trained to the end, all of it takes many hours on an emulated board; --quick takes minutes.")


def add_command(commands: Any) -> None:
    """Add it to the subcommands of ``dlgraph``."""
    parser = commands.add_parser("benchmark", help="train on SpiNNaker, CPU and GPU, and compare speed and energy",
                                 description=_DESCRIPTION)
    parser.add_argument("--output", metavar="FOLDER", type=Path, required=True, help="for the record, the table and the plots")
    parser.add_argument("--quick", action="store_true",
                        help="all of it on little data, on a board of 4 chips: some minutes, to see that it works")
    parser.add_argument("--to-the-end", action="store_true",
                        help="as far as it goes, by longer recipes in their own batches: for seconds to 98%% and 99%%")
    parser.add_argument("--networks", nargs="+", metavar="NAME", default=list(NETWORKS),
                        help=f"of {', '.join(NETWORKS)}; default: all")
    parser.add_argument("--devices", nargs="+", metavar="NAME", help=f"of {', '.join(DEVICES)}; default: those there are")
    parser.add_argument("--data", metavar="PATH", help="mnist.npz or a folder of idx files, in place of Keras' cache; 'digits' for "
                                                       "scikit-learn's")
    parser.add_argument("--samples", type=int, metavar="N", help="to train on, the first so many; default: all")
    parser.add_argument("--test-samples", type=int, metavar="N", help="likewise, to test")
    parser.add_argument("--epochs", type=int, metavar="N", help="of each network; default: those of its recipe")
    parser.add_argument("--repeats", type=int, metavar="N", help="of every training, each with another seed; default: 1")
    parser.add_argument("--seed", type=int, metavar="N", default=1, help="of the first repeat; default: 1")
    parser.add_argument("--board", choices=["spinn5", "spinn3"], help="48 chips or 4; default: spinn5")
    parser.add_argument("--threads", type=int, choices=[1, 2], default=1, help="of this computer, for an emulated board")
    parser.add_argument("--cpu-watts", type=float, metavar="W", help="of the processor's package, in place of what can be measured")
    parser.add_argument("--cpu-cores", type=int, metavar="N", help="of the package, for the share of it in use")
    parser.set_defaults(run=benchmark)


def benchmark(options: argparse.Namespace) -> None:
    """Run it."""
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from dlgraph.benchmark.run import run_benchmark

    settings = settings_of(options)
    run_benchmark(settings, command_line(options.words))


def settings_of(options: argparse.Namespace) -> Settings:
    """From the options; what was not given is as the form of the benchmark has it.

    :raises DataError: for what cannot be used
    """
    given = {name: getattr(options, name) for name in ("samples", "test_samples", "epochs", "repeats", "board")}
    chosen = {**(QUICK if options.quick else {}), **{name: value for name, value in given.items() if value is not None}}
    return Settings(output=options.output, networks=tuple(dict.fromkeys(options.networks)),
                    devices=None if options.devices is None else tuple(dict.fromkeys(options.devices)), data=options.data,
                    seed=options.seed, threads=options.threads, cpu_watts=options.cpu_watts, cpu_cores=options.cpu_cores,
                    to_the_end=options.to_the_end, quick=options.quick, **chosen)


def command_line(words: list[str]) -> str:
    """The command as records have it: files by their names only."""
    return shlex.join(["dlgraph", *short_words(words)])
