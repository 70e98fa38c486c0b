"""Times to progression and death, against cases worked by hand from FDA's tables."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.response_cases import dated, participants, references
from tracker.rules.best_response import best_responses
from tracker.rules.time_to_event import duration_of_response, overall_survival, progression_free_survival


def _said(found):
    return bool(found["event"]), f"{found['ended_on']:%Y-%m-%d}", found["days"]


@pytest.mark.parametrize("case", references("pfs.derive.").values(), ids=lambda case: case["id"])
def test_progression_free_survival_is_that_of_the_worked_cases(case):
    given_, expected = case["input"], case["expected"]
    people = participants(
        first_dose_on=given_["start"],
        new_therapy_on=given_.get("new_anticancer_therapy"),
        died_on=given_.get("death"),
        assessment_interval_days=given_["interval_days"],
        assessment_window_days=given_["missed_visit_gap_days"] - 2 * given_["interval_days"],
    )
    responses = dated([(1, *one) for one in given_["assessments"]])
    said = _said(progression_free_survival(people, responses).loc[1])
    assert said == (bool(expected["event"]), expected["date"], expected["days"])
    other = expected.get("treatment_policy", expected.get("sensitivity_event_at_pd"))
    if other:
        said = _said(progression_free_survival(people, responses, treatment_policy=True).loc[1])
        assert said == (bool(other["event"]), other["date"], other["days"])


@pytest.mark.parametrize(
    "responses, dates, ended, censoring",
    [
        ([("2024-02-26", "SD"), ("2024-04-22", "NE")], {}, "2024-02-26", "no event"),
        ([("2024-02-26", "NE")], {}, "2024-01-01", "no assessment"),
        ([], {"died_on": "2024-03-01"}, "2024-03-01", None),
        ([], {"died_on": "2024-06-01"}, "2024-01-01", "no assessment"),
        ([("2024-02-26", "SD")], {"new_therapy_on": "2024-03-01"}, "2024-02-26", "new therapy"),
        ([("2024-02-26", "SD")], {"new_therapy_on": "2024-02-01"}, "2024-01-01", "no assessment"),
        (
            [("2024-02-26", "SD")],
            {"new_therapy_on": "2024-03-01", "died_on": "2024-03-01"},
            "2024-03-01",
            None,
        ),
        (
            [("2024-02-26", "SD"), ("2024-04-22", "SD")],
            {"new_therapy_on": "2024-03-01", "died_on": "2024-05-01"},
            "2024-02-26",
            "new therapy",
        ),
        ([("2024-02-26", "SD"), ("2024-04-22", "PD")], {"died_on": "2024-03-01"}, "2024-03-01", None),
        ([("2024-02-26", "NE"), ("2024-09-01", "PD")], {}, "2024-01-01", "no assessment"),
        ([("2024-02-26", "SD"), ("2024-09-01", "PD")], {}, "2024-02-26", "missed assessments"),
    ],
)
def test_censoring_says_where_and_why(responses, dates, ended, censoring):
    found = progression_free_survival(participants(**dates), dated([(1, *one) for one in responses])).loc[1]
    assert f"{found['ended_on']:%Y-%m-%d}" == ended
    assert found["censoring"] == censoring if censoring else pd.isna(found["censoring"])
    assert found["event"] == (censoring is None)


def test_overall_survival_is_censored_at_the_last_contact():
    people = participants(
        [1, 2, 3],
        died_on=["2024-03-01", None, None],
        last_contact_on=["2024-02-20", "2024-12-31", None],
    )
    found = overall_survival(people)
    assert found["days"].tolist() == [61, 366, 1]
    assert found["event"].tolist() == [True, False, False]
    assert found["months"].iloc[1] == pytest.approx(366 / 30.4375)
    assert found["censoring"].fillna("").tolist() == ["", "alive", "alive"]


def test_who_has_no_start_has_no_time():
    people = participants([1, 2], ["2024-01-01", None], died_on="2024-03-01")
    found = progression_free_survival(people, dated([]))
    assert found["days"].isna().tolist() == [False, True]
    assert found["event"].isna().tolist() == [False, True]


def test_duration_of_response_runs_from_the_first_response_to_progression():
    people = participants([1, 2, 3])
    responses = dated(
        [
            (1, "2024-02-26", "PR"),
            (1, "2024-04-22", "CR"),
            (1, "2024-06-17", "CR"),
            (1, "2024-08-12", "PD"),
            (2, "2024-02-26", "PR"),
            (2, "2024-04-22", "PR"),
            (3, "2024-02-26", "SD"),
        ]
    )
    since = best_responses(people, responses)["response_confirmed_on"]
    found = duration_of_response(people, responses, since)
    assert found.index.tolist() == [1, 2]
    assert found["event"].tolist() == [True, False]
    assert found["days"].tolist() == [169, 57]


COURSES = st.tuples(
    st.lists(st.tuples(st.integers(1, 200), st.sampled_from(["CR", "PR", "SD", "PD", "NE"])), max_size=6),
    st.one_of(st.none(), st.integers(1, 900)),
    st.one_of(st.none(), st.integers(1, 900)),
)


@settings(max_examples=200, deadline=None)
@given(COURSES, st.booleans())
def test_progression_free_survival_is_never_longer_than_overall_survival(course, treatment_policy):
    visits, death, therapy = course
    start = pd.Timestamp("2024-01-01")

    def on(day):
        return None if day is None else start + pd.Timedelta(days=day)

    days = pd.Series([gap for gap, _response in visits], dtype=int).cumsum()
    if death is not None:
        visits, days = visits[: (days <= death).sum()], days[days <= death]
    responses = dated([(1, on(day), response) for day, (_gap, response) in zip(days, visits)])
    contact = on(int(days.max())) if len(days) else None
    people = participants(died_on=on(death), new_therapy_on=on(therapy), last_contact_on=contact)
    pfs = progression_free_survival(people, responses, treatment_policy).loc[1]
    assert 1 <= pfs["days"] <= overall_survival(people).loc[1, "days"]
    assert pfs["event"] == pd.isna(pfs["censoring"])
