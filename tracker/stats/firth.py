"""Estimates that stay finite where outcomes are separated: Firth's penalty, with profile limits.

The penalty is half the logarithm of the information's determinant (Jeffreys' prior). Logistic and Cox regression
differ in their likelihood only.

Source: Firth, Biometrika 1993;80:27-38; Heinze and Schemper, Biometrics 2001;57:114-119 and Stat Med
2002;21:2409-2419, whose R packages coxphf and logistf these agree with.
"""

from typing import NamedTuple

import numpy as np

from tracker.stats.logistic import log_likelihood as logistic_likelihood
from tracker.stats.logistic import prepared, unscaled
from tracker.stats.partial_likelihood import log_likelihood as partial_likelihood
from tracker.stats.partial_likelihood import risk_sets

#: How far a limit is sought from the estimate, in ranges of the covariate on the scale of the coefficient.
FARTHEST = 100


class Penalised(NamedTuple):
    """coef, and of the last covariate profile limits and the p of the penalised likelihood ratio.

    coef: shape (p + 1,) with the intercept of a logistic model, (p,) of a Cox model. A limit that lies further
    than anybody would look is NaN.
    """

    coef: np.ndarray
    low: float
    high: float
    p_lrt: float
    log_likelihood: float


def firth_logistic(x, responders, n=None, confidence=0.95) -> Penalised:
    """x, responders, n: as in stats.logistic."""
    design, responders, n, center, scale = prepared(x, responders, n)

    def value(coef):
        likelihood, _gradient, information = logistic_likelihood(design[None], responders, n, coef[None])
        return _penalised(float(likelihood[0]), information[0])

    coef, *rest = _profiled(value, design.shape[1], confidence)
    return _unscaled(unscaled(center, scale) @ coef, rest, scale)


def firth_cox(times, event, x, confidence=0.95) -> Penalised:
    """x: shape (n, p); ties by Efron."""
    times, event = np.asarray(times, float), np.asarray(event, bool)
    x = np.asarray(x, float).reshape(len(times), -1)
    scale = np.ptp(x, axis=0)
    if not event.any() or not scale.all():
        raise ValueError("there must be an event, and every covariate must vary")
    sets = risk_sets(times, event, np.zeros(len(times), int))
    ordered = ((x - x.mean(axis=0)) / scale)[sets.order]

    def value(coef):
        likelihood, _gradient, information = partial_likelihood(ordered, sets, coef)
        return _penalised(likelihood, information)

    coef, *rest = _profiled(value, x.shape[1], confidence)
    return _unscaled(coef / scale, rest, scale)


def _penalised(likelihood, information):
    sign, log = np.linalg.slogdet(information)
    return likelihood + log / 2 if sign > 0 else -np.inf


def _profiled(value, p, confidence):
    """The maximum, and the limits and p of its last coefficient."""
    from scipy.optimize import brentq
    from scipy.special import chdtrc, ndtri

    coef, highest = _maximum(value, np.zeros(p), np.arange(p))
    allowed = ndtri((1 - confidence) / 2) ** 2
    others = np.arange(p - 1)

    def excess(last, start=coef):
        """By how much twice the likelihood falls short of the highest where the last coefficient is given."""
        return 2 * (highest - _maximum(value, np.append(start[:-1], last), others)[1])

    def limit(direction):
        inside, reach = coef[-1], 1.0
        while excess(coef[-1] + direction * reach) < allowed:
            inside, reach = coef[-1] + direction * reach, reach * 2
            if reach > FARTHEST:
                return np.nan
        return brentq(lambda last: excess(last) - allowed, inside, coef[-1] + direction * reach, xtol=1e-8)

    p_lrt = float(chdtrc(1, max(excess(0.0), 0)))
    return coef, limit(-1), limit(1), p_lrt, highest


def _maximum(value, start, free):
    """The highest value, and where, if the free coefficients are chosen and the others stay."""
    from scipy.optimize import minimize

    if not len(free):
        return start, value(start)

    def placed(chosen):
        coef = start.copy()
        coef[free] = chosen
        return coef

    def loss(chosen):
        return -value(placed(chosen))

    found = minimize(loss, start[free], jac="3-point", method="BFGS", options={"gtol": 1e-7})
    return placed(found.x), -float(found.fun)


def _unscaled(coef, rest, scale):
    low, high, p_lrt, likelihood = rest
    likelihood += float(np.log(scale).sum())
    return Penalised(coef, float(low / scale[-1]), float(high / scale[-1]), p_lrt, likelihood)
