"""What is derived of a participant is kept, and asked anew when anything that it rests on has changed."""

import datetime

import pytest
import sqlalchemy as sa

from tests.factories import make_adverse_event, make_course, make_participant, make_reported_outcome
from tracker import clock
from tracker.audit import because
from tracker.extensions import db
from tracker.models import Arm, Cohort, Part, Participant, Record, Trial, TumorAssessment
from tracker.reads import course
from tracker.reads.course import course_of
from tracker.reads.memory import Memory

TODAY = datetime.date(2026, 7, 1)


def change(record, **values):
    for name, value in values.items():
        setattr(record, name, value)
    with because("tested"):
        db.session.commit()


def last_assessment(participant):
    return db.session.scalars(
        sa.select(TumorAssessment)
        .where(TumorAssessment.participant_id == participant.id)
        .order_by(TumorAssessment.assessed_on.desc())
    ).first()


CHANGES = {
    "a diameter": lambda one: change(last_assessment(one).measurements[0], diameter_mm=90),
    "an assessment withdrawn": lambda one: change(last_assessment(one), withdrawn_at=clock.now()),
    "a date of the participant": lambda one: change(one, first_dose_on=datetime.date(2024, 1, 22)),
    "a setting of the trial": lambda one: change(one.trial, minimum_sd_days=70),
    "an adverse event": lambda one: make_adverse_event(
        participant=one, started_on=datetime.date(2025, 2, 3), grade=1
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_course_is_derived_anew_when_something_changed(app, monkeypatch, what):
    participant = make_course({-7: 50, 56: 49})
    before = course_of(participant, TODAY)
    assert course_of(participant, TODAY) is before
    CHANGES[what](participant)
    now = course_of(participant, TODAY)
    monkeypatch.setattr(course, "_derived", lambda *_arguments: pytest.fail("it is kept"))
    assert course_of(participant, TODAY) is now
    monkeypatch.undo()
    assert now.outcome != before.outcome
    assert repr(now) == repr(course._derived([participant.id], TODAY)[participant.id].course("en", str))


@pytest.mark.parametrize(
    "make", [make_reported_outcome, lambda participant: make_course({-7: 50}, participant=participant)]
)
def test_the_first_response_that_a_trial_records_of_anybody_is_news_to_all(app, make):
    participant = make_participant()
    assert not course_of(participant, TODAY).outcome["response_recorded"]
    make(participant=make_participant(trial=participant.trial))
    assert course_of(participant, TODAY).outcome["response_recorded"]


@pytest.mark.parametrize(
    "what",
    [
        lambda other: change(last_assessment(other), withdrawn_at=clock.now()),
        lambda other: change(last_assessment(other), assessed_on=TODAY + datetime.timedelta(days=1)),
        lambda other: change(other, withdrawn_at=clock.now()),
    ],
    ids=["withdrawn", "of a later day", "of who is withdrawn"],
)
def test_that_nobody_of_the_trial_has_a_response_any_more_is_news_to_all(app, what):
    participant = make_participant()
    other = make_course({-7: 50}, participant=make_participant(trial=participant.trial))
    assert course_of(participant, TODAY).outcome["response_recorded"]
    what(other)
    assert not course_of(participant, TODAY).outcome["response_recorded"]


def test_participants_of_a_trial_are_derived_together_and_anew_each_for_itself(app, monkeypatch):
    one = make_course({-7: 50, 56: 49})
    other = make_course({-7: 50, 56: 20}, trial=one.trial)
    found = course_of(one, TODAY), course_of(other, TODAY)
    assert [len(one.visits) for one in found] == [2, 2]
    assert [one.outcome["best_unconfirmed"] for one in found] == ["SD", "PR"]
    change(last_assessment(one).measurements[0], diameter_mm=48)
    assert course_of(other, TODAY) is found[1]
    assert course_of(one, TODAY) is not found[0]


def test_a_course_rests_on_all_records_of_its_trial_that_its_derivation_reads(app):
    participant, read = make_course({-7: 50, 56: 49}).id, set()

    def note(state):
        read.update(one for one in sa.sql.visitors.iterate(state.statement) if isinstance(one, sa.Table))

    db.session.expire_all()
    sa.event.listen(db.session, "do_orm_execute", note)
    course._derived([participant], TODAY)
    sa.event.remove(db.session, "do_orm_execute", note)
    kinds = {model.__table__: model for model in Record.__subclasses__()}
    kinds |= {
        part.__table__: sa.inspect(part).relationships[part.owner].mapper.class_
        for part in Part.__subclasses__()
    }
    of_trials = {kinds[table] for table in read if kinds[table].trial_path is not None}
    assert of_trials == {Participant, Trial, Arm, Cohort, *course.RESTS_ON}


def test_courses_that_were_not_asked_for_lately_are_forgotten():
    memory = Memory(2)
    for key in "abc":
        memory.keep({key: (1, key.upper())})
        memory.find("a", 1)
    assert [memory.find(key, 1) for key in "abc"] == ["A", None, "C"]
    assert memory.find("a", 2) is None
