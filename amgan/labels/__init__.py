"""Apparent ages of zones from a rough age of the whole face."""

from ..faces.tables import ZoneLabels, read_labels

__all__ = ["ZoneLabels", "read_labels"]
