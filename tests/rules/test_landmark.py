"""Time from a landmark on, and who is no longer at risk there."""

import pandas as pd
import pytest

from tracker.rules.landmark import from_landmark


def people(**columns):
    rows = {
        "pfs_months": [1.0, 2.0, 5.0, None],
        "os_months": [1.5, 6.0, 9.0, 8.0],
        "responded_on": pd.to_datetime([None, None, "2026-03-20", "2026-01-20"]),
        "source": ["derived"] * 4,
    } | columns
    frame = pd.DataFrame(rows)
    frame["pfs_policy_months"] = frame["pfs_months"]
    return frame, pd.Series(pd.to_datetime(["2026-01-01"] * 4))


def test_who_progressed_by_the_landmark_is_left_out_and_time_begins_there():
    kept, early, unknown = from_landmark(*people(), 61, "pfs")
    assert (early, unknown) == (2, 0)
    assert kept.index.tolist() == [2, 3]
    assert kept["pfs_months"].tolist() == pytest.approx([5 - 61 / 30.4375, float("nan")], nan_ok=True)
    assert kept["os_months"].tolist() == pytest.approx([9 - 61 / 30.4375, 8 - 61 / 30.4375])


def test_survival_counts_from_the_landmark_for_who_had_progressed_before_it():
    kept, early, _unknown = from_landmark(*people(), 61, "os")
    assert early == 1
    assert kept["pfs_months"].isna().tolist() == [True, False, True]


def test_who_responded_before_the_landmark_is_not_counted_as_responding_after_it():
    kept, early, _unknown = from_landmark(*people(), 61, "response")
    assert early == 3
    assert kept.index.tolist() == [2]


def test_a_reported_response_has_no_day_and_tells_nothing_of_the_landmark():
    kept, early, unknown = from_landmark(
        *people(source=["derived", "derived", "reported", "derived"]), 61, "response"
    )
    assert (len(kept), early, unknown) == (0, 3, 1)
