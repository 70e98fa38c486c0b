"""How complete and how timely the data are: what is missing, what is overdue."""

import datetime

import pandas as pd
import sqlalchemy as sa
from flask import current_app

from tracker.models import Administration, AdverseEvent, Participant, TumorAssessment
from tracker.reads.base import frame
from tracker.reads.outcome import last_contact, outcomes_of
from tracker.reads.participant import participants_frame
from tracker.reads.response import derive
from tracker.reads.schedule import followed_in, scheduled
from tracker.rules.completeness import missing_items
from tracker.rules.schedule import next_contacts

#: What the columns of what may be missing begin with.
MISSING = "missing "

#: Columns of the schedule that are told of each participant.
_SCHEDULE = ["last_assessed_on", "ended", "due_on", "latest_on", "overdue_days"]

#: How columns of a day end, and of why it happened.
_DAY, _WHY = "_on", "_reason"


def quality_frame(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """participants_frame, with what is missing and what is overdue of each. CDISC: ADSL.

    A column for each Item, MISSING and its value, as `missing_items` has it; last_assessed_on, ended, due_on,
    latest_on and overdue_days as schedule_frame has them, missing of who is in none; followed: whether an assessment
    is due; contact_on (the latest day on which they were seen alive), contact_latest_on and contact_overdue_days as
    `next_contacts` has them, of who is alive and on study in a trial that has not ended.
    """
    people = participants_frame(participants, as_of)
    derived = derive(people, participants, as_of)
    outcomes = outcomes_of(people, derived, participants, as_of)
    details = _details(participants, as_of)
    known = outcomes.merge(details, on="participant_id", how="left")
    for name in [name for name in details if name.endswith(_WHY)]:
        known[name] = known[name].where(known[name.removesuffix(_WHY) + _DAY].notna())
    goes_on, told = followed_in(people, participants)
    known["is_assessed"] = known["trial_id"].isin(known.loc[known["first_assessed_on"].notna(), "trial_id"])
    found = people.join(missing_items(known).add_prefix(MISSING))
    schedule = scheduled(people[goes_on], derived, told, as_of)
    found = found.merge(schedule[["participant_id", *_SCHEDULE]], on="participant_id", how="left")
    found["followed"] = found["due_on"].notna()
    found["contact_on"] = last_contact(people, derived, participants, as_of)
    reachable = goes_on & ~people["undated"] & people["died_on"].isna() & people["off_study_on"].isna()
    found["contact_on"] = found["contact_on"].where(reachable)
    return found.join(next_contacts(found, as_of).add_prefix("contact_"))


def _details(participants, as_of) -> pd.DataFrame:
    """What of a participant only this report asks for."""
    doses = (
        sa.select(Administration.id)
        .where(Administration.participant_id == Participant.id, Administration.dose > 0)
        .where(sa.or_(Participant.undated, Administration.given_on <= as_of))
        .exists()
    )
    first = (
        sa.select(
            TumorAssessment.participant_id,
            sa.func.min(TumorAssessment.assessed_on).label("first_assessed_on"),
        )
        .group_by(TumorAssessment.participant_id)
        .subquery()
    )
    found = frame(
        sa.select(
            Participant.id.label("participant_id"),
            Participant.ecog,
            Participant.sex,
            Participant.birth_year,
            Participant.age_at_enrolment,
            Participant.stage,
            Participant.off_treatment_reason,
            Participant.off_study_reason,
            Participant.consents_to_data_research,
            doses.label("dosed"),
            sa.type_coerce(first.c.first_assessed_on, sa.Date).label("first_assessed_on"),
        )
        .outerjoin(first, first.c.participant_id == Participant.id)
        .where(participants)
    )
    day = found["first_assessed_on"]
    found["first_assessed_on"] = day.where(day <= pd.Timestamp(as_of))
    found["dosed"] = found["dosed"].fillna(False).astype(bool)
    return found


def unreported_frame(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """One row a serious event of a participant with dates that the team was aware of on the day as_of. CDISC: AE.

    event_id, participant_id, trial_id, term, grade, aware_on (else the day on which it started), latest_on: until when
    the sponsor is to be told, reported (by as_of), overdue_days: since latest_on without a report, 0 up to that day.
    """
    found = frame(
        sa.select(
            AdverseEvent.id.label("event_id"),
            AdverseEvent.participant_id,
            Participant.trial_id,
            AdverseEvent.term,
            AdverseEvent.grade,
            sa.func.coalesce(AdverseEvent.aware_on, AdverseEvent.started_on, type_=sa.Date).label("aware_on"),
            AdverseEvent.reported_to_sponsor_on.label("reported_on"),
        )
        .join(AdverseEvent.participant)
        .where(participants, AdverseEvent.serious.is_(True), Participant.undated.is_(False))
        .order_by(AdverseEvent.id)
    )
    day = pd.Timestamp(as_of)
    found = found[found["aware_on"] <= day].reset_index(drop=True)
    allowed = pd.Timedelta(hours=current_app.config["SERIOUS_EVENT_REPORT_HOURS"]).ceil("D")
    found["latest_on"] = found["aware_on"] + allowed
    found["reported"] = (found.pop("reported_on") <= day).fillna(False).astype(bool)
    late = (day - found["latest_on"]).dt.days.clip(lower=0)
    found["overdue_days"] = late.where(~found["reported"], 0).astype("Int64")
    return found
