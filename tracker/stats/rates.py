"""Rates of events per unit of time."""

import numpy as np


def poisson_rate(events, exposure, confidence=0.95):
    """Events per unit of exposure with exact limits, as (rate, low, high).

    events: whole numbers >= 0; exposure: >= 0, in any unit of time; shapes that broadcast, and give theirs to the
    result (floats for plain numbers). NaN where the exposure is 0. Raises ValueError for what is none of these.

    Source: Garwood, Biometrika 1936;28:437-442, by quantiles of the gamma distribution; R's poisson.test().
    """
    from scipy.special import gammaincinv

    events, exposure = np.broadcast_arrays(np.asarray(events, float), np.asarray(exposure, float))
    if not ((events >= 0) & (events == np.floor(events)) & (exposure >= 0) & np.isfinite(exposure)).all():
        raise ValueError("events must be whole numbers, and the exposure not negative")
    if not 0 < confidence < 1:
        raise ValueError("confidence must lie between 0 and 1")
    tail = (1 - confidence) / 2
    low = np.where(events > 0, gammaincinv(np.maximum(events, 1), tail), 0)
    high = gammaincinv(events + 1, 1 - tail)
    unit = np.where(exposure > 0, exposure, np.nan)
    return tuple((one / unit)[()] for one in (events, low, high))
