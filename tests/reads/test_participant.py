"""Participants and outcomes as reports see them."""

import datetime

import pytest

from tests.factories import (
    make_agent,
    make_arm,
    make_cohort,
    make_participant,
    make_regimen,
    make_reported_outcome,
    make_trial,
    make_user,
)
from tracker import scope
from tracker.models import Participant
from tracker.reads.outcome import outcomes_frame
from tracker.reads.participant import filter_values, masked_for_reader, participants_frame
from tracker.roles import Role
from tracker.terms.regimen import MechanismClass
from tracker.terms.trial import TrialStatus


def day(text):
    return datetime.date.fromisoformat(text)


def outcomes(as_of="2026-07-01"):
    return outcomes_frame(Participant.id > 0, day(as_of))


def only(frame):
    (row,) = frame.to_dict("records")
    return row


def test_a_participant_has_arm_cohort_regimen_and_outcome_in_one_row(app):
    trial = make_trial(code="CCI-017", setting="neoadjuvant")
    regimen = make_regimen([make_agent(), make_agent()], name="A + B")
    participant = make_participant(
        trial=trial,
        arm=make_arm(trial=trial, code="AB", regimen=regimen),
        cohort=make_cohort(trial=trial, name="TNBC"),
        tumor_location="BREAST",
        subtype="TNBC",
        prior_lines="1+",
        diagnosis="IDC",
    )
    make_reported_outcome(
        participant=participant,
        best_overall_response="SD",
        clinical_benefit=True,
        os_months=7.5,
        os_event=False,
    )
    row = only(outcomes())
    expected = {
        "participant_id": participant.id,
        "trial_id": trial.id,
        "trial": "CCI-017",
        "arm": "CCI-017/AB",
        "cohort": "TNBC",
        "regimen": "A + B",
        "combination": "yes",
        "tumor_location": "BREAST",
        "subtype": "TNBC",
        "diagnosis": "IDC",
        "prior_lines": "1+",
        "setting": "neoadjuvant",
        "setting_assumed": False,
        "best_response": "SD",
        "clinical_benefit": True,
        "os_months": 7.5,
        "os_event": False,
        "source": "reported",
        "treated": True,
        "pending": False,
        "dated": True,
    }
    assert {name: row[name] for name in expected} == expected


def test_a_placebo_is_no_component_of_a_combination(app):
    drug, placebo = make_agent(), make_agent(mechanism_class=MechanismClass.PLACEBO)
    for agents in (
        [drug],
        [drug, placebo],
        [drug, drug],
        [drug, make_agent()],
        [drug, make_agent(), placebo],
    ):
        arm = make_arm(regimen=make_regimen(agents))
        make_participant(trial=arm.trial, arm=arm)
    make_participant(arm=None)
    assert list(outcomes()["combination"]) == ["no", "no", "no", "yes", "yes", "unknown"]


def test_a_trial_without_setting_counts_as_advanced(app):
    make_participant(trial=make_trial(setting=None))
    row = only(outcomes())
    assert (row["setting"], row["setting_assumed"]) == ("advanced", True)


@pytest.mark.parametrize(
    "given, is_treated",
    [
        ({"first_dose_on": day("2024-01-17")}, True),
        ({"first_dose_on": None}, False),
        ({"first_dose_on": None, "undated": True, "enrolled_on": None, "consented_on": None}, False),
        ({"first_dose_on": day("2000-01-01"), "undated": True, "enrolled_on": None}, True),
    ],
)
def test_who_had_a_first_dose_is_treated(app, given, is_treated):
    make_participant(**given)
    assert only(outcomes())["treated"] == is_treated


def test_who_has_no_dates_is_treated_when_an_outcome_is_reported(app):
    undated = {"enrolled_on": None, "consented_on": None, "first_dose_on": None}
    make_reported_outcome(participant=make_participant(undated=True, **undated))
    make_reported_outcome(participant=make_participant(undated=False, **undated))
    assert list(outcomes()["treated"]) == [True, False]


def test_nobody_is_pending_after_one_interval_and_window(app):
    trial = make_trial(assessment_interval_days=56, assessment_window_days=7)
    make_participant(trial=trial, first_dose_on=day("2026-01-01"))  # 63 days later: 5 March
    make_participant(trial=trial, first_dose_on=day("2000-01-01"), undated=True, enrolled_on=None)
    make_participant(trial=trial, first_dose_on=None)
    assert list(outcomes("2026-03-04")["pending"]) == [True, False, False]
    assert list(outcomes("2026-03-05")["pending"]) == [False, False, False]


def test_later_records_are_ignored(app):
    dates = {"consented_on": None, "enrolled_on": day("2025-01-10"), "first_dose_on": day("2025-01-12")}
    make_participant(**dates, died_on=day("2025-06-01"))
    make_participant(**dates | {"enrolled_on": None})
    make_participant(undated=True, enrolled_on=None, consented_on=None, died_on=day("2000-03-01"))
    assert list(outcomes("2025-01-09")["undated"]) == [True]
    assert list(outcomes("2025-01-11")["first_dose_on"].isna()) == [True, False]
    assert len(outcomes("2025-01-12")) == 3
    assert list(outcomes("2025-05-31")["died_on"].isna()) == [True, True, False]
    assert list(outcomes("2025-06-01")["died_on"].isna()) == [False, True, False]


def test_without_participants_the_columns_are_the_same(app):
    empty = outcomes()
    make_reported_outcome()
    assert empty.empty
    assert (empty.dtypes == outcomes().dtypes).all()


@pytest.mark.parametrize(
    "given, is_masked",
    [
        ({}, True),
        ({"is_randomised": False}, False),
        ({"results_released": True}, False),
        ({"status": TrialStatus.COMPLETED}, False),
    ],
)
def test_arms_of_a_running_randomised_trial_are_masked(app, given, is_masked):
    trial = make_trial(**{"is_randomised": True, **given})
    make_participant(trial=trial, arm=make_arm(trial=trial, code="A"))
    found = participants_frame(Participant.id > 0, day("2026-07-01"))
    for role, sees in [(Role.PHYSICIAN, not is_masked), (Role.MONITOR, not is_masked), (Role.DIRECTOR, True)]:
        with scope.reading_as(make_user(role=role)):
            shown = only(masked_for_reader(found))
        treatment = {shown[name] for name in ("arm", "regimen", "combination")}
        assert (treatment == {"masked"}) is not sees
    assert only(found)["arm"] == f"{trial.code}/A"  # the frame itself is kept, for others


def test_filter_values_are_those_in_scope_even_of_nobody(app):
    mine, other = make_trial(code="MINE"), make_trial(code="OTHER")
    make_arm(trial=mine, code="A")
    make_arm(trial=other, code="B")
    make_cohort(trial=other, name="hidden")
    user = make_user(role=Role.DIRECTOR)
    assert filter_values(outcomes(), "trial") == ["MINE", "OTHER"]
    assert filter_values(outcomes(), "arm") == ["MINE/A", "OTHER/B"]
    assert filter_values(outcomes(), "cohort") == ["hidden"]
    with scope.reading_as(user):
        assert filter_values(outcomes(), "diagnosis") == []
    with scope.reading_as(make_user(role=Role.PHYSICIAN)):
        assert filter_values(outcomes(), "trial") == []
