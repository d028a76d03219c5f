"""Gains and bounds of aged versions, set by visual inspection of real and synthetic faces."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AgingOptions:
    """Strength of each part of aging. Gains are per full span; bounds are in log intensity.

    Population field: ``field_gain`` (``field_gain_young`` for younger versions) times the field's luminance,
    less on smooth skin, where it would be a patch, softly bounded by ``field_down`` and ``field_up``;
    ``smile_gain`` times its dependence on expression, ``kind_gain`` times that on sex and tone;
    ``deviation_gain`` times the pattern's own folds, bounded by ``deviation_down`` and ``deviation_up``, of
    which the palest skin keeps ``pale_deviation``, as they are wide and would be patches there;
    ``calm_hairline`` is their share removed below the hairline, where they would be a band;
    ``colour_gain`` times its chroma.

    Own structure, per span of OWN_SPAN_YEARS: ``own_lines``, ``own_fine``, ``own_mid``, ``own_folds`` and
    ``own_pores``; on a smiling face folds by ``smile_folds`` more, as folds of a smile become permanent, and
    the pattern's lines by ``smile_lines`` more.

    Pattern: ``lines``, ``texture``, ``mottling``. Lines are scaled by the line strength of the skin
    (amgan.runtime.face.line_strength), folds by the part of it that depends on the skin's contrast;
    low-frequency shades of the field keep at least ``smooth_share`` on smooth skin. On pale skin mottling
    keeps ``pale_mottling``, and lines, which would look drawn, are blurred by ``pale_soft_px`` of a frame of
    512 px. ``calm_jowls`` and ``calm_frown`` are the shares of the lines removed beside the corners of the
    mouth and between the brows, where they cross. Low-frequency shades fade between the code values
    ``bright_from`` and ``bright_to``.

    Younger, per span of YOUNG_SPAN_YEARS: removed shares of own structure, ``young_fine`` (of lines),
    ``young_mid``, ``young_folds``, ``young_broad`` (bags), and of uneven colour, ``young_even``.

    Bounds of the whole luminance change: ``down``, ``up``, ``up_young``; lightening goes at most half way to
    the code value ``never_above``.

    ``warmth`` is the added warmth of shadows on skin, ``broad_warmth`` that of the field's low-frequency
    ones. On pale skin both take the skin's own hue and are stronger by ``pale_warmth``, as a brown or grey
    shadow on pink skin looks like a bruise. ``vivid_calm`` is the share of both removed on skin that coloured
    light saturates. ``paler`` is the reduction of colour where skin gets lighter, as grey next to red young
    skin is a patch.

    Hair and lips, per span of HAIR_SPAN_YEARS from 35 years on: ``lips_paler``, ``lips_lighter``,
    ``brows_lighter``, ``beard_lighter``.
    """

    field_gain: float = 2.1
    field_gain_young: float = 1.6
    field_down: float = 0.20
    field_up: float = 0.09
    smile_gain: float = 0.5
    kind_gain: float = 0.5
    deviation_gain: float = 3.8
    deviation_down: float = 0.19
    deviation_up: float = 0.06
    pale_deviation: float = 0.5
    calm_hairline: float = 1.0
    colour_gain: float = 0.2
    colour_gain_young: float = 0.3
    own_lines: float = 2.2
    own_fine: float = 0.3
    own_mid: float = 1.1
    own_folds: float = 0.6
    own_pores: float = 0.25
    smile_folds: float = 1.2
    smile_lines: float = 0.4
    young_mid: float = 1.0
    young_fine: float = 1.0
    young_folds: float = 0.95
    young_broad: float = 0.7
    young_even: float = 0.8
    lines: float = 2.6
    texture: float = 0.5
    mottling: float = 0.06
    calm_jowls: float = 0.5
    calm_frown: float = 0.4
    pale_mottling: float = 0.4
    pale_soft_px: float = 1.0
    smooth_share: float = 0.75
    bright_from: float = 195.0
    bright_to: float = 245.0
    down: float = 0.53
    up: float = 0.13
    up_young: float = 0.65
    never_above: float = 236.0
    warmth: float = 1.1
    broad_warmth: float = 1.1
    pale_warmth: float = 0.3
    vivid_calm: float = 0.5
    paler: float = 0.3
    lips_paler: float = 0.55
    lips_lighter: float = 0.25
    brows_lighter: float = 0.75
    beard_lighter: float = 0.65


OWN_SPAN_YEARS = 45.0
YOUNG_SPAN_YEARS = 30.0
HAIR_FROM_AGE = 35.0
HAIR_SPAN_YEARS = 40.0
