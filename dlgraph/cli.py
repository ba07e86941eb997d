"""The command ``dlgraph``."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dlgraph.benchmark.command import add_command
from dlgraph.errors import DlgraphError


def new_vertex(options: argparse.Namespace) -> None:
    """Write the files of a new layer kind."""
    from dlgraph.skeleton import write_skeleton

    folder = write_skeleton(options.name, Path(options.into))
    print(f"Wrote {folder}: a layer kind that works as it is. Its tests:\n  cd {folder} && python -m pytest")


def parser() -> argparse.ArgumentParser:
    """Of the command line: a subcommand each, with the function that does it as ``run``."""
    whole = argparse.ArgumentParser(prog="dlgraph", description="Training deep networks on SpiNNaker.")
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")
    vertex = commands.add_parser("new-vertex", help="write the files of a new layer kind",
                                 description="Write the files of a new layer kind into a folder of its name: a Python class, a C "
                                             "file, tests. They build, run and pass before a line is changed.")
    vertex.add_argument("name", metavar="NAME", help="of the kind: small letters, digits and underscores, such as my_layer")
    vertex.add_argument("--into", metavar="FOLDER", default=".", help="where the new folder goes; default: here")
    vertex.set_defaults(run=new_vertex)
    add_command(commands)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; errors that dlgraph raises on purpose are told in a line."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(words)
    options.words = words
    try:
        options.run(options)
    except DlgraphError as error:
        print(f"dlgraph: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
