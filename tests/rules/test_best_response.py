"""Best overall response, against RECIST 1.1's table 3, admiralonco's own tests and CDISC's test data."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.response_cases import CDISC, cdisc_recist, dated, participants, references
from tracker.rules.best_response import RANKS, best_responses
from tracker.rules.reasons import best_response_reason
from tracker.rules.recist import recist_responses


def best(*responses, days=(56, 112, 168, 224, 280, 336), people=None, **rules):
    """The best responses of participant 1, whose assessments lie that many days after the start."""
    start = pd.Timestamp("2024-01-01")
    rows = [(1, start + pd.Timedelta(days=day), response) for day, response in zip(days, responses)]
    return best_responses(participants() if people is None else people, dated(rows), **rules).loc[1]


@pytest.mark.parametrize("case", references("bor.").values(), ids=lambda case: case["id"])
def test_best_response_is_that_of_admiralonco(case):
    given_ = case["input"]
    ids = list(given_["treatment_start"])
    people = participants(
        ids, list(given_["treatment_start"].values()), minimum_sd_days=given_["min_days_sd"]
    )
    rows = [(one, date, code) for one, found in given_["assessments"].items() for date, code in found]
    kind = "confirmed" if "min_days_confirm" in given_ else "unconfirmed"
    found = best_responses(people, dated(rows))
    for one, (response, date) in case["expected"].items():
        got = found.loc[one]
        if response == "MISSING":
            assert pd.isna(got[f"best_{kind}"])
        else:
            assert (got[f"best_{kind}"].upper(), f"{got[f'best_{kind}_on']:%Y-%m-%d}") == (response, date)


#: Eisenhauer 2009, table 3: first and second response, the days they were seen on, and what is best.
TABLE_3 = [
    ("CR", "CR", (56, 112), "CR"),
    ("CR", "PR", (56, 112), "SD"),
    ("CR", "PR", (20, 76), "PD"),
    ("CR", "SD", (20, 76), "PD"),
    ("CR", "PD", (56, 112), "SD"),
    ("CR", "PD", (20, 76), "PD"),
    ("CR", "NE", (56, 112), "SD"),
    ("CR", "NE", (20, 76), "NE"),
    ("PR", "CR", (56, 112), "PR"),
    ("PR", "PR", (56, 112), "PR"),
    ("PR", "SD", (56, 112), "SD"),
    ("PR", "PD", (56, 112), "SD"),
    ("PR", "PD", (20, 76), "PD"),
    ("PR", "NE", (56, 112), "SD"),
    ("PR", "NE", (20, 76), "NE"),
    ("NE", "NE", (56, 112), "NE"),
]


@pytest.mark.parametrize("first, second, days, expected", TABLE_3)
def test_confirmed_best_response_is_that_of_table_3(first, second, days, expected):
    assert best(first, second, days=days)["best_confirmed"] == expected


def test_a_response_is_confirmed_by_the_first_late_enough_assessment():
    found = best("PR", "PR", "PR", days=(56, 70, 84))
    assert found["best_confirmed"] == "PR"
    assert found["confirmed_by_on"] == pd.Timestamp("2024-03-25")
    assert best("PR", "PR", days=(56, 83))["best_confirmed"] == "SD"


def test_one_assessment_between_may_be_not_evaluable():
    assert best("CR", "NE", "CR")["best_confirmed"] == "CR"
    assert best("CR", "NE", "NE", "CR", days=(56, 60, 70, 90))["best_confirmed"] == "SD"
    assert best("CR", "NE", "NE", "CR", days=(56, 60, 70, 90), maximum_ne=2)["best_confirmed"] == "CR"


def test_stable_disease_between_takes_the_confirmation_unless_it_is_accepted():
    assert best("PR", "SD", "PR", days=(56, 70, 90))["best_confirmed"] == "SD"
    assert best("PR", "SD", "PR", days=(56, 70, 90), accept_sd=True)["best_confirmed"] == "PR"


def test_stable_disease_needs_its_minimum_of_days():
    assert best("SD", days=(42,))["best_confirmed"] == "SD"
    assert best("SD", days=(41,))["best_confirmed"] == "NE"
    assert best("Non-CR/Non-PD", days=(42,))["best_unconfirmed"] == "Non-CR/Non-PD"


def test_nothing_counts_after_progression_or_a_new_therapy():
    assert best("PD", "PR", "CR")["best_unconfirmed"] == "PD"
    treated_again = participants(new_therapy_on="2024-03-01")
    assert best("SD", "CR", "CR", people=treated_again)["best_unconfirmed"] == "SD"
    on_the_day = participants(new_therapy_on="2024-04-22")
    assert best("SD", "PR", "PR", people=on_the_day)["best_unconfirmed"] == "PR"
    assert best("SD", "PR", "PR", people=on_the_day)["best_confirmed"] == "SD"


def test_the_first_response_may_be_of_the_lesser_kind():
    found = best("PR", "PR", "CR", "CR")
    assert (found["best_confirmed"], found["best_confirmed_on"]) == ("CR", pd.Timestamp("2024-06-17"))
    assert found["response_confirmed_on"] == pd.Timestamp("2024-02-26")


def test_clinical_benefit_is_a_response_or_24_weeks_without_progression():
    assert best("SD", "SD", "SD")["benefit_confirmed"]
    assert not best("SD", "SD", "PD")["benefit_confirmed"]
    assert not best("SD", "SD", "NE")["benefit_confirmed"]
    assert best("PR", "PD")["benefit_unconfirmed"]
    assert not best("PR", "PD")["benefit_confirmed"]


@pytest.mark.skipif(not CDISC.exists(), reason="the CDISC test data are not at hand")
def test_best_responses_and_clinical_benefit_are_those_of_the_cdisc_data():
    people, *frames, rs = cdisc_recist()
    responses = recist_responses(people, *frames).assessments
    responses = responses[(responses["phase"] == "after") & ~responses["superseded"]]
    found = best_responses(people, responses, benefit_days=42)
    code = rs.drop_duplicates("USUBJID").set_index("USUBJID")["participant_id"]
    expected = pd.read_csv(CDISC / "adam_adrs_onco_recist8.csv").set_index("PARAMCD")
    compared = 0
    for parameter, kind in (("BOR", "unconfirmed"), ("CBOR", "confirmed")):
        for row in expected.loc[parameter].itertuples():
            got = found.loc[code[row.USUBJID]]
            assert got[f"best_{kind}"].upper() == row.AVALC
            assert got[f"best_{kind}_on"] == pd.Timestamp(row.ADT)
            compared += 1
    for parameter, kind in (("CB", "unconfirmed"), ("CCB", "confirmed")):
        for row in expected.loc[parameter].itertuples():
            assert bool(found.loc[code[row.USUBJID], f"benefit_{kind}"]) == (row.AVALC == "Y")
            compared += 1
    assert compared == 32


def test_the_sentence_says_which_assessments_made_it():
    def day(date):
        return f"{date:%Y-%m-%d}"

    found = best("PR", "PR")
    assert best_response_reason(found, "confirmed", 42, day) == "PR on 2024-02-26, confirmed on 2024-04-22."
    assert best_response_reason(found, "unconfirmed", 42, day) == "PR on 2024-02-26."
    found = best("CR", "PD")
    assert best_response_reason(found, "confirmed", 42, day) == "CR on 2024-02-26 was not confirmed."
    assert best_response_reason(best(), "confirmed", 42) == "No assessment after baseline."


RESPONSES = st.lists(
    st.tuples(st.integers(1, 80), st.sampled_from(["CR", "PR", "SD", "PD", "NE", "Non-CR/Non-PD", "NED"])),
    max_size=7,
)


@settings(max_examples=200, deadline=None)
@given(RESPONSES)
def test_confirmed_never_exceeds_unconfirmed(course):
    days = pd.Series([gap for gap, _response in course]).cumsum()
    found = best(*(response for _gap, response in course), days=days)
    if course:
        assert RANKS.index(found["best_confirmed"]) >= RANKS.index(found["best_unconfirmed"])
    else:
        assert pd.isna(found["best_confirmed"])
        assert pd.isna(found["best_unconfirmed"])
