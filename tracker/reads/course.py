"""What is derived of one participant, and the memory that keeps it."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import sqlalchemy as sa
from flask import current_app
from flask_babel import get_locale

from tracker.extensions import db
from tracker.models import Participant, ReportedOutcome, Trial
from tracker.reads.base import data_versions, is_still
from tracker.reads.memory import Memory
from tracker.reads.outcome import outcomes_of
from tracker.reads.participant import participants_frame
from tracker.reads.response import Derived, Visit, derive, told
from tracker.reads.schedule import scheduled
from tracker.reads.state import course_states

#: Participants whose courses one process keeps.
KEPT = 5_000

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
    versions = data_versions()
    state = course_states([participant.id], as_of)[participant.id]
    key = (participant.id, as_of)
    kept = memory.find(key, state)
    if kept is None:
        states = course_states(_near(participant), as_of)
        stale = [id for id, state in states.items() if memory.find((id, as_of), state) is None]
        derived = _derived(stale, as_of)
        if is_still(versions):
            memory.keep({(id, as_of): (states[id], one) for id, one in derived.items()})
        kept = derived.get(participant.id) or memory.find(key, state)
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
