"""How much a found face looks like one in a photo: drawings are not aged, nor said to be children."""

from __future__ import annotations

from dataclasses import dataclass

_LEAST_SCORE, _LEAST_BARE, _MOST_FLAT = 0.75, 0.5, 0.6
"""Of 125 portraits that read under 18 years none has a score under 0.8, less than 0.73 of bare skin or more
than 0.21 of flat pixels; circles with dots for eyes have 0.35 to 0.63, 0.04 to 0.75 and up to 0.95."""

_DRAWN_TONES = 0.5
"""In 1,380 portraits at most 0.28."""


@dataclass(frozen=True)
class Likeness:
    """How much a face looks like one in a photo.

    ``score`` is the detector's, ``bare`` the share of it that looks like its own skin, ``flat`` the share of
    pixels with exactly the colour of their neighbours, ``tones`` the same without those that are nearly black
    or white; each 0..1.
    """

    score: float = 1.0
    bare: float = 1.0
    flat: float = 0.0
    tones: float = 0.0

    @property
    def doubt(self) -> str:
        """What speaks against a face in a photo, or "": follows "it"."""
        if self.flat > _MOST_FLAT:
            return "has large areas of exactly one colour, as drawings have"
        if self.bare < _LEAST_BARE:
            return f"shows skin on {self.bare:.0%} of its area only"
        if self.score < _LEAST_SCORE:
            return f"was found with a low score, {self.score:.2f}"
        return ""

    @property
    def is_drawn(self) -> bool:
        """Whether it is flat and was not found with certainty: a drawing, whatever age it reads.

        Photos that are blown out, nearly black, posterized or pixelated are flat, too, but show skin or have
        a higher score.
        """
        coloured = self.tones > _DRAWN_TONES and (self.score < 0.5 or (self.score < 0.8 and self.bare < 0.75))
        inked = self.flat > _MOST_FLAT and self.score < 0.7 and self.bare < _LEAST_BARE
        return coloured or inked


SURE = Likeness()


def why_drawn(likeness: Likeness) -> str:
    """The reason why a face may be a drawing's, or ""."""
    if not likeness.is_drawn:
        return ""
    return (
        "may be a drawing: it has large areas of exactly one colour and was found with a low score, "
        f"{likeness.score:.2f} (`include_children` ages this face, too)"
    )
