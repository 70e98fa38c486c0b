"""Who is followed by tumor assessments, and whose is overdue."""

import datetime

import pandas as pd
import pytest

from tests.factories import make_course, make_participant, make_reported_outcome, make_trial
from tracker.models import Participant
from tracker.reads.course import course_of
from tracker.reads.schedule import overdue_of, schedule_frame
from tracker.roles import Role
from tracker.terms.trial import ResponseCriteria, TrialStatus

#: The first dose is 2024-01-17; the factories' trials assess every 56 days, give or take 7.
SHRINKS = {-7: 50, 56: 30, 112: 28}


def schedule(as_of="2024-06-30"):
    return schedule_frame(Participant.id > 0, datetime.date.fromisoformat(as_of))


def test_an_assessment_is_due_an_interval_after_the_last(app):
    participant = make_course(SHRINKS)
    (row,) = schedule("2024-07-20").to_dict("records")
    assert row["due_on"] == pd.Timestamp("2024-07-03")  # 2024-05-08 and 56 days
    assert row["overdue_days"] == 10  # since 2024-07-10
    assert len(overdue_of(schedule("2024-07-10"))) == 0
    assert course_of(participant, datetime.date(2024, 7, 20)).next["overdue_days"] == 10


@pytest.mark.parametrize(
    "criteria, course, ended_on",
    [
        ("RECIST 1.1", SHRINKS | {168: 60}, "2024-07-03"),
        ("iRECIST", SHRINKS | {168: 60}, None),  # not confirmed
        ("iRECIST", SHRINKS | {168: 60, 210: 70}, "2024-08-14"),
    ],
)
def test_progression_ends_it_and_under_irecist_when_it_is_confirmed(app, criteria, course, ended_on):
    make_course(course, trial=make_trial(response_criteria=criteria))
    (row,) = schedule("2024-12-01").to_dict("records")
    assert row["progressed_on"] == pd.Timestamp(ended_on) or (
        ended_on is None and pd.isna(row["progressed_on"])
    )
    assert pd.isna(row["due_on"]) == (ended_on is not None)


@pytest.mark.parametrize(
    "given",
    [
        {"died_on": datetime.date(2024, 6, 1)},
        {"off_study_on": datetime.date(2024, 6, 1)},
        {"new_therapy_on": datetime.date(2024, 6, 1)},
        {"undated": True},
        {"research_consent_withdrawn_on": datetime.date(2024, 6, 1)},
        {"trial": {"response_criteria": ResponseCriteria.PCR}},
        {"trial": {"status": TrialStatus.COMPLETED}},
    ],
)
def test_who_is_not_followed_is_in_no_row(app, given):
    if "trial" in given:
        given = {"trial": make_trial(**given["trial"])}
    participant = make_course(SHRINKS, **given)
    assert len(schedule()) == 0
    assert course_of(participant, datetime.date(2024, 6, 30)).next is None


def test_who_left_later_was_still_followed(app):
    make_course(SHRINKS, died_on=datetime.date(2024, 8, 1))
    assert len(schedule("2024-07-20")) == 1


def test_who_was_never_treated_is_due_for_nothing_unless_randomised(app):
    make_participant(first_dose_on=None)
    make_participant(first_dose_on=None, trial=make_trial(is_randomised=True))
    assert schedule()["due_on"].isna().tolist() == [True, False]


def test_who_came_with_outcomes_only_is_not_followed(app):
    make_reported_outcome(participant=make_participant())
    assert len(schedule()) == 0


def test_the_physician_sees_what_is_overdue(sign_in):
    participant = make_course(SHRINKS)
    physician = sign_in(Role.PHYSICIAN, [participant.trial])
    assert "Overdue assessments" in physician.get("/").text
    assert "Next assessment due on 2024-07-03" in physician.get(f"/participants/{participant.id}").text
    assert "Overdue assessments" not in sign_in(Role.MONITOR, [participant.trial]).get("/").text
