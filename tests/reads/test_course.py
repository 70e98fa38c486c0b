"""What is derived of a participant is kept, and asked anew when anything that it rests on has changed."""

import datetime

import pandas as pd
import pytest
import sqlalchemy as sa

from tests.factories import (
    make_adverse_event,
    make_course,
    make_dose_decision,
    make_dose_level,
    make_participant,
    make_reported_outcome,
)
from tracker import clock
from tracker.audit import because
from tracker.extensions import db
from tracker.models import (
    Arm,
    Cohort,
    DoseDecision,
    DoseLevel,
    Part,
    Participant,
    Record,
    Trial,
    TumorAssessment,
)
from tracker.reads import course, outcome, state
from tracker.reads.base import in_scope
from tracker.reads.course import course_of
from tracker.reads.escalation import arms_frame, levels_frame
from tracker.reads.memory import Memory
from tracker.reads.outcome import outcomes_frame
from tracker.reads.schedule import schedule_frame
from tracker.reads.trial import plans_frame

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


@pytest.mark.parametrize("what", CHANGES)
def test_the_outcomes_of_a_trial_are_derived_anew_when_something_changed(app, what):
    participant = make_course({-7: 50, 56: 49})
    before = in_scope(outcomes_frame, TODAY)
    CHANGES[what](participant)
    now = in_scope(outcomes_frame, TODAY)
    assert not now.equals(before)
    pd.testing.assert_frame_equal(now, outcomes_frame(Participant.trial_id == participant.trial_id, TODAY))


def test_what_is_no_part_of_the_outcomes_does_not_have_them_derived_anew(app, monkeypatch):
    participant = make_course({-7: 50, 56: 49})
    make_adverse_event(participant=participant, started_on=datetime.date(2025, 2, 3))
    kept, before = in_scope(outcomes_frame, TODAY), course_of(participant, TODAY)
    make_adverse_event(participant=participant, started_on=datetime.date(2025, 2, 2))
    change(participant, stage="IV")
    make_adverse_event(
        participant=participant, started_on=datetime.date(2025, 2, 4), withdrawn_at=clock.now()
    )
    monkeypatch.setattr(outcome, "outcomes_of", lambda *_arguments: pytest.fail("they are kept"))
    pd.testing.assert_frame_equal(in_scope(outcomes_frame, TODAY), kept)
    assert course_of(participant, TODAY) is before


def read_by(ask):
    """The tables and columns that are read."""
    read = set()

    def note(state):
        read.update(
            one for one in sa.sql.visitors.iterate(state.statement) if isinstance(one, (sa.Table, sa.Column))
        )

    db.session.expire_all()
    sa.event.listen(db.session, "do_orm_execute", note)
    ask()
    sa.event.remove(db.session, "do_orm_execute", note)
    return read


def records_of(read):
    """Whose tables are among them, of records that belong to trials."""
    kinds = {model.__table__: model for model in Record.__subclasses__()}
    kinds |= {
        part.__table__: sa.inspect(part).relationships[part.owner].mapper.class_
        for part in Part.__subclasses__()
    }
    return {kinds[one] for one in read if one in kinds and kinds[one].trial_path is not None}


def columns_of(model, read):
    return {one.name for one in read if isinstance(one, sa.Column) and one.table.name == model.__tablename__}


SEEN_ON = {day.class_: day for day in state.SEEN_ON}


@pytest.mark.parametrize("read", [arms_frame, levels_frame, plans_frame])
def test_the_state_of_arms_tells_of_all_that_is_read_of_them(app, read):
    make_dose_decision(arm=make_dose_level().arm)
    assert records_of(read_by(lambda: read(sa.true(), TODAY))) <= {
        Trial,
        Arm,
        Cohort,
        DoseLevel,
        DoseDecision,
    }


@pytest.mark.parametrize("what", ["a course", "outcomes_frame", "schedule_frame"])
def test_a_state_tells_of_all_that_a_derivation_reads(app, what):
    participant = make_course({-7: 50, 56: 49}).id
    of_them = Participant.id == participant
    ask, days = {
        "a course": (lambda: course._derived([participant], TODAY), SEEN_ON),
        "outcomes_frame": (lambda: outcomes_frame(of_them, TODAY), SEEN_ON),
        "schedule_frame": (lambda: schedule_frame(of_them, TODAY), {}),
    }[what]
    read = read_by(ask)
    assert records_of(read) == {Participant, Trial, Arm, Cohort, *state.RESTS_ON, *days}
    assert "first_dose_on" in columns_of(Participant, read)
    assert columns_of(Participant, read) <= set(state.READ)
    for model, day in days.items():
        columns = columns_of(model, read)
        assert {day.key} <= columns <= {"id", "participant_id", "withdrawn_at", day.key}


def test_courses_that_were_not_asked_for_lately_are_forgotten():
    memory = Memory(2)
    for key in "abc":
        memory.keep({key: (1, key.upper())})
        memory.find("a", 1)
    assert [memory.find(key, 1) for key in "abc"] == ["A", None, "C"]
    assert memory.find("a", 2) is None
