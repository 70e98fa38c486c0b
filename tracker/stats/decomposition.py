"""A difference between two groups' rates, split by strata: how much is their mix, how much the rates within.

Counts are whole numbers with 0 <= x <= n; ValueError otherwise. A stratum in which a group has nobody has no rate:
nothing is divided by it, and ValueError says which.
"""

from typing import NamedTuple

import numpy as np

from tracker.stats.proportions import _counts, _normal_quantile


class Split(NamedTuple):
    """rate of the second group - rate of the first = mix + response; each with the shape of the leading axes."""

    total: np.ndarray
    mix: np.ndarray
    response: np.ndarray


class Bootstrapped(NamedTuple):
    """Percentile limits (low, high) of each part; patched: the draws in which a stratum of a group was empty."""

    total: tuple[float, float]
    mix: tuple[float, float]
    response: tuple[float, float]
    draws: int
    patched: int


class Standardised(NamedTuple):
    rate: float
    se: float
    low: float
    high: float


class CommonEffect(NamedTuple):
    """What strata have in common: odds ratio and risk difference, first over second, with 95 % limits.

    chi2, p: the Cochran-Mantel-Haenszel test without continuity correction; chi2_corrected with it.
    """

    odds_ratio: float
    low: float
    high: float
    difference: float
    difference_low: float
    difference_high: float
    chi2: float
    chi2_corrected: float
    p: float


def kitagawa(x1, n1, x2, n2) -> Split:
    """The difference x2/n2 - x1/n1 over all strata, in two parts that sum to it.

    mix: other shares of the strata, at the mean of the two rates; response: other rates within the strata, at the
    mean of the two shares. The last axis is strata; leading axes are problems of their own.

    Source: Kitagawa, J Am Stat Assoc 1955;50:1168-1194.
    """
    (x1, n1), (x2, n2) = _strata(x1, n1), _strata(x2, n2)
    for group, n in (("first", n1), ("second", n2)):
        if not np.all(n > 0):
            empty = np.unique(np.nonzero(n == 0)[-1]).tolist()
            raise ValueError(f"the {group} group has nobody in strata {empty}")
    return _split(n1, x1 / n1, n2, x2 / n2)


def _split(n1, r1, n2, r2) -> Split:
    w1, w2 = n1 / n1.sum(axis=-1, keepdims=True), n2 / n2.sum(axis=-1, keepdims=True)
    mix = ((w2 - w1) * (r1 + r2) / 2).sum(axis=-1)
    response = ((r2 - r1) * (w1 + w2) / 2).sum(axis=-1)
    return Split((w2 * r2).sum(axis=-1) - (w1 * r1).sum(axis=-1), mix, response)


def bootstrap_kitagawa(x1, n1, x2, n2, *, draws=10_000, confidence=0.95, seed=20240101) -> Bootstrapped:
    """Limits of `kitagawa`, each group's participants drawn again with replacement, strata and responses together.

    In a draw that leaves a stratum of a group empty, that stratum has the rate of the full sample.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentiles).
    """
    random = np.random.default_rng(seed)
    kitagawa(x1, n1, x2, n2)  # refuses what has no rate
    drawn, patched = [], np.zeros(draws, bool)
    for x, n in (_strata(x1, n1), _strata(x2, n2)):
        cells = np.concatenate([x, n - x])
        again = random.multinomial(int(n.sum()), cells / cells.sum(), size=draws)
        yes = again[:, : len(n)]
        number = yes + again[:, len(n) :]
        is_empty = number == 0
        patched |= is_empty.any(axis=1)
        drawn += [number, np.where(is_empty, x / n, yes / np.maximum(number, 1))]
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    limits = [tuple(np.quantile(part, tails).tolist()) for part in _split(*drawn)]
    return Bootstrapped(*limits, draws, int(patched.sum()))


def standardised_rate(x, n, weights, confidence=0.95) -> Standardised:
    """The rate that a group would have at another mix of strata: sum of weight × x/n, with normal limits in 0 to 1.

    weights: of the strata, as counts or shares; a stratum of weight 0 does not count.

    Source: Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 3rd edition 2003, chapter 19.
    """
    x, n = _strata(x, n)
    weights = np.asarray(weights, float)
    if weights.shape != n.shape or not np.all(weights >= 0) or not weights.sum() > 0:
        raise ValueError("weights must be as many as the strata, none below 0, not all 0")
    if np.any((n == 0) & (weights > 0)):
        raise ValueError(f"nobody is in strata {np.flatnonzero((n == 0) & (weights > 0)).tolist()}")
    share, rate = weights / weights.sum(), x / np.maximum(n, 1)
    value = float((share * rate).sum())
    se = float(np.sqrt((share**2 * rate * (1 - rate) / np.maximum(n, 1)).sum()))
    margin = float(_normal_quantile(confidence)) * se
    return Standardised(value, se, max(0.0, value - margin), min(1.0, value + margin))


def fay_feuer(cases, population, standard, confidence=0.95) -> Standardised:
    """A directly standardised rate of counted events, with gamma limits; a rate per one of the population.

    Source: Fay and Feuer, Stat Med 1997;16:791-801.
    """
    from scipy.stats import gamma

    cases, population, standard = (np.asarray(one, float) for one in (cases, population, standard))
    if not (np.all(cases >= 0) and np.all(population > 0) and np.all(standard >= 0) and standard.sum() > 0):
        raise ValueError("cases and standard must not be below 0, and population must be above 0")
    weight = standard / standard.sum() / population
    rate, variance = float((weight * cases).sum()), float((weight**2 * cases).sum())
    largest, tail = weight.max(), (1 - confidence) / 2
    low = gamma.ppf(tail, rate**2 / variance, scale=variance / rate) if rate > 0 else 0.0
    above, spread = rate + largest, variance + largest**2
    high = gamma.ppf(1 - tail, above**2 / spread, scale=spread / above)
    return Standardised(rate, variance**0.5, float(low), float(high))


def mantel_haenszel(x1, n1, x2, n2, confidence=0.95) -> CommonEffect:
    """The first group's odds over the second's, and its rate less the second's, in common to all strata.

    A stratum in which a group has nobody tells nothing and adds nothing. What cannot be estimated is NaN.

    Source: Mantel and Haenszel, J Natl Cancer Inst 1959;22:719-748; limits of the odds ratio: Robins, Breslow and
    Greenland, Biometrics 1986;42:311-323; of the difference: Greenland and Robins, Biometrics 1985;41:55-68, with
    Sato's variance, Biometrics 1989;45:1323-1324.
    """
    from scipy.stats import chi2

    (x1, n1), (x2, n2) = _strata(x1, n1), _strata(x2, n2)
    both = (n1 > 0) & (n2 > 0)
    x1, n1, x2, n2 = (one[both] for one in (x1, n1, x2, n2))
    a, b, c, d, n = x1, n1 - x1, x2, n2 - x2, n1 + n2
    z = float(_normal_quantile(confidence))
    responders = a + c
    with np.errstate(divide="ignore", invalid="ignore"):
        r, s, p, q = a * d / n, b * c / n, (a + d) / n, (b + c) / n
        ratio = r.sum() / s.sum()
        variance = (
            (p * r).sum() / (2 * r.sum() ** 2)
            + (p * s + q * r).sum() / (2 * r.sum() * s.sum())
            + (q * s).sum() / (2 * s.sum() ** 2)
        )
        low, high = ratio * np.exp(-z * np.sqrt(variance)), ratio * np.exp(z * np.sqrt(variance))
        expected = n1 * responders / n
        spread = np.nansum(n1 * n2 * responders * (n - responders) / (n**2 * (n - 1)))
        away = abs(np.sum(a - expected))
        weights = n1 * n2 / n
        difference = np.sum(a * n2 / n - c * n1 / n) / weights.sum()
        first = np.sum((n1**2 * c - n2**2 * a + n1 * n2 * (n2 - n1) / 2) / n**2)
        second = np.sum((a * (n2 - c) + c * (n1 - a)) / (2 * n))
        margin = z * np.sqrt(difference * first + second) / weights.sum()
        test, corrected = away**2 / spread, max(0.0, away - 0.5) ** 2 / spread
    if not (np.isfinite(ratio) and ratio > 0):
        ratio = low = high = np.nan
    numbers = [ratio, low, high, difference, difference - margin, difference + margin, test, corrected]
    return CommonEffect(*map(float, numbers), float(chi2.sf(test, 1)))


def _strata(x, n):
    x, n = _counts(x, n)
    if x.ndim < 1 or x.shape[-1] == 0 or not np.all(n.sum(axis=-1) > 0):
        raise ValueError("there must be strata, and somebody in one of them")
    return x, n
