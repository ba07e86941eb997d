"""Everything public has a docstring, its own or that of what it overrides: modules, classes, functions, methods, properties."""
from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

#: Programs that run when they are imported.
PROGRAMS = ("spinnemu.engine", "spinnemu.fuzz", "spinnemu.tests")


def modules() -> list[str]:
    """Names of all modules of dlgraph and of the emulator."""
    found = []
    for package in ("dlgraph", "spinnemu"):
        found.append(package)
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not module.name.startswith(PROGRAMS) and not is_private(module.name.split(".")):
                found.append(module.name)
    return found


def is_private(names: list[str]) -> bool:
    return any(name.startswith("_") for name in names)


def documented(module: ModuleType) -> Iterator[tuple[str, bool]]:
    """Name of everything public that a module defines, and whether it has a docstring."""
    yield module.__name__, bool(inspect.getdoc(module))
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(value):
            yield f"{module.__name__}.{name}", bool(value.__doc__) and not is_made(value)
            yield from of_class(f"{module.__name__}.{name}", value)
        elif inspect.isfunction(value):
            yield f"{module.__name__}.{name}", bool(inspect.getdoc(value))


def of_class(name: str, defined: type) -> Iterator[tuple[str, bool]]:
    for member, value in vars(defined).items():
        plain = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        if not member.startswith("_") and (inspect.isfunction(plain) or isinstance(plain, property)):
            yield f"{name}.{member}", bool(inspect.getdoc(getattr(defined, member)))


def is_made(defined: type) -> bool:
    """Whether its docstring is the one that ``dataclass`` makes where there is none."""
    return (defined.__doc__ or "").startswith(f"{defined.__name__}(")


def test_the_check_sees_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("dlgraph.made", "It has one.")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec("from dataclasses import dataclass\nclass A:\n    'One.'\n    def f(self): pass\n    def g(self): 'Has.'\n"
         "class B(A):\n    'Two.'\n    def g(self): pass\n    @property\n    def p(self): pass\n"
         "@dataclass\nclass C:\n    x: int\ndef _private(): pass\ndef h(): pass\n", vars(module))
    missing = [name.removeprefix("dlgraph.made.") for name, has in documented(module) if not has]
    assert missing == ["A.f", "B.p", "C", "h"]


@pytest.mark.parametrize("package", ["dlgraph", "spinnemu"])
def test_everything_public_has_a_docstring(package: str) -> None:
    missing, n = [], 0
    for name in modules():
        if name.partition(".")[0] != package or name.endswith("__main__"):
            continue
        for what, has in documented(importlib.import_module(name)):
            n += 1
            missing += [] if has else [what]
    assert n > 50
    assert not missing, f"{n - len(missing)} of {n} have a docstring; these have none:\n" + "\n".join(missing)
