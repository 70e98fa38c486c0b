"""Confidence limits of a proportion, and of the difference between two.

Every function takes counts that broadcast to one shape and returns (low, high), fractions of that shape
(floats for plain numbers); where n is 0 both are NaN. It raises ValueError unless counts are whole,
0 <= x <= n, and 0 < confidence < 1.
"""

import numpy as np

BISECTIONS = 60  # halvings of an interval at most 2 wide: beyond the precision of a float


def clopper_pearson(x, n, confidence=0.95):
    """Exact limits of x/n: those proportions that two one-sided binomial tests would not reject.

    Its coverage is never below the confidence; use it in tables.

    Source: Clopper and Pearson, Biometrika 1934;26:404-413, by quantiles of the beta distribution.
    """
    from scipy.special import betaincinv

    x, n = _counts(x, n)
    tail = _tail(confidence)
    low = np.where(x > 0, betaincinv(np.maximum(x, 1), n - x + 1, tail), 0)
    high = np.where(x < n, betaincinv(x + 1, np.maximum(n - x, 1), 1 - tail), 1)
    return _limits(low, high, n > 0)


def wilson_interval(x, n, confidence=0.95):
    """Score limits of x/n, without continuity correction: shorter than the exact ones; use them in plots.

    Source: Wilson, J Am Stat Assoc 1927;22:209-212; Newcombe, Stat Med 1998;17:857-872, method 3.
    """
    x, n = _counts(x, n)
    return _limits(*_wilson(x, n, _normal_quantile(confidence)), n > 0)


def agresti_coull(x, n, confidence=0.95):
    """Wald limits after adding z²/2 responders and as many others, cut to 0 and 1.

    Source: Agresti and Coull, Am Stat 1998;52:119-126.
    """
    x, n = _counts(x, n)
    z = _normal_quantile(confidence)
    total = n + z**2
    centre = (x + z**2 / 2) / total
    margin = z * np.sqrt(centre * (1 - centre) / total)
    return _limits(np.maximum(centre - margin, 0), np.minimum(centre + margin, 1), n > 0)


def newcombe_difference(x1, n1, x2, n2, confidence=0.95):
    """Limits of x1/n1 - x2/n2: the distances to the two Wilson limits, combined in quadrature.

    Source: Newcombe, Stat Med 1998;17:873-890, method 10.
    """
    x1, n1, x2, n2 = _two_counts(x1, n1, x2, n2)
    z = _normal_quantile(confidence)
    (p1, p2), known = _rates(x1, n1, x2, n2)
    low1, high1 = _wilson(x1, n1, z)
    low2, high2 = _wilson(x2, n2, z)
    difference = p1 - p2
    return _limits(
        difference - np.hypot(p1 - low1, high2 - p2), difference + np.hypot(high1 - p1, p2 - low2), known
    )


def miettinen_nurminen_difference(x1, n1, x2, n2, confidence=0.95):
    """Limits of x1/n1 - x2/n2: those differences that the score test does not reject.

    The variance is that of the maximum likelihood estimates under the difference, times N/(N-1).
    (statsmodels' confint_proportions_2indep(method="score") gives other, wrong limits.)

    Source: Miettinen and Nurminen, Stat Med 1985;4:213-226.
    """
    x1, n1, x2, n2 = _two_counts(x1, n1, x2, n2)
    z = _normal_quantile(confidence)
    (p1, p2), known = _rates(x1, n1, x2, n2)
    n1, n2 = np.maximum(n1, 1), np.maximum(n2, 1)
    observed = p1 - p2

    def is_rejected(difference):
        first = _restricted_rate(p1, n1, p2, n2, difference)
        second = first - difference
        variance = first * (1 - first) / n1 + second * (1 - second) / n2
        return (observed - difference) ** 2 > z**2 * variance * (n1 + n2) / (n1 + n2 - 1)

    def limit(outside):
        inside = observed
        for _ in range(BISECTIONS):
            middle = (inside + outside) / 2
            rejected = is_rejected(middle)
            inside, outside = np.where(rejected, inside, middle), np.where(rejected, middle, outside)
        return (inside + outside) / 2

    return _limits(limit(-np.ones_like(observed)), limit(np.ones_like(observed)), known)


def _restricted_rate(p1, n1, p2, n2, difference):
    """The maximum likelihood estimate of the first rate when it exceeds the second by that difference.

    The likelihood equation is a cubic, of which this trigonometric root alone is a pair of rates.
    """
    ratio = n2 / n1
    a = 1 + ratio
    b = -(1 + ratio + p1 + ratio * p2 + difference * (ratio + 2))
    c = difference**2 + difference * (2 * p1 + ratio + 1) + p1 + ratio * p2
    d = -p1 * difference * (1 + difference)
    v = (b / (3 * a)) ** 3 - b * c / (6 * a**2) + d / (2 * a)
    u = np.copysign(np.sqrt(np.maximum((b / (3 * a)) ** 2 - c / (3 * a), 0)), v)
    cosine = np.divide(v, u**3, out=np.zeros_like(v), where=u != 0)
    angle = (np.pi + np.arccos(np.clip(cosine, -1, 1))) / 3
    rate = 2 * u * np.cos(angle) - b / (3 * a)
    return np.clip(rate, np.maximum(difference, 0), np.minimum(1 + difference, 1))


def _wilson(x, n, z):
    n = np.maximum(n, 1)
    centre = (x + z**2 / 2) / (n + z**2)
    margin = z / (n + z**2) * np.sqrt(x * (n - x) / n + z**2 / 4)
    return np.where(x > 0, centre - margin, 0), np.where(x < n, centre + margin, 1)


def _rates(x1, n1, x2, n2):
    return (x1 / np.maximum(n1, 1), x2 / np.maximum(n2, 1)), (n1 > 0) & (n2 > 0)


def _counts(x, n):
    x, n = np.broadcast_arrays(np.asarray(x, float), np.asarray(n, float))
    if not np.all((x >= 0) & (x <= n) & (x == np.floor(x)) & (n == np.floor(n)) & np.isfinite(n)):
        raise ValueError("x and n must be whole numbers with 0 <= x <= n")
    return x, n


def _two_counts(x1, n1, x2, n2):
    return np.broadcast_arrays(*_counts(x1, n1), *_counts(x2, n2))


def _tail(confidence):
    if not 0 < confidence < 1:
        raise ValueError("confidence must lie between 0 and 1")
    return (1 - confidence) / 2


def _normal_quantile(confidence):
    from scipy.special import ndtri

    return -ndtri(_tail(confidence))


def _limits(low, high, known):
    """NaN where nothing is known; numbers for numbers, arrays for arrays."""
    return np.where(known, low, np.nan)[()], np.where(known, high, np.nan)[()]
