"""The files that ``dlgraph new-vertex NAME`` writes: a layer kind that works, to be changed step by step."""
from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path

from dlgraph.errors import DataError

#: Template -> name of the file; both with the kind's names in it.
FILES = {"layer.py.txt": "{name}.py", "layer.c.txt": "{name}.c", "test_layer.py.txt": "test_{name}.py",
         "README.md.txt": "README.md", "pyproject.toml.txt": "pyproject.toml", "Makefile.txt": "Makefile"}


def class_name(name: str) -> str:
    """``my_layer`` as ``MyLayer``."""
    found = "".join(part.capitalize() for part in name.split("_"))
    return found if found.endswith("Layer") else f"{found}Layer"


def write_skeleton(name: str, into: Path) -> Path:
    """Write the files of a new layer kind into a folder of its name.

    :param name: of the kind: a Python module's, in small letters
    :param into: folder in which the new folder goes
    :return: the new folder
    :raises DataError: for a name that is none, or where the folder exists
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) or keyword.iskeyword(name):
        raise DataError(f"The name {name!r} cannot be used. Give a Python module's name: small letters, digits and underscores, a "
                        f"letter first, up to 40 of them, such as 'my_layer'.")
    folder = into / name
    names = {"name": name, "Class": class_name(name)}
    try:
        folder.mkdir(parents=True)
        for template, target in FILES.items():
            text = files(__package__).joinpath(template).read_text(encoding="utf-8")
            for word, value in names.items():
                text = text.replace(f"@{word}@", value)
            (folder / target.format(**names)).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise DataError(f"There is a {folder} already. Give another name, or another folder with --into.") from None
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be written: {error}. Give another one with --into.") from error
    return folder
