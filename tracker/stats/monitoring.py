"""Boundaries that are looked at repeatedly: when so many events are too many.

At each of the looks, n participants in all and rising, the boundary is the most events that still pass: one
more crosses it. Counts are whole numbers; what is not a boundary raises ValueError.
"""

import functools
from dataclasses import dataclass

import numpy as np

NARROWED = 6  # times that the level of a boundary is narrowed down, as R's clinfun does
COARSE = 0.01  # wider than this the level is halved, else interpolated


@dataclass(frozen=True)
class Crossing:
    """What a boundary does at one true rate."""

    crosses: float  # the chance to cross at any look
    stops_early: float  # at any look but the last
    expected_n: float


def crossing(looks, boundary, rate: float) -> Crossing:
    """The chances of a boundary at one true rate, exactly, by recursion over the looks.

    looks: shape (k,), rising from at least 1; boundary: shape (k,), never falling and not negative.

    Source: Ivanova, Qaqish and Schell, Biometrics 2005;61:540-545; R's clinfun::toxbdry().
    """
    from scipy.stats import binom

    looks, boundary = np.asarray(looks, int), np.asarray(boundary, int)
    steps = np.diff(looks, prepend=0)
    if looks.shape != boundary.shape or not looks.size or steps.min() < 1:
        raise ValueError("looks must rise, and have a boundary each")
    if boundary[0] < 0 or np.diff(boundary).min(initial=0) < 0:
        raise ValueError("a boundary is not negative and never falls")
    if not 0 < rate < 1:
        raise ValueError("a rate must lie between 0 and 1")
    passing = np.ones(1)  # the chance of each number of events, nothing crossed so far
    at_look = []
    for step, most in zip(steps, boundary):
        events = np.convolve(passing, binom.pmf(np.arange(step + 1), step, rate))
        passing = events[: most + 1]
        at_look.append(events[most + 1 :].sum())
    at_look = np.array(at_look)
    crosses = float(at_look.sum())
    expected = float(at_look @ looks + (1 - crosses) * looks[-1])
    return Crossing(crosses, float(at_look[:-1].sum()), expected)


@functools.lru_cache(maxsize=256)
def pocock_boundary(looks: tuple[int, ...], rate: float, crosses: float) -> tuple[int, ...]:
    """A boundary of one significance level for all looks that is crossed seldom enough at the rate.

    At each look it is the quantile of the binomial distribution at `rate`, at a level such that the chance to
    cross at any look stays below `crosses` (both fractions between 0 and 1). The level is narrowed down until
    the two boundaries around that chance differ by at most one event at any look, and at least six times; so
    protocols that were made with clinfun have the same numbers, and a slightly tighter boundary may exist.

    Source: Pocock's repeated significance test made exact, Ivanova, Qaqish and Schell, Biometrics
    2005;61:540-545: the high boundary of R's clinfun::toxbdry(priority="null").
    """
    from scipy.stats import binom

    if not 0 < crosses < 1:
        raise ValueError("the chance to cross must lie between 0 and 1")

    def at(level):
        boundary = np.maximum(binom.ppf(1 - level, looks, rate), 0).astype(int)
        return level, boundary, crossing(looks, boundary, rate).crosses

    below, above = at(crosses / len(looks)), at(crosses)
    while above[2] < crosses and above[0] < 1:
        below, above = above, at(min(1.4 * above[0], 1))
    narrowed = 0
    while (below[1] - above[1]).max() > 1 or narrowed < NARROWED:
        narrowed += 1
        (low, _, seldom), (high, _, often) = below, above
        if high - low > COARSE or seldom == often:
            middle = at((high + low) / 2)
        else:
            middle = at(low + (high - low) * (crosses - seldom) / (often - seldom))
        below, above = (middle, above) if middle[2] < crosses else (below, middle)
    return tuple(int(most) for most in below[1])
