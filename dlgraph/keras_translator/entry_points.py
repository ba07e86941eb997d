"""Layer kinds that installed packages bring: entry points of the group ``dlgraph.layers``."""
from __future__ import annotations

import functools
from importlib.metadata import entry_points

from dlgraph.errors import ModelError

GROUP = "dlgraph.layers"


@functools.cache
def load_layer_kinds() -> None:
    """Import what every entry point names, once: the import registers its kinds.

    :raises ModelError: naming the package whose entry point cannot be loaded
    """
    for point in entry_points(group=GROUP):
        try:
            point.load()
        except Exception as error:
            package = point.dist.name if point.dist is not None else "an unknown package"
            raise ModelError(f"The layer kinds {point.name!r} of {package} ({point.value}) cannot be loaded: {error}. Mend or "
                             f"uninstall that package.") from error
