"""Pages of HTML that show what a run was like: each one file, that needs no network, no script and no font but the reader's own.

Data flow one way: what is shown (:mod:`dlgraph.pages.data`), sections that make text and drawings of it
(:mod:`dlgraph.pages.sections`), the document around them (:mod:`dlgraph.pages.document`).  Nothing here knows where the data come
from.
"""
from dlgraph.pages.data import (
    BASES, ChipUse, Compared, Curve, CycleBar, EnergyUse, LayerWords, LinkUse, Run, StageUse)
from dlgraph.pages.document import document

__all__ = ["BASES", "ChipUse", "Compared", "Curve", "CycleBar", "EnergyUse", "LayerWords", "LinkUse", "Run", "StageUse", "document"]
