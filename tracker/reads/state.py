"""Of which state of the data that is what was derived of participants: told by much less than it is derived of."""

import datetime
import functools
import hashlib
from collections import defaultdict

import sqlalchemy as sa
from sqlalchemy import orm

from tracker.extensions import db
from tracker.models import (
    Administration,
    AdverseEvent,
    Arm,
    Cohort,
    DoseDecision,
    DoseLevel,
    Lesion,
    Participant,
    ReportedOutcome,
    Trial,
    TumorAssessment,
)
from tracker.reads.base import data_versions
from tracker.reads.participant import DATES

#: What counts of a participant; nothing else of them is read.
READ = (
    *(
        "id",
        "code",
        "trial_id",
        "arm_id",
        "cohort_id",
        "tumor_location",
        "diagnosis",
        "subtype",
        "prior_lines",
    ),
    *("undated", "research_consent_withdrawn_on", "withdrawn_at", *DATES),
)

#: The records of a participant that responses and outcomes are derived of.
RESTS_ON = (Lesion, TumorAssessment, ReportedOutcome)

#: Days of their other records on which a participant was seen alive; nothing else of these counts.
SEEN_ON = (Administration.given_on, AdverseEvent.started_on)


def course_states(ids: list[int], as_of: datetime.date) -> dict[int, tuple]:
    """Of each of these participants, which state of the data their course is of.

    A change of what it rests on changes one of these: what is `READ` of the participant; the versions, withdrawn
    records counted too, of their records of `RESTS_ON`, of the trial and of its arms and cohorts; the latest day of
    `SEEN_ON`; whether the trial has an assessment by that day or a reported response of anybody, as `outcomes_of`
    asks; the version of what belongs to no trial.
    """
    shared = data_versions().get(None)
    return {row[0]: (*row, shared) for row in _ask(_select_of_courses(), SEEN_ON, ids, as_of)}


def outcome_states(trials: list[int], as_of: datetime.date) -> dict[int, bytes]:
    """Of each of these trials, which state of the data outcomes_frame is of: that of all its courses."""
    return _by_trial(_ask(_select_of_trials(SEEN_ON), SEEN_ON, trials, as_of))


def response_states(trials: list[int], as_of: datetime.date) -> dict[int, bytes]:
    """The same of what is derived without the days of `SEEN_ON`: of responses."""
    return _by_trial(_ask(_select_of_trials(()), (), trials, as_of))


def arm_states(trials: list[int], as_of: datetime.date) -> dict[int, bytes]:
    """The same of what is told of arms and dose levels, whoever is in them."""
    return _by_trial(_ask(_select_of_arms(), (), trials, as_of))


def _ask(statement, seen_on, ids, as_of):
    """What the select finds, the latest of these days, which are its last columns, for all of them."""
    asked = {"ids": ids, "as_of": as_of}
    for row in db.session.execute(statement, asked, execution_options={"include_withdrawn": True}):
        last = len(row) - len(seen_on)
        yield (*row[:last], max((day for day in row[last:] if day is not None), default=None))


def _by_trial(rows) -> dict[int, bytes]:
    """A hash of the rows of each trial, which are in order."""
    found = defaultdict(hashlib.sha256)
    for trial, *row in rows:
        found[trial].update(repr(row).encode())
    return {trial: rows.digest() for trial, rows in found.items()}


@functools.cache
def _select_of_courses() -> sa.Select:
    anybody = orm.aliased(Participant)
    told_of = [
        sa.select(model.id)
        .join(anybody, anybody.id == model.participant_id)
        .where(
            anybody.trial_id == Participant.trial_id,
            anybody.withdrawn_at.is_(None),
            model.withdrawn_at.is_(None),
            condition,
        )
        .exists()
        for model, condition in (
            (TumorAssessment, sa.or_(anybody.undated, TumorAssessment.assessed_on <= sa.bindparam("as_of"))),
            (ReportedOutcome, ReportedOutcome.best_overall_response.is_not(None)),
        )
    ]
    chosen = sa.select(*_of_participants(), *_of_trials(), *told_of, *_days(SEEN_ON))
    return chosen.join(Participant.trial).where(Participant.id.in_(sa.bindparam("ids", expanding=True)))


@functools.cache
def _select_of_trials(seen_on) -> sa.Select:
    chosen = sa.select(Trial.id, *_of_trials(), *_of_participants(), *_days(seen_on))
    return (
        chosen.outerjoin(Trial.participants)
        .where(Trial.id.in_(sa.bindparam("ids", expanding=True)))
        .order_by(Participant.id)
    )


@functools.cache
def _select_of_arms() -> sa.Select:
    of_arms = [
        sa.select(sa.func.sum(one.version)).join(one.arm).where(Arm.trial_id == Trial.id)
        for one in (DoseLevel, DoseDecision)
    ]
    chosen = sa.select(Trial.id, *_of_trials(), *(one.scalar_subquery() for one in of_arms))
    return chosen.where(Trial.id.in_(sa.bindparam("ids", expanding=True)))


def _of_participants() -> list:
    """What is read of the participant, and the versions of their records together."""
    versions = [
        sa.select(sa.func.sum(one.version)).where(one.participant_id == Participant.id) for one in RESTS_ON
    ]
    return [*(getattr(Participant, name) for name in READ), *(one.scalar_subquery() for one in versions)]


def _days(seen_on) -> list:
    """Of the participant the latest of each of these days, as `last_contact` asks."""
    days = [
        sa.select(sa.func.max(day)).where(
            day.class_.participant_id == Participant.id,
            day.class_.withdrawn_at.is_(None),
            sa.or_(Participant.undated, day <= sa.bindparam("as_of")),
        )
        for day in seen_on
    ]
    return [one.scalar_subquery() for one in days]


def _of_trials() -> list:
    """The trial's version, and those of its arms and of its cohorts together."""
    versions = [sa.select(sa.func.sum(one.version)).where(one.trial_id == Trial.id) for one in (Arm, Cohort)]
    return [Trial.version, *(one.scalar_subquery() for one in versions)]
