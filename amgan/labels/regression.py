"""One regressor per zone, which learns the age of the whole face from that zone.

Its prediction for an unseen face is the raw score of the zone. A zone that looks older than the rest of its
face has a higher score, because the regressor has no other information.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

Floats = NDArray[np.float64]
Rows = NDArray[np.bool_]


@dataclass(frozen=True)
class RegressionOptions:
    """Settings of the regressors: support vector regression with a Gaussian kernel on log age.

    ``width`` is the kernel's gamma times the number of features; ``tolerance`` (log years) is epsilon and
    ``penalty`` is C of the epsilon-insensitive loss, which is robust to wrong ages. Faces are weighted by the
    density of their age to the power ``-balance``. Standardised features are clipped to ``clip`` on either
    side.
    """

    penalty: float = 2.0
    tolerance: float = 0.1
    width: float = 0.25
    balance: float = 0.5
    clip: float = 4.0


@dataclass(frozen=True, eq=False)
class Split:
    """The cross-validation split: ``fold`` int [N] of the training faces, and ``held_out`` bool [N]."""

    fold: NDArray[np.int64]
    held_out: Rows

    def rounds(self) -> list[tuple[Rows, Rows]]:
        """Pairs of masks (training, test): every face is in one test set, never in that round's training."""
        training = ~self.held_out
        numbers = range(int(self.fold[training].max()) + 1)
        pairs = [(training & (self.fold != k), training & (self.fold == k)) for k in numbers]
        return [*pairs, (training, self.held_out)] if self.held_out.any() else pairs


def make_split(ages: Floats, held_out: Rows, folds: int, seed: int) -> Split:
    """Random folds of the training faces, stratified by age; deterministic for a seed."""
    random = np.random.default_rng(seed)
    tickets = random.random(len(ages))
    order = np.lexsort((tickets, ages))
    order = order[~held_out[order]]
    fold = np.zeros(len(ages), np.int64)
    for start in range(0, len(order), folds):
        chunk = order[start : start + folds]
        fold[chunk] = random.permutation(folds)[: len(chunk)]
    return Split(fold, held_out)


def score_zone(
    features: NDArray[np.float32], lightness: Floats, ages: Floats, split: Split, options: RegressionOptions
) -> Floats:
    """Out-of-fold scores [N, 2] of one zone in years.

    ``features`` [N, 2, F] are those of the two pictures of every face, both of which always share a fold;
    ``lightness`` [N] is that of the zone, ``ages`` [N] in years. A training face is scored by the regressor
    trained on the other folds, a held-out face by one trained on all training faces. Deterministic.
    """
    logs = np.empty((len(ages), 2))
    for seen, asked in split.rounds():
        logs[asked] = _fit_and_read(features, ages, seen, asked, options)
    return np.exp(_even_for_all_tones(logs, lightness, ages, split))


def _fit_and_read(
    features: NDArray[np.float32], ages: Floats, seen: Rows, asked: Rows, options: RegressionOptions
) -> Floats:
    """Log ages [A, 2] of the test faces by a regressor trained on the training faces."""
    width = features.shape[2]
    known, asked_rows = features[seen].reshape(-1, width), features[asked].reshape(-1, width)
    scaler = StandardScaler().fit(known)
    x, x_asked = (np.clip(scaler.transform(f), -options.clip, options.clip) for f in (known, asked_rows))
    model = SVR(C=options.penalty, epsilon=options.tolerance, gamma=options.width / width, cache_size=400)
    model.fit(x, np.repeat(np.log(ages[seen]), 2), np.repeat(_weights(ages[seen], options.balance), 2))
    read: Floats = model.predict(x_asked).reshape(-1, 2)
    return read


def _weights(ages: Floats, balance: float) -> Floats:
    """Weight of every face, 1 on average, higher for rare ages."""
    density = np.exp(-0.5 * ((ages[:, None] - ages[None]) / 5.0) ** 2).sum(axis=1)
    weights = density**-balance
    return np.asarray(weights / weights.mean())


def _even_for_all_tones(logs: Floats, lightness: Floats, ages: Floats, split: Split) -> Floats:
    """Remove the dependence of predictions [N, 2] on the skin's lightness, given age.

    Highlights on dark skin look like texture and would raise the age. The slope on lightness is fitted on the
    training faces of every round (least squares, with a parabola in log age).
    """
    even = logs.copy()
    for seen, asked in split.rounds():
        log_age, light = np.log(ages[seen]), lightness[seen]
        design = np.stack([np.ones_like(log_age), log_age, log_age**2, light - light.mean()], axis=1)
        slope = np.linalg.lstsq(design, logs[seen].mean(axis=1), rcond=None)[0][3]
        even[asked] -= slope * (lightness[asked] - light.mean())[:, None]
    return even
