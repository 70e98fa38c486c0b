"""What is derived of one participant, and the memory that keeps it."""

import datetime
import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import sqlalchemy as sa
from flask import current_app
from flask_babel import get_locale
from sqlalchemy import orm

from tracker.extensions import db
from tracker.models import (
    Administration,
    AdverseEvent,
    Arm,
    Cohort,
    Lesion,
    Participant,
    ReportedOutcome,
    Trial,
    TumorAssessment,
)
from tracker.reads.base import data_versions
from tracker.reads.memory import Memory
from tracker.reads.outcome import outcomes_of
from tracker.reads.participant import participants_frame
from tracker.reads.response import Derived, Visit, derive, told
from tracker.reads.schedule import scheduled

#: Participants whose courses one process keeps.
KEPT = 5_000

#: The records of a participant that a course is derived of.
RESTS_ON = (Lesion, TumorAssessment, ReportedOutcome, Administration, AdverseEvent)

#: Participants of a trial that are derived together: it takes little longer than to derive one.
TOGETHER = 50


@dataclass(frozen=True)
class Course:
    """What is derived of one participant; it is shared, so it is not to be changed.

    outcome: their row of outcomes_frame; best: of `best_responses`; lesions, visits: as `told`; next: their row of
    schedule_frame, None of who is in none.
    """

    outcome: dict
    best: dict
    lesions: list[dict]
    visits: list[Visit]
    next: dict | None


def course_of(participant: Participant, as_of: datetime.date, show_date: Callable = str) -> Course | None:
    """The course of one participant, as every report has it; None of a withdrawn one.

    show_date: how a date of this participant is written in the reasons, in the reader's language. It is derived anew
    when something changed that it rests on.
    """
    if participant.withdrawn_at is not None:
        return None
    memory = current_app.extensions.setdefault("courses", Memory(KEPT))
    state = _states([participant.id], participant.trial_id, as_of)[participant.id]
    key = (participant.id, as_of)
    kept = memory.find(key, state)
    if kept is None:
        states = _states(_near(participant), participant.trial_id, as_of)
        stale = [id for id, state in states.items() if memory.find((id, as_of), state) is None]
        memory.keep({(id, as_of): (states[id], one) for id, one in _derived(stale, as_of).items()})
        kept = memory.find(key, state)
    return kept and kept.course(str(get_locale()), show_date)


@dataclass(frozen=True)
class _Kept:
    """A participant, what was derived of them and others, and the course by the language of its sentences."""

    participant_id: int
    outcomes: pd.DataFrame
    following: pd.DataFrame
    derived: Derived
    courses: dict[str, Course] = field(default_factory=dict)

    def course(self, language, show_date) -> Course:
        if language not in self.courses:
            lesions, visits = told(self.derived.of(self.participant_id), show_date)
            found = (self.outcomes, self.derived.best.reset_index(), self.following)
            outcome, best, following = map(self._row, found)
            self.courses[language] = Course(outcome, best, lesions, visits, following)
        return self.courses[language]

    def _row(self, found):
        at = np.flatnonzero(found["participant_id"] == self.participant_id)
        return found.iloc[at[0]].to_dict() if at.size else None


def _near(participant) -> list[int]:
    """The participant and others of the trial, those entered about the same time."""
    distance = sa.func.abs(Participant.id - participant.id)
    chosen = sa.select(Participant.id).where(Participant.trial_id == participant.trial_id)
    return list(db.session.scalars(chosen.order_by(distance).limit(TOGETHER)))


def _derived(ids, as_of) -> dict[int, _Kept]:
    condition = Participant.id.in_(ids)
    people = participants_frame(condition, as_of)
    if people.empty:
        return {}
    derived = derive(people, condition, as_of)
    outcomes = outcomes_of(people, derived, condition, as_of)
    following = _following(people, derived, ids, as_of)
    return {id: _Kept(id, outcomes, following, derived) for id in people["participant_id"].tolist()}


def _following(people, derived, ids, as_of) -> pd.DataFrame:
    """schedule_frame of these people of one trial."""
    trial = db.session.get(Trial, int(people["trial_id"].iloc[0]))
    if trial.status.has_ended:
        return people[:0]
    reported = sa.select(ReportedOutcome.participant_id).where(ReportedOutcome.participant_id.in_(ids))
    return scheduled(people, derived, list(db.session.scalars(reported)), as_of)


def _states(ids: list[int], trial_id: int, as_of: datetime.date) -> dict[int, tuple]:
    """Of each of these participants of a trial, which state of the data their course is of.

    A change of a record that it rests on makes one of these numbers larger: the versions, withdrawn records counted
    too, of the participant, of their records of `RESTS_ON`, of the trial and of its arms and cohorts; whether the trial
    has an assessment by that day or a reported response of anybody, as `outcomes_of` asks; the version of what belongs
    to no trial.
    """
    asked = {"ids": ids, "trial_id": trial_id, "as_of": as_of}
    rows = db.session.execute(_select_states(), asked, execution_options={"include_withdrawn": True})
    shared = data_versions().get(None)
    return {row[0]: (*row, shared) for row in rows}


@functools.cache
def _select_states() -> sa.Select:
    trial_id = sa.bindparam("trial_id")
    versions = [
        *(
            sa.select(sa.func.sum(one.version)).where(one.participant_id == Participant.id)
            for one in RESTS_ON
        ),
        *(sa.select(sa.func.sum(one.version)).where(one.trial_id == trial_id) for one in (Arm, Cohort)),
    ]
    anybody = orm.aliased(Participant)
    told_of = [
        sa.select(model.id)
        .join(anybody, anybody.id == model.participant_id)
        .where(
            anybody.trial_id == trial_id,
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
    sums = [one.scalar_subquery() for one in versions]
    return (
        sa.select(Participant.id, Participant.version, Trial.version, *sums, *told_of)
        .join(Participant.trial)
        .where(Participant.id.in_(sa.bindparam("ids", expanding=True)))
    )
