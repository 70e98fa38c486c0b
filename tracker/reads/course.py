"""What is derived of one participant, and the memory that keeps it."""

import datetime
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from flask import current_app
from flask_babel import get_locale
from sqlalchemy import orm

from tracker.extensions import db
from tracker.models import Arm, Participant, Record, ReportedOutcome, Trial, TumorAssessment
from tracker.reads.base import data_versions
from tracker.reads.outcome import outcomes_of
from tracker.reads.participant import participants_frame
from tracker.reads.response import Visit, derive, told
from tracker.reads.schedule import scheduled
from tracker.scope import owner_of

#: Courses that one process keeps.
KEPT = 2_000


@dataclass(frozen=True)
class Course:
    """What is derived of one participant; a course is shared, so it is not to be changed.

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

    show_date: how a date of this participant is written in the reasons, in the reader's language. From memory where
    nothing has changed: to derive one participant takes as long as to derive a hundred.
    """
    key = (participant.id, _state(participant), as_of, str(get_locale()))
    memory = current_app.extensions.setdefault("courses", _Memory(KEPT))
    found = memory.find(key)
    if found is None:
        found = _derived(participant, as_of, show_date)
        memory.keep(key, found)
    return found


def _derived(participant, as_of, show_date) -> Course | None:
    condition = Participant.id == participant.id
    people = participants_frame(condition, as_of)
    if people.empty:
        return None
    derived = derive(people, condition, as_of)
    outcome = outcomes_of(people, derived, condition, as_of).to_dict("records")[0]
    lesions, visits = told(derived, show_date)
    best = derived.best.reset_index().to_dict("records")[0]
    return Course(outcome, best, lesions, visits, _next(participant, people, derived, as_of))


def _next(participant, people, derived, as_of) -> dict | None:
    if participant.trial.status.has_ended:
        return None
    told_of = [participant.id] if participant.reported_outcome else []
    found = scheduled(people, derived, told_of, as_of)
    return found.to_dict("records")[0] if len(found) else None


def _state(participant) -> tuple:
    """Of which state of the data a course is: a change of a record that it rests on makes one of these numbers larger.

    The versions, withdrawn records counted too, of the participant and their records, and of the trial and its arms;
    whether the trial has an assessment or a reported response of anybody; the version of what belongs to no trial.
    """
    sums = [
        sa.select(sa.func.sum(model.version)).where(model.participant_id == participant.id)
        for model in Record.__subclasses__()
        if model.trial_path and model.trial_path != "trial" and owner_of(model)[0] is Participant
    ]
    sums.append(sa.select(sa.func.sum(Arm.version)).where(Arm.trial_id == participant.trial_id))
    anybody = orm.aliased(Participant)
    told_of = [
        sa.select(model.id)
        .join(anybody, anybody.id == model.participant_id)
        .where(anybody.trial_id == participant.trial_id, *conditions)
        .exists()
        for model, conditions in (
            (TumorAssessment, []),
            (ReportedOutcome, [ReportedOutcome.best_overall_response.is_not(None)]),
        )
    ]
    statement = sa.select(
        Participant.version, Trial.version, *(one.scalar_subquery() for one in sums), *told_of
    )
    statement = statement.join(Participant.trial).where(Participant.id == participant.id)
    row = db.session.execute(statement.execution_options(include_withdrawn=True)).one()
    return (*row, data_versions().get(None))


class _Memory:
    """Courses by key, the least recently used of which go."""

    def __init__(self, limit: int):
        self.limit = limit
        self._courses: OrderedDict[tuple, Course] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key) -> Course | None:
        with self._lock:
            if key in self._courses:
                self._courses.move_to_end(key)
            return self._courses.get(key)

    def keep(self, key, course) -> None:
        with self._lock:
            self._courses[key] = course
            while len(self._courses) > self.limit:
                self._courses.popitem(last=False)
