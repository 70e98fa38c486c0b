"""How a marker goes with an outcome: discrimination, cut points, predictive values, odds ratios.

values: shape (n,), the marker, higher meaning more; outcome: shape (n,), True or 1 for a positive outcome. Every
function raises ValueError where lengths differ, anything is missing or not finite, or an outcome is neither.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

#: The smallest and the largest share of participants below a cut point that is tried.
SMALLEST_SHARE, LARGEST_SHARE = 0.1, 0.9


class Auc(NamedTuple):
    """Area under the ROC curve with DeLong's limits, which are cut to 0 and 1."""

    auc: float
    low: float
    high: float
    variance: float
    positives: int
    negatives: int


class AucDifference(NamedTuple):
    """First minus second area of the same participants."""

    difference: float
    low: float
    high: float
    z: float
    p: float


class CutPoint(NamedTuple):
    """A value at or above which a marker is positive, and what it then tells of the outcome, as fractions."""

    threshold: float
    sensitivity: float
    specificity: float
    youden: float


class MaximalCut(NamedTuple):
    """The cut with the largest standardised log-rank statistic: positive is above it.

    p: Lausen and Schumacher's, for having looked at every cut; p_naive: as if only this one had been looked at.
    """

    threshold: float
    statistic: float
    p: float
    p_naive: float


class OddsRatio(NamedTuple):
    """ratio to p_wald are NaN where a cell is empty; p_lrt: of the likelihood ratio, 1 degree of freedom."""

    ratio: float
    low: float
    high: float
    p_wald: float
    p_lrt: float


def tied_at_limits(values, is_below, is_above):
    """The values as their order is known: all below the highest lower limit are tied, and all above the lowest upper.

    is_below, is_above: shape (n,), where a value is only a limit that what was measured lies below or above. What
    is tied stands next to its limit, on the side on which it lies; the others stay as they are.

    Source: Helsel, Statistics for Censored Environmental Data, 2nd edition, 2012, chapter 9.
    """
    values = np.array(values, float)
    is_below, is_above = np.asarray(is_below, bool), np.asarray(is_above, bool)
    lowest, highest = values.copy(), values.copy()
    if is_below.any():
        limit = values[is_below].max()
        lowest[(values < limit) | is_below] = np.nextafter(limit, -np.inf)
    if is_above.any():
        limit = values[is_above].min()
        highest[(values >= limit) | is_above] = np.nextafter(limit, np.inf)
    return np.where(highest != values, highest, lowest)


def auc(values, outcome, confidence=0.95) -> Auc:
    """How often a participant with the outcome has the higher value, ties counting half.

    Source: DeLong, DeLong and Clarke-Pearson, Biometrics 1988;44:837-845, by midranks (Sun and Xu, IEEE Signal
    Process Lett 2014;21:1389-1393).
    """
    values, outcome = two_classes(values, outcome)
    area, of_positives, of_negatives = _placements(values, outcome)
    variance = _covariance([of_positives], [of_negatives])[0, 0]
    margin = float(_z(confidence) * np.sqrt(variance))
    return Auc(
        area,
        max(area - margin, 0.0),
        min(area + margin, 1.0),
        float(variance),
        len(of_positives),
        len(of_negatives),
    )


def auc_difference(first, second, outcome, confidence=0.95) -> AucDifference:
    """Whether one of two markers of the same participants discriminates better.

    Source: DeLong, DeLong and Clarke-Pearson, Biometrics 1988;44:837-845.
    """
    from scipy.special import ndtr

    (first, outcome), (second, _same) = two_classes(first, outcome), two_classes(second, outcome)
    areas, positives, negatives = zip(*(_placements(one, outcome) for one in (first, second)))
    covariance = _covariance(positives, negatives)
    difference = areas[0] - areas[1]
    se = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)))
    z = difference / se if se > 0 else np.nan
    margin = _z(confidence) * se
    p = float(2 * ndtr(-abs(z)))
    return AucDifference(difference, difference - margin, difference + margin, float(z), p)


def roc_points(values, outcome) -> pd.DataFrame:
    """Every corner of the ROC curve, from nobody positive to everybody.

    Columns: threshold (positive at or above; halfway between observed values, infinite at the ends),
    sensitivity, specificity.
    """
    values, outcome = two_classes(values, outcome)
    seen, place = np.unique(values, return_inverse=True)
    positives = np.bincount(place, outcome, len(seen))
    negatives = np.bincount(place, ~outcome, len(seen))
    above = np.append(np.cumsum(positives[::-1])[::-1], 0)
    below = np.insert(np.cumsum(negatives), 0, 0)
    threshold = np.concatenate([[-np.inf], (seen[1:] + seen[:-1]) / 2, [np.inf]])
    return pd.DataFrame(
        {
            "threshold": threshold[::-1],
            "sensitivity": above[::-1] / positives.sum(),
            "specificity": below[::-1] / negatives.sum(),
        }
    )


def youden(values, outcome) -> CutPoint:
    """The cut point with the largest sensitivity + specificity - 1; of equal ones the lowest.

    Infinite where no cut is better than chance. It looks at every cut: stats.resampling corrects its optimism.

    Source: Youden, Cancer 1950;3:32-35.
    """
    points = roc_points(values, outcome)[::-1]
    index = points["sensitivity"] + points["specificity"] - 1
    best = points.loc[index.idxmax()]
    return CutPoint(*(float(best[name]) for name in points), float(index.max()))


def cut_at(values, outcome, threshold) -> CutPoint:
    """What a cut point that is given tells of the outcome."""
    values, outcome = two_classes(values, outcome)
    positive = values >= threshold
    sensitivity, specificity = float(positive[outcome].mean()), float((~positive)[~outcome].mean())
    return CutPoint(float(threshold), sensitivity, specificity, sensitivity + specificity - 1)


def logrank_scores(times, event):
    """Of each participant the log-rank score: the event less the hazard that was run until then.

    Ties take the largest rank. Shape (n,); the scores sum to about zero.

    Source: Hothorn and Lausen, Comput Stat Data Anal 2003;43:121-137, section 2, as R's maxstat.
    """
    times, event = np.asarray(times, float), np.asarray(event, float)
    if times.ndim != 1 or times.shape != event.shape or not np.isfinite(times).all():
        raise ValueError("times and event must be equally long, none missing")
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    rank = np.searchsorted(ordered, ordered, side="right")
    hazard = np.cumsum(event[order] / (times.size - rank + 1))
    scores = np.empty_like(times)
    scores[order] = event[order] - hazard[rank - 1]
    return scores


def standardised_cuts(values, smallest=SMALLEST_SHARE, largest=LARGEST_SHARE):
    """Where the sorted values can be cut: how many lie at or below each cut, of shape (k,)."""
    values = np.sort(np.asarray(values, float))
    if not np.isfinite(values).all():
        raise ValueError("no value may be missing")
    below = np.flatnonzero(np.diff(values) > 0) + 1
    n = values.size
    return below[(below >= max(1, np.floor(n * smallest))) & (below <= np.floor(n * largest))]


def standardised_statistics(scores, below):
    """|statistic| of each cut of scores in the order of the marker; scores: shape (..., n), gives (..., k)."""
    n = scores.shape[-1]
    total = np.cumsum(scores, axis=-1)[..., below - 1]
    mean = scores.mean(axis=-1, keepdims=True)
    spread = ((scores - mean) ** 2).sum(axis=-1, keepdims=True)
    variance = below * (n - below) / (n * (n - 1)) * spread
    return np.abs(total - below * mean) / np.sqrt(variance)


def maximal_logrank(values, times, event, smallest=SMALLEST_SHARE, largest=LARGEST_SHARE) -> MaximalCut:
    """The cut point that separates survival most, and a p that knows that every cut was tried.

    Cuts that leave a smaller share than `smallest` below, or a larger than `largest`, are not tried. Raises
    ValueError where no cut is left, or nobody has an event.

    Source: Lausen and Schumacher, Biometrics 1992;48:73-85, as R's maxstat.test(pmethod="Lau92").
    """
    from scipy.special import ndtr

    values = np.asarray(values, float)
    scores = logrank_scores(times, event)
    below = standardised_cuts(values, smallest, largest)
    if values.shape != scores.shape or not below.size or not np.any(event):
        raise ValueError("there must be an event, as many values as times, and a cut between two of them")
    order = np.argsort(values, kind="stable")
    statistics = standardised_statistics(scores[order], below)
    best = int(np.argmax(statistics))
    b = float(statistics[best])
    density = np.exp(-(b**2) / 2) / np.sqrt(2 * np.pi)
    odds = np.log(largest * (1 - smallest) / ((1 - largest) * smallest))
    p = 1.0 if b < 1 else float(min(1.0, 4 * density / b + density * (b - 1 / b) * odds))
    return MaximalCut(float(values[order][below[best] - 1]), b, p, float(2 * ndtr(-b)))


def predictive_values(sensitivity, specificity, prevalence):
    """Positive and negative predictive value at that prevalence; fractions that broadcast. Source: Bayes."""
    sensitivity, specificity, prevalence = (
        np.asarray(one, float) for one in (sensitivity, specificity, prevalence)
    )
    for one in (sensitivity, specificity, prevalence):
        if not ((one >= 0) & (one <= 1)).all():
            raise ValueError("sensitivity, specificity and prevalence must lie between 0 and 1")
    positive = sensitivity * prevalence
    false_positive = (1 - specificity) * (1 - prevalence)
    negative = specificity * (1 - prevalence)
    false_negative = (1 - sensitivity) * prevalence
    with np.errstate(invalid="ignore"):
        ppv = positive / (positive + false_positive)
        npv = negative / (negative + false_negative)
    return ppv[()], npv[()]


def odds_ratio(x1, n1, x2, n2, confidence=0.95) -> OddsRatio:
    """The odds of x1 of n1 over those of x2 of n2, with Woolf's limits. n1 and n2 are above 0.

    Source: Woolf, Ann Hum Genet 1955;19:251-253.
    """
    from scipy.special import chdtrc, ndtr, xlogy

    cells = np.array([x1, n1 - x1, x2, n2 - x2], float)
    if (cells < 0).any():
        raise ValueError("counts must be whole numbers with 0 <= x <= n")
    expected = np.outer([n1, n2], [x1 + x2, n1 - x1 + n2 - x2]).ravel() / (n1 + n2)
    p_lrt = float(chdtrc(1, max(2 * (xlogy(cells, cells) - xlogy(cells, expected)).sum(), 0)))
    if not cells.all():
        return OddsRatio(*[np.nan] * 4, p_lrt)
    log = np.log(cells[0] * cells[3] / (cells[1] * cells[2]))
    se = np.sqrt((1 / cells).sum())
    margin = _z(confidence) * se
    low, ratio, high = np.exp([log - margin, log, log + margin])
    return OddsRatio(float(ratio), float(low), float(high), float(2 * ndtr(-abs(log / se))), p_lrt)


def _placements(values, outcome):
    """The area, and of each positive and negative the share of the others that it outranks."""
    from scipy.stats import rankdata

    positives, negatives = values[outcome], values[~outcome]
    m, n = len(positives), len(negatives)
    rank = rankdata(values)
    of_positives = (rank[outcome] - rankdata(positives)) / n
    of_negatives = 1 - (rank[~outcome] - rankdata(negatives)) / m
    return float(of_positives.mean()), of_positives, of_negatives


def _covariance(positives, negatives):
    """Of the areas of several markers; a single positive or negative gives NaN."""
    m, n = len(positives[0]), len(negatives[0])
    if min(m, n) < 2:
        return np.full((len(positives),) * 2, np.nan)
    return np.atleast_2d(np.cov(positives)) / m + np.atleast_2d(np.cov(negatives)) / n


def two_classes(values, outcome):
    """The values, and the outcome as truth values of which there are both."""
    values, outcome = np.asarray(values, float), np.asarray(outcome)
    if outcome.dtype != bool:
        if not np.isin(outcome, (0, 1)).all():
            raise ValueError("outcome must be true or false, 1 or 0")
        outcome = outcome == 1
    if values.ndim != 1 or values.shape != outcome.shape or not np.isfinite(values).all():
        raise ValueError("values and outcome must be equally long, none missing")
    if outcome.all() or not outcome.any():
        raise ValueError("some must have the outcome, and some not")
    return values, outcome


def _z(confidence):
    from scipy.special import ndtri

    if not 0 < confidence < 1:
        raise ValueError("confidence must lie between 0 and 1")
    return float(-ndtri((1 - confidence) / 2))
