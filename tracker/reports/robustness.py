"""Whether an interaction holds with the marker as it was measured, and when all markers that were tried are counted."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tracker.stats.interaction import cox_interaction, logistic_interaction
from tracker.stats.screening import benjamini_hochberg
from tracker.terms.biomarker import MarkerStatus

COLUMNS = ["step", "measure", "estimate", "low", "high", "p_wald", "p_lrt", "n"]


class Tried(NamedTuple):
    """How many markers were tried, and the q of the one that is asked for: as likely a false find among them."""

    count: int
    q: float


def interaction_of(known, marker, is_survival):
    """The interaction of treatment with this marker, a status or a number; None where it cannot be estimated."""
    try:
        if is_survival:
            return cox_interaction(known["months"], known["event"], known["is_treated"], marker)
        return logistic_interaction(known["is_treated"], marker, known["event"])
    except ValueError:  # the marker does not vary within both groups
        return None


def continuous_interaction(known, is_survival) -> pd.DataFrame:
    """The interaction by one step of the marker as measured: a row of COLUMNS, without an estimate where none is.

    step: doubling, doubling of value + 1 where some are 0, or a standard deviation where some are below 0. A value
    beyond a limit of quantification counts as that limit.
    """
    values = known["marker_value"].astype(float)
    if values.nunique() <= 2:
        return pd.DataFrame([], columns=COLUMNS)
    if values.min() < 0:
        step, marker = "sd", (values - values.mean()) / values.std()
    elif values.min() == 0:
        step, marker = "doubling of value + 1", np.log2(values + 1)
    else:
        step, marker = "doubling", np.log2(values)
    found = interaction_of(known, marker, is_survival)
    estimate = (
        (np.nan,) * 5 if found is None else (found.ratio, found.low, found.high, found.p_wald, found.p_lrt)
    )
    return pd.DataFrame([[step, "HR" if is_survival else "OR", *estimate, len(known)]], columns=COLUMNS)


def others_tried(told, columns, is_survival) -> pd.DataFrame:
    """Of the markers tried besides: name, n, estimate and p_lrt. columns: the column of each one's status."""
    rows = []
    for name, column in columns.items():
        part = told[told[column] != MarkerStatus.MISSING.value]
        found = interaction_of(part, part[column] == MarkerStatus.POSITIVE.value, is_survival)
        rows.append([name, len(part), *((np.nan,) * 2 if found is None else (found.ratio, found.p_lrt))])
    return pd.DataFrame(rows, columns=["marker", "n", "estimate", "p_lrt"])


def of_tried(p, others_p, stated) -> Tried:
    """The q of p, Benjamini and Hochberg's. stated: how many were tried in all; those of unknown p count as 1."""
    known = [p, *others_p]
    count = max(stated or 1, len(known))
    return Tried(count, float(benjamini_hochberg([*known, *[1.0] * (count - len(known))])[0]))
