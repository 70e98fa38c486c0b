"""A landmark: what is known only after treatment began is compared from a day at which it is known of everybody.

Counting from the start instead would credit the marker with the time that it took to be measured.

Source: Anderson, Cain and Gelber, J Clin Oncol 1983;1:710-719.
"""

import pandas as pd

from tracker.rules.time_to_event import DAYS_PER_MONTH

#: Times that begin anew at the landmark.
_TIMES = ["pfs", "pfs_policy", "os"]


def from_landmark(
    participants: pd.DataFrame, started_on: pd.Series, landmark_days: int, counted: str
) -> tuple[pd.DataFrame, int, int]:
    """Those who were at risk after the landmark, their times from there; how many were not, and of how many it is
    not known.

    participants: of outcomes_frame; started_on: their time zero. counted: the time that is asked for (pfs,
    pfs_policy, os), or response: then nobody is at risk who had responded, progressed, died or left follow-up by the
    landmark, and of who responded on no known day that is not known.
    """
    months = landmark_days / DAYS_PER_MONTH
    ends = participants[
        [f"{name}_months" for name in (["pfs", "os"] if counted == "response" else [counted])]
    ]
    is_early = (ends <= months).any(axis="columns")
    is_unknown = pd.Series(False, participants.index)
    if counted == "response":
        day = (participants["responded_on"] - started_on).dt.days + 1
        is_early |= day <= landmark_days
        is_unknown = (participants["source"] == "reported").fillna(False).astype(bool) & ~is_early
    kept = participants[~is_early & ~is_unknown].copy(deep=False)
    for name in _TIMES:
        kept[f"{name}_months"] = (kept[f"{name}_months"] - months).where(kept[f"{name}_months"] > months)
    return kept, int(is_early.sum()), int(is_unknown.sum())
