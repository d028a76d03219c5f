"""Moves each sign of a face along the curves of a population's atlas to a target age.

A person looks older at one sign and younger at another than usual at their age. That offset is kept at an
older age: wanted score = usual score at the target age + (score now - usual score at the face's age now). At
a younger age the offset in years is scaled down in proportion to the age. Without an atlas, years are used as
scores.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..face.zones import ZONES
from .atlas import Atlas, Curve
from .maps import FaceAges

MAX_OFFSET_YEARS = 15.0
ZONE_OF_PART: dict[str, str] = {part: zone.name for zone in ZONES for part in zone.parts}

_IDENTITY = Curve((0.0, 100.0), (0.0, 100.0))


def face_age(ages: FaceAges) -> float:
    """The apparent age in years of a whole face: the mean of its fifteen zones, both sides averaged."""
    means = [sum(ages.parts[part] for part in zone.parts) / len(zone.parts) for zone in ZONES]
    return sum(means) / len(means)


@dataclass(frozen=True)
class AtlasTransfer:
    """Conversion between the years of a population and those of the aging map (the ``reference`` atlas).

    They are converted through scores if both curves of a sign have the same unit. Without a population or a
    reference both are the same.
    """

    population: Atlas | None = None
    reference: Atlas | None = None

    def from_map(self, zone: str, years: float) -> float:
        """Convert years of the map at a zone to years of the population."""
        population, reference = self._curves(zone)
        return years if population is reference else population.age_of(reference.score_of(years))

    def to_map(self, zone: str, years: float) -> float:
        """Convert years of the population at a zone to years of the map."""
        population, reference = self._curves(zone)
        return years if population is reference else reference.age_of(population.score_of(years))

    def face_now(self, now: FaceAges) -> float:
        """The age of a whole face in the population's years."""
        years = face_age(now)
        return sum(self.from_map(zone.name, years) for zone in ZONES) / len(ZONES)

    def moved(self, zone: str, now: float, face: float, target: float) -> float:
        """Years of the map wanted at a zone that has ``now`` years of the map.

        The whole face goes from ``face`` to ``target``, both in the population's years. The zone keeps its
        offset if the face gets older, and the share target / face of it if the face gets younger. An offset
        beyond MAX_OFFSET_YEARS shrinks by the length of the move, down to that limit, so that extreme
        readings do not grow and no move means no change.
        """
        if target == face:
            return now
        population, reference = self._curves(zone)
        score = reference.score_of(now)
        wanted = population.age_of(population.score_of(target) + score - population.score_of(face))
        offset = population.age_of(score) - face
        kept = _share_kept(face, target) * (wanted - target)
        return self.to_map(zone, target + _limited(kept, offset, target - face))

    def moved_base(self, now: float, face: float, target: float) -> float:
        """`moved` for the rest of the face, which has no curve: it follows the mean of the zones."""
        if target == face:
            return now
        usual_now, usual_then = (
            sum(self.to_map(zone.name, years) for zone in ZONES) / len(ZONES) for years in (face, target)
        )
        offset = now - usual_now
        return usual_then + _limited(_share_kept(face, target) * offset, offset, target - face)

    def _curves(self, zone: str) -> tuple[Curve, Curve]:
        """The curves of the population and of the map's years."""
        if self.population is None:
            return _IDENTITY, _IDENTITY
        curve = self.population.curves[zone]
        if self.reference is None or self.reference.curves[zone].unit != curve.unit:
            return curve, curve
        return curve, self.reference.curves[zone]


def _share_kept(face: float, target: float) -> float:
    """The share of an offset that a face of ``face`` years keeps at ``target`` years."""
    return min(max(target / face, 0.0), 1.0) if face > 0 else 1.0


def _limited(years: float, offset: float, move: float) -> float:
    """An offset after a move: reduced by the length of the move, but not below MAX_OFFSET_YEARS."""
    limit = max(MAX_OFFSET_YEARS, abs(offset) - abs(move))
    return min(max(years, -limit), limit)
