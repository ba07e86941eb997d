"""How Sphinx builds the documentation: ``make docs``."""
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))       # for the extensions beside this file

project = "dlgraph"
author = "the dlgraph authors"
copyright = "the dlgraph authors; Apache License 2.0"
release = version = installed_version("dlgraph")

extensions = ["sphinx.ext.autodoc", "recorded", "generated_tables"]
exclude_patterns = ["_build"]
nitpicky = False

html_theme = "alabaster"
html_theme_options = {"description": "Training deep networks on SpiNNaker", "page_width": "1100px", "fixed_sidebar": True}
html_show_sourcelink = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
