"""Gains and bounds of aged versions, set by eye on real and synthetic faces, never by a judge of age."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AgingOptions:
    """How strongly each part of aging shows. Gains are per full span; bounds are in log intensity.

    Population field: ``field_gain`` (``field_gain_young`` when a face gets younger) times the field's
    luminance, less on smooth skin, where it would be a patch; softly bounded by ``field_down`` and
    ``field_up``; ``smile_gain`` times its dependence on expression, ``kind_gain`` times that on sex and tone;
    ``deviation_gain`` times the pattern's own folds, bounded by ``deviation_down`` and ``deviation_up``;
    ``colour_gain`` times its chroma.

    Own structure, per span of OWN_SPAN_YEARS: ``own_lines``, ``own_fine``, ``own_mid``, ``own_folds`` and
    ``own_pores``. Pattern: ``lines``, ``texture``, ``mottling``; on pale skin lines and mottling keep
    ``pale_lines`` and ``pale_mottling`` of that, and lines are blurred by ``pale_soft_px`` of a frame of
    512 px, for there they look drawn. The pattern's lines and folds go with the skin's own contrast to the
    power of ``contrast_power``, at least ``contrast_least`` and at most ``contrast_most``: what is a net on
    smooth skin is lost on rough skin in hard light. ``calm_jowls`` is the share of the lines taken away
    beside the corners of the mouth, where they cross. Broad shades fade between the code values
    ``bright_from`` and ``bright_to``.

    Younger, per span of YOUNG_SPAN_YEARS: shares of own structure taken away, ``young_fine`` (of what is
    line-like), ``young_mid``, ``young_folds``, ``young_broad`` (bags), and of uneven colour, ``young_even``.

    Bounds of the whole luminance change: ``down``, ``up``, ``up_young``; ``never_above`` is the code value
    that lightening goes half way to at most. ``warmth`` is how much warmer shadows on skin are;
    ``broad_warmth`` the same for the field's broad ones; ``paler`` is how much colour goes where skin gets
    lighter: grey beside the red of young skin is a patch.

    Hair and lips, per span of HAIR_SPAN_YEARS from 35 years on: ``lips_paler``, ``lips_lighter``,
    ``brows_lighter``, ``beard_lighter``.
    """

    field_gain: float = 1.9
    field_gain_young: float = 1.6
    field_down: float = 0.20
    field_up: float = 0.09
    smile_gain: float = 0.5
    kind_gain: float = 0.5
    deviation_gain: float = 3.3
    deviation_down: float = 0.19
    deviation_up: float = 0.06
    colour_gain: float = 0.2
    colour_gain_young: float = 0.3
    own_lines: float = 1.7
    own_fine: float = 0.3
    own_mid: float = 0.8
    own_folds: float = 0.25
    own_pores: float = 0.25
    young_mid: float = 1.0
    young_fine: float = 1.0
    young_folds: float = 0.95
    young_broad: float = 0.7
    young_even: float = 0.8
    lines: float = 2.6
    texture: float = 0.5
    mottling: float = 0.06
    calm_jowls: float = 0.5
    pale_lines: float = 0.5
    pale_mottling: float = 0.4
    pale_soft_px: float = 1.0
    contrast_power: float = 0.7
    contrast_least: float = 0.75
    contrast_most: float = 1.5
    bright_from: float = 195.0
    bright_to: float = 245.0
    down: float = 0.53
    up: float = 0.13
    up_young: float = 0.40
    never_above: float = 236.0
    warmth: float = 1.1
    broad_warmth: float = 1.1
    paler: float = 0.3
    lips_paler: float = 0.55
    lips_lighter: float = 0.25
    brows_lighter: float = 0.75
    beard_lighter: float = 0.65


OWN_SPAN_YEARS = 45.0
YOUNG_SPAN_YEARS = 30.0
HAIR_FROM_AGE = 35.0
HAIR_SPAN_YEARS = 40.0
