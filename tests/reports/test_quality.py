"""The report quality: queries, missing data, what is overdue, what the checks find; counted by hand."""

import datetime

import pytest

from tests.factories import (
    make_adverse_event,
    make_arm,
    make_course,
    make_participant,
    make_query,
    make_reported_outcome,
    make_trial,
    make_trial_member,
    make_user,
)
from tracker import scope
from tracker.audit import because
from tracker.extensions import db
from tracker.models import QueryMessage
from tracker.reports.base import run_report
from tracker.roles import Role
from tracker.terms.oversight import QueryState, QueryStep
from tracker.terms.participant import OffStudyReason

#: The factories' first dose is 2024-01-17; their trials assess every 56 days, give or take 7.
AS_OF = ("as_of", "2024-07-20")


def at(text):
    return datetime.datetime.fromisoformat(f"{text}T12:00:00+00:00")


def tables(*arguments):
    return {table.name: table.rows for table in run_report("quality", arguments).tables}


def ask(trial, opened, *said, **given):
    """A query, and what was done about it: pairs of a step and its day."""
    state = QueryState.OPEN
    query = make_query(trial=trial, created_at=at(opened), **given)
    for step, day in said:
        query.messages.append(QueryMessage(step=step, at=at(day), text="so"))
        state = QueryState(step.value)
    query.state = state
    with because("for the test"):
        db.session.commit()
    return query


@pytest.fixture
def asked(app):
    """Opened 19 and 9 days before AS_OF and not closed; closed after 4 days; and one about the trial itself."""
    trial = make_trial(code="CCI-Q")
    participant = make_participant(trial=trial)
    of_them = {"participant": participant, "record_id": participant.id}
    ask(trial, "2024-07-01", **of_them)
    ask(trial, "2024-07-11", (QueryStep.ANSWERED, "2024-07-15"), **of_them)
    ask(trial, "2024-07-02", (QueryStep.ANSWERED, "2024-07-03"), (QueryStep.CLOSED, "2024-07-06"), **of_them)
    ask(trial, "2024-07-19", record_type="trial", record_id=trial.id, field="title", rule="a_rule")
    return trial


def test_queries_are_counted_by_state_and_by_how_long_they_wait(asked):
    whole, of_people, of_trials = tables(AS_OF)["queries"]
    counts = ["record_type", "opened", "by_rule", "open", "answered", "closed"]
    assert [whole[name] for name in counts] == [None, 4, 1, 2, 1, 1]
    assert [of_people[name] for name in counts] == ["participant", 3, 0, 1, 1, 1]
    assert [of_trials[name] for name in counts] == ["trial", 1, 1, 1, 0, 0]
    waiting = ["median_days_open", "oldest_days", "median_days_to_close"]
    assert [whole[name] for name in waiting] == [9, 19, 4]  # of 19, 9 and 1


def test_a_query_has_the_state_of_the_day_that_is_asked_about(asked):
    whole, *_others = tables(("as_of", "2024-07-04"))["queries"]
    assert (whole["opened"], whole["open"], whole["answered"], whole["closed"]) == (2, 1, 1, 0)


def test_a_query_about_no_participant_is_in_its_trials_group_and_left_out_when_participants_are_chosen(asked):
    rows = tables(AS_OF, ("by", "trial"))["queries"]
    assert [(row["trial"], row["record_type"], row["opened"]) for row in rows] == [
        ("CCI-Q", None, 4),
        ("CCI-Q", "participant", 3),
        ("CCI-Q", "trial", 1),
    ]
    assert tables(AS_OF, ("tumor_location", "LUNG"))["queries"][0]["opened"] == 3


def test_missing_data_are_told_with_of_how_many_they_are_expected(app):
    trial = make_trial()
    for given in ({"ecog": None}, {}, {"tumor_location": "BREAST", "subtype": "unknown"}):
        make_course({-7: 50, 56: 30}, trial=trial, **given)
    make_participant(trial=trial, tumor_location="BREAST", subtype="TNBC")
    rows = {row["item"]: (row["expected"], row["missing"]) for row in tables(AS_OF)["missing"]}
    assert rows["ecog"] == (4, 1)
    assert rows["subtype"] == (2, 1)
    assert rows["baseline assessment"] == (4, 1)
    assert rows["best response"] == (4, 1)
    assert rows["last known alive"] == (4, 4)
    assert rows["off-study reason"] == (0, 0)


def test_what_is_overdue_is_counted_and_listed(app):
    trial = make_trial(code="CCI-Q")
    late = make_course(
        {-7: 50, 56: 30, 112: 28}, trial=trial, code="LATE"
    )  # due on 2024-07-03, or a week later
    make_course({-7: 50, 56: 30, 112: 28, 168: 27}, trial=trial, code="WELL")
    make_participant(trial=trial, code="LOST", first_dose_on=None)  # last seen on 2024-01-15
    for participant, told in ((late, None), (late, "2024-07-13")):
        make_adverse_event(
            participant=participant,
            serious=True,
            serious_criterion="hospitalisation",
            aware_on=datetime.date(2024, 7, 12),
            started_on=datetime.date(2024, 7, 12),
            reported_to_sponsor_on=told and datetime.date.fromisoformat(told),
        )
    found = tables(AS_OF)
    counts = {row["kind"]: (row["n"], row["overdue"], row["longest_days"]) for row in found["overdue"]}
    assert counts == {
        "assessment": (2, 1, 10),
        "serious event": (2, 1, 7),  # to be reported within a day
        "contact": (3, 1, 68),  # twice 56 days and 7 after 2024-01-15 is 2024-05-13
    }
    assert [(row["code"], row["kind"], row["latest_on"]) for row in found["overdue_list"]] == [
        ("CCI-Q/LOST", "contact", "2024-05-13"),
        ("CCI-Q/LATE", "assessment", "2024-07-10"),
        ("CCI-Q/LATE", "serious event", "2024-07-13"),
    ]


def test_the_checks_of_forms_are_run_on_what_is_stored(app):
    trial = make_trial(code="CCI-Q")
    participant = make_participant(trial=trial, died_on=datetime.date(2024, 3, 1))
    make_adverse_event(participant=participant, grade=5)
    make_adverse_event(participant=participant, started_on=datetime.date(2024, 4, 1))
    make_adverse_event()
    rows = [tuple(row.values()) for row in tables(AS_OF, ("by", "trial"), ("trial", "CCI-Q"))["checks"]]
    assert rows == [
        ("CCI-Q", "adverse_event", "started_on", "started_after_death", "refuse", 2, 1, 0.5),
        ("CCI-Q", "adverse_event", "outcome", "grade_5_without_death", "query", 2, 1, 0.5),
    ]


def test_an_event_after_the_day_that_is_asked_about_is_not_known_yet(app):
    make_adverse_event(grade=5, started_on=datetime.date(2024, 8, 1))
    assert tables(AS_OF)["checks"] == []


def test_a_day_after_the_one_asked_about_leaves_no_half_of_its_pair(app):
    make_participant(off_study_on=datetime.date(2024, 8, 1), off_study_reason=OffStudyReason.COMPLETED)
    assert tables(AS_OF)["checks"] == []


def test_masked_arms_are_one_group_and_other_trials_are_in_none(app):
    trial = make_trial(code="CCI-M", is_randomised=True)
    for arm in (make_arm(trial=trial), make_arm(trial=trial)):
        make_reported_outcome(participant=make_participant(trial=trial, arm=arm))
    ask(make_trial(), "2024-07-01")
    physician = make_user(role=Role.PHYSICIAN)
    make_trial_member(user=physician, trial=trial)
    with scope.reading_as(physician):
        found = tables(AS_OF, ("by", "arm"))
    assert {row["arm"] for row in found["missing"]} == {"masked"}
    assert found["queries"] == []


def test_a_report_on_nobody_says_so(app):
    result = run_report("quality", [AS_OF])
    assert all(table.rows == [] or table.name == "missing" for table in result.tables)
    assert "There is nothing to show" in result.figures[0].svg()
