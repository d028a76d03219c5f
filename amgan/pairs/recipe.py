"""The recipe of a population's patterns: the donors of each zone's lines, and their strength."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amgan.runtime.errors import UsageError
from amgan.runtime.face.pattern import MAX_PATTERNS

ZONE_GROUPS: dict[str, tuple[str, ...]] = {
    "forehead": ("forehead",),
    "frown": ("frown",),
    "eyes": ("crows-feet", "under-eye-lines", "under-eye-bags", "upper-eyelids"),
    "cheeks": ("cheek-pores", "cheek-spots", "cheek-redness"),
    "folds": ("nasolabial", "cheek-lines", "jowls"),
    "upper lip": ("upper-lip",),
    "chin": ("lip-corners", "chin"),
}
"""Groups of zones whose lines come from the same donors."""


@dataclass(frozen=True)
class PatternRecipe:
    """A pattern: donors' file names by group of zones, with equal shares, and gains other than 1."""

    name: str
    donors: Mapping[str, tuple[str, ...]]
    gain: Mapping[str, float]


@dataclass(frozen=True)
class Recipe:
    """The contents of the file for `amgan fit-field --patterns`.

    ``rms`` is the strength of lines in each group of zones (log luminance, root mean square); ``texture`` and
    ``mottling`` are shares by donor's file name.
    """

    patterns: tuple[PatternRecipe, ...]
    rms: Mapping[str, float]
    texture: Mapping[str, float]
    mottling: Mapping[str, float]

    @property
    def donors(self) -> tuple[str, ...]:
        """File names of all donors in alphabetical order."""
        named = {name for p in self.patterns for names in p.donors.values() for name in names}
        return tuple(sorted(named | {*self.texture, *self.mottling}))


def read_recipe(path: Path) -> Recipe:
    """Read a recipe in TOML; see docs/training.md.

    Raises UsageError if it is missing or damaged, or names an unknown group of zones.
    """
    try:
        with path.open("rb") as stream:
            stored = tomllib.load(stream)
    except FileNotFoundError as error:
        raise UsageError(f"the recipe of patterns '{path}' does not exist: check its name") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"'{path}' is no TOML ({error}): correct the recipe of patterns") from error
    listed = stored.get("pattern")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_PATTERNS:
        raise UsageError(f"'{path}' must list 1 to {MAX_PATTERNS} patterns, each below [[pattern]]")
    rms = _numbers(stored.get("rms", {}), "rms", path)
    patterns = tuple(_pattern(entry, rms, path) for entry in listed)
    texture, mottling = (_numbers(stored.get(name, {}), name, path) for name in ("texture", "mottling"))
    return Recipe(patterns, _known(rms, "rms", path), texture, mottling)


def _pattern(entry: Any, rms: Mapping[str, float], path: Path) -> PatternRecipe:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not name:
        raise UsageError(f"'{path}' has a pattern without a name: add name = \"...\"")
    donors = entry.get("donors", {})
    listed = isinstance(donors, dict) and all(
        isinstance(names, list) and names and all(isinstance(n, str) for n in names)
        for names in donors.values()
    )
    if not donors or not listed:
        raise UsageError(f"'{path}', pattern {name}: donors must list file names for groups of zones")
    missing = [group for group in donors if group not in rms]
    if missing:
        raise UsageError(f"'{path}', pattern {name}: rms says nothing of {', '.join(missing)}")
    gain = _numbers(entry.get("gain", {}), "gain", path)
    return PatternRecipe(
        name,
        {group: tuple(names) for group, names in _known(donors, name, path).items()},
        _known(gain, f"gain of {name}", path),
    )


def _known(by_group: Mapping[str, Any], what: str, path: Path) -> Mapping[str, Any]:
    for group in by_group:
        if group not in ZONE_GROUPS:
            raise UsageError(
                f"'{path}', {what}: there is no group of zones {group!r}, use {', '.join(ZONE_GROUPS)}"
            )
    return by_group


def _numbers(table: Any, what: str, path: Path) -> dict[str, float]:
    fits = isinstance(table, dict) and all(
        isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v < 100 for v in table.values()
    )
    if not fits:
        raise UsageError(f"'{path}', {what}: give numbers from 0 to 100 by name")
    return {name: float(value) for name, value in table.items()}
