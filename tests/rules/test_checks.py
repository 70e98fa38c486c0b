"""The shared checks, on columns: an import runs them on all rows at once, `quality` on what is stored."""

import pandas as pd
import pytest

from tracker.models import Part, Record
from tracker.rules import checks
from tracker.rules.checks import Weight, run_checks


def dates(*texts):
    return pd.Series(pd.to_datetime(list(texts)))


def numbers(*given):
    return pd.Series(given, dtype="float64")


def texts(*given):
    return pd.Series(given, dtype="str")


def found(record, **columns):
    """{field: which rows} of what the checks of the record find."""
    return {one.check.field: one.mask.tolist() for one in run_checks(record, pd.DataFrame(columns))}


def test_a_check_marks_the_rows_that_are_wrong_and_no_other():
    assert found(
        "participant",
        died_on=dates("2024-01-14", "2024-01-15", None, "2024-02-01"),
        enrolled_on=dates("2024-01-15", "2024-01-15", "2024-01-15", None),
    ) == {"died_on": [True, False, False, False]}


def test_what_is_missing_is_not_wrong():
    nothing = {
        name: dates(None, None) for name in ("died_on", "enrolled_on", "consented_on", "first_dose_on")
    }
    assert (
        found("participant", **nothing, ecog=numbers(None, None), today=dates("2024-01-01", "2024-01-01"))
        == {}
    )


def test_a_check_whose_columns_are_not_at_hand_does_not_apply():
    assert found("participant", died_on=dates("2024-01-14")) == {}
    assert found("arm") == {}
    assert found("no such record", a=numbers(1)) == {}


def test_nothing_is_found_among_no_rows():
    assert found("participant", died_on=dates(), enrolled_on=dates()) == {}


def test_several_checks_are_told_in_their_order_each_with_its_weight():
    frame = pd.DataFrame(
        {
            "birth_year": numbers(2010, 1900),
            "age_at_enrolment": numbers(None, None),
            "enrolled_on": dates("2024-01-15", "2024-01-15"),
            "today": dates("2024-06-01", "2024-06-01"),
            "trial_minimum_age": numbers(18, 18),
        }
    )
    told = [
        (one.check.field, one.check.weight, one.mask.tolist()) for one in run_checks("participant", frame)
    ]
    assert told == [
        ("birth_year", Weight.REFUSE, [False, True]),
        ("birth_year", Weight.REASON, [True, False]),
    ]


@pytest.mark.parametrize(
    "age, year, is_too_young",
    [
        (17.9, None, True),
        (18, None, False),
        (None, 2006, False),
        (None, 2007, True),
        (None, None, False),
        (18, 2010, False),
    ],
)
def test_the_age_is_told_or_follows_from_the_year_of_birth(age, year, is_too_young):
    columns = dict(
        birth_year=numbers(year),
        age_at_enrolment=numbers(age),
        enrolled_on=dates("2024-01-15"),
        today=dates("2024-06-01"),
        trial_minimum_age=numbers(18),
    )
    told = [one.check for one in run_checks("participant", pd.DataFrame(columns))]
    assert any("younger" in str(one.message) for one in told) is is_too_young


def test_a_day_is_in_the_future_after_today_only():
    days = dates("2024-05-31", "2024-06-01", "2024-06-02")
    today = dates(*["2024-06-01"] * 3)
    for field in ("consented_on", "enrolled_on", "first_dose_on", "last_dose_on", "died_on"):
        assert found("participant", **{field: days, "today": today}) == {field: [False, False, True]}


def test_breast_alone_has_a_subtype():
    columns = {
        "tumor_location": texts("BREAST", "BREAST", "LUNG", "LUNG"),
        "subtype": texts(None, "TNBC", None, "TNBC"),
    }
    told = {
        str(one.check.message): one.mask.tolist() for one in run_checks("participant", pd.DataFrame(columns))
    }
    assert told == {
        "Breast cancer needs its subtype: choose one, or “unknown”.": [True, False, False, False],
        "A subtype belongs to breast tumors only: leave it empty here.": [False, False, False, True],
    }


@pytest.mark.parametrize(
    "code, usual, is_found",
    [
        ("JD-017", "", True),
        ("jd-017", "", True),
        ("J.D.", "", True),
        ("017-JD", "", True),
        ("JD-017", "JD", False),
        ("CCI-0001", "", False),
        ("0001", "", False),
        ("PT-0001", "", False),
        ("BATCH-12", "", False),
    ],
)
def test_letters_that_may_be_initials_are_confirmed(code, usual, is_found):
    columns = dict(code=texts(code), trial_code=texts("CCI-012"), trial_code_letters=texts(usual))
    told = run_checks("participant", pd.DataFrame(columns))
    assert [one.check.weight for one in told] == ([Weight.CONFIRM] if is_found else [])


def test_every_check_is_of_a_record_that_exists_and_names_columns_that_exist():
    """A misspelled column would mean that the check never applies, and nobody would notice."""
    models = {model.__tablename__: model for model in [*Record.__subclasses__(), *Part.__subclasses__()]}
    brought = {"today", "trial_code_letters", "trial_enrolled", "arm_enrolled", "cohort_enrolled"}
    brought |= {"planned_dose", "planned_unit", "baseline_on"}
    unknown = []
    for record, registered in checks._CHECKS.items():
        model = models[record]
        columns = {column.key for column in model.__mapper__.column_attrs} | brought
        for name, relationship in model.__mapper__.relationships.items():
            if not relationship.uselist:
                columns |= {f"{name}_{column.key}" for column in relationship.mapper.column_attrs}
        for one in registered:
            unknown += [
                (record, one.finds.__name__, column) for column in one.columns if column not in columns
            ]
            assert one.field in columns or f"{one.field}_id" in columns, one.field
    assert unknown == []
