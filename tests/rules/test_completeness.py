"""Of whom which data are expected, and of whom they are missing."""

import pandas as pd
import pytest

from tracker.rules.completeness import missing_items

#: Somebody of whom all is known: treated, off treatment, off study, dead.
WHOLE = {
    "tumor_location": "BREAST",
    "ecog": 1.0,
    "sex": "female",
    "birth_year": 1961.0,
    "age_at_enrolment": None,
    "stage": "IV",
    "subtype": "TNBC",
    "prior_lines": "1",
    "undated": False,
    "consented_on": "2024-01-08",
    "first_dose_on": "2024-01-17",
    "last_dose_on": "2024-05-01",
    "off_treatment_on": "2024-05-20",
    "off_treatment_reason": "progression",
    "off_study_on": "2024-08-01",
    "off_study_reason": "died",
    "last_known_alive_on": "2024-08-01",
    "died_on": "2024-08-01",
    "consents_to_data_research": True,
    "dosed": True,
    "is_assessed": True,
    "first_assessed_on": "2024-01-10",
    "response_recorded": True,
    "treated": True,
    "pending": False,
    "source": "derived",
}


def judged(**given):
    """(what is missing, what is not expected) of such a participant."""
    row = pd.DataFrame([WHOLE | given])
    for name in [name for name in row if name.endswith("_on")]:
        row[name] = pd.to_datetime(row[name])
    found = missing_items(row).iloc[0]
    return set(found.index[found.fillna(False)]), set(found.index[found.isna()])


def test_of_somebody_who_is_told_of_whole_nothing_is_missing():
    assert judged() == (set(), {"last known alive"})


@pytest.mark.parametrize(
    "given, missing",
    [
        ({"ecog": None}, "ecog"),
        ({"subtype": "unknown"}, "subtype"),
        ({"birth_year": None}, "age"),
        ({"first_dose_on": None, "is_assessed": False}, "first dose"),
        ({"first_assessed_on": "2024-01-18"}, "baseline assessment"),
        ({"first_assessed_on": None}, "baseline assessment"),
        ({"source": None}, "best response"),
        ({"off_treatment_reason": None}, "off-treatment reason"),
        ({"died_on": None, "last_known_alive_on": None}, "last known alive"),
    ],
)
def test_what_is_expected_and_not_there_is_missing(given, missing):
    assert judged(**given)[0] == {missing}


@pytest.mark.parametrize(
    "given, not_expected",
    [
        ({"tumor_location": "LUNG", "subtype": None}, {"subtype"}),
        ({"pending": True, "source": None}, {"best response"}),
        ({"is_assessed": False, "first_assessed_on": None}, {"baseline assessment"}),
        ({"off_study_on": None, "off_study_reason": None}, {"off-study reason"}),
        (
            {"undated": True, "consented_on": None, "consents_to_data_research": None},
            {"consent", "research consent", "first dose", "baseline assessment"},
        ),
    ],
)
def test_what_cannot_be_known_is_not_expected(given, not_expected):
    missing, others = judged(**given)
    assert missing == set()
    assert others == {*not_expected, "last known alive"}
