"""Exact simplification of the generator for export: the same function with less arithmetic."""

from .network import ExportGenerator
from .passes import PASSES, PassReport, report_passes, simplify

__all__ = ["PASSES", "ExportGenerator", "PassReport", "report_passes", "simplify"]
