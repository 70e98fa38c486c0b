"""Logistic regression by maximum likelihood, of one model or of many that share their outcomes.

x: shape (n, p), without a column for the intercept, which every model has and which comes first in `coef`.
responders and n: shape (n,), counts of each row, n being 1 where a row is a participant. ValueError where they are
no counts, anything is missing, or a column follows from the others.
"""

from typing import NamedTuple

import numpy as np

ENOUGH = 1e-9  # a step that would raise the log-likelihood by less is the last
ITERATIONS = 60
RIDGE = (
    1e-12  # of the information's diagonal, so that a fit that runs off does not stop the others of its batch
)
LARGEST_LOGIT = 12  # odds beyond exp(12) in a row with participants: the maximum is not finite


class Logistic(NamedTuple):
    """coef, se, p_wald: shape (p + 1,). is_separated: the maximum is not finite, coef to p_wald are NaN.

    log_likelihood is then its limit.
    """

    coef: np.ndarray
    se: np.ndarray
    p_wald: np.ndarray
    log_likelihood: float
    is_separated: bool


def logistic(x, responders, n=None) -> Logistic:
    """The fit of one model.

    Source: McCullagh and Nelder, Generalized Linear Models, 2nd edition, chapter 4, by Newton's method.
    """
    from scipy.special import ndtr

    design, responders, n, center, scale = prepared(x, responders, n)
    coef, likelihood, information = maximise(design[None], responders, n)
    coef, likelihood, information = coef[0], float(likelihood[0]), information[0]
    logits = design[n > 0] @ coef
    is_separated = bool(np.abs(logits).max() > LARGEST_LOGIT)
    if is_separated:
        return Logistic(*[np.full(coef.shape, np.nan)] * 3, likelihood, True)
    back = unscaled(center, scale)
    coef, se = back @ coef, np.sqrt(np.diag(back @ np.linalg.inv(information) @ back.T))
    with np.errstate(divide="ignore", invalid="ignore"):
        return Logistic(coef, se, 2 * ndtr(-np.abs(coef / se)), likelihood, False)


def prepared(x, responders, n):
    """The design with its intercept, each column centred and of range 1, the counts, and what was taken away."""
    responders = np.asarray(responders, float)
    n = np.ones_like(responders) if n is None else np.asarray(n, float)
    x = np.asarray(x, float).reshape(len(responders), -1)
    if not np.isfinite(x).all() or not ((responders >= 0) & (responders <= n)).all():
        raise ValueError("nothing may be missing, and 0 <= responders <= n")
    present = x[n > 0]
    center = present.mean(axis=0)
    scale = np.ptp(present, axis=0)
    scale[scale == 0] = 1
    design = np.column_stack([np.ones(len(x)), (x - center) / scale])
    if np.linalg.matrix_rank(design[n > 0]) < design.shape[1]:
        raise ValueError("a covariate does not vary, or follows from the others")
    return design, responders, n, center, scale


def unscaled(center, scale):
    """The matrix that turns coefficients of a prepared design into those of the covariates as given."""
    back = np.diag([1, *(1 / scale)])
    back[0, 1:] = -center / scale
    return back


def maximise(designs, responders, n):
    """Coefficients (m, p), log-likelihoods (m,) and informations (m, p, p) of m models of the same outcomes.

    designs: shape (m, n, p), columns of range about 1. Where responders are separated the likelihood converges to
    its limit while coefficients go on growing.
    """
    m, _rows, p = designs.shape
    coef = np.zeros((m, p))
    likelihood, gradient, information = log_likelihood(designs, responders, n, coef)
    running = np.arange(m)
    for _ in range(ITERATIONS):
        part = designs if len(running) == m else designs[running]
        ridged = information[running] + RIDGE * np.eye(p) * n.sum()
        step = np.linalg.solve(ridged, gradient[running][..., None])[..., 0]
        gain = (step * gradient[running]).sum(axis=1)
        step *= np.minimum(1, 8 / np.maximum(np.abs(step).max(axis=1), 1e-300))[:, None]
        found = log_likelihood(part, responders, n, coef[running] + step)
        for _ in range(ITERATIONS):
            worse = found[0] < likelihood[running] - 1e-9 * np.abs(likelihood[running])
            if not worse.any():
                break
            step[worse] /= 2
            again = log_likelihood(part[worse], responders, n, (coef[running] + step)[worse])
            for old, new in zip(found, again):
                old[worse] = new
        coef[running] += step
        likelihood[running], gradient[running], information[running] = found
        running = running[gain >= ENOUGH]
        if not running.size:
            break
    return coef, likelihood, information


def log_likelihood(designs, responders, n, coef):
    """Of each model the log-likelihood without its binomial coefficients, the gradient, the information."""
    eta = (designs @ coef[..., None])[..., 0]
    likelihood = (responders * eta - n * np.logaddexp(0, eta)).sum(axis=1)
    rate = 1 / (1 + np.exp(-eta))
    gradient = ((responders - n * rate)[:, None, :] @ designs)[:, 0]
    weighted = designs * (n * rate * (1 - rate))[..., None]
    return likelihood, gradient, weighted.swapaxes(1, 2) @ designs
