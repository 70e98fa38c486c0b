"""Whether rates differ between groups, by how much, and what each is when it may borrow from the others.

x and n are responders and participants of each group, whole numbers with 0 <= x <= n and n > 0; ValueError otherwise.
"""

from typing import NamedTuple

import numpy as np

from tracker.stats.proportions import _normal_quantile

#: Of fewer groups I² tells next to nothing.
LEAST_FOR_I2 = 5

#: Values of the spread that EXNEX looks at, up to so many scales of its prior.
SPREADS, FARTHEST = 40, 5.0

#: EXNEX: the widest step of its grid of log odds, how far the grid reaches, and the most points it has.
STEP, REACH, MOST_POINTS = 0.02, 12.0, 2**14

NODES = 25  # of Gauss and Hermite


class Pooled(NamedTuple):
    """A random-effects mean on the scale of the estimates, and how they differ.

    low, high: its 95 % limits; tau2: the variance between groups; i2: its share, 0 to 1, of all variance;
    prediction: limits of a new group's value; q, q_p: Cochran's test that all are equal.
    """

    estimate: float
    se: float
    low: float
    high: float
    tau2: float
    i2: float
    q: float
    q_p: float
    prediction: tuple[float, float]


class Mixed(NamedTuple):
    """The binomial-normal model: log odds are normal around mu with standard deviation tau.

    statistic, p: the likelihood-ratio test that all rates are equal; shrunk: each group's rate in the model.
    """

    mu: float
    se: float
    tau: float
    statistic: float
    p: float
    shrunk: np.ndarray


class Shrunk(NamedTuple):
    """Of each group's rate: posterior mean, standard deviation, and 95 % credible limits."""

    mean: np.ndarray
    sd: np.ndarray
    low: np.ndarray
    high: np.ndarray


class BetaBinomial(NamedTuple):
    """The beta distribution of the rates, and each group's mean in it. Infinite where the groups pool completely."""

    alpha: float
    beta: float
    log_likelihood: float
    shrunk: np.ndarray


def der_simonian_laird(estimates, variances) -> Pooled:
    """Random effects with the variance between groups by moments.

    Source: DerSimonian and Laird, Control Clin Trials 1986;7:177-188; I²: Higgins and Thompson, Stat Med
    2002;21:1539-1558.
    """
    y, v = _estimates(estimates, variances)
    w = 1 / v
    q = float(np.sum(w * (y - np.average(y, weights=w)) ** 2))
    excess = q - (len(y) - 1)
    return _pooled(y, v, float(max(0.0, excess / (w.sum() - (w**2).sum() / w.sum()))))


def restricted_likelihood(estimates, variances) -> Pooled:
    """Random effects with the variance between groups by restricted maximum likelihood (REML).

    Source: Viechtbauer, J Educ Behav Stat 2005;30:261-293.
    """
    from scipy.optimize import minimize_scalar

    y, v = _estimates(estimates, variances)

    def minus_log_likelihood(tau2):
        w = 1 / (v + tau2)
        mean = np.average(y, weights=w)
        return 0.5 * (np.log(v + tau2).sum() + np.log(w.sum()) + np.sum(w * (y - mean) ** 2))

    widest = 10 * (np.ptp(y) ** 2 + v.max())
    found = minimize_scalar(
        minus_log_likelihood, bounds=(0, widest), method="bounded", options={"xatol": 1e-10}
    )
    tau2 = float(found.x) if found.fun < minus_log_likelihood(0.0) else 0.0
    return _pooled(y, v, tau2)


def spread_limits(estimates, variances, confidence=0.95) -> tuple[float, float]:
    """Limits of the variance between groups: those at which Q stands at the ends of its distribution (Q profile).

    Source: Viechtbauer, Stat Med 2007;26:37-52.
    """
    from scipy.optimize import brentq
    from scipy.stats import chi2

    y, v = _estimates(estimates, variances)

    def q(tau2):
        w = 1 / (v + tau2)
        return float(np.sum(w * (y - np.average(y, weights=w)) ** 2))

    def limit(at):
        wanted = chi2.ppf(at, len(y) - 1)
        if q(0.0) <= wanted:
            return 0.0
        high = float(v.max() + np.ptp(y) ** 2)
        while q(high) > wanted:
            high *= 4
        return float(brentq(lambda tau2: q(tau2) - wanted, 0.0, high))

    return limit((1 + confidence) / 2), limit((1 - confidence) / 2)


def log_odds(x, n) -> tuple[np.ndarray, np.ndarray]:
    """Log odds and their variances; where nobody or everybody responds, half a participant is added to both sides.

    Source: Viechtbauer, J Stat Softw 2010;36(3), measure PLO.
    """
    x, n = _groups(x, n)
    added = np.where((x == 0) | (x == n), 0.5, 0.0)
    yes, no = x + added, n - x + added
    return np.log(yes / no), 1 / yes + 1 / no


def pearson_test(x, n) -> tuple[float, float]:
    """Pearson's chi-square that all rates are equal, k - 1 degrees of freedom, and p; NaN without two outcomes."""
    from scipy.stats import chi2

    x, n = _groups(x, n)
    rate = x.sum() / n.sum()
    if len(x) < 2 or not 0 < rate < 1:
        return np.nan, np.nan
    statistic = float(np.sum((x - n * rate) ** 2 / (n * rate * (1 - rate))))
    return statistic, float(chi2.sf(statistic, len(x) - 1))


def binomial_normal(x, n) -> Mixed:
    """The logistic model with a random intercept, by maximum likelihood and adaptive Gauss-Hermite quadrature.

    Nothing is added to empty cells. The test compares one rate for all with a rate for each, k - 1 degrees of
    freedom. Raises ValueError without two groups, or where nobody or everybody responds.

    Source: Stijnen, Hamza and Özdemir, Stat Med 2010;29:3046-3067; Pinheiro and Bates, J Comput Graph Stat
    1995;4:12-35.
    """
    from scipy.optimize import minimize
    from scipy.special import expit, xlogy
    from scipy.stats import chi2

    x, n = _groups(x, n)
    rate = x.sum() / n.sum()
    if len(x) < 2 or not 0 < rate < 1:
        raise ValueError("there must be two groups, responders and others")
    nodes, weights = np.polynomial.hermite.hermgauss(NODES)

    def minus_log_likelihood(parameters):
        mu, tau = parameters
        mode, information = _modes(x, n, mu, tau)
        b = mode[:, None] + np.sqrt(2 / information)[:, None] * nodes  # standard normal effects
        eta = mu + tau * b
        terms = x[:, None] * eta - n[:, None] * np.logaddexp(0, eta) - b**2 / 2 + nodes**2
        highest = terms.max(axis=1, keepdims=True)
        inner = np.log((weights * np.exp(terms - highest)).sum(axis=1)) + highest[:, 0]
        return -float(np.sum(inner - 0.5 * np.log(information * np.pi)))

    found = minimize(
        minus_log_likelihood,
        [np.log(rate / (1 - rate)), 0.5],
        bounds=[(None, None), (0, 20)],
        method="L-BFGS-B",
        options={"ftol": 1e-14, "gtol": 1e-9},
    )
    mu, tau = map(float, found.x)
    equal = [np.log(rate / (1 - rate)), 0.0]
    if minus_log_likelihood(equal) <= found.fun + 1e-7:  # the rates do not differ more than by chance
        mu, tau = equal
    mode, _information = _modes(x, n, mu, tau)
    rates = x / n
    apart = xlogy(x, rates) + xlogy(n - x, 1 - rates)
    together = xlogy(x, rate) + xlogy(n - x, 1 - rate)
    statistic = max(0.0, float(2 * (apart - together).sum()))
    p = float(chi2.sf(statistic, len(x) - 1))
    return Mixed(
        mu, _standard_error(minus_log_likelihood, mu, tau), tau, statistic, p, expit(mu + tau * mode)
    )


def _standard_error(minus_log_likelihood, mu, tau, step=1e-3):
    """Of mu, from the curvature of the likelihood in both parameters; where tau is 0, in mu alone."""

    def at(first, second):
        return minus_log_likelihood([mu + first * step, tau + second * step])

    top = at(0, 0)
    mean = at(1, 0) - 2 * top + at(-1, 0)
    if tau <= step:
        return step / mean**0.5
    spread = at(0, 1) - 2 * top + at(0, -1)
    both = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    return float(step / (mean - both**2 / spread) ** 0.5)


def _modes(x, n, mu, tau):
    """The most likely standard normal effect of each group, and the information there, by Newton's method."""
    from scipy.special import expit

    b = np.zeros(len(x))
    for _repeat in range(60):
        p = expit(mu + tau * b)
        information = 1 + tau**2 * n * p * (1 - p)
        step = (tau * (x - n * p) - b) / information
        b = b + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-10:
            break
    p = expit(mu + tau * b)
    return b, 1 + tau**2 * n * p * (1 - p)


def exnex(
    x,
    n,
    *,
    mu_mean=-1.3862943611198906,
    mu_sd=2.0,
    tau_scale=1.0,
    nex_mean=-1.3862943611198906,
    nex_sd=2.5,
    weight=0.5,
) -> Shrunk:
    """Rates of groups that with probability `weight` are exchangeable, and else each for itself (EXNEX).

    Exchangeable log odds are N(mu, tau), with mu ~ N(mu_mean, mu_sd) and tau half-normal; others are
    N(nex_mean, nex_sd). The default mean is the log odds of 0.2. Given mu and tau the groups are independent, so
    two sums over a grid replace simulation: the normal distributions are convolutions on the grid of log odds.

    Source: Neuenschwander, Wandel, Roychoudhury and Bailey, Pharm Stat 2016;15:123-134.
    """
    from scipy.special import expit

    x, n = _groups(x, n)
    theta = _grid(x, n, mu_mean)
    step, size = theta[1] - theta[0], len(theta)
    logs = x[:, None] * theta - n[:, None] * np.logaddexp(0, theta)
    likelihood = np.exp(logs - logs.max(axis=1, keepdims=True))
    alone = _normal(theta, nex_mean, nex_sd) * step
    by_itself = likelihood @ alone  # each group's marginal likelihood outside the exchange
    taus, tau_weights = _half_normal(tau_scale)
    offsets = np.minimum(np.arange(2 * size), 2 * size - np.arange(2 * size)) * step
    kernels = np.exp(-0.5 * (offsets / taus[:, None]) ** 2)
    spectra = np.fft.rfft(kernels / kernels.sum(axis=1, keepdims=True))

    def spread(values):
        """Values on the grid, around each point of it with each tau: shape (taus, groups, grid)."""
        return np.fft.irfft(np.fft.rfft(values, 2 * size) * spectra[:, None, :], 2 * size)[..., :size]

    exchanged = np.maximum(spread(likelihood[None]), 0)
    marginal = weight * exchanged + (1 - weight) * by_itself[:, None]
    log_posterior = (
        np.log(marginal).sum(axis=1) + np.log(_normal(theta, mu_mean, mu_sd)) + np.log(tau_weights)[:, None]
    )
    posterior = np.exp(log_posterior - log_posterior.max())
    share = posterior[:, None, :] / marginal
    together = weight * np.maximum(spread(share), 0).sum(axis=0)
    density = likelihood * (together + (1 - weight) * share.sum(axis=(0, 2))[:, None] * alone)
    density /= density.sum(axis=1, keepdims=True)
    rate = expit(theta)
    mean = density @ rate
    sd = np.sqrt(np.maximum(density @ rate**2 - mean**2, 0))
    below = np.cumsum(density, axis=1) - density / 2
    low, high = (np.array([np.interp(tail, one, rate) for one in below]) for tail in (0.025, 0.975))
    return Shrunk(mean, sd, low, high)


def _grid(x, n, centre):
    """Log odds so near to each other that the narrowest likelihood is smooth between them."""
    narrowest = np.sqrt(1 / (x + 0.5) + 1 / (n - x + 0.5)).min()
    points = int(min(2 * REACH / min(STEP, narrowest / 4), MOST_POINTS))
    return np.linspace(centre - REACH, centre + REACH, points + 1)


def _normal(value, mean, sd):
    return np.exp(-0.5 * ((value - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))


def _half_normal(scale):
    """Values of a half-normal and their weights, by Gauss and Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(SPREADS)
    values = (nodes + 1) / 2 * FARTHEST * scale
    return values, weights * np.exp(-0.5 * (values / scale) ** 2)


def beta_binomial(x, n) -> BetaBinomial:
    """Empirical Bayes: the beta distribution of rates by maximum likelihood, and (x + alpha) / (n + alpha + beta).

    Where the rates vary no more than by chance the likelihood has no maximum: the groups pool completely.

    Source: Griffiths, Biometrics 1973;29:637-648.
    """
    from scipy.optimize import minimize
    from scipy.special import betaln, gammaln, xlog1py, xlogy

    x, n = _groups(x, n)
    choose = (gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)).sum()
    rate = x.sum() / n.sum()

    def minus_log_likelihood(parameters):
        alpha, beta = np.exp(parameters)
        return -float((betaln(x + alpha, n - x + beta) - betaln(alpha, beta)).sum() + choose)

    pooled = float(xlogy(x, rate).sum() + xlog1py(n - x, -rate).sum() + choose)
    start = np.log([max(10 * rate, 0.5), max(10 * (1 - rate), 0.5)])
    found = minimize(minus_log_likelihood, start, method="Nelder-Mead",
                     options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000})  # fmt: skip
    alpha, beta = np.exp(found.x)
    if -found.fun <= pooled + 1e-6 or alpha + beta > 1e6:
        return BetaBinomial(np.inf, np.inf, pooled, np.full(len(x), rate))
    return BetaBinomial(float(alpha), float(beta), float(-found.fun), (x + alpha) / (n + alpha + beta))


def _pooled(y, v, tau2) -> Pooled:
    from scipy.stats import chi2

    z = float(_normal_quantile(0.95))
    fixed, w = 1 / v, 1 / (v + tau2)
    estimate, se = float(np.average(y, weights=w)), float(1 / np.sqrt(w.sum()))
    q = float(np.sum(fixed * (y - np.average(y, weights=fixed)) ** 2))
    typical = (len(y) - 1) * fixed.sum() / (fixed.sum() ** 2 - (fixed**2).sum())
    margin = z * float(np.sqrt(tau2 + se**2))
    return Pooled(
        estimate,
        se,
        estimate - z * se,
        estimate + z * se,
        tau2,
        float(tau2 / (tau2 + typical)),
        q,
        float(chi2.sf(q, len(y) - 1)),
        (estimate - margin, estimate + margin),
    )


def _estimates(estimates, variances):
    y, v = np.asarray(estimates, float), np.asarray(variances, float)
    if (
        y.ndim != 1
        or y.shape != v.shape
        or len(y) < 2
        or not np.all(np.isfinite(y) & np.isfinite(v) & (v > 0))
    ):
        raise ValueError("there must be two or more estimates, each with a variance above 0")
    return y, v


def _groups(x, n):
    x, n = np.asarray(x, float), np.asarray(n, float)
    if x.ndim != 1 or x.shape != n.shape or not len(x):
        raise ValueError("x and n must be equally long lists, not empty")
    if not np.all((x >= 0) & (x <= n) & (n > 0) & (x == np.floor(x)) & (n == np.floor(n)) & np.isfinite(n)):
        raise ValueError("x and n must be whole numbers with 0 <= x <= n and n > 0")
    return x, n
