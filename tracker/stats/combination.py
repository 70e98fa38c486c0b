"""Whether a combination does more than its components do on their own.

Counts are those of participants with the endpoint, x, of n. Components: two or more pairs (x, n). Functions raise
ValueError unless counts are whole, 0 <= x <= n and n > 0.
"""

from typing import NamedTuple

import numpy as np

from tracker.stats.proportions import wilson_interval
from tracker.stats.survival import survival_at

#: Spearman's correlation of the two agents' times that independent drug action assumes unless told otherwise, and
#: the band around it (Palmer and Sorger 2017).
CORRELATION, WEAKEST, STRONGEST = 0.3, 0.0, 0.5

#: Nodes of the quadrature: the copula is then right to 1e-9 for correlations up to 0.6.
_NODES = 48
#: Nodes for each bootstrap draw, which needs no more than four digits.
_NODES_OF_DRAWS = 16


class Excess(NamedTuple):
    """Fractions of 1. se: of the excess; NaN where the limits are not by the delta method."""

    expected: float
    excess: float
    se: float
    low: float
    high: float
    is_delta: bool


class DrugAction(NamedTuple):
    """Survival expected of a combination at each of `at`, each of its shape; low, high: bootstrap limits."""

    expected: np.ndarray
    low: np.ndarray
    high: np.ndarray
    if_weakest: np.ndarray
    if_strongest: np.ndarray


class ComponentTests(NamedTuple):
    """p of each component's test, in their order, and of "better than every one": the largest."""

    each: tuple[float, ...]
    p: float


def independent_action(rates) -> float:
    """The response rate that is expected where each component helps some, whoever the others help: 1 - Π(1 - p).

    rates: shape (k,), or (k, ...) for many at once. For two components it is Bliss's a + b - a·b.

    Source: Bliss, Ann Appl Biol 1939;26:585-615.
    """
    rates = np.asarray(rates, float)
    if not ((rates >= 0) & (rates <= 1)).all() or rates.ndim == 0 or not len(rates):
        raise ValueError("rates must be one or more fractions from 0 to 1")
    return (1 - np.prod(1 - rates, axis=0))[()]


def excess_over_independent_action(x, n, components, confidence=0.95) -> Excess:
    """By how much the combination's rate x/n exceeds independent action of its components, with limits.

    Limits: by the delta method, treating all groups as independent samples. Where in any group none or all have the
    endpoint its variance would be 0, so that the limits would be too narrow: there the distances to each group's
    Wilson limits are combined in quadrature instead, as Newcombe combines them for a difference.

    Source: delta method; Zou and Donner, Stat Med 2008;27:1693-1702 (combining limits of several estimates).
    """
    from scipy.special import ndtri

    if not 0 < confidence < 1:
        raise ValueError("confidence must lie between 0 and 1")
    counts = np.array([(x, n), *components], float)
    if len(counts) < 2:
        raise ValueError("there must be a component")
    low, high = wilson_interval(counts[:, 0], counts[:, 1], confidence)  # which refuses what are no counts
    if not (counts[:, 1] > 0).all():
        raise ValueError("n must be positive in every group")
    rates = counts[:, 0] / counts[:, 1]
    others = np.array([np.prod(1 - np.delete(rates[1:], place)) for place in range(len(rates) - 1)])
    weights = np.concatenate([[1.0], others])  # of each group's error in the excess
    expected = float(independent_action(rates[1:]))
    excess = float(rates[0]) - expected
    is_delta = bool(((rates > 0) & (rates < 1)).all())
    if is_delta:
        se = float(np.sqrt(np.sum(weights**2 * rates * (1 - rates) / counts[:, 1])))
        margin = -float(ndtri((1 - confidence) / 2)) * se
        return Excess(expected, excess, se, excess - margin, excess + margin, True)
    below, above = rates - low, high - rates
    down = np.concatenate([below[:1], above[1:]])  # the excess is least where the components do best
    up = np.concatenate([above[:1], below[1:]])
    limits = (excess - np.sqrt(np.sum((weights * down) ** 2)), excess + np.sqrt(np.sum((weights * up) ** 2)))
    return Excess(expected, excess, np.nan, *(float(one) for one in limits), False)


def component_tests(x, n, components) -> ComponentTests:
    """Does the combination beat each component? Two-sided chi-square tests without correction.

    "Beats every one" has the largest of their p, without correction for several tests. p is 1 where in both groups
    none or all have the endpoint. The sign of each difference is the caller's to look at.

    Source: Pearson 1900 (R's prop.test, correct=FALSE); Berger, Technometrics 1982;24:295-300 (intersection-union).
    """
    from scipy.special import chdtrc

    counts = np.array([(x, n), *components], float)
    wilson_interval(counts[:, 0], counts[:, 1])
    if len(counts) < 2 or not (counts[:, 1] > 0).all():
        raise ValueError("there must be a component, and n must be positive in every group")
    each = []
    for other_x, other_n in counts[1:]:
        pooled = (x + other_x) / (n + other_n)
        variance = pooled * (1 - pooled) * (1 / n + 1 / other_n)
        chi2 = (x / n - other_x / other_n) ** 2 / variance if variance else 0.0
        each.append(float(chdtrc(1, chi2)))
    return ComponentTests(tuple(each), max(each))


def independent_drug_action(survivals, correlation=CORRELATION, nodes=_NODES):
    """Survival of a combination whose agents act each on its own: everybody has the time of their better agent.

    survivals: shape (k, ...), of each agent alone at the same times. correlation: Spearman's, of the times of any two
    agents in one person, at least 0 and below 1. The times are joined by a Gaussian copula, whose correlation is
    2 sin(π · Spearman / 6); given what the agents share they are independent, so one integral serves any number.

    Source: Palmer and Sorger, Cell 2017;171:1678-1691.
    """
    from scipy.special import ndtr, ndtri

    survivals = np.asarray(survivals, float)
    if survivals.ndim == 0 or not ((survivals >= 0) & (survivals <= 1)).all():
        raise ValueError("survivals must be fractions from 0 to 1")
    if not 0 <= correlation < 1:
        raise ValueError("the correlation must be at least 0 and below 1")
    r = 2 * np.sin(np.pi * correlation / 6)
    if r == 0:
        return (1 - np.prod(1 - survivals, axis=0))[()]
    shared, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / weights.sum()
    ended = ndtri(1 - survivals)
    all_ended = np.zeros(survivals.shape[1:])
    for value, weight in zip(shared, weights):  # one node at a time: a bound on memory
        all_ended += weight * np.prod(ndtr((ended - np.sqrt(r) * value) / np.sqrt(1 - r)), axis=0)
    # With one agent sure to last, or sure to be over, the others alone decide; quadrature would round there.
    return np.clip(1 - all_ended, survivals.max(axis=0), 1)[()]


def drug_action_expected(
    arms, at, *, correlation=CORRELATION, draws=400, seed=20240101, confidence=0.95
) -> DrugAction:
    """Independent drug action of several arms of single agents at some times, with bootstrap limits.

    arms: for each agent (times, event). at: shape (m,); beyond the shortest follow-up of the arms all is NaN.
    Participants are drawn again within each arm; a draw in which the longest followed are missing keeps its last
    survival. if_weakest, if_strongest: with correlations 0 and 0.5, the band that the data cannot choose within.

    Source: as independent_drug_action; Efron, Ann Stat 1979;7:1-26 (percentile limits).
    """
    at = np.atleast_1d(np.asarray(at, float))
    curves = np.array([survival_at(times, event, at)["survival"] for times, event in arms])
    inside = np.isfinite(curves).all(axis=0)
    found = {name: np.full(at.shape, np.nan) for name in DrugAction._fields}
    if inside.any():
        random = np.random.default_rng(seed)
        drawn = np.array([_drawn_survival(times, event, at[inside], draws, random) for times, event in arms])
        again = independent_drug_action(drawn, correlation, _NODES_OF_DRAWS)
        tail = (1 - confidence) / 2
        found["low"][inside], found["high"][inside] = np.quantile(again, [tail, 1 - tail], axis=0)
        for name, one in (("expected", correlation), ("if_weakest", WEAKEST), ("if_strongest", STRONGEST)):
            found[name][inside] = independent_drug_action(curves[:, inside], one)
    return DrugAction(**found)


def _drawn_survival(times, event, at, draws, random) -> np.ndarray:
    """Kaplan-Meier estimates at those times of participants drawn with replacement: shape (draws, m)."""
    times, event = np.asarray(times, float), np.asarray(event, bool)
    seen, place = np.unique(times, return_inverse=True)
    weights = random.multinomial(len(times), np.full(len(times), 1 / len(times)), size=draws)
    members = np.zeros((len(times), len(seen)))
    members[np.arange(len(times)), place] = 1
    at_risk = np.cumsum((weights @ members)[:, ::-1], axis=1)[:, ::-1]
    events = weights @ (members * event[:, None])
    hazard = np.divide(events, at_risk, out=np.zeros_like(events), where=at_risk > 0)
    survival = np.hstack([np.ones((draws, 1)), np.cumprod(1 - hazard, axis=1)])
    return survival[:, np.searchsorted(seen, at, side="right")]
