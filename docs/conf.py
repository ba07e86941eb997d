"""How Sphinx builds the documentation: ``make docs``."""
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))                               # for the extensions beside this file
sys.path.append(str(HERE.parent / "benchmarks"))            # for what their own words say

project = "dlgraph"
author = "the dlgraph authors"
copyright = "the dlgraph authors; Apache License 2.0"
release = version = installed_version("dlgraph")

extensions = ["sphinx.ext.autodoc", "recorded", "generated_tables", "competitive"]
exclude_patterns = ["_build"]
nitpicky = False

html_theme = "alabaster"
html_theme_options = {"description": "Training deep networks on SpiNNaker", "page_width": "1100px", "fixed_sidebar": True}
html_show_sourcelink = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
