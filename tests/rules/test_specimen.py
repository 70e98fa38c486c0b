"""What must hold of specimens, and of what is measured in them."""

import pandas as pd
import pytest

from tracker.rules.checks import Weight, run_checks


def frame(**columns):
    """One row; texts of days become dates, None a missing cell."""
    row = {}
    for name, value in columns.items():
        if name.endswith(("_on", "today")):
            row[name] = pd.Series(pd.to_datetime([value]))
        elif isinstance(value, bool):
            row[name] = pd.Series([value], dtype="boolean")
        else:
            row[name] = pd.Series([value], dtype="float64" if isinstance(value, (int, float)) else "str")
    return pd.DataFrame(row)


def found(record, **columns):
    return {(one.check.field, one.check.weight) for one in run_checks(record, frame(**columns))}


DAYS = dict(
    participant_consented_on="2024-01-08", participant_first_dose_on="2024-01-17", participant_undated=False
)


@pytest.mark.parametrize(
    "what, wrong",
    [
        (dict(collected_on="2023-06-01", type="fixed tissue"), None),  # archived tissue was taken for care
        (dict(collected_on="2023-06-01", type="plasma"), ("collected_on", Weight.REASON)),
        (dict(collected_on="2024-01-17", type="plasma"), None),  # on the day of the first dose, before it
        (dict(collected_on="2024-01-18", type="plasma"), ("timepoint", Weight.QUERY)),
        (dict(collected_on="2024-01-10", type="plasma", timepoint="on treatment"), ("timepoint", Weight.QUERY)),
        (dict(collected_on=None, type="plasma"), ("collected_on", Weight.REFUSE)),
        (dict(collected_on=None, type="plasma", participant_undated=True), None),
        (
            dict(collected_on="2025-03-02", timepoint="progression", participant_died_on="2025-03-01"),
            ("collected_on", Weight.REFUSE),
        ),
        (dict(collected_on="2024-01-09", today="2024-01-08"), ("collected_on", Weight.REFUSE)),
        (dict(collected_on="1959-01-09", participant_birth_year=1961.0), ("collected_on", Weight.REFUSE)),
        (dict(collected_on="2024-01-09", type="plasma", location="liver", anatomic_place=None),
         ("anatomic_place", Weight.REFUSE)),
        (dict(collected_on="2024-01-09", type="serum", tumor_content_percent=40.0),
         ("tumor_content_percent", Weight.REFUSE)),
    ],
)  # fmt: skip
def test_a_specimen_is_of_a_day_on_which_it_can_have_been_taken(what, wrong):
    columns = dict(DAYS, timepoint="baseline", type="fixed tissue") | what
    assert found("specimen", **columns) == ({wrong} if wrong else set())


@pytest.mark.parametrize(
    "what, wrong",
    [
        (dict(measured_on="2024-02-01", specimen_collected_on="2024-01-09"), None),
        (dict(measured_on="2024-01-08", specimen_collected_on="2024-01-09"), "measured_on"),
        (dict(timepoint="baseline", specimen_timepoint="progression"), "timepoint"),
        (dict(assay_scale="continuous", qualifier="<"), None),
        (dict(assay_scale="binary", qualifier="<"), "value"),
        (dict(assay_lower_limit=1.0, value=0.5), "value"),
        (dict(assay_lower_limit=1.0, value=1.0, qualifier="<"), None),
        (dict(assay_upper_limit=100.0, value=120.0), "value"),
    ],
)
def test_a_measurement_agrees_with_its_specimen_and_its_assay(what, wrong):
    assert {field for field, _weight in found("measurement", **what)} == ({wrong} if wrong else set())
