"""Whether two readings of the same participants agree."""

from typing import NamedTuple

import numpy as np


class Kappa(NamedTuple):
    """Cohen's kappa with its asymptotic standard error and 95 % limits by Wald."""

    kappa: float
    se: float
    low: float
    high: float


def cohen_kappa(table, weights=None) -> Kappa:
    """Agreement beyond chance. table: shape (k, k), counts by first and second reading.

    weights: None, "linear" or "quadratic", by how far two categories in order lie apart.

    Source: Cohen, Psychol Bull 1968;70:213-220; Fleiss, Cohen and Everitt, Psychol Bull 1969;72:323-327.
    """
    from statsmodels.stats.inter_rater import cohens_kappa

    found = cohens_kappa(np.asarray(table), wt=weights)
    return Kappa(*(float(one) for one in (found.kappa, found.std_kappa, found.kappa_low, found.kappa_upp)))


class Line(NamedTuple):
    """second = intercept + slope x first, with limits of both."""

    slope: float
    slope_low: float
    slope_high: float
    intercept: float
    intercept_low: float
    intercept_high: float


class Bias(NamedTuple):
    """The mean of first - second with limits by t, the standard deviation, and the limits of agreement."""

    bias: float
    low: float
    high: float
    sd: float
    lower: float
    upper: float


def passing_bablok(first, second, confidence=0.95) -> Line:
    """The line between two methods that both err. first, second: shape (n,), n of 3 or more, none missing.

    Slope 1 and intercept 0 mean that they give the same. Raises ValueError where the values do not vary.

    Source: Passing and Bablok, J Clin Chem Clin Biochem 1983;21:709-720.
    """
    from scipy.special import ndtri

    first, second = _pairs(first, second)
    n = first.size
    one, other = np.triu_indices(n, 1)
    across, up = first[other] - first[one], second[other] - second[one]
    kept = (across != 0) | (up != 0)
    with np.errstate(divide="ignore"):
        slopes = up[kept] / across[kept]
    slopes = np.sort(slopes[slopes != -1])
    offset, count = int((slopes < -1).sum()), slopes.size
    margin = ndtri((1 + confidence) / 2) * np.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low = round((count - margin) / 2)
    places = [(count - 1) // 2 + offset, count // 2 + offset, low - 1 + offset, count - low + offset]
    if not count or min(places) < 0 or max(places) >= count:
        raise ValueError("there are too few different values for a line and its limits")
    slope = (slopes[places[0]] + slopes[places[1]]) / 2
    found = [float(slope), float(slopes[places[2]]), float(slopes[places[3]])]
    intercepts = [float(np.median(second - one * first)) for one in (slope, found[2], found[1])]
    return Line(*found, *intercepts)


def bland_altman(first, second, multiplier=1.96, confidence=0.95) -> Bias:
    """How far two methods lie apart: the bias, and between which differences most participants lie.

    Source: Bland and Altman, Lancet 1986;1:307-310.
    """
    from scipy.special import stdtrit

    first, second = _pairs(first, second)
    gap = first - second
    bias, sd = float(gap.mean()), float(gap.std(ddof=1))
    margin = float(stdtrit(gap.size - 1, (1 + confidence) / 2)) * sd / np.sqrt(gap.size)
    return Bias(bias, bias - margin, bias + margin, sd, bias - multiplier * sd, bias + multiplier * sd)


def _pairs(first, second):
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.shape != second.shape or first.ndim != 1 or first.size < 3:
        raise ValueError("there must be three pairs or more")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("no value may be missing")
    return first, second
