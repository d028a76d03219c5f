"""How a target age moves each sign of a face along the curves of a population's atlas.

A person looks older at one sign and younger at another than is usual at their age. That offset is theirs,
and stays as they grow older: wanted score = usual score at the target age + (score now - usual score at the
face's age now). It came with the years, and goes with them: at a younger age the offset in years is as much
smaller as the age is.
Without an atlas, years are their own score.
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
    """The apparent age in years of a face as a whole: the mean of its fifteen zones, two sides as one."""
    means = [sum(ages.parts[part] for part in zone.parts) / len(zone.parts) for zone in ZONES]
    return sum(means) / len(means)


@dataclass(frozen=True)
class AtlasTransfer:
    """Years of a population, and years of the aging map, which are those of the ``reference`` atlas.

    Scores tie the two together wherever both curves of a sign have the same unit. Without a population, or
    without a reference to compare it with, both kinds of years are one.
    """

    population: Atlas | None = None
    reference: Atlas | None = None

    def from_map(self, zone: str, years: float) -> float:
        """The population's years for ``years`` of the map, at one zone."""
        population, reference = self._curves(zone)
        return years if population is reference else population.age_of(reference.score_of(years))

    def to_map(self, zone: str, years: float) -> float:
        """The map's years for ``years`` of the population, at one zone."""
        population, reference = self._curves(zone)
        return years if population is reference else reference.age_of(population.score_of(years))

    def face_now(self, now: FaceAges) -> float:
        """The age of a face as a whole in the population's years."""
        years = face_age(now)
        return sum(self.from_map(zone.name, years) for zone in ZONES) / len(ZONES)

    def moved(self, zone: str, now: float, face: float, target: float) -> float:
        """Years of the map wanted at a zone that has ``now`` years of the map.

        The whole face goes from ``face`` to ``target``, both in the population's years. The zone keeps its
        offset where the face grows older, and the share target / face of it where it grows younger; at most
        MAX_OFFSET_YEARS are left when the move is as long as what is more: so an extreme reading does not go
        on to extremes, and no move means no change.
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
        """The same for the rest of the face, which has no sign and no curve: it goes with their mean."""
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
    """An offset after a move: within MAX_OFFSET_YEARS, or the offset before less the length of the move."""
    limit = max(MAX_OFFSET_YEARS, abs(offset) - abs(move))
    return min(max(years, -limit), limit)
