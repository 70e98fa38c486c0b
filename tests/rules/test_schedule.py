"""When the next tumor assessment is due; days counted by hand."""

import pandas as pd
import pytest

from tracker.rules.schedule import next_assessments


def schedule(as_of="2026-06-30", **columns):
    """Every eight weeks (56 days), give or take one, from 2026-01-05 on."""
    row = {
        "start_on": "2026-01-05",
        "last_assessed_on": None,
        "died_on": None,
        "progressed_on": None,
        "new_therapy_on": None,
        "off_study_on": None,
    } | columns
    people = pd.DataFrame({name: pd.to_datetime([value]) for name, value in row.items()})
    people = people.assign(assessment_interval_days=56, assessment_window_days=7)
    (found,) = next_assessments(people, as_of).to_dict("records")
    return found


@pytest.mark.parametrize(
    "last, due, latest",
    [
        (None, "2026-03-02", "2026-03-09"),
        ("2025-12-20", "2026-03-02", "2026-03-09"),  # baseline
        ("2026-03-04", "2026-04-29", "2026-05-06"),
    ],
)
def test_the_next_assessment_is_an_interval_after_the_last_or_the_start(last, due, latest):
    found = schedule(last_assessed_on=last)
    assert (found["due_on"], found["latest_on"]) == (pd.Timestamp(due), pd.Timestamp(latest))


@pytest.mark.parametrize(
    "as_of, days", [("2026-03-01", 0), ("2026-03-09", 0), ("2026-03-10", 1), ("2026-04-01", 23)]
)
def test_it_is_overdue_after_its_window(as_of, days):
    assert schedule(as_of)["overdue_days"] == days


@pytest.mark.parametrize(
    "ends, why",
    [
        ({"died_on": "2026-02-01"}, "died"),
        ({"progressed_on": "2026-03-02", "off_study_on": "2026-03-20"}, "progressed"),
        ({"progressed_on": "2026-03-02", "died_on": "2026-02-20"}, "died"),
        ({"new_therapy_on": "2026-03-02", "off_study_on": "2026-03-02"}, "new therapy"),
        ({"off_study_on": "2026-03-02"}, "off study"),
    ],
)
def test_nothing_is_due_after_the_first_thing_that_ends_the_schedule(ends, why):
    found = schedule(**ends)
    assert found["ended"] == why
    assert pd.isna(found["due_on"])
    assert pd.isna(found["overdue_days"])


def test_nothing_is_due_before_the_start():
    found = schedule(start_on=None, last_assessed_on="2026-03-04")
    assert pd.isna(found["due_on"])
    assert pd.isna(found["ended"])
