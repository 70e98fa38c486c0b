"""Rates that rise with the dose: interval boundaries, the chance of an overdose, isotonic estimates.

Counts are whole numbers of those treated and of those with a dose-limiting event, 0 <= events <= n.
"""

import functools

import numpy as np
import pandas as pd

#: Added to the events, and half as often to the others, so that no rate is 0 or 1: Beta(0.05, 0.05).
PSEUDO_EVENTS = 0.05

SWEEPS = 10_000  # of the matrix regression; a 5 x 5 matrix needs some hundred


def interval_boundaries(target, safe=None, toxic=None) -> tuple[float, float]:
    """The rates at or below which BOIN escalates, and at or above which it de-escalates.

    target: the rate that is aimed at. safe: the highest rate that is too low (0.6 target unless given);
    toxic: the lowest that is too high (1.4 target). Fractions with 0 < safe < target < toxic < 1, else
    ValueError.

    Source: Liu and Yuan, J R Stat Soc C 2015;64:507-523, equation 4.
    """
    safe = 0.6 * target if safe is None else safe
    toxic = 1.4 * target if toxic is None else toxic
    if not 0 < safe < target < toxic < 1:
        raise ValueError("the rates must rise from safe through target to toxic, all between 0 and 1")
    low = np.log((1 - safe) / (1 - target)) / np.log(target * (1 - safe) / (safe * (1 - target)))
    high = np.log((1 - target) / (1 - toxic)) / np.log(toxic * (1 - target) / (target * (1 - toxic)))
    return float(low), float(high)


def exceedance(events, n, threshold, a=1.0, b=1.0):
    """The posterior chance that the rate lies above the threshold, from events of n and a Beta(a, b) prior.

    events, n: shapes that broadcast; returns a fraction of that shape (a float for plain numbers).
    Raises ValueError for impossible counts, a threshold outside 0 to 1, or a, b <= 0.

    Source: conjugacy, p | data ~ Beta(a + events, b + n - events).
    """
    from scipy.special import betaincc

    events, n = _counts(events, n)
    if not (0 < threshold < 1 and a > 0 and b > 0):
        raise ValueError("the threshold must lie between 0 and 1, and a and b above 0")
    return betaincc(a + events, b + n - events, threshold)[()]


def fewest_events(n, threshold, certainty, a=1.0, b=1.0, minimum_n=1) -> pd.Series:
    """For each n, the fewest events, at least one, at which P(rate > threshold) exceeds the certainty.

    n: shape (k,), whole numbers >= 1. Returns Int64 by n; missing where n is below minimum_n or not even
    events in all n suffice. Raises as `exceedance` does, and for a certainty outside 0 to 1.

    Source: continuous Bayesian monitoring, Thall and Simon, Biometrics 1994;50:337-349.
    """
    n = np.atleast_1d(np.asarray(n, float))
    if not 0 < certainty < 1:
        raise ValueError("the certainty must lie between 0 and 1")
    if not n.size or n.min() < 1:
        raise ValueError("n must be at least 1")
    events = np.arange(n.max() + 1)
    possible = (events >= 1) & (events <= n[:, None])
    chance = exceedance(np.minimum(events, n[:, None]), n[:, None], threshold, a, b)
    beyond = possible & (chance > certainty)
    reached = beyond.any(axis=1) & (n >= minimum_n)
    index = pd.Index(n.astype(int), name="n")
    return pd.Series(beyond.argmax(axis=1), index, dtype="Int64").where(reached)


@functools.lru_cache(maxsize=64)
def interval_table(target: float, largest: int, elimination=0.95, fewest=3) -> pd.DataFrame:
    """BOIN's decisions at one dose, for 1 to `largest` participants; not to be changed in place.

    Int64 by n: escalate_at_most and de_escalate_at_least events; eliminate_at_least, missing where no number
    eliminates the dose: `fewest` participants and P(rate > target) above `elimination` under Beta(1, 1).

    Source: Liu and Yuan 2015; as R's BOIN 2.7.2, get.boundary().
    """
    low, high = interval_boundaries(target)
    n = np.arange(1, largest + 1)
    eliminate = fewest_events(n, target, elimination, minimum_n=fewest)
    de_escalate = pd.Series(np.ceil(high * n).astype(int), eliminate.index, dtype="Int64")
    return pd.DataFrame(
        {
            "escalate_at_most": pd.Series(np.floor(low * n).astype(int), eliminate.index, dtype="Int64"),
            "de_escalate_at_least": de_escalate.mask((eliminate < de_escalate).fillna(False), eliminate),
            "eliminate_at_least": eliminate,
        }
    )


def chance_within(events, n, low, high):
    """The posterior chance that the rate lies between low and high, under the Jeffreys prior Beta(½, ½).

    Source: Lin and Yin, Stat Methods Med Res 2017;26:2155-2167, who choose the next pair of doses by it.
    """
    from scipy.special import betainc

    events, n = _counts(events, n)
    a, b = events + 0.5, n - events + 0.5
    return (betainc(a, b, high) - betainc(a, b, low))[()]


def isotonic_rates(events, n) -> np.ndarray:
    """Rates that never fall from one dose to the next, nearest to (events + 0.05) / (n + 0.1).

    events, n: shape (k,), in the order of the doses; each n at least 1, else ValueError. Weights are the
    inverse posterior variances. Returns shape (k,).

    Source: pooled adjacent violators (Barlow 1972), as R's BOIN 2.7.2, select.mtd().
    """
    from scipy.optimize import isotonic_regression

    events, n = _counts(events, n)
    if events.ndim != 1 or not events.size or n.min() < 1:
        raise ValueError("each dose needs at least one participant")
    a, b = events + PSEUDO_EVENTS, n - events + PSEUDO_EVENTS
    total = a + b
    return isotonic_regression(a / total, weights=total**2 * (total + 1) / (a * b)).x


def isotonic_matrix(events, n, tolerance=1e-12) -> np.ndarray:
    """Rates of pairs of doses that never fall along a row or a column, nearest to (events + 0.05) / (n + 0.1).

    events, n: shape (j, k); a pair that nobody got has n 0 and hardly any weight. Weights are n + 0.1.
    Returns shape (j, k). Raises ValueError for impossible counts or another shape.

    Source: least squares on a partial order by Dykstra's alternating projections (Dykstra and Robertson, Ann
    Stat 1982;10:708-716); the estimate of R's BOIN 2.7.2, select.mtd.comb(), which calls Iso::biviso().
    """
    from scipy.optimize import isotonic_regression

    events, n = _counts(events, n)
    if events.ndim != 2 or not events.size:
        raise ValueError("events and n must be matrices")
    weights = n + 2 * PSEUDO_EVENTS
    rates = (events + PSEUDO_EVENTS) / weights
    by_row, by_column = np.zeros_like(rates), np.zeros_like(rates)
    for _ in range(SWEEPS):
        before = rates
        rows = np.stack([isotonic_regression(row, weights=w).x for row, w in zip(rates + by_row, weights)])
        by_row = rates + by_row - rows
        rates = np.stack(
            [isotonic_regression(one, weights=w).x for one, w in zip((rows + by_column).T, weights.T)]
        ).T
        by_column = rows + by_column - rates
        if max(np.abs(rates - before).max(), np.abs(rates - rows).max()) < tolerance:
            break
    return rates


def chance_of_passing(rate):
    """The chance that 3+3 goes past a dose at which each participant has this rate of a DLT.

    None of three, or one of three and none of three more: (1-p)³ + 3p(1-p)²(1-p)³. rate: fractions of any
    shape, else ValueError.

    Source: Storer, Biometrics 1989;45:925-937, design A.
    """
    rate = np.asarray(rate, float)
    if not ((rate >= 0) & (rate <= 1)).all():
        raise ValueError("a rate must lie between 0 and 1")
    return ((1 - rate) ** 3 * (1 + 3 * rate * (1 - rate) ** 2))[()]


def _counts(events, n):
    events, n = np.broadcast_arrays(np.asarray(events, float), np.asarray(n, float))
    whole = (events == np.floor(events)) & (n == np.floor(n)) & np.isfinite(n)
    if not (whole & (events >= 0) & (events <= n)).all():
        raise ValueError("events and n must be whole numbers with 0 <= events <= n")
    return events, n
