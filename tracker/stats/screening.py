"""Thousands of markers against one outcome: a likelihood ratio test of each, fitted in batches.

markers: shape (participants, markers), NaN where a value is missing; a marker's model is of those who have it. treated:
shape (participants,), truth values; where it is given the test is of treatment by marker interaction, else of the
marker alone. Each function returns one row a marker, in their order: n and events (participants and events in its
model), coef (log odds or hazard ratio by one unit of the marker, or of the interaction; NaN where it is not finite),
chi2 and p of the likelihood ratio with 1 degree of freedom, and q, Benjamini and Hochberg's. NaN where a marker does
not vary, within both groups where there are two.
"""

import functools

import numpy as np
import pandas as pd

from tracker.stats import logistic
from tracker.stats.partial_likelihood import risk_sets

#: Markers that are fitted at once: a bound on memory.
AT_ONCE = 500

ENOUGH = 1e-10  # a step that would raise a log-likelihood by less is the last
ITERATIONS = 40
RIDGE = 1e-10
LARGEST = 15  # a coefficient over the whole range of a marker: a larger one is not finite


def screen_response(markers, responded, treated=None) -> pd.DataFrame:
    """Logistic regression. responded: shape (participants,), truth values."""
    responded = np.asarray(responded, float)

    def fit(rows, designs):
        n = np.ones(rows.sum())
        intercept = np.ones((*designs.shape[:2], 1))
        coef, likelihood, _information = logistic.maximise(
            np.concatenate([intercept, designs], axis=2), responded[rows], n
        )
        return coef[:, 1:], likelihood

    return _screen(markers, treated, responded, fit)


def screen_survival(markers, times, event, treated=None) -> pd.DataFrame:
    """Cox regression, ties by Efron. times, event: shape (participants,)."""
    times, event = np.asarray(times, float), np.asarray(event, bool)

    def fit(rows, designs):
        sets = risk_sets(times[rows], event[rows], np.zeros(rows.sum(), int))
        return _maximise_partial(np.ascontiguousarray(designs[:, sets.order]), sets)

    return _screen(markers, treated, event.astype(float), fit)


def benjamini_hochberg(p):
    """q of each p: the smallest false discovery rate at which it is still found; NaN of a NaN.

    Source: Benjamini and Hochberg, J R Stat Soc B 1995;57:289-300.
    """
    return adjusted(p, "fdr_bh")


def holm(p):
    """p of each adjusted so that none of those below a level is false with more than that chance.

    Source: Holm, Scand J Stat 1979;6:65-70.
    """
    return adjusted(p, "holm")


def adjusted(p, method):
    """p by one of the methods of statsmodels' multipletests; NaN stay NaN and are not counted."""
    from statsmodels.stats.multitest import multipletests

    p = np.asarray(p, float)
    found, known = np.full(p.shape, np.nan), ~np.isnan(p)
    if known.any():
        found[known] = multipletests(p[known], method=method)[1]
    return found


def _screen(markers, treated, events, fit):
    from scipy.special import chdtrc

    markers = np.asarray(markers, float)
    if markers.ndim != 2 or len(markers) != len(events) or np.isinf(markers).any():
        raise ValueError("markers must have a row a participant, and no infinite value")
    treated = None if treated is None else np.asarray(treated, float)
    count = markers.shape[1]
    found = {name: np.full(count, np.nan) for name in ("coef", "chi2")}
    known = ~np.isnan(markers)
    for columns in _alike(known):
        rows = known[:, columns[0]]
        for start in range(0, len(columns), AT_ONCE):
            chunk = columns[start : start + AT_ONCE]
            group = None if treated is None else treated[rows]
            tested = _fit_chunk(
                markers[np.ix_(rows, chunk)].T, group, events[rows], functools.partial(fit, rows)
            )
            for name, values in zip(("coef", "chi2"), tested):
                found[name][chunk] = values
    p = chdtrc(1, found["chi2"])
    numbers = {"n": known.sum(axis=0), "events": (events @ known).astype(int)}
    return pd.DataFrame(numbers | found | {"p": p, "q": benjamini_hochberg(p)})


def _alike(known):
    """Columns with the same rows known, together."""
    _patterns, which = np.unique(known, axis=1, return_inverse=True)
    order = np.argsort(which, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(which[order])) + 1) if len(order) else []


def _fit_chunk(values, group, events, fit):
    """coef and chi2 of some markers of the same participants; values: shape (markers, participants)."""
    coef, chi2 = np.full(len(values), np.nan), np.full(len(values), np.nan)
    parts = [np.ones(values.shape[1], bool)] if group is None else [group == 1, group == 0]
    if not events.any() or not all(part.any() for part in parts):
        return coef, chi2
    varies = np.all([np.ptp(values[:, part], axis=1) > 0 for part in parts], axis=0)
    if not varies.any():
        return coef, chi2
    values = values[varies]
    scale = np.ptp(values, axis=1)
    x = (values - values.mean(axis=1, keepdims=True)) / scale[:, None]
    if group is None:
        full, without = x[..., None], x[:1, :, None][..., :0]
    else:
        t = np.broadcast_to(group - group.mean(), x.shape)
        without = np.stack([t, x], axis=2)
        full = np.concatenate([without, (t * x)[..., None]], axis=2)
    fitted, likelihood = fit(full)
    _coef, least = fit(without)
    coef[varies] = np.where(np.abs(fitted).max(axis=1) > LARGEST, np.nan, fitted[:, -1] / scale)
    chi2[varies] = np.maximum(2 * (likelihood - least), 0)
    return coef, chi2


def _maximise_partial(x, sets):
    """Coefficients (m, p) and log-likelihoods (m,) of m models; x: shape (m, n, p), its rows in the order of sets."""
    m, _n, p = x.shape
    coef = np.zeros((m, p))
    likelihood, gradient, information = _partial_likelihood(x, sets, coef)
    running = np.arange(m)
    for _ in range(ITERATIONS if p else 0):
        ridged = information[running] + RIDGE * np.eye(p)
        step = np.linalg.solve(ridged, gradient[running][..., None])[..., 0]
        gain = (step * gradient[running]).sum(axis=1)
        step *= np.minimum(1, 8 / np.maximum(np.abs(step).max(axis=1), 1e-300))[:, None]
        running, step = running[gain >= ENOUGH], step[gain >= ENOUGH]
        if not running.size:
            break
        part = x if len(running) == m else x[running]
        found = _partial_likelihood(part, sets, coef[running] + step)
        for _ in range(ITERATIONS):
            worse = ~(found[0] >= likelihood[running] - 1e-9 * np.abs(likelihood[running]))
            if not worse.any():
                break
            step[worse] /= 2
            again = _partial_likelihood(part[worse], sets, (coef[running] + step)[worse])
            for old, new in zip(found, again):
                old[worse] = new
        coef[running] += step
        likelihood[running], gradient[running], information[running] = found
    return coef, likelihood


def _partial_likelihood(x, sets, coef):
    """Of each model Efron's log partial likelihood, its gradient and information, as in stats.partial_likelihood."""
    eta = (x @ coef[..., None])[..., 0]
    if eta.shape[1]:
        eta = eta - eta.max(axis=1, keepdims=True)
    weight = np.exp(eta)
    weighted = weight[..., None] * x
    first = np.cumsum(sets.deaths) - sets.deaths
    at = np.repeat(np.arange(len(sets.deaths)), sets.deaths)
    taken = (np.arange(len(at)) - first[at]) / sets.deaths[at]
    last = (sets.stop - 1)[at]
    risk = np.cumsum(weight, axis=1)[:, last]
    mean = np.cumsum(weighted, axis=1)[:, last]
    if (sets.deaths > 1).any():
        risk = risk - taken * np.add.reduceat(weight[:, sets.dead], first, axis=1)[:, at]
        mean = mean - taken[:, None] * np.add.reduceat(weighted[:, sets.dead], first, axis=1)[:, at]
    mean = mean / risk[..., None]
    likelihood = eta[:, sets.dead].sum(axis=1) - np.log(risk).sum(axis=1)
    of_times = np.add.reduceat(1 / risk, first, axis=1)
    later = np.zeros((len(x), len(sets.start) + 1))
    later[:, :-1] = np.cumsum(of_times[:, ::-1], axis=1)[:, ::-1]
    share = later[:, sets.entered]
    if (sets.deaths > 1).any():
        share[:, sets.dead] -= np.add.reduceat(taken / risk, first, axis=1)[:, at]
    information = weighted.swapaxes(1, 2) @ (share[..., None] * x) - mean.swapaxes(1, 2) @ mean
    gradient = x[:, sets.dead].sum(axis=1) - mean.sum(axis=1)
    return likelihood, gradient, information
