"""Simon's two-stage designs: what a design does, which design is best, what may be inferred after it.

A design is r1, n1, r, n: after n1 participants at most r1 responders end it; after n, more than r responders
reject the hypothesis that the response rate is p0. Whole numbers with 0 <= r1 < n1 < n and r1 <= r < n; what is
not a design, or a rate that is not between 0 and 1, raises ValueError.
"""

import functools
from dataclasses import dataclass

import numpy as np

LARGEST = 100  # participants of the designs that are searched, as R's clinfun has it


@dataclass(frozen=True)
class Design:
    r1: int
    n1: int
    r: int
    n: int

    def __post_init__(self):
        if not (0 <= self.r1 < self.n1 < self.n and self.r1 <= self.r < self.n):
            raise ValueError("a two-stage design needs 0 <= r1 < n1 < n and r1 <= r < n")


@dataclass(frozen=True)
class Characteristics:
    """What a design does at one true response rate."""

    rejects: float  # the chance of more than r responders: the size at p0, the power at p1
    stops_early: float  # the chance of stopping after the first stage
    expected_n: float


def characteristics(design: Design, rate: float) -> Characteristics:
    """The chances of a design's ends at one true response rate, exactly.

    Source: Simon, Control Clin Trials 1989;10:1-10.
    """
    from scipy.stats import binom

    _check_rates(rate)
    n2 = design.n - design.n1
    stops = float(binom.cdf(design.r1, design.n1, rate))
    going_on = np.arange(design.r1 + 1, design.n1 + 1)
    rejects = binom.pmf(going_on, design.n1, rate) @ binom.sf(design.r - going_on, n2, rate)
    return Characteristics(float(rejects), stops, design.n1 + (1 - stops) * n2)


@functools.lru_cache(maxsize=64)
def best_designs(p0: float, p1: float, alpha: float, beta: float, largest: int = LARGEST):
    """The optimal and the minimax design, as (optimal, minimax), of all with at most `largest` participants.

    Of the designs with size <= alpha at p0 and power >= 1 - beta at p1, the optimal one expects the fewest
    participants at p0; the minimax one has the smallest n, and of those expects the fewest. Raises ValueError
    unless 0 < p0 < p1 < 1 and 0 < alpha, beta < 1, or where no design is small enough.

    Source: Simon 1989, by search of all designs; R's clinfun::ph2simon().
    """
    _check_rates(p0, p1, alpha, beta)
    if p0 >= p1:
        raise ValueError("p1 must be larger than p0")
    optimal = minimax = None
    for n in range(2, largest + 1):
        found = _best_of_size(n, p0, p1, alpha, beta, limit=optimal[0] if optimal else np.inf)
        minimax = minimax or found
        optimal = found or optimal
    if minimax is None:
        raise ValueError(f"no design of at most {largest} participants has that size and power")
    return optimal[1], minimax[1]


def _best_of_size(n, p0, p1, alpha, beta, limit):
    """(expected n at p0, design) of the best design of n participants, if it expects fewer than the limit."""
    best = None
    for n1 in range(1, n):
        if n1 >= limit:  # a design expects more than its first stage
            break
        at_p0, at_p1 = _rejections(n1, n, p0), _rejections(n1, n, p1)
        fits = (at_p0 <= alpha) & (at_p1 >= 1 - beta)
        if not fits.any():
            continue
        # The more responders the first stage demands, the more often it stops, and the fewer are expected.
        r1 = int(np.flatnonzero(fits.any(axis=1))[-1])
        design = Design(r1, n1, int(fits[r1].argmax()), n)
        expected = n1 + (1 - _cumulative(n1, p0)[r1]) * (n - n1)
        if expected < limit:
            best, limit = (expected, design), expected
    return best


def _rejections(n1, n, rate) -> np.ndarray:
    """The chance to reject, shape (n1, n): by r1 from 0 to n1 - 1, by r from 0 to n - 1; NaN where r < r1."""
    beyond = np.concatenate([np.ones(n1), 1 - _cumulative(n - n1, rate), np.zeros(n1)])
    first = np.arange(n1 + 1)[:, None]
    joint = _masses(n1, rate)[:, None] * beyond[n1 - first + np.arange(n)]
    going_on = joint[:0:-1].cumsum(axis=0)[::-1]  # the sum over x1 > r1
    return np.where(np.arange(n) >= np.arange(n1)[:, None], going_on, np.nan)


@functools.lru_cache(maxsize=1024)
def _masses(n, rate):
    from scipy.stats import binom

    return binom.pmf(np.arange(n + 1), n, rate)


@functools.lru_cache(maxsize=1024)
def _cumulative(n, rate):
    from scipy.stats import binom

    return binom.cdf(np.arange(n + 1), n, rate)


def unbiased_rate(responders: int, design: Design) -> float:
    """The response rate without the bias that stopping early brings (UMVUE), after the stage reached.

    responders: in all, of n1 participants where at most r1 responded, else of n. The naive responders / n is
    too low on average. Raises ValueError for more responders than participants.

    Source: Jung and Kim, Stat Med 2004;23:881-896, equation 3.
    """
    from scipy.special import gammaln

    _check_responders(responders, design)
    if responders <= design.r1:
        return responders / design.n1
    n2 = design.n - design.n1
    first = np.arange(max(design.r1 + 1, responders - n2), min(responders, design.n1) + 1)

    def log_choose(n, k):
        return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)

    ways = log_choose(design.n1, first) + log_choose(n2, responders - first)
    weights = np.exp(ways - ways.max())
    return float(weights @ (first / design.n1) / weights.sum())


def stagewise_p(responders: int, design: Design, p0: float) -> float:
    """The one-sided p value of p <= p0 after the stage reached: ending early is less extreme than going on.

    Raises as `unbiased_rate`.

    Source: Koyama and Chen, Stat Med 2008;27:3145-3154; R's clinfun::twostage.inference().
    """
    from scipy.stats import binom

    _check_rates(p0)
    _check_responders(responders, design)
    if responders <= design.r1:
        return float(binom.sf(responders - 1, design.n1, p0))
    first = np.arange(design.r1 + 1, design.n1 + 1)
    return float(binom.pmf(first, design.n1, p0) @ binom.sf(responders - first - 1, design.n - design.n1, p0))


def _check_rates(*rates):
    if not all(0 < rate < 1 for rate in rates):
        raise ValueError("a rate must lie between 0 and 1")


def _check_responders(responders, design):
    if responders != int(responders) or not 0 <= responders <= design.n:
        raise ValueError("responders must be a whole number from 0 to n")
