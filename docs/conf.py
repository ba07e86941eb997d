"""How Sphinx builds the documentation: ``make docs``."""
from importlib.metadata import version as installed_version

project = "dlgraph"
author = "the dlgraph authors"
copyright = "the dlgraph authors; Apache License 2.0"
release = version = installed_version("dlgraph")

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
nitpicky = False

html_theme = "alabaster"
html_theme_options = {"description": "Training deep networks on SpiNNaker", "page_width": "1100px", "fixed_sidebar": True}
html_show_sourcelink = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
