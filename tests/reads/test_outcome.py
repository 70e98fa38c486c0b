"""What became of participants, from their assessments and dates or as a source reports it."""

import datetime

import pandas as pd
import pytest

from tests.factories import (
    make_administration,
    make_adverse_event,
    make_course,
    make_lesion,
    make_participant,
    make_reported_outcome,
    make_trial,
    make_tumor_assessment,
)
from tracker.audit import because
from tracker.extensions import db
from tracker.models import Participant
from tracker.reads.outcome import outcomes_frame
from tracker.reads.response import responses_frame
from tracker.terms.response import LesionState

#: Baseline, then two scans with response and one with progression, eight weeks apart.
PR_THEN_PD = {-7: 50, 56: 30, 112: 28, 168: 45}


def day(text):
    return datetime.date.fromisoformat(text)


def outcomes(as_of="2026-07-01"):
    return outcomes_frame(Participant.id > 0, day(as_of))


def only(frame):
    (row,) = frame.to_dict("records")
    return row


def test_a_best_response_is_derived_from_assessments(app):
    make_course(PR_THEN_PD)
    row = only(outcomes())
    assert (row["best_response"], row["best_unconfirmed"], row["source"]) == ("PR", "PR", "derived")
    assert row["clinical_benefit"]
    assert (row["pfs_event"], row["pfs_months"]) == (True, pytest.approx(169 / 30.4375))
    assert (row["dor_event"], row["dor_months"]) == (True, pytest.approx(113 / 30.4375))
    assert (row["pfs_source"], row["os_source"]) == ("derived", "derived")


@pytest.mark.parametrize(
    "trial, expected",
    [({}, "SD"), ({"is_randomised": True}, "PR"), ({"confirmation_required": False}, "PR")],
)
def test_a_response_counts_when_confirmed_unless_the_trial_is_randomised(app, trial, expected):
    make_course({-7: 50, 56: 30, 112: 48}, trial=make_trial(**trial))
    row = only(outcomes())
    assert (row["best_response"], row["best_confirmed"], row["best_unconfirmed"]) == (expected, "SD", "PR")


def test_derived_values_win_where_assessments_exist(app):
    participant = make_course(PR_THEN_PD)
    make_reported_outcome(participant=participant, best_overall_response="SD", pfs_months=30, pfs_event=False)
    row = only(outcomes())
    assert (row["best_response"], row["source"], row["pfs_event"]) == ("PR", "derived", True)


def test_a_reported_outcome_is_used_where_no_assessment_followed(app):
    participant = make_course({-7: 50})
    make_reported_outcome(participant=participant, best_overall_response="SD", pfs_months=3, pfs_event=True)
    row = only(outcomes())
    assert (row["best_response"], row["source"]) == ("SD", "reported")
    assert (row["pfs_months"], row["pfs_source"]) == (3, "reported")


def test_a_baseline_alone_is_not_evaluable_and_censored_on_day_1(app):
    make_course({-7: 50})
    row = only(outcomes())
    assert (row["best_response"], row["source"]) == ("NE", "derived")
    assert (row["pfs_event"], row["pfs_months"]) == (False, pytest.approx(1 / 30.4375))
    assert row["pfs_censoring"] == "no assessment"


def test_who_was_never_assessed_is_followed_where_others_are(app):
    trial, start = make_trial(), datetime.date(2024, 1, 17)
    make_course({-7: 50, 56: 40}, trial=trial)
    make_participant(trial=trial, first_dose_on=start, died_on=start + datetime.timedelta(days=30))
    make_participant(died_on=day("2024-03-01"))  # of a trial without assessments
    first, second, third = outcomes().to_dict("records")
    assert (first["pfs_event"], second["pfs_event"]) == (False, True)
    assert third["pfs_source"] != third["pfs_source"]
    assert (third["os_event"], third["os_source"]) == (True, "derived")


def test_one_participant_alone_is_as_among_the_others(app):
    trial = make_trial()
    make_course(PR_THEN_PD, trial=trial)
    alone = make_participant(trial=trial)
    asked = outcomes_frame(Participant.id == alone.id, day("2026-07-01"))
    among = outcomes()
    mine = among[among["participant_id"] == alone.id].reset_index(drop=True)
    pd.testing.assert_frame_equal(asked, mine)
    assert only(asked)["pfs_source"] == "derived"


def test_later_assessments_are_ignored(app):
    make_course(PR_THEN_PD)  # the first dose is 2024-01-17; scans follow on 13 March, 8 May and 3 July
    make_course({-7: 50, 56: 30}, undated=True, first_dose_on=day("2000-01-01"), enrolled_on=None)
    assert list(outcomes("2024-03-12")["best_response"]) == ["NE", "SD"]
    assert list(outcomes("2024-05-07")["best_unconfirmed"]) == ["PR", "PR"]
    assert list(outcomes("2024-05-07")["best_confirmed"]) == ["SD", "SD"]
    assert list(outcomes("2024-05-08")["best_confirmed"]) == ["PR", "SD"]
    assert list(outcomes("2024-07-02")["pfs_event"]) == [False, False]
    assert list(outcomes("2024-07-03")["pfs_event"]) == [True, False]


def test_overall_survival_is_censored_at_the_latest_contact(app):
    start = datetime.date(2024, 1, 17)

    def days(months):
        return round(months * 30.4375) - 1

    participant = make_participant(
        first_dose_on=start, last_known_alive_on=start + datetime.timedelta(days=10)
    )
    assert days(only(outcomes())["os_months"]) == 10
    make_administration(participant=participant, given_on=start + datetime.timedelta(days=20))
    assert days(only(outcomes())["os_months"]) == 20
    make_adverse_event(participant=participant, started_on=start + datetime.timedelta(days=30))
    assert days(only(outcomes())["os_months"]) == 30
    make_tumor_assessment(participant=participant, assessed_on=start + datetime.timedelta(days=40))
    assert days(only(outcomes())["os_months"]) == 40
    assert days(only(outcomes("2024-02-10"))["os_months"]) == 20
    assert not only(outcomes())["os_event"]


def test_the_time_of_a_randomised_trial_starts_at_enrolment(app):
    given = {
        "enrolled_on": day("2024-01-10"),
        "first_dose_on": day("2024-01-17"),
        "died_on": day("2024-01-31"),
    }
    make_participant(trial=make_trial(is_randomised=True), **given)
    make_participant(**given)
    assert list(outcomes()["os_months"] * 30.4375) == pytest.approx([22, 15])


def test_day_1_of_who_has_no_dates_is_the_first_dose(app):
    given = {"undated": True, "enrolled_on": None, "consented_on": None}
    participant = make_course({-7: 50, 56: 30, 112: 30}, **given, first_dose_on=day("2000-01-01"))
    with because("not in the source"):
        participant.first_dose_on = None
        participant.died_on = day("2000-07-01")
        db.session.commit()
    row = only(outcomes())
    assert (row["best_response"], row["treated"]) == ("PR", True)
    assert row["os_months"] == pytest.approx(183 / 30.4375)


def test_disease_without_target_lesions_counts_as_stable(app):
    participant = make_participant()
    lesion = make_lesion(participant=participant, role="non-target")
    for date in ("2024-01-10", "2024-03-13"):
        make_tumor_assessment([(lesion, LesionState.PRESENT)], participant=participant, assessed_on=day(date))
    row = only(outcomes())
    assert (row["best_response"], row["non_target_only"]) == ("SD", True)


def test_withdrawn_assessments_and_lesions_do_not_count(app):
    participant = make_course({-7: 50, 56: 30, 112: 28})
    extra = make_lesion(participant=participant, role="new not measured")
    make_tumor_assessment(
        [(extra, LesionState.PRESENT)], participant=participant, assessed_on=day("2024-04-01")
    )
    assert only(outcomes())["best_confirmed"] == "SD"
    with because("entered for another participant"):
        extra.withdrawn_at = datetime.datetime.now(datetime.UTC)
        db.session.commit()
    assert only(outcomes())["best_confirmed"] == "PR"


def test_without_assessments_the_columns_are_the_same(app):
    make_participant()
    empty = outcomes()
    make_course(PR_THEN_PD)
    assert (empty.dtypes == outcomes().dtypes).all()


def test_the_responses_are_in_the_order_of_time_and_those_that_count_are_marked(app):
    participant = make_course({**PR_THEN_PD, 224: 20})
    found = responses_frame(Participant.id == participant.id, day("2026-07-01"))
    assert list(found["response"]) == ["", "PR", "PR", "PD", "PR"]
    assert list(found["immune_response"].fillna("")) == ["", "iPR", "iPR", "iUPD", "iPR"]
    assert list(found["counts"]) == [False, True, True, True, False]
    assert list(found["months"].round(1)) == [-0.2, 1.8, 3.7, 5.5, 7.4]


def test_a_trial_of_which_no_response_is_recorded_tells_so(app):
    """A source may give survival alone: then nobody is known not to have responded."""
    survival, reported, assessed = make_trial(), make_trial(), make_trial()
    make_reported_outcome(
        participant=make_participant(trial=survival), best_overall_response=None, os_months=3, os_event=True
    )
    make_reported_outcome(participant=make_participant(trial=reported))
    make_participant(trial=reported)
    lesion = make_lesion(participant=make_participant(trial=assessed))
    make_tumor_assessment([(lesion, 30)], participant=lesion.participant)
    make_participant(trial=assessed)

    def recorded(condition):
        found = outcomes_frame(condition, day("2026-07-01"))
        return found.groupby("trial_id")["response_recorded"].agg(list).to_dict()

    expected = {survival.id: [False], reported.id: [True, True], assessed.id: [True, True]}
    assert recorded(Participant.id > 0) == expected
    people = [
        (one.id, one.trial_id) for trial in (survival, reported, assessed) for one in trial.participants
    ]
    for participant, trial in people:
        assert recorded(Participant.id == participant) == {trial: [trial != survival.id]}
