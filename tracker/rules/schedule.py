"""When a participant's tumors are to be assessed next, and until when they are assessed at all.

RECIST 1.1 (Eisenhauer 2009, section 4.3.2) leaves the interval to the protocol and asks for assessments at set times
until progression, also after treatment was stopped for another reason; under iRECIST (Seymour 2017) they go on until
progression is confirmed. A new anticancer therapy, leaving the study and death end them.
"""

import functools

import numpy as np
import pandas as pd

from tracker.terms.response import ScheduleEnd

#: What ends the schedule, by the column of its day; of two on one day the earlier here is told.
ENDS = {
    "died_on": ScheduleEnd.DIED,
    "progressed_on": ScheduleEnd.PROGRESSED,
    "new_therapy_on": ScheduleEnd.NEW_THERAPY,
    "off_study_on": ScheduleEnd.OFF_STUDY,
}


def next_assessments(people: pd.DataFrame, as_of) -> pd.DataFrame:
    """The next tumor assessment of each participant, one row each with the index of `people`.

    people: start_on (time zero), last_assessed_on (baseline counts; missing where there was none),
    assessment_interval_days, assessment_window_days, and the days of `ENDS`. as_of: nothing later is in it.

    Columns: ended (ScheduleEnd of the first thing that ended the schedule, missing while it goes on), due_on: an
    interval after the last assessment, or after the start where none came later; latest_on: with the window;
    overdue_days: since latest_on, 0 up to that day. The last three are missing of whom nothing is due: the schedule
    has ended, or has not begun.
    """
    ends = [people[name].to_numpy() for name in ENDS]
    first = functools.reduce(np.fmin, ends)
    ended = np.select([day == first for day in ends], [end.value for end in ENDS.values()], "")
    begun, last = people["start_on"].to_numpy(), people["last_assessed_on"].to_numpy()
    due = np.where(last > begun, last, begun) + _days(people["assessment_interval_days"])
    due = np.where(ended == "", due, np.datetime64("NaT"))
    latest = due + _days(people["assessment_window_days"])
    ended = pd.array(np.where(ended == "", None, ended), dtype="str")
    return pd.DataFrame(
        {"ended": ended, "due_on": due, "latest_on": latest, "overdue_days": _overdue(latest, as_of)},
        people.index,
    )


def next_contacts(people: pd.DataFrame, as_of) -> pd.DataFrame:
    """Until when each participant should have been seen again, one row each with the index of `people`.

    people: contact_on (missing of whom nobody need see again), assessment_interval_days, assessment_window_days. A
    contact is overdue when two assessments in a row were missed: two intervals and a window after the last, as in
    FDA, Clinical Trial Endpoints for the Approval of Cancer Drugs and Biologics (2018), table of censoring.

    Columns: latest_on, and overdue_days: since then, 0 up to that day.
    """
    wait = 2 * people["assessment_interval_days"] + people["assessment_window_days"]
    latest = people["contact_on"].to_numpy() + _days(wait)
    return pd.DataFrame({"latest_on": latest, "overdue_days": _overdue(latest, as_of)}, people.index)


def _days(number):
    return number.to_numpy("timedelta64[D]")


def _overdue(latest, as_of):
    """Days since the latest day, 0 up to it."""
    days = (np.datetime64(as_of, "D") - latest.astype("datetime64[D]")).astype(np.int64)
    return pd.arrays.IntegerArray(np.maximum(days, 0), np.isnat(latest))
