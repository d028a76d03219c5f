"""Exact simplification of the generator for export: the same pixels with less work."""

from .network import ExportGenerator
from .passes import PASSES, PassReport, join_modulation, simplify

__all__ = ["PASSES", "ExportGenerator", "PassReport", "join_modulation", "simplify"]
