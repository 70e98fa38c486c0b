"""Time to an event: what share is still free of it, how groups differ, and how long they were followed.

times: shape (n,), follow-up from time zero, each >= 0, all in one unit. event: shape (n,), True or 1 where
the event was seen, False or 0 where censored. Where they tie, the event comes first. Every function raises
ValueError if n is 0, the shapes differ, or anything is missing, negative or infinite.

Limits are those of R's survfit with that conf.type, "log-log" unless another is named ("log", which is R's
default, or "plain"): 1 and 1 before the first event, NaN where no one is left free of it.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tracker.stats.partial_likelihood import DEPENDENT, Problem, find_problem, maximise, risk_sets

LIMITS = ("log-log", "log", "plain")
SAME = 1e-9  # curves that differ by less are equal: products of fractions do not meet 0.5 exactly


class Quantile(NamedTuple):
    """A time and its limits, in the unit of the times; NaN where not reached."""

    time: float
    low: float
    high: float


class LogRank(NamedTuple):
    """groups has one row each: group, n, observed and expected (events, summed over strata)."""

    chi2: float
    df: int
    p: float
    groups: pd.DataFrame


class Cox(NamedTuple):
    """coef to p_wald: floats for covariates of shape (n,), arrays of shape (p,) for (n, p); else floats.

    hr is exp(coef), by one unit of the covariate, with its limits low and high. chi2_lrt (p degrees of
    freedom) and p_lrt compare with no covariate. Where problem is not None, coef to p_wald are NaN;
    log_likelihood, chi2_lrt and p_lrt are then limits, NaN where there is none or it cannot be computed.
    """

    coef: float
    se: float
    hr: float
    low: float
    high: float
    p_wald: float
    p_lrt: float
    chi2_lrt: float
    log_likelihood: float
    n: int
    events: int
    problem: Problem | None


class RestrictedMean(NamedTuple):
    """In the unit of the times."""

    mean: float
    se: float
    low: float
    high: float


class RestrictedMeanDifference(NamedTuple):
    """First minus second group, in the unit of the times; p is that of a normal test of 0."""

    difference: float
    se: float
    low: float
    high: float
    p: float


def kaplan_meier(times, event, *, limits="log-log", confidence=0.95) -> pd.DataFrame:
    """Kaplan-Meier estimate of the survival function.

    Returns one row per distinct event time, ascending: time, at_risk, events, survival (a fraction of 1),
    se (Greenwood; NaN where survival is 0), low, high. None where all are censored.

    Source: Kaplan and Meier, J Am Stat Assoc 1958;53:457-481; limits: Kalbfleisch and Prentice, The
    Statistical Analysis of Failure Time Data, 2nd edition, 1.4.
    """
    times, event = _followed(times, event)
    time, at_risk, events = _event_times(times, event)
    survival, se = _product_limit(at_risk, events)
    low, high = _band(survival, se, limits, confidence)
    return pd.DataFrame(
        {
            "time": time, "at_risk": at_risk, "events": events,
            "survival": survival, "se": se, "low": low, "high": high,
        }
    )  # fmt: skip


def survival_at(times, event, at, *, limits="log-log", confidence=0.95) -> pd.DataFrame:
    """Survival at landmarks.

    at: one or more times. Returns one row each, in their order: time, at_risk, survival, se, low, high; the
    last four NaN beyond the last follow-up.

    Source: as kaplan_meier.
    """
    times, event = _followed(times, event)
    at = _landmarks(at)
    time, *counts = _event_times(times, event)
    survival, se = (_at(time, values, at, before) for values, before in zip(_product_limit(*counts), (1, 0)))
    low, high = _band(survival, se, limits, confidence)
    estimates = {"survival": survival, "se": se, "low": low, "high": high}
    followed = {name: np.where(at > times.max(), np.nan, one) for name, one in estimates.items()}
    return pd.DataFrame({"time": at, "at_risk": number_at_risk(times, at), **followed})


def median_survival(times, event, *, limits="log-log", confidence=0.95) -> Quantile:
    """The time at which half had the event: survival_quantile of 0.5."""
    return survival_quantile(times, event, 0.5, limits=limits, confidence=confidence)


def survival_quantile(times, event, fraction, *, limits="log-log", confidence=0.95) -> Quantile:
    """The time by which a fraction had the event, 0 < fraction < 1; limits: where the curve's cross.

    It is the first time with survival <= 1 - fraction; where survival stays equal to it (within 1e-9), the
    middle of that stretch, which ends at the last follow-up if survival falls no more. NaN: not reached.

    Source: Brookmeyer and Crowley, Biometrics 1982;38:29-41; the middle as R's quantile.survfit has it.
    """
    times, event = _followed(times, event)
    if not 0 < fraction < 1:
        raise ValueError("fraction must lie between 0 and 1")
    time, *counts = _event_times(times, event)
    survival, se = _product_limit(*counts)
    low, high = _band(survival, se, limits, confidence)
    return Quantile(*(_crossing(time, curve, 1 - fraction, times.max()) for curve in (survival, low, high)))


def follow_up_median(times, event, *, limits="log-log", confidence=0.95) -> Quantile:
    """Median follow-up by the reverse Kaplan-Meier method: being censored is the event.

    Source: Schemper and Smith, Control Clin Trials 1996;17:343-346.
    """
    times, event = _followed(times, event)
    return median_survival(times, ~event, limits=limits, confidence=confidence)


def number_at_risk(times, at):
    """How many have times >= at; of at's shape, a number for a number."""
    times, at = np.asarray(times, float), np.asarray(at, float)
    if np.isnan(times).any() or np.isnan(at).any():
        raise ValueError("no time may be missing")
    return (times.size - np.searchsorted(np.sort(times), at))[()]


def logrank(times, event, group, strata=None) -> LogRank:
    """Log-rank test that two or more groups have the same hazard; with strata, within each of them.

    group, strata: shape (n,), any labels. A group of which no event is expected is not counted in df, as in
    R's survdiff. Where nothing can be compared (no event while two groups are at risk) chi2 and p are NaN,
    df is 0.

    Source: Mantel, Cancer Chemother Rep 1966;50:163-170; Peto and Peto, J R Stat Soc A 1972;135:185-207.
    """
    from scipy.special import chdtrc

    times, event = _followed(times, event)
    codes, groups = _labels(group, times.size)
    if len(groups) < 2:
        raise ValueError("there must be two groups or more")
    sets = risk_sets(times, event, _strata(strata, times.size))
    member = codes[sets.order][:, None] == np.arange(len(groups))
    observed = member[sets.dead].sum(axis=0)
    size = sets.stop - sets.start
    share = sets.sums(member.astype(float)) / size[:, None]
    expected = sets.deaths @ share
    spread = sets.deaths * (size - sets.deaths) / np.maximum(size - 1, 1)
    variance = np.diag(spread @ share) - (spread[:, None] * share).T @ share
    df = int(np.linalg.matrix_rank(variance, hermitian=True, rtol=DEPENDENT))
    excess = observed - expected
    chi2 = float(excess @ np.linalg.pinv(variance, hermitian=True, rtol=DEPENDENT) @ excess) if df else np.nan
    counts = pd.DataFrame(
        {
            "group": groups, "n": np.bincount(codes, minlength=len(groups)),
            "observed": observed, "expected": expected,
        }
    )  # fmt: skip
    return LogRank(chi2, df, float(chdtrc(df, chi2)) if df else np.nan, counts)


def cox(times, event, covariates, *, strata=None, confidence=0.95) -> Cox:
    """Cox proportional hazards, ties by Efron's method, limits by Wald.

    covariates: numbers or truth values of shape (n,) or (n, p). strata: shape (n,), any labels, each with
    its own baseline hazard. What has no finite estimate is found before the fit, and named: see Cox and
    Problem.

    Newton's method on cumulative sums over sorted times: 100,000 rows take about a tenth of a second.
    statsmodels' PHReg(ties="efron"), against which it is tested, needs longer for 5,000.

    Source: Cox, J R Stat Soc B 1972;34:187-220; Efron, J Am Stat Assoc 1977;72:557-565.
    """
    from scipy.special import chdtrc, ndtr

    times, event = _followed(times, event)
    given = _numbers(covariates, "covariates")
    if given.ndim not in (1, 2) or given.shape[0] != times.size or not given.size:
        raise ValueError("covariates must be as long as times, and one or more")
    sets = risk_sets(times, event, _strata(strata, times.size))
    x = given.reshape(times.size, -1)[sets.order]
    width = np.ptp(x, axis=0)
    scale = np.where(width > 0, width, 1)
    x = (x - x.mean(axis=0)) / scale  # coefficients are then changes over a covariate's whole range
    p = x.shape[1]
    coef, se, likelihood, chi2 = np.full(p, np.nan), np.full(p, np.nan), np.nan, np.nan
    problem = find_problem(x, sets)
    if problem not in (Problem.NO_EVENTS, Problem.NO_CONTRAST):
        fitted, covariance, likelihood, null, is_finite = maximise(x, sets)
        chi2 = np.maximum(2 * (likelihood - null), 0)
        if problem is None and not is_finite:
            problem = Problem.MONOTONE
        if problem is None:
            coef, se = fitted / scale, np.sqrt(np.diag(covariance)) / scale
    margin = _z(confidence) * se
    hr, low, high = np.exp(coef), np.exp(coef - margin), np.exp(coef + margin)
    estimates = [coef, se, hr, low, high, 2 * ndtr(-np.abs(coef / se))]
    if given.ndim == 1:
        estimates = [float(one[0]) for one in estimates]
    p_lrt = float(chdtrc(p, chi2))
    return Cox(*estimates, p_lrt, float(chi2), float(likelihood), times.size, int(event.sum()), problem)


def restricted_mean(times, event, tau, *, confidence=0.95) -> RestrictedMean:
    """Mean survival time up to tau: the area under the Kaplan-Meier curve.

    Raises ValueError unless 0 < tau <= the last follow-up.

    Source: Royston and Parmar, BMC Med Res Methodol 2013;13:152; Uno, J Clin Oncol 2014;32:2380-2385
    (survRM2).
    """
    times, event = _followed(times, event)
    if not 0 < tau <= times.max():
        raise ValueError("tau must be positive and not beyond the last follow-up")
    z = _z(confidence)
    time, at_risk, events = _event_times(times, event)
    seen = time < tau
    at_risk, events = at_risk[seen], events[seen]
    edges = np.concatenate([[0.0], time[seen], [tau]])
    survival, _ = _product_limit(at_risk, events)
    area = np.diff(edges) * np.concatenate([[1.0], survival])
    after = area[::-1].cumsum()[::-1][1:]  # right of each event time
    variance = np.sum(after**2 * _hazard_variance(at_risk, events))
    mean, se = float(area.sum()), float(np.sqrt(variance))
    return RestrictedMean(mean, se, mean - z * se, mean + z * se)


def restricted_mean_difference(times, event, other_times, other_event, tau, *, confidence=0.95):
    """By how much the restricted mean of one group exceeds the other's, as a RestrictedMeanDifference.

    tau: not beyond the last follow-up of either. p is NaN where neither has an event before tau.

    Source: as restricted_mean.
    """
    from scipy.special import ndtr

    first, second = restricted_mean(times, event, tau), restricted_mean(other_times, other_event, tau)
    difference, se = first.mean - second.mean, float(np.hypot(first.se, second.se))
    margin = _z(confidence) * se
    p = 2 * float(ndtr(-abs(difference) / se)) if se else np.nan
    return RestrictedMeanDifference(difference, se, difference - margin, difference + margin, p)


def cumulative_incidence(times, cause, at=None, *, limits="log-log", confidence=0.95) -> pd.DataFrame:
    """Incidence of each of several causes that exclude each other, by Aalen and Johansen's estimator.

    cause: shape (n,), 0 where censored, else 1, 2, ... At `at` (one or more times), or else at each
    distinct time with an event, returns one row per cause and time: cause, time, at_risk, incidence (a
    fraction of 1), se, low, high; the last four NaN beyond the last follow-up. Unlike 1 - Kaplan-Meier they
    sum to the share with any event.

    Source: Aalen and Johansen, Scand J Stat 1978;5:141-150; se: Marubini and Valsecchi, Analysing Survival
    Data from Clinical Trials and Observational Studies, 1995 (delta method; Greenwood's for a single
    cause).
    """
    cause = _numbers(cause, "cause")
    if not ((cause >= 0) & (cause == np.floor(cause))).all():
        raise ValueError("causes must be whole numbers, 0 where censored")
    times, event = _followed(times, cause > 0)
    time, at_risk, events = _event_times(times, event)
    survival, _ = _product_limit(at_risk, events)
    before = np.concatenate([[1.0], survival])[:-1]
    hazard = _hazard_variance(at_risk, events)
    at = time if at is None else _landmarks(at)
    parts = []
    for one in np.unique(cause[event]):
        deaths = np.bincount(np.searchsorted(time, times[cause == one]), minlength=time.size)
        incidence = np.cumsum(before * deaths / at_risk)
        own = before**2 * deaths * (at_risk - deaths) / at_risk**3
        both = before * deaths / at_risk**2
        variance = (  # the sum of (I(t) - I)² hazard + own - 2 (I(t) - I) both over the events up to t
            incidence**2 * np.cumsum(hazard)
            - 2 * incidence * np.cumsum(incidence * hazard + both)
            + np.cumsum(incidence**2 * hazard + 2 * incidence * both + own)
        )
        se = np.sqrt(np.maximum(variance, 0))
        found = pd.DataFrame({"incidence": _at(time, incidence, at, 0), "se": _at(time, se, at, 0)})
        found["low"], found["high"] = _band(found["incidence"], found["se"], limits, confidence)
        found[at > times.max()] = np.nan
        parts.append(found.assign(cause=int(one), time=at, at_risk=number_at_risk(times, at)))
    columns = ["cause", "time", "at_risk", "incidence", "se", "low", "high"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


# ------------------------------------------------------------------------------------------- curves


def _event_times(times, event):
    """Distinct event times, ascending, with the numbers at risk and of events."""
    seen, censored = np.sort(times[event]), np.sort(times[~event])
    first = np.flatnonzero(np.concatenate([[True], seen[1:] != seen[:-1]])) if seen.size else np.zeros(0, int)
    time, events = seen[first], np.diff(first, append=seen.size)
    return time, (seen.size - first) + (censored.size - np.searchsorted(censored, time)), events


def _product_limit(at_risk, events):
    """Survival after each event time, and its standard error."""
    survival = np.cumprod(1 - events / at_risk)
    se = survival * np.sqrt(np.cumsum(_hazard_variance(at_risk, events)))
    return survival, np.where(survival > 0, se, np.nan)


def _hazard_variance(at_risk, events):
    """Greenwood's terms; 0 for the last of all, after whom nothing is estimated."""
    free = at_risk * (at_risk - events)
    return np.divide(events, free, out=np.zeros(len(events)), where=free > 0)


def _band(fraction, se, limits, confidence):
    if limits not in LIMITS:
        raise ValueError(f"limits must be one of {', '.join(LIMITS)}")
    z = _z(confidence)
    fraction, se = np.asarray(fraction, float), np.asarray(se, float)
    fraction = np.where(fraction > 1 - SAME, 1, fraction)  # shares that are summed do not meet 1 exactly
    inner = np.where((fraction > 0) & (fraction < 1), fraction, 0.5)
    if limits == "plain":
        low, high = np.maximum(fraction - z * se, 0), np.minimum(fraction + z * se, 1)
    elif limits == "log":
        low, high = (inner * np.exp(sign * z * se / inner) for sign in (-1, 1))
        high = np.minimum(high, 1)
    else:
        low, high = (inner ** np.exp(sign * z * se / (inner * np.log(inner))) for sign in (-1, 1))
    is_known = (fraction > 0) & ~np.isnan(se)
    return tuple(np.where(fraction == 1, 1, np.where(is_known, limit, np.nan)) for limit in (low, high))


def _crossing(time, curve, level, last):
    """The first time with curve <= level, or the middle of the stretch where they are equal."""
    reached = np.flatnonzero(curve <= level + SAME)
    if not reached.size:
        return np.nan
    first = reached[0]
    if curve[first] < level - SAME:
        return float(time[first])
    fallen = np.flatnonzero(curve < level - SAME)
    return float((time[first] + (time[fallen[0]] if fallen.size else last)) / 2)


def _at(time, values, at, before):
    """The values of a step function at those times; before the first step it has another."""
    return np.concatenate([[float(before)], values])[np.searchsorted(time, at, side="right")]


# -------------------------------------------------------------------------------------------- input


def _followed(times, event):
    times, event = _numbers(times, "times"), np.asarray(event)
    if event.dtype != bool:
        event = _numbers(event, "event")
        if not ((event == 0) | (event == 1)).all():
            raise ValueError("event must be true or false, 1 or 0")
        event = event == 1
    if times.ndim != 1 or times.size == 0 or times.shape != event.shape or not (times >= 0).all():
        raise ValueError("times and event must be equally long, not empty, and times >= 0")
    return times, event


def _numbers(values, name):
    try:
        values = np.asarray(values, float)
    except TypeError:  # pandas' NA
        raise ValueError(f"{name} must be numbers, none missing") from None
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, none missing")
    return values


def _landmarks(at):
    at = np.atleast_1d(_numbers(at, "at"))
    if at.ndim != 1 or (at < 0).any():
        raise ValueError("at must be one or more times >= 0")
    return at


def _labels(values, n):
    """Codes and the sorted labels that they stand for."""
    codes, labels = pd.factorize(np.asarray(values), sort=True)
    if codes.shape != (n,) or (codes < 0).any():
        raise ValueError("labels must be as many as times, none missing")
    return codes, labels


def _strata(values, n):
    return np.zeros(n, int) if values is None else _labels(values, n)[0]


def _z(confidence):
    from scipy.special import ndtri

    if not 0 < confidence < 1:
        raise ValueError("confidence must lie between 0 and 1")
    return float(-ndtri((1 - confidence) / 2))
