"""Older and younger versions of a face: the change of its log picture by the population's aging field.

Older: the field's folds and colour in the face's own light, deeper own structure, lines and texture of a
pattern, paler lips, greyer brows and beard. Younger: the inverse field, and flatter own folds. Every part is
bounded, so that none becomes a bruise, a white wedge or a stroke.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .aging_field import AgingField
from .face_layers import FaceLayers
from .field_fit import SPAN_YEARS, age_basis
from .log_picture import Plane, blur, code_values, smoothstep, soft_bound, soft_range
from .options import HAIR_FROM_AGE, HAIR_SPAN_YEARS, OWN_SPAN_YEARS, YOUNG_SPAN_YEARS, AgingOptions

WARM = np.array([-0.24, 0.05, 0.15], np.float32)
"""Log chroma of R, G and B per unit of shadow on skin: red falls less than luminance, blue more.

The sign is that of darkening (a negative change of luminance).
"""


@dataclass(frozen=True, eq=False)
class Broad:
    """The field's part of a change: luminance [S, S] and chroma [S, S, 3]."""

    light: Plane
    colour: NDArray[np.float32]


def version_change(
    layers: FaceLayers,
    field: AgingField,
    age: float,
    pattern: NDArray[np.floating],
    options: AgingOptions | None = None,
) -> NDArray[np.float32]:
    """Change of the log picture, float32 [S, S, 3], from a face to its version at ``age`` years.

    ``pattern`` [K] are the shares of the field's patterns, with the sum 1; younger versions ignore them.
    """
    options = options or AgingOptions()
    up = age >= layers.face.age
    broad = _broad(layers, field, age, pattern, options)
    if up:
        light = broad.light + _own_deeper(layers, age, options) * layers.visible
    else:
        light = broad.light + _own_flatter(layers, age, options) * layers.smoothable
    mottled: NDArray[np.float32] | float = 0.0
    if up:
        added, mottled = _pattern(layers, field, age, pattern, options)
        light = light + added * layers.visible * _calm_mouth(layers)
    light = soft_range(light, options.down, options.up if up else options.up_young)
    room = np.maximum(np.log(options.never_above + 8.0) - layers.light, 0.0)
    light = np.where(light > 0, np.minimum(light, 0.5 * room), light)
    light = light * (layers.exposure if up else layers.fillable)
    colour = _colour(layers, light, broad, options, up) + mottled
    if not up:
        colour = colour + _evener(layers, age, options)
    weight = layers.weight * (1.0 - layers.eyes) * (1.0 - layers.mouth)
    light, colour = light * weight, colour * (weight * (1.0 - layers.lips))[..., None]
    for more_light, more_colour in (_lips(layers, age, options), _hair(layers, age, options)):
        light, colour = light + more_light, colour + more_colour
    return np.asarray(light[..., None] + colour, np.float32)


def rendered(layers: FaceLayers, change: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Apply a change of the log picture to the face, uint8 [S, S, 3]; clipped channels darken late."""
    darker = np.minimum(layers.log, layers.restored + change)
    after = np.where(change < 0, darker, layers.log + change)
    return np.asarray(np.rint(code_values(after)), np.uint8)


def version_codes(
    layers: FaceLayers, field: AgingField, age: float, pattern: NDArray[np.floating]
) -> NDArray[np.int8]:
    """Difference of the version at ``age`` from the frame in code values, int8 [S, S, 3], -127..127."""
    after = rendered(layers, version_change(layers, field, age, pattern)).astype(np.int16)
    return np.clip(after - layers.face.frame, -127, 127).astype(np.int8)


def _spans(layers: FaceLayers, age: float) -> tuple[float, float]:
    """The change of age in spans of own structure, and of hair."""
    own = float(np.clip((age - layers.face.age) / OWN_SPAN_YEARS, -1.0, 1.25))
    hair = [float(np.clip((a - HAIR_FROM_AGE) / HAIR_SPAN_YEARS, 0.0, 1.3)) for a in (age, layers.face.age)]
    return own, hair[0] - hair[1]


def _broad(
    layers: FaceLayers, field: AgingField, age: float, pattern: NDArray[np.floating], options: AgingOptions
) -> Broad:
    up = age >= layers.face.age
    step = age_basis(age) - age_basis(layers.face.age)
    years = (age - layers.face.age) / SPAN_YEARS
    kind = options.kind_gain * np.array([layers.face.sex, field.tone_of(layers.skin_light)], np.float32)
    smile = options.smile_gain * float(np.clip(layers.smile, -1.0, 1.0))
    planes = np.tensordot(step, field.field, 1) + years * (
        smile * field.products[0] + kind[0] * field.products[1] + kind[1] * field.products[2]
    )
    moved = layers.brought(planes)
    smooth = max(min(layers.fitting, 1.0), options.smooth_share)
    light = moved[..., 0] * (options.field_gain * smooth if up else options.field_gain_young)
    if up:
        own, _ = _spans(layers, age)
        deviation = np.tensordot(np.asarray(pattern, np.float32), field.deviations, 1)
        folds = soft_range(
            options.deviation_gain * layers.fitting * own * layers.brought(deviation),
            options.deviation_down,
            options.deviation_up,
        )
        kept = _kept(options.pale_deviation, layers.paleness)
        light = light + kept * folds * (1.0 - options.calm_hairline * layers.hairline)
    light = light * (1.0 - 0.35 * float(smoothstep(abs(layers.face.turn), 0.25, 0.55)))
    bright = 1.0 - 0.75 * smoothstep(
        blur(layers.brightness, 12 * layers.unit), options.bright_from, options.bright_to
    )
    light = np.where(light < 0, light * layers.lit * bright * _calm_mouth(layers), light)
    plain = np.where(layers.skin > 0.02, layers.bare, 1.0).astype(np.float32)
    light = light * plain * (1.0 - 0.7 * layers.brows * layers.hair)
    if up:
        light = soft_range(light, options.field_down, options.field_up)
    colour = moved[..., 1:] * (options.colour_gain if up else options.colour_gain_young)
    return Broad(np.asarray(light, np.float32), np.asarray(colour * plain[..., None], np.float32))


def _calm_mouth(layers: FaceLayers) -> Plane:
    """Reduce the change below the mouth of a smiling face, where the stretched mesh would draw a frown."""
    return np.asarray(1.0 - 0.6 * float(np.clip(layers.smile, 0.0, 1.0)) * layers.below_mouth, np.float32)


def _own_deeper(layers: FaceLayers, age: float, options: AgingOptions) -> Plane:
    """Deepen the face's own lines, folds and pores; lightening has half weight."""
    own, _ = _spans(layers, age)
    fine, middle, folds = (_half_up(band) for band in layers.bands)
    line = smoothstep(layers.lineness, 0.25, 0.6)
    deeper = options.own_lines * soft_bound(_half_up(layers.own_lines), 0.10)
    deeper = deeper + options.own_fine * line * soft_bound(fine, 0.08)
    middle_share = (1.0 - 0.6 * layers.under_eyes) * (0.1 + 0.9 * line)
    smiles = options.smile_folds * float(np.clip(layers.smile, 0.0, 1.0))
    deeper = deeper + options.own_mid * (1.0 + 0.5 * smiles) * middle_share * soft_bound(middle, 0.12)
    fold_share = (1.0 - layers.under_eyes) * layers.lit
    deeper = deeper + options.own_folds * (1.0 + smiles) * fold_share * soft_bound(folds, 0.12)
    deeper = deeper + options.own_pores * layers.calm**2 * soft_bound(layers.bands[0], 0.06)
    return np.asarray(own * deeper, np.float32)


def _half_up(band: Plane) -> Plane:
    """A band with half weight of lightening."""
    return np.where(band < 0, band, 0.5 * band).astype(np.float32)


def _young_share(layers: FaceLayers, age: float) -> float:
    """Removable share of the face's own age, 0..1: 1 for YOUNG_SPAN_YEARS and more."""
    return float(np.clip((layers.face.age - age) / YOUNG_SPAN_YEARS, 0.0, 1.0))


def _own_flatter(layers: FaceLayers, age: float, options: AgingOptions) -> Plane:
    """The negative of the removed folds and lines of the face; pores and a part of the highlights stay."""
    fine, middle, folds, bags = layers.smoothable_bands
    line = smoothstep(layers.lineness, 0.2, 0.5)
    flat = options.young_mid * (middle - soft_bound(middle, 0.015))
    flat = flat + options.young_fine * line * (fine - soft_bound(fine, 0.02))
    flat = flat + options.young_folds * (folds - soft_bound(folds, 0.025))
    flat = flat + options.young_broad * (bags - soft_bound(bags, 0.03))
    return np.asarray(-_young_share(layers, age) * np.where(flat < 0, flat, 0.85 * flat), np.float32)


def _pattern(
    layers: FaceLayers, field: AgingField, age: float, pattern: NDArray[np.floating], options: AgingOptions
) -> tuple[Plane, NDArray[np.float32]]:
    """Luminance [S, S] of a pattern's lines and texture, and its mottling [S, S, 3]."""
    own, _ = _spans(layers, age)
    mixed = np.tensordot(np.asarray(pattern, np.float32), field.lines, 1).astype(np.float32)
    pale = layers.paleness
    soft = pale * options.pale_soft_px * mixed.shape[0] / 512.0
    lines = layers.brought(blur(mixed, soft) if soft > 0.3 else mixed)
    lines = lines * (1.0 - options.calm_jowls * layers.jowls) * (1.0 - options.calm_frown * layers.frown)
    pores = layers.brought(field.texture) * own * options.texture * layers.calm
    mottling = layers.brought(field.mottling) * own * options.mottling * layers.calm
    mottling = mottling * _kept(options.pale_mottling, pale)
    grey = mottling.mean(axis=2)
    colour = (mottling - grey[..., None]) * layers.visible[..., None]
    smiles = 1.0 + options.smile_lines * float(np.clip(layers.smile, 0.0, 1.0))
    light = options.lines * smiles * layers.line_strength * own * lines + pores + grey
    return np.asarray(light, np.float32), np.asarray(
        colour * min(1.4 * layers.colourfulness, 1.0), np.float32
    )


def _kept(share: float, pale: float) -> float:
    """``share`` on the palest skin, 1 on skin that is not pale."""
    return 1.0 - (1.0 - share) * pale


def _colour(
    layers: FaceLayers, light: Plane, broad: Broad, options: AgingOptions, up: bool
) -> NDArray[np.float32]:
    """Chroma of a change of luminance: shadows on skin get warmer, lighter areas paler."""
    shade = np.minimum(blur(light, 1.2 * layers.unit), 0.0)
    broad_shade = layers.exposure * np.minimum(broad.light, 0.0)
    warm = (options.warmth * shade + options.broad_warmth * broad_shade)[..., None] * _hue(layers, options)
    colour = broad.colour * (layers.colourfulness * layers.exposure)[..., None]
    colour = colour + warm * min(1.4 * layers.colourfulness, 1.0)
    if up:
        colour = colour - options.paler * np.maximum(light, 0.0)[..., None] * layers.chroma
    return np.asarray(colour, np.float32)


def _hue(layers: FaceLayers, options: AgingOptions) -> NDArray[np.float32]:
    """What a shadow of 1 is to R, G and B: on pale skin more of the skin's own colour, pink or peach."""
    length = max(float(np.linalg.norm(layers.skin_chroma)), 0.02)
    own = layers.skin_chroma * np.float32(-float(np.linalg.norm(WARM)) / length)
    hue = WARM + layers.paleness * (own - WARM)
    gain = (1.0 + options.pale_warmth * layers.paleness) * (1.0 - options.vivid_calm * layers.vivid)
    return np.asarray(gain * hue, np.float32)


def _evener(layers: FaceLayers, age: float, options: AgingOptions) -> NDArray[np.float32]:
    """Even out the colour of younger skin: blotches and red folds move towards the surrounding skin."""
    share = options.young_even * _young_share(layers, age) * layers.smoothable
    around = layers.skin_around[1]
    blotch = blur(layers.chroma - around, 1.5 * layers.unit)
    return np.asarray(-share[..., None] * blotch, np.float32)


def _lips(layers: FaceLayers, age: float, options: AgingOptions) -> tuple[Plane, NDArray[np.float32]]:
    """Move older lips towards the surrounding skin in colour and luminance, younger ones away from it."""
    _, span = _spans(layers, age)
    around_light, around_chroma = layers.skin_around
    weight, apart = layers.lips * layers.weight, layers.chroma - around_chroma
    if span < 0:
        return np.zeros_like(layers.light), (0.25 * min(-span, 1.0) * weight)[..., None] * apart
    share = min(span, 1.0) * weight
    lighter = options.lips_lighter * (1.0 - 0.7 * float(np.clip(layers.smile, 0.0, 1.0)))
    light = lighter * share * (1.0 - layers.mouth) * np.clip(around_light - layers.light, 0.0, 0.5)
    return np.asarray(light, np.float32), -(0.8 * options.lips_paler * share)[..., None] * apart


def _hair(layers: FaceLayers, age: float, options: AgingOptions) -> tuple[Plane, NDArray[np.float32]]:
    """Make dark hair of brows and beard lighter and greyer by its blurred darkness, which keeps strands."""
    _, span = _spans(layers, age)
    around, hair = layers.skin_around[0], blur(layers.light, 3 * layers.unit)
    brows = layers.brows * layers.hair * layers.weight
    share = float(np.clip(span, -0.4, 1.0))
    gain = options.brows_lighter * (0.6 if span >= 0 else 0.5)
    light = gain * share * brows * np.clip(around - hair - 0.15, 0.0, 1.2)
    colour = -(0.5 * max(share, 0.0) * brows)[..., None] * layers.chroma
    if span > 0:
        beard = layers.beard * (1.0 - layers.mouth) * (1.0 - layers.lips) * min(span, 1.0)
        light = light + options.beard_lighter * beard * np.clip(around - 0.1 - hair, 0.0, 1.3)
        colour = colour - (0.6 * beard)[..., None] * layers.chroma
    return np.asarray(light, np.float32), np.asarray(colour, np.float32)
