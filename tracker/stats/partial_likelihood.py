"""Who was at risk when an event happened: risk sets, and Efron's partial likelihood over them.

Inside, rows are sorted once and every sum over a risk set is a running sum. survival.py checks what comes in.
"""

from enum import StrEnum
from typing import NamedTuple

import numpy as np

DEPENDENT = 1e-10  # what varies by less, of all the variation there is, follows from the rest
ENOUGH = 1e-9  # a step that would raise the log-likelihood by less is the last
ROUNDING = 1e-9  # relative: a log-likelihood that is lower by less may as well be equal
ITERATIONS = 60


class Problem(StrEnum):
    """Why a hazard ratio cannot be estimated."""

    NO_EVENTS = "no events"
    NO_CONTRAST = "those at risk do not differ in a covariate, or one follows from the others"
    NO_EVENTS_IN_GROUP = "no events in one group"
    MONOTONE = "monotone likelihood: a covariate splits those with the event from those at risk"


class RiskSets(NamedTuple):
    """Rows in `order` stand by stratum, in it from the last time to the first: a risk set is one run of them.

    Each distinct event time of a stratum has the run start:stop and its deaths; their rows are dead.
    entered: of each row the first event time, in that order, at which it is at risk; their number where none.
    """

    order: np.ndarray
    dead: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    deaths: np.ndarray
    entered: np.ndarray

    def strata(self):
        """A slice of the event times for each stratum."""
        first = np.flatnonzero(np.diff(self.start, prepend=-1))
        return [slice(*ends) for ends in zip(first, [*first[1:], len(self.start)])]

    def sums(self, values):
        """Of each risk set; values: shape (n,) or (n, p), in order."""
        found = np.empty((len(self.start), *values.shape[1:]))
        for part in self.strata():
            first = self.start[part.start]
            running = np.cumsum(values[first : self.stop[part.stop - 1]], axis=0)
            found[part] = running[self.stop[part] - first - 1]
        return found

    def sums_of_dead(self, values):
        """Of those with the event, at each event time."""
        if len(self.deaths) == len(self.dead):
            return values[self.dead]
        return np.add.reduceat(values[self.dead], np.cumsum(self.deaths) - self.deaths, axis=0)

    def sums_of_sets(self, values):
        """Of values of the event times, in each row over those at which it is at risk."""
        found = np.zeros(len(self.start) + 1)
        for part in self.strata():
            found[part] = np.cumsum(values[part][::-1])[::-1]
        return found[self.entered]


def risk_sets(times, event, codes):
    """The RiskSets; codes: shape (n,), whole numbers >= 0 that tell the strata."""
    order = np.lexsort((-times, codes)) if codes.any() else np.argsort(-times, kind="stable")
    times, event, codes = times[order], event[order], codes[order]
    is_last = np.append((times[1:] != times[:-1]) | (codes[1:] != codes[:-1]), True)
    tie = np.cumsum(is_last) - is_last
    deaths = np.bincount(tie[event], minlength=tie[-1] + 1)
    stop = np.flatnonzero(is_last)[deaths > 0] + 1
    stratum = codes[stop - 1]
    entered = np.searchsorted(stop, np.arange(times.size), side="right")
    entered[np.append(stratum, -1)[entered] != codes] = len(stop)
    return RiskSets(
        order, np.flatnonzero(event), np.searchsorted(codes, stratum), stop, deaths[deaths > 0], entered
    )


def find_problem(x, sets):
    """What keeps a coefficient from a finite estimate, as far as one covariate alone tells."""
    if not sets.dead.size:
        return Problem.NO_EVENTS
    *_, information = log_likelihood(x, sets, np.zeros(x.shape[1]))
    if np.linalg.matrix_rank(information, tol=DEPENDENT * sets.dead.size, hermitian=True) < x.shape[1]:
        return Problem.NO_CONTRAST
    for column in x.T:
        is_binary = ((column == column.min()) | (column == column.max())).all()
        if is_binary and np.ptp(column[sets.dead]) == 0:
            return Problem.NO_EVENTS_IN_GROUP
    # A later stratum stands more than a range higher, so that the running maximum starts anew in it.
    height = 2 * np.searchsorted(np.unique(sets.start), np.arange(len(x)), side="right")
    last = np.repeat(sets.stop, sets.deaths) - 1
    for column in x.T:
        for values in (column + height, height - column):
            if (values[sets.dead] == np.maximum.accumulate(values)[last]).all():
                return Problem.MONOTONE
    return None


def maximise(x, sets):
    """Coefficients, their covariance, the log-likelihood there and at 0, and whether the maximum is finite.

    x: shape (n, p), each column's range 1. Where the likelihood is monotone, it converges while the
    coefficients go on growing, by 1 or more in every step; it is NaN where they outgrow floating point first.
    """
    coef = np.zeros(x.shape[1])
    likelihood, gradient, information = log_likelihood(x, sets, coef)
    null = likelihood
    for _ in range(ITERATIONS):
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            break
        if not np.isfinite(step).all():
            break
        if gradient @ step < ENOUGH:
            is_finite = bool(np.abs(step).max() < 0.01)
            likelihood, _, information = log_likelihood(x, sets, coef + step)
            return coef + step, np.linalg.pinv(information), likelihood, null, is_finite
        least = likelihood - ROUNDING * max(1, -likelihood)
        while not least <= (found := log_likelihood(x, sets, coef + step))[0] < np.inf:
            step /= 2
        coef, (likelihood, gradient, information) = coef + step, found
    return coef, None, np.nan, null, False


def log_likelihood(x, sets, coef):
    """Efron's log partial likelihood, its gradient and information.

    The m events of a time share its risk set: from the l-th (0, 1, ...) the share l/m of all m is taken
    away.
    """
    eta = x @ coef
    for part in sets.strata():
        stratum = slice(sets.start[part.start], sets.stop[part.stop - 1])
        eta[stratum] -= eta[stratum].max()  # nothing depends on the level
    eta[sets.entered == len(sets.start)] = 0  # never at risk
    weight = np.exp(eta)
    weighted = weight[:, None] * x
    first = np.cumsum(sets.deaths) - sets.deaths
    at = np.repeat(np.arange(len(sets.deaths)), sets.deaths)
    taken = (np.arange(len(at)) - first[at]) / sets.deaths[at]
    with np.errstate(all="ignore"):
        risk = sets.sums(weight)[at] - taken * sets.sums_of_dead(weight)[at]
        mean = (sets.sums(weighted)[at] - taken[:, None] * sets.sums_of_dead(weighted)[at]) / risk[:, None]
        likelihood = float(np.sum(eta[sets.dead]) - np.sum(np.log(risk)))
        # Each row counts in every risk set that it is in; less, where it is one of those taken away.
        share = sets.sums_of_sets(np.add.reduceat(1 / risk, first))
        share[sets.dead] -= np.add.reduceat(taken / risk, first)[at]
        information = weighted.T @ (share[:, None] * x) - mean.T @ mean
    gradient = x[sets.dead].sum(axis=0) - mean.sum(axis=0)
    return likelihood, gradient, information
