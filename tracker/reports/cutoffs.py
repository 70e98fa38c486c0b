"""Cutoffs of a marker: the one that was there before the data, and the best ones by them, which flatter it."""

from typing import NamedTuple

import numpy as np

from tracker.reads.biomarker import marker_status
from tracker.reports.columns import FEW
from tracker.reports.known import with_known_outcome
from tracker.reports.survival import PRECISE, TESTED
from tracker.stats.association import cut_at, maximal_logrank, standardised_cuts, youden
from tracker.stats.resampling import youden_optimism
from tracker.terms.biomarker import MarkerStatus, Qualifier
from tracker.terms.evidence import CutoffOrigin

#: Of fewer responders or non-responders there is no curve and no cutoff.
LEAST_IN_CLASS = FEW


class Cut(NamedTuple):
    """A cutoff: where it comes from (a CutoffOrigin), for which endpoint, and what it tells."""

    cutoff: float
    origin: str
    sensitivity: float = np.nan
    specificity: float = np.nan
    youden: float = np.nan
    youden_corrected: float = np.nan
    endpoint: str = "response"
    cutoffs_tried: int = 1
    statistic: float = np.nan
    p: float = np.nan


def cuts_of(measured, responses, endpoint, marked) -> list[Cut]:
    """The one that was there before the data, and the best ones by them; those of the endpoint asked for first."""
    found = []
    if marked.cutoff is not None:
        found.append(_given(responses, marked.cutoff))
    sought = {"response": _best_for_response(measured, responses)}
    for name in ("pfs", "os"):
        times, _notes = with_known_outcome(measured, name)
        sought[name] = _best_for_survival(measured, times, name)
    order = sorted(sought, key=lambda name: name != endpoint)
    return [*found, *(sought[name] for name in order if sought[name] is not None)]


def can_be_told(responses):
    """Whether there are so many that discrimination is estimated (STATISTICS of small numbers)."""
    classes = responses["event"].sum(), (~responses["event"]).sum()
    return len(responses) >= TESTED and min(classes) >= LEAST_IN_CLASS


def _given(responses, cutoff) -> Cut:
    known = responses.assign(marker=status_at(responses, cutoff))
    known = known[known["marker"] != MarkerStatus.MISSING.value]
    if not can_be_told(known):
        return Cut(cutoff, CutoffOrigin.PRESPECIFIED.value)
    is_positive = (known["marker"] == MarkerStatus.POSITIVE.value).astype(float)
    cut = cut_at(is_positive, known["event"], 0.5)
    return Cut(cutoff, CutoffOrigin.PRESPECIFIED.value, *cut[1:], cut.youden)


def _best_for_response(measured, responses) -> Cut | None:
    if not can_be_told(responses):
        return None
    best = youden(responses["order"], responses["event"])
    if not np.isfinite(best.threshold):
        return None
    corrected = youden_optimism(responses["order"], responses["event"]).corrected
    tried = responses["order"].nunique() - 1
    cutoff = _within_limits(best.threshold, measured)
    return Cut(cutoff, CutoffOrigin.DATA_DRIVEN.value, *best[1:], corrected, cutoffs_tried=tried)


def _best_for_survival(measured, times, name) -> Cut | None:
    if len(times) < TESTED or times["event"].sum() < PRECISE:
        return None
    below = standardised_cuts(times["order"])
    if not below.size:
        return None
    best = maximal_logrank(times["order"], times["months"], times["event"])
    above = times.loc[times["order"] > best.threshold, "order"].min()
    cutoff = _within_limits((best.threshold + above) / 2, measured)
    return Cut(
        cutoff, CutoffOrigin.DATA_DRIVEN.value, endpoint=name, cutoffs_tried=below.size,
        statistic=best.statistic, p=best.p,
    )  # fmt: skip


def _within_limits(cutoff, measured):
    """A cutoff that tells values beyond a limit from the others lies at that limit."""
    sign = measured["marker_qualifier"]
    lowest = measured.loc[sign == Qualifier.BELOW.value, "marker_value"].max()
    highest = measured.loc[sign == Qualifier.ABOVE.value, "marker_value"].min()
    return float(np.fmin(np.fmax(cutoff, lowest), highest))


def status_at(people, cutoff):
    return marker_status(people["marker_value"], people["marker_qualifier"], cutoff)
