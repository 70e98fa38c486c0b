"""Whose tumors are to be assessed next, and when that is overdue."""

import datetime

import numpy as np
import pandas as pd
import sqlalchemy as sa

from tracker.models import Participant, ReportedOutcome, Trial
from tracker.reads.base import beside_rows, frame, in_scope, rests_on, rows_of
from tracker.reads.participant import participants_frame, started_on
from tracker.reads.response import Derived, derive
from tracker.reads.state import response_states
from tracker.rules.schedule import next_assessments
from tracker.terms.trial import ResponseCriteria, TrialStatus

#: Criteria that ask for the same assessment again and again.
_REPEATED = [ResponseCriteria.RECIST_1_1.value, ResponseCriteria.IRECIST.value]

#: Days after which nobody is assessed any more, besides that of progression.
_LEAVING = ["new_therapy_on", "off_study_on", "died_on"]


@rests_on(response_states)
def schedule_frame(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """participants_frame of those who are followed by assessments on the day `as_of`. CDISC: ADSL with TV.

    They are of a trial that has not ended by now and judges by RECIST 1.1 or iRECIST, have dates, and did not come
    with outcomes only. Who died, left the study or has a new anticancer therapy by then, or withdrew consent, has no
    row; who has progressed, or was neither treated nor randomised, has no due_on. Further columns: last_assessed_on,
    progressed_on (the first PD; under iRECIST the first iCPD), and those of `next_assessments`.
    """
    still = sa.and_(participants, *(_not_by(name, as_of) for name in _LEAVING))
    people = participants_frame(still, as_of)
    derived = derive(people, still, as_of)
    goes_on, told = followed_in(people, participants)
    return scheduled(people[goes_on], derived, told, as_of)


def followed_in(people, participants: sa.ColumnElement) -> tuple[pd.Series, pd.Series]:
    """Of whom the trial goes on, row by row; and the participant_id of those of whom a source reports the outcome."""
    ended = sa.select(Trial.id.label("trial_id")).where(
        Trial.status.in_([status for status in TrialStatus if status.has_ended])
    )
    told = sa.select(ReportedOutcome.participant_id).join(ReportedOutcome.participant).where(participants)
    return ~people["trial_id"].isin(frame(ended)["trial_id"]), frame(told)["participant_id"]


def _not_by(name, as_of):
    column = getattr(Participant, name)
    return sa.or_(column.is_(None), column > as_of)


def scheduled(people: pd.DataFrame, derived: Derived, told, as_of: datetime.date) -> pd.DataFrame:
    """schedule_frame, of people whose trial goes on. told: those of whom a source reports the outcome."""
    last = _of_each(people, derived.responses.drop_duplicates("participant_id", keep="last"))
    left = np.any([people[name].notna().to_numpy() for name in _LEAVING], axis=0)
    told_only = np.isnat(last) & people["participant_id"].isin(told).to_numpy()
    unseen = people["undated"].to_numpy() | people["consent_withdrawn"].to_numpy()
    is_followed = people["response_criteria"].isin(_REPEATED).to_numpy() & ~(unseen | left | told_only)
    people = beside_rows(people, {"last_assessed_on": last})[is_followed].reset_index(drop=True)
    after = derived.counted
    immune = people.loc[people["response_criteria"] == ResponseCriteria.IRECIST.value, "participant_id"]
    response = after["response"].where(~after["participant_id"].isin(immune), after["immune_response"])
    progressed = after[response.isin(["PD", "iCPD"])].drop_duplicates("participant_id")
    people["progressed_on"] = _of_each(people, progressed)
    has_begun = people["first_dose_on"].notna().to_numpy() | people["randomised"].to_numpy()
    start = np.where(has_begun, started_on(people).to_numpy(), np.datetime64("NaT"))
    following = next_assessments(beside_rows(people, {"start_on": start}), as_of)
    return pd.concat([people, following], axis="columns")


def _of_each(people, assessments):
    """Of each participant the day of their assessment, if there is one."""
    days = assessments[["participant_id", "assessed_on"]]
    return rows_of(people["participant_id"], days, "participant_id")["assessed_on"]


def overdue_assessments(as_of: datetime.date) -> pd.DataFrame:
    """The rows of schedule_frame whose assessment is overdue, in the reader's trials; the longest overdue first."""
    return overdue_of(in_scope(schedule_frame, as_of))


def overdue_of(found: pd.DataFrame) -> pd.DataFrame:
    """The same of rows of schedule_frame."""
    late = found[(found["overdue_days"] > 0).fillna(False).astype(bool)]
    return late.sort_values(["overdue_days", "code"], ascending=[False, True], ignore_index=True)
