"""When a participant's tumors are to be assessed next, and until when they are assessed at all.

RECIST 1.1 (Eisenhauer 2009, section 4.3.2) leaves the interval to the protocol and asks for assessments at set times
until progression, also after treatment was stopped for another reason; under iRECIST (Seymour 2017) they go on until
progression is confirmed. A new anticancer therapy, leaving the study and death end them.
"""

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
    first = people[list(ENDS)].min(axis="columns")
    ended = pd.Series(None, people.index, dtype="str")
    for name, end in ENDS.items():
        ended = ended.where(ended.notna() | first.isna() | (people[name] != first), end.value)
    begun = people["start_on"]
    counted_from = begun.where(~(people["last_assessed_on"] > begun), people["last_assessed_on"])
    due = counted_from + _days(people["assessment_interval_days"])
    due = due.where(ended.isna())
    latest = due + _days(people["assessment_window_days"])
    late = (pd.Timestamp(as_of) - latest).dt.days.clip(lower=0)
    return pd.DataFrame(
        {"ended": ended, "due_on": due, "latest_on": latest, "overdue_days": late.astype("Int64")}
    )


def next_contacts(people: pd.DataFrame, as_of) -> pd.DataFrame:
    """Until when each participant should have been seen again, one row each with the index of `people`.

    people: contact_on (missing of whom nobody need see again), assessment_interval_days, assessment_window_days. A
    contact is overdue when two assessments in a row were missed: two intervals and a window after the last, as in
    FDA, Clinical Trial Endpoints for the Approval of Cancer Drugs and Biologics (2018), table of censoring.

    Columns: latest_on, and overdue_days: since then, 0 up to that day.
    """
    latest = people["contact_on"] + _days(
        2 * people["assessment_interval_days"] + people["assessment_window_days"]
    )
    late = (pd.Timestamp(as_of) - latest).dt.days.clip(lower=0)
    return pd.DataFrame({"latest_on": latest, "overdue_days": late.astype("Int64")})


def _days(number):
    return pd.to_timedelta(number.astype("float64"), unit="D")
