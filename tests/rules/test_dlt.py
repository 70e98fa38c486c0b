"""Who counts for the DLT rate: the first dose is on 1 March, the window has 28 days, its last is 28 March."""

import pandas as pd
import pytest

from tracker.rules.dlt import dlt_status


def status(as_of="2024-06-01", first_dose_on="2024-03-01", dlt_on=None, dose=100.0, reason=None):
    def date(text):
        return pd.Series(pd.to_datetime([text])).astype("datetime64[us]")

    found = dlt_status(
        date(first_dose_on),
        date(dlt_on),
        pd.Series([dose]),
        pd.Series([reason], dtype="str"),
        pd.Timestamp(as_of),
        28,
        75,
    )
    return None if pd.isna(found[0]) else found[0]


@pytest.mark.parametrize(
    "said, expected",
    [
        ({}, "none"),
        ({"as_of": "2024-03-28"}, "pending"),
        ({"as_of": "2024-03-29"}, "none"),
        ({"dlt_on": "2024-03-28"}, "dlt"),
        ({"dlt_on": "2024-03-29"}, "none"),
        ({"dlt_on": "2024-03-01", "as_of": "2024-03-02"}, "dlt"),
        ({"dlt_on": "2024-03-10", "as_of": "2024-03-02"}, "pending"),
        ({"dlt_on": "2024-02-20"}, "none"),
        ({"dose": 75.0}, "none"),
        ({"dose": 74.9}, "not evaluable"),
        ({"dose": 0.0, "as_of": "2024-03-20"}, "pending"),
        ({"dose": None}, "none"),
        ({"dose": 10.0, "dlt_on": "2024-03-05"}, "dlt"),
        ({"reason": "withdrew consent"}, "not evaluable"),
        ({"reason": "withdrew consent", "as_of": "2024-03-05"}, "not evaluable"),
        ({"reason": "withdrew consent", "dlt_on": "2024-03-05"}, "dlt"),
        ({"first_dose_on": None}, None),
        ({"as_of": "2024-02-01"}, None),
    ],
)
def test_the_status_of_one_participant(said, expected):
    assert status(**said) == expected


def test_trials_have_windows_of_their_own():
    dates = pd.Series(pd.to_datetime(["2024-03-01", "2024-03-01"]))
    none = pd.Series([pd.NaT, pd.NaT], dtype="datetime64[us]")
    found = dlt_status(
        dates,
        none,
        pd.Series([80.0, 80.0]),
        pd.Series([None, None], dtype="str"),
        pd.Timestamp("2024-03-25"),
        pd.Series([28, 21]),
        pd.Series([75, 90]),
    )
    assert found.tolist() == ["pending", "not evaluable"]


def test_nobody_has_no_status():
    nobody = pd.Series([], dtype="datetime64[us]")
    found = dlt_status(
        nobody,
        nobody,
        pd.Series([], dtype=float),
        pd.Series([], dtype="str"),
        pd.Timestamp("2024-03-25"),
        28,
        75,
    )
    assert found.tolist() == []
