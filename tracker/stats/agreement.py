"""Whether two readings of the same participants agree."""

from typing import NamedTuple

import numpy as np


class Kappa(NamedTuple):
    """Cohen's kappa with its asymptotic standard error and 95 % limits by Wald."""

    kappa: float
    se: float
    low: float
    high: float


def cohen_kappa(table, weights=None) -> Kappa:
    """Agreement beyond chance. table: shape (k, k), counts by first and second reading.

    weights: None, "linear" or "quadratic", by how far two categories in order lie apart.

    Source: Cohen, Psychol Bull 1968;70:213-220; Fleiss, Cohen and Everitt, Psychol Bull 1969;72:323-327.
    """
    from statsmodels.stats.inter_rater import cohens_kappa

    found = cohens_kappa(np.asarray(table), wt=weights)
    return Kappa(*(float(one) for one in (found.kappa, found.std_kappa, found.kappa_low, found.kappa_upp)))
