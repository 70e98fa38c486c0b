"""Chance that is spread evenly, so that a small synthetic trial looks like the large one it is modelled on."""

from statistics import NormalDist

import numpy as np

_quantile = np.vectorize(NormalDist().inv_cdf, otypes=[float])


def evened(deviates) -> np.ndarray:
    """Standard normal deviates in the order of these, spread evenly. deviates: shape (n,)."""
    return _quantile((np.argsort(np.argsort(deviates)) + 0.5) / len(deviates))


class Chance:
    """Seeded draws; the same calls in the same order give the same values."""

    def __init__(self, seed):
        self._random = np.random.default_rng(seed)

    def evenly(self, n) -> np.ndarray:
        """n numbers in (0, 1), one in each n-th of it, in any order: their median is always about one half."""
        return (self._random.permutation(n) + self._random.uniform(0.05, 0.95, n)) / max(n, 1)

    def normal(self, n) -> np.ndarray:
        """n standard normal deviates, as evenly spread."""
        return _quantile(self.evenly(n)) if n else np.empty(0)

    def evenly_within(self, strata) -> np.ndarray:
        """As `evenly`, but within each stratum. strata: shape (n,), the stratum of each."""
        strata, found = np.asarray(strata), np.empty(len(strata))
        for one in np.unique(strata):
            found[strata == one] = self.evenly(int((strata == one).sum()))
        return found

    def happens(self, probability, order=None) -> np.ndarray:
        """Whether each happens, as many in all as the probabilities sum to (systematic sampling).

        probability: shape (n,). order: shape (n,), by which to sort first, so that those who are alike in it
        share evenly; else any order. Source: Madow, Ann Math Stat 1949;20:333-354.
        """
        shuffled = self._random.permutation(len(probability))
        order = np.lexsort([shuffled, shuffled if order is None else order])
        steps = np.floor(np.cumsum(np.asarray(probability)[order]) + self._random.random())
        found = np.empty(len(order), dtype=bool)
        found[order] = np.diff(steps, prepend=0) > 0
        return found

    def which(self, options, weights, n) -> list:
        """n of the options, as often as their weights say, in any order."""
        places = np.searchsorted(np.cumsum(weights) / np.sum(weights), self.evenly(n))
        return [options[place] for place in places]

    def integers(self, low, high, n) -> np.ndarray:
        """n whole numbers from low to high, both included."""
        return self._random.integers(low, high, n, endpoint=True)

    def one(self) -> float:
        """A number in [0, 1)."""
        return self._random.random()
