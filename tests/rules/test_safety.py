"""How events are counted: against a worked table, and against the flags of a CDISC pilot study."""

import pandas as pd
import pytest

from tests.references import references
from tracker.rules.safety import days_at_risk, treatment_emergent, worst_grades


@pytest.mark.parametrize("case", references("ae.counting"))
def test_a_participant_counts_once_at_the_worst_grade(case):
    events = pd.DataFrame(case["input"]["events"], columns=["participant_id", "soc", "term", "grade"])
    found = {}
    for name in ("soc", "term"):
        for row in worst_grades(events, [name]).to_dict("records"):
            found[row[name]] = row["any"], row["g3"] + row["g4"] + row["g5"]
    assert {name: any_grade for name, (any_grade, _severe) in found.items()} == case["expected"]["any_grade"]
    assert {name: severe for name, (_any, severe) in found.items()} == case["expected"]["grade3plus"]
    overall = worst_grades(events, []).iloc[0]
    assert overall["any"] == case["expected"]["patients_any"]
    assert overall[["g3", "g4", "g5"]].sum() == case["expected"]["patients_grade3plus"]


def test_each_row_is_the_sum_of_its_grades():
    events = pd.DataFrame(
        {"participant_id": [1, 1, 2, 3], "soc": ["a", "a", "a", None], "grade": [1, 4, 2, 5]}
    )
    found = worst_grades(events, ["soc"])
    assert found.set_index("soc").loc["a"].tolist() == [2, 0, 1, 0, 1, 0]
    assert found[found["soc"].isna()]["g5"].tolist() == [1]
    assert worst_grades(events[:0], []).iloc[0].tolist() == [0] * 6


def test_treatment_emergent_events_are_those_of_the_cdisc_pilot_study(shared):
    """checks.csv: 65 of 86, 77 of 84 and 75 of 84 participants, with 30 days after the last dose."""
    folder = shared / "data/real/cdisc_onco"
    events, people = pd.read_csv(folder / "adam_adae.csv"), pd.read_csv(folder / "adam_adsl.csv")
    dates = people.set_index("USUBJID")[["TRTSDT", "TRTEDT"]].apply(pd.to_datetime)
    of_event = dates.reindex(events["USUBJID"]).set_axis(events.index)
    started = pd.to_datetime(events["ASTDT"])
    emergent = treatment_emergent(started, of_event["TRTSDT"], of_event["TRTEDT"], 30)
    assert events[emergent].groupby("ARM")["USUBJID"].nunique().to_dict() == {
        "Placebo": 65,
        "Xanomeline Low Dose": 77,
        "Xanomeline High Dose": 75,
    }
    assert people[people["SAFFL"] == "Y"].groupby("ARM").size()["Placebo"] == 86


@pytest.mark.parametrize(
    "started, last, expected",
    [
        ("2024-01-01", "2024-02-01", True),
        ("2023-12-31", "2024-02-01", False),
        ("2024-03-02", "2024-02-01", True),  # the 30th day after the last dose
        ("2024-03-03", "2024-02-01", False),
        ("2025-01-01", None, True),
    ],
)
def test_the_window_after_the_last_dose(started, last, expected):
    def date(text):
        return pd.Series(pd.to_datetime([text]))

    assert treatment_emergent(date(started), date("2024-01-01"), date(last), 30).tolist() == [expected]
    assert not treatment_emergent(date(started), date(None), date(last), 30).any()


def test_days_at_risk_end_with_the_first_event():
    def dates(*texts):
        return pd.Series(pd.to_datetime(list(texts)))

    found = days_at_risk(
        dates("2024-01-10", None, None),
        dates("2024-01-01", "2024-01-01", None),
        dates("2024-03-01", "2024-01-31", None),
    )
    assert found[:2].tolist() == [10, 31]
    assert found.isna().tolist() == [False, False, True]
