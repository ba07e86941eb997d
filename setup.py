"""What pyproject.toml cannot say: packages from three folders, two compiled libraries, and binaries for SpiNNaker's cores.

Both libraries are plain shared libraries, loaded with ctypes; their sources and flags are named beside them.  An
editable install compiles nothing: a source checkout compiles what it uses when it is first used, whenever it has changed.
"""
from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Iterable

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
#: Package -> folder.
FOLDERS = {"dlgraph": "dlgraph", "dlgraph.vertices": "vertices", "spinnemu": "emulator"}


def packages() -> list[str]:
    """Every package below the folders."""
    found = []
    for package, folder in FOLDERS.items():
        found += [package, *(f"{package}.{name}" for name in find_packages(folder, exclude=["tests", "tests.*"]))]
    return found


def load(folder: str, module: str) -> ModuleType:
    """A module of this checkout, without importing the package that it belongs to."""
    package = ModuleType(f"setup_{folder.replace('/', '_')}")
    package.__path__ = [str(ROOT / folder)]
    sys.modules[package.__name__] = package
    return importlib.import_module(f"{package.__name__}.{module}")


def library(name: str, sources: Iterable[Path], include_folder: Path, flags: Iterable[str]) -> Extension:
    """A shared library."""
    return Extension(name, sorted(str(source.relative_to(ROOT)) for source in sources),
                     include_dirs=[str(include_folder.relative_to(ROOT))],
                     extra_compile_args=[flag for flag in flags if flag != "-shared"], extra_link_args=["-pthread"])


def libraries() -> list[Extension]:
    """The emulated machine's engine and the compiled reference."""
    engine, native = load("emulator", "build"), load("dlgraph/reference/native", "build")
    return [library("spinnemu._engine", engine._sources(), engine.SOURCE, engine.FLAGS),
            library("dlgraph.reference._native", native.SOURCES, native.INCLUDE_FOLDER, native.FLAGS)]


class BuildLibraries(build_ext):
    """Nothing is left in the source folders of an editable install: it would grow old there."""

    def run(self) -> None:
        if not self.inplace and not getattr(self, "editable_mode", False):
            super().run()


class BuildPython(build_py):
    """Adds the core-side binaries to the package."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            out = Path(self.build_lib, "dlgraph", "binaries")
            subprocess.run([sys.executable, str(ROOT / "c_models" / "build.py"), "--out", str(out)], check=True,
                           env=os.environ | {"DLGRAPH_RUNTIME": "own"})
            # programs of layer kinds from outside are built from these (dlgraph/binaries/custom.py)
            shutil.copytree(ROOT / "c_models", Path(self.build_lib, "dlgraph", "c_models"), dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns("build", "__pycache__", "test_programs"))


setup(
    packages=packages(),
    package_dir=FOLDERS,
    ext_modules=libraries(),
    cmdclass={"build_ext": BuildLibraries, "build_py": BuildPython},
    zip_safe=False,
)
