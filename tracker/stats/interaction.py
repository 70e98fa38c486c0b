"""Whether a treatment works better where a marker is higher: treatment by marker interaction.

treated: shape (n,), True in the treated group; marker: shape (n,), truth values or numbers. The interaction is the
effect of treatment at one unit more of the marker over its effect at one unit less: for a status, the effect in
positive over the effect in negative. ValueError where a marker does not vary within both groups.
"""

from typing import NamedTuple

import numpy as np

from tracker.stats.firth import firth_cox, firth_logistic
from tracker.stats.logistic import logistic
from tracker.stats.survival import cox


class Interaction(NamedTuple):
    """ratio: of odds ratios or of hazard ratios, with limits by Wald, or by profile where is_penalised.

    coef: of treatment, marker and interaction, an intercept first where there is one. p_lrt and chi2_lrt: of
    the likelihood ratio, 1 degree of freedom. p_wald is NaN where is_penalised (Firth): an ordinary estimate is
    not finite then, and Wald's test has no meaning.
    """

    ratio: float
    low: float
    high: float
    p_wald: float
    p_lrt: float
    chi2_lrt: float
    coef: np.ndarray
    se: float
    is_penalised: bool


def logistic_interaction(treated, marker, responders, n=None, confidence=0.95) -> Interaction:
    """For response. responders, n: shape (n,), counts of each row; n is 1 where a row is a participant."""
    both = _design(treated, marker)
    full = logistic(both, responders, n)
    if full.is_separated:
        return _penalised(firth_logistic(both, responders, n, confidence))
    without = logistic(both[:, :2], responders, n)
    chi2 = max(2 * (full.log_likelihood - without.log_likelihood), 0.0)
    return _by_likelihood(full.coef, full.se[-1], full.p_wald[-1], chi2, confidence)


def cox_interaction(times, event, treated, marker, confidence=0.95) -> Interaction:
    """For survival: Cox, ties by Efron."""
    both = _design(treated, marker)
    full = cox(times, event, both)
    if full.problem:
        return _penalised(firth_cox(times, event, both, confidence))
    without = cox(times, event, both[:, :2])
    chi2 = max(2 * (full.log_likelihood - without.log_likelihood), 0.0)
    return _by_likelihood(full.coef, full.se[-1], full.p_wald[-1], chi2, confidence)


def gail_simon(effects, se) -> tuple[float, float]:
    """Whether effects lie on both sides of none: the statistic and p of the test for qualitative interaction.

    effects: one a subset, 0 meaning none, such as logarithms of hazard ratios; se: their standard errors.

    Source: Gail and Simon, Biometrics 1985;41:361-372.
    """
    from scipy.special import chdtrc
    from scipy.stats import binom

    effects, se = np.asarray(effects, float), np.asarray(se, float)
    if effects.ndim != 1 or effects.shape != se.shape or effects.size < 2 or not (se > 0).all():
        raise ValueError("there must be two subsets or more, each with a standard error above 0")
    squares = (effects / se) ** 2
    statistic = float(min(squares[effects > 0].sum(), squares[effects < 0].sum()))
    if statistic == 0:
        return 0.0, 1.0
    freedom = np.arange(1, effects.size)
    p = (binom.pmf(freedom, effects.size - 1, 0.5) * chdtrc(freedom, statistic)).sum()
    return statistic, float(p)


def _design(treated, marker):
    treated, marker = np.asarray(treated, float), np.asarray(marker, float)
    if treated.shape != marker.shape or not np.isin(treated, (0, 1)).all() or not np.isfinite(marker).all():
        raise ValueError("treated must be true or false, and as long as marker, of which none may be missing")
    for group in (marker[treated == 1], marker[treated == 0]):
        if not group.size or np.ptp(group) == 0:
            raise ValueError("the marker must vary within both groups")
    return np.column_stack([treated, marker, treated * marker])


def _by_likelihood(coef, se, p_wald, chi2, confidence):
    from scipy.special import chdtrc, ndtri

    margin = -ndtri((1 - confidence) / 2) * se
    low, ratio, high = np.exp([coef[-1] - margin, coef[-1], coef[-1] + margin])
    p_lrt = float(chdtrc(1, chi2))
    return Interaction(
        float(ratio), float(low), float(high), float(p_wald), p_lrt, chi2, np.asarray(coef), float(se), False
    )


def _penalised(fit):
    from scipy.special import chdtri

    low, ratio, high = np.exp([fit.low, fit.coef[-1], fit.high])
    chi2 = float(chdtri(1, fit.p_lrt))
    return Interaction(float(ratio), float(low), float(high), np.nan, fit.p_lrt, chi2, fit.coef, np.nan, True)
