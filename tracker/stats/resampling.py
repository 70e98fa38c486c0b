"""What looking at many cut points costs, told by drawing the data again. Every draw comes from a seed."""

from typing import NamedTuple

import numpy as np

from tracker.stats.association import (
    LARGEST_SHARE,
    SMALLEST_SHARE,
    logrank_scores,
    standardised_cuts,
    standardised_statistics,
    two_classes,
)

#: Numbers that are drawn at once: a bound on memory.
AT_ONCE = 2_000_000


class Corrected(NamedTuple):
    """Youden's index as found, by how much a cut that was sought flatters itself, and the rest."""

    apparent: float
    optimism: float
    corrected: float


def youden_optimism(values, outcome, *, draws=500, seed=20240101) -> Corrected:
    """Youden's index less its optimism: the mean over draws of index in the draw - index of its cut in the data.

    Participants with and without the outcome are drawn apart, each as often as there are. The cut is sought
    anew in every draw. Some of the bias is left: on noise of 20 and 40 participants about two fifths.

    Source: Efron, J Am Stat Assoc 1983;78:316-331; Harrell, Lee and Mark, Stat Med 1996;15:361-387.
    """
    values, outcome = two_classes(values, outcome)
    seen, place = np.unique(values, return_inverse=True)
    random = np.random.default_rng(seed)
    counts = [np.bincount(place[one], minlength=len(seen)) for one in (outcome, ~outcome)]
    apparent = float(_index(counts[0][None], counts[1][None]).max())
    original = _index(counts[0][None], counts[1][None])[0]
    gaps = []
    for drawn in _chunks(draws, len(seen)):
        again = [random.multinomial(one.sum(), one / one.sum(), size=drawn) for one in counts]
        index = _index(*again)
        # A cut between two values that were drawn lies halfway, so in the data it may fall among others.
        best = index.argmax(axis=1)
        middle = _thresholds(seen, (again[0] + again[1]) > 0, best)
        at = np.searchsorted(seen, middle)
        gaps.append(index[np.arange(drawn), best] - original[at])
    optimism = float(np.concatenate(gaps).mean())
    return Corrected(apparent, optimism, apparent - optimism)


def maximal_logrank_p(
    values, times, event, *, draws=10_000, seed=20240101, smallest=SMALLEST_SHARE, largest=LARGEST_SHARE
) -> float:
    """The share of permutations, the data among them, whose best cut separates survival at least as much.

    Source: Hothorn and Lausen, Comput Stat Data Anal 2003;43:121-137.
    """
    scores = logrank_scores(times, event)
    below = standardised_cuts(values, smallest, largest)
    order = np.argsort(np.asarray(values, float), kind="stable")
    observed = standardised_statistics(scores[order], below).max()
    random = np.random.default_rng(seed)
    as_large = 1
    for drawn in _chunks(draws, len(scores)):
        permuted = random.permuted(np.broadcast_to(scores, (drawn, len(scores))), axis=1)
        as_large += int((standardised_statistics(permuted, below).max(axis=1) >= observed - 1e-9).sum())
    return as_large / (draws + 1)


def _index(positives, negatives):
    """Youden's index of cuts below each distinct value and above the last; counts: shape (draws, k)."""
    sensitivity = np.cumsum(positives[:, ::-1], axis=1)[:, ::-1] / positives.sum(axis=1, keepdims=True)
    specificity = np.cumsum(negatives, axis=1) / negatives.sum(axis=1, keepdims=True)
    nobody = np.zeros((len(positives), 1))
    return np.hstack([sensitivity, nobody]) + np.hstack([nobody, specificity]) - 1


def _thresholds(seen, is_drawn, best):
    """Halfway between the drawn values around each best cut; infinite beyond the first and the last."""
    places = np.arange(len(seen))
    below = np.where(is_drawn & (places < best[:, None]), places, -1).max(axis=1)
    above = np.where(is_drawn & (places >= best[:, None]), places, len(seen)).min(axis=1)
    bounded = np.concatenate([[-np.inf], seen, [np.inf]])
    with np.errstate(invalid="ignore"):
        return (bounded[below + 1] + bounded[above + 1]) / 2


def _chunks(draws, width):
    size = max(1, AT_ONCE // max(width, 1))
    return [min(size, draws - start) for start in range(0, draws, size)]
