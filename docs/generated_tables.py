"""Tables of the reference that are made from the code, so that they cannot fall behind it.

``supported-layers``, ``supported-choices`` and ``error-messages`` are their directives; see :doc:`supported` and :doc:`errors`.
"""
from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any, Iterable

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from dlgraph.keras_translator import activations, losses, metrics, optimisers
from dlgraph.keras_translator.handlers.base import HANDLERS, LayerHandler

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs"))

from messages import Message, of_c_programs, of_python  # noqa: E402

#: What every handler refuses besides (``LayerHandler.check``).
OF_EVERY_LAYER = "``activity_regularizer=None``, ``trainable=True``, ``dtype='float32'``"


def values(accepted: Iterable[Any]) -> str:
    """Values of an option: each one once, as it would be typed."""
    shown = dict.fromkeys(repr(value) for value in accepted if not isinstance(value, list))
    return " or ".join(shown)


def options(accepted: dict[str, tuple[Any, ...]]) -> str:
    """Options with the values under which they are accepted."""
    return ", ".join(f"``{name}={values(given)}``" for name, given in accepted.items()) or "as in Keras"


def summary(handler: LayerHandler) -> str:
    """First sentence of the handler's docstring, without the class that it begins with."""
    text = " ".join(inspect.cleandoc(type(handler).__doc__ or "").split("\n\n")[0].split())
    return re.sub(r"^``keras\.\S+``[,:;.]?\s*", "", text).rstrip(".") or "as in Keras"


def layer_table() -> list[str]:
    """reStructuredText of the layers that the translator has handlers for."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 24 38 38", "", "   * - Keras layer", "     - which",
             "     - options that are restricted"]
    for name, handler in sorted(HANDLERS.items()):
        lines += [f"   * - ``{name}``", f"     - {summary(handler)}", f"     - {options(handler.accepted)}"]
    return [*lines, "", f"Every layer besides: {OF_EVERY_LAYER}."]


def choice_table() -> list[str]:
    """reStructuredText of activations, losses, metrics and optimisers."""
    rows = {
        "activations": ", ".join(f"``{name}``" for name in activations.ACTIVATIONS),
        "losses": ", ".join(f"``{name}``" for name in losses.LOSSES),
        "options of losses": options(losses.ACCEPTED),
        "metrics": ", ".join(f"``{name}``" for name in ("accuracy", *metrics.METRICS)),
        "optimisers": ", ".join(f"``{name}``" for name in optimisers.KINDS),
        "options of optimisers": options(optimisers.ACCEPTED),
    }
    lines = [".. list-table::", "   :widths: 24 76", ""]
    for what, accepted in rows.items():
        lines += [f"   * - {what}", f"     - {accepted}"]
    return lines


class Generated(SphinxDirective):
    """A table in the place of the directive."""

    def made(self) -> list[str]:
        """Its reStructuredText."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Called by Sphinx."""
        node = nodes.section()
        node.document = self.state.document
        self.state.nested_parse(StringList(self.made(), source=__file__), self.content_offset, node)
        return node.children


class SupportedLayers(Generated):
    """The layers."""

    def made(self) -> list[str]:
        """See :func:`layer_table`."""
        return layer_table()


class SupportedChoices(Generated):
    """What a model may be compiled with."""

    def made(self) -> list[str]:
        """See :func:`choice_table`."""
        return choice_table()


class ErrorMessages(SphinxDirective):
    """Every message of one class of error, or with ``cores`` those of the programs on the machine."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Called by Sphinx."""
        which = self.arguments[0]
        found = of_c_programs(ROOT) if which == "cores" else of_python(ROOT, which)
        return [bullets(found)] if found else [nodes.paragraph("", "None is raised as itself.")]


def bullets(messages: Iterable[Message]) -> nodes.bullet_list:
    """One item for each message, with the file that has it."""
    result = nodes.bullet_list(bullet="*")
    for message in messages:
        paragraph = nodes.paragraph("", message.text + " ")
        paragraph += nodes.literal("", message.place)
        result += nodes.list_item("", paragraph)
    return result


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("supported-layers", SupportedLayers)
    app.add_directive("supported-choices", SupportedChoices)
    app.add_directive("error-messages", ErrorMessages)
    return {"version": "1", "parallel_read_safe": True}
