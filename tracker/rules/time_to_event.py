"""Progression-free and overall survival, and duration of response, from dates.

Progression and censoring follow the tables of FDA, Clinical Trial Endpoints for the Approval of Cancer Drugs and
Biologics (2018). Days are counted as in ADaM, the start being day 1; a month is 30.4375 days.
"""

import numpy as np
import pandas as pd

from tracker.rules.lesions import days
from tracker.terms.response import Censoring

DAYS_PER_MONTH = 30.4375

_LATE = 2**40


def progression_free_survival(participants, responses, treatment_policy=False) -> pd.DataFrame:
    """Time from the start to the first PD or to death, by participant_id.

    participants: participant_id, start_on, new_therapy_on, died_on, assessment_interval_days,
    assessment_window_days. responses: as for `best_responses`; those after death are left out.

    An event is censored at the last adequate assessment (not NE) before it, if it comes after a new anticancer
    therapy (PD or death on the very day counts), or more than two intervals and a window after that assessment, or
    after the start where there was none. Without an event: at the last adequate assessment before a new therapy.
    Without such an assessment: on day 1. With `treatment_policy` neither a new therapy nor missed assessments
    censor.

    Columns: event, ended_on, days, months, censoring (Censoring; missing at an event). A participant without a
    start has none of them (event is missing).
    """
    place, day, response = _adequate(participants, responses)
    start, died, therapy = (_day(participants, name) for name in ("start_on", "died_on", "new_therapy_on"))
    if treatment_policy:
        therapy = np.full(therapy.size, _LATE)
    progressed = np.full(start.size, _LATE)
    np.minimum.at(progressed, place[response == "PD"], day[response == "PD"])
    event_day = np.minimum(progressed, died)
    after_therapy = therapy < event_day
    until = np.minimum(event_day - 1, therapy)
    last = np.full(start.size, -_LATE)
    earlier = day <= until[place]
    np.maximum.at(last, place[earlier], day[earlier])
    interval, window = (
        participants[name].to_numpy(np.int64)
        for name in ("assessment_interval_days", "assessment_window_days")
    )
    missed = event_day - np.maximum(last, start) > 2 * interval + window
    if treatment_policy:
        missed &= False
    event = (event_day < _LATE) & ~after_therapy & ~missed
    reason = np.select(
        [event, last < start, (event_day < _LATE) & ~after_therapy, therapy < _LATE],
        ["", Censoring.NO_ASSESSMENT.value, Censoring.MISSED_ASSESSMENTS.value, Censoring.NEW_THERAPY.value],
        Censoring.NO_EVENT.value,
    )
    return _times(participants, start, np.where(event, event_day, np.maximum(last, start)), event, reason)


def overall_survival(participants) -> pd.DataFrame:
    """Time from the start to death, by participant_id; else censored at the last day known alive.

    participants: participant_id, start_on, died_on, last_contact_on (the latest dated contact; never the data
    cut-off). Columns as of `progression_free_survival`.
    """
    start, died = _day(participants, "start_on"), _day(participants, "died_on")
    contact = days(participants["last_contact_on"])
    event = died < _LATE
    reason = np.where(event, "", Censoring.ALIVE.value)
    return _times(participants, start, np.where(event, died, np.maximum(contact, start)), event, reason)


def duration_of_response(participants, responses, response_on) -> pd.DataFrame:
    """Time from the first response to PD or death, of responders only, by participant_id.

    response_on: the day of the first CR or PR, by participant_id (of `best_responses`); missing for others, who
    have no row. Otherwise as `progression_free_survival`, whose censoring holds here too.
    """
    pfs = progression_free_survival(participants, responses)
    since = response_on.reindex(pfs.index)
    responded = since.notna().to_numpy()
    found, start = pfs[responded], days(since)[responded]
    event = found["event"].to_numpy(bool, na_value=False)
    end = np.maximum(days(found["ended_on"]), start)
    return _times(participants[responded], start, end, event, found["censoring"].fillna("").to_numpy(object))


def _adequate(participants, responses):
    """Of assessments that are not NE, nor after death: whose each is, as a row of participants, day and response."""
    place = pd.Index(participants["participant_id"]).get_indexer(responses["participant_id"])
    day, response = days(responses["assessed_on"]), responses["response"].to_numpy(object)
    died = np.append(_day(participants, "died_on"), _LATE)[place]
    counts = (place >= 0) & (response != "NE") & (response != "") & (day <= died)
    return place[counts], day[counts], response[counts]


def _day(participants, name):
    """The day of each participant, far ahead where there is none."""
    return np.where(participants[name].isna().to_numpy(), _LATE, days(participants[name]))


def _times(participants, start, end, event, reason):
    known = start < _LATE
    ended = np.where(known, end, 0).astype("datetime64[D]").astype("datetime64[us]")
    count = np.where(known, end - start + 1, 0)
    return pd.DataFrame(
        {
            "event": pd.arrays.BooleanArray(event, ~known),
            "ended_on": np.where(known, ended, np.datetime64("NaT")),
            "days": pd.arrays.IntegerArray(count, ~known),
            "months": np.where(known, count / DAYS_PER_MONTH, np.nan),
            "censoring": pd.array(np.where(known & (reason != ""), reason, None), dtype="str"),
        },
        index=pd.Index(participants["participant_id"].to_numpy(), name="participant_id"),
    )
