"""The accrual report: on record against plan, and month by month, on the real database."""

import datetime

import pytest

from tests.factories import make_arm, make_cohort, make_participant, make_trial, make_trial_member, make_user
from tracker import scope
from tracker.reports.base import run_report
from tracker.roles import Role
from tracker.terms.trial import TrialStatus

JANUARY, MARCH = datetime.date(2024, 1, 15), datetime.date(2024, 3, 2)
DONE = {"status": TrialStatus.COMPLETED}


def accrual(**parameters):
    return run_report("accrual", list(parameters.items()))


def table(name, **parameters):
    (found,) = [one for one in accrual(**parameters).tables if one.name == name]
    return found


def plans(**parameters):
    """(trial, arm, cohort, planned, actual, share) of each row."""
    return [tuple(row.values()) for row in table("accrual", **parameters).rows]


def months(**parameters):
    return [tuple(row.values()) for row in table("by_month", **parameters).rows]


def enrol(trial, day, **given):
    return make_participant(trial=trial, consented_on=day, enrolled_on=day, first_dose_on=day, **given)


def test_those_on_record_stand_against_the_plan_of_trial_arm_and_cohort(app):
    trial = make_trial(code="CCI-1", accrual_target=8, **DONE)
    a, b = (make_arm(trial=trial, code=code, planned_n=4) for code in "AB")
    skin = make_cohort(trial=trial, name="Skin", planned_n=None)
    for arm, cohort in ((a, skin), (a, None), (a, None), (b, skin), (None, None)):
        enrol(trial, JANUARY, arm=arm, cohort=cohort)
    make_trial(code="CCI-2", accrual_target=None, **DONE)
    assert plans() == [
        ("CCI-1", None, None, 8, 5, 0.625),
        ("CCI-1", "CCI-1/A", None, 4, 3, 0.75),
        ("CCI-1", "CCI-1/B", None, 4, 1, 0.25),
        ("CCI-1", None, "Skin", None, 2, None),
        ("CCI-2", None, None, None, 0, None),
    ]


def test_months_without_anybody_are_told_too_and_the_sum_goes_on(app):
    trial = make_trial(**DONE)
    for day in (JANUARY, JANUARY, MARCH):
        enrol(trial, day)
    assert months() == [("all", "2024-01", 2, 2), ("all", "2024-02", 0, 2), ("all", "2024-03", 1, 3)]


def test_the_months_of_a_trial_that_takes_participants_go_on_to_the_day(app):
    enrol(make_trial(code="OPEN", status=TrialStatus.RECRUITING), JANUARY)
    enrol(make_trial(code="SHUT", **DONE), JANUARY)
    assert months(by="trial", as_of="2024-03-31") == [
        ("OPEN", "2024-01", 1, 1),
        ("OPEN", "2024-02", 0, 1),
        ("OPEN", "2024-03", 0, 1),
        ("SHUT", "2024-01", 1, 1),
    ]


def test_who_came_without_dates_is_counted_and_in_no_month(app):
    trial = make_trial(accrual_target=4, **DONE)
    enrol(trial, JANUARY)
    make_participant(
        trial=trial,
        undated=True,
        consented_on=None,
        enrolled_on=datetime.date(2000, 1, 1),
        first_dose_on=None,
    )
    make_participant(trial=trial, consented_on=None, enrolled_on=None, first_dose_on=None)
    assert [row[3:] for row in plans()] == [(4, 3, 0.75)]
    assert months() == [("all", "2024-01", 1, 1)]
    assert any("in no month: 2." in str(note) for note in table("by_month").notes)


def test_the_first_dose_stands_in_for_an_unknown_day_of_enrolment(app):
    make_participant(trial=make_trial(**DONE), consented_on=None, enrolled_on=None, first_dose_on=MARCH)
    assert months() == [("all", "2024-03", 1, 1)]


def test_who_came_later_is_not_counted_yet(app):
    trial = make_trial(accrual_target=2, **DONE)
    enrol(trial, JANUARY)
    enrol(trial, MARCH)
    assert [row[3:] for row in plans(as_of="2024-02-01")] == [(2, 1, 0.5)]
    assert months(as_of="2024-02-01") == [("all", "2024-01", 1, 1)]


def test_nothing_is_compared_where_only_some_of_the_participants_are_asked_for(app):
    trial = make_trial(accrual_target=2, **DONE)
    enrol(trial, JANUARY, tumor_location="LUNG")
    enrol(trial, JANUARY, tumor_location="SKIN")
    assert [row[3:] for row in plans(tumor_location="LUNG")] == [(None, 1, None)]
    assert any("left out" in str(note) for note in table("accrual", tumor_location="LUNG").notes)
    assert str(accrual(tumor_location="LUNG").sentence) == "1 participant is enrolled."
    assert str(accrual().sentence) == "2 of 2 planned participants are enrolled."


def test_one_trial_or_arm_can_be_asked_for(app):
    trial = make_trial(code="CCI-1", **DONE)
    arm = make_arm(trial=trial, code="A", planned_n=5)
    enrol(trial, JANUARY, arm=arm)
    enrol(make_trial(code="CCI-2", **DONE), JANUARY)
    assert plans(trial="CCI-2") == [("CCI-2", None, None, None, 1, None)]
    assert plans(arm="CCI-1/A") == [("CCI-1", "CCI-1/A", None, 5, 1, 0.2)]


@pytest.mark.parametrize("role, sees_arms", [(Role.PHYSICIAN, False), (Role.DIRECTOR, True)])
def test_arms_of_a_running_randomised_trial_are_masked(app, role, sees_arms):
    trial = make_trial(code="CCI-1", status=TrialStatus.RECRUITING, is_randomised=True)
    for code in "AB":
        enrol(trial, JANUARY, arm=make_arm(trial=trial, code=code, planned_n=5))
    user = make_user(role=role)
    make_trial_member(user=user, trial=trial)
    with scope.reading_as(user):
        arms = [row[1] for row in plans()]
        groups = {row[0] for row in months(by="arm")}
        panels = accrual(by="arm").figures[0].svg()
    assert arms == ([None, "CCI-1/A", "CCI-1/B"] if sees_arms else [None])
    assert groups == ({"CCI-1/A", "CCI-1/B"} if sees_arms else {"masked"})
    assert ("CCI-1/A" in panels) == sees_arms


def test_a_trial_that_is_not_seen_is_not_told_of(app):
    seen, hidden = make_trial(code="SEEN", **DONE), make_trial(code="HIDDEN", accrual_target=5, **DONE)
    enrol(seen, JANUARY)
    enrol(hidden, JANUARY)
    user = make_user(role=Role.PHYSICIAN)
    make_trial_member(user=user, trial=seen)
    with scope.reading_as(user):
        assert [row[0] for row in plans()] == ["SEEN"]
        assert months() == [("all", "2024-01", 1, 1)]


def test_the_plan_of_a_group_is_that_of_its_trials_arms_or_cohorts(app):
    trial = make_trial(code="CCI-1", accrual_target=20, **DONE)
    arm = make_arm(trial=trial, code="A", planned_n=12)
    cohort = make_cohort(trial=trial, name="Skin", planned_n=7)
    enrol(trial, JANUARY, arm=arm, cohort=cohort, tumor_location="LUNG")

    def planned(by):
        return {row["planned"] for row in accrual(by=by).figures[0].data.to_dict("records")}

    assert planned("trial") == {20}
    assert planned("arm") == {12}
    assert planned("cohort") == {7}
    assert planned("trial,cohort") == {7}


def test_where_nobody_is_enrolled_the_figure_says_so(app):
    make_trial(code="CCI-1", accrual_target=5, **DONE)
    found = accrual()
    assert "There is nothing to show." in found.figures[0].svg()
    assert plans() == [("CCI-1", None, None, 5, 0, 0.0)]
    assert months() == []
