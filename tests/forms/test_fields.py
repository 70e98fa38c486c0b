"""Numbers, dates, codes and terms as people type them, in the forms that take them."""

import math
import re

import pytest
import sqlalchemy as sa

from tests.conftest import form_values
from tests.factories import make_assay, make_measurement, make_participant, make_reported_outcome, make_trial
from tracker.extensions import db
from tracker.models import AuditEvent, Measurement, Participant, ReportedOutcome, Trial
from tracker.roles import Role


@pytest.fixture
def trial(app):
    return make_trial(code="CCI-012")


@pytest.fixture
def physician(sign_in, trial):
    return sign_in(Role.PHYSICIAN, [trial])


PARTICIPANT = dict(code="CCI-0001", tumor_location="LUNG", enrolled_on="2024-01-15")


# Codes


@pytest.mark.parametrize(
    "code",
    [
        "\u0410CI-0001",  # a Cyrillic А
        "CCI\u200b-0001",
        "CCI-\u0660\u0660\u0661",
        "CCI-\uff10\uff11",
        "CCI–0001",
        "CCI 0001\t2",
        "-CCI",
        "CCI-",
        "C" * 41,
        "=cmd|calc",
        "@SUM(1)",
        "<b>",
        "é",
    ],
)
def test_a_code_is_what_two_people_read_alike(physician, refused, trial, code):
    refused(physician, f"/participants/new?trial={trial.id}", field="code", **{**PARTICIPANT, "code": code})


@pytest.mark.parametrize(
    "typed, stored", [("  CCI-0001 ", "CCI-0001"), ("CCI  0001", "CCI 0001"), ("a/b+c.d_e", "a/b+c.d_e")]
)
def test_a_code_is_stored_without_the_spaces_around_it(physician, trial, typed, stored):
    answer = physician.submit(
        f"/participants/new?trial={trial.id}", **{**PARTICIPANT, "code": typed, "confirmed": "1"}
    )
    assert answer.status_code == 303
    assert db.session.scalar(sa.select(Participant.code)) == stored


# Whole numbers


@pytest.mark.parametrize(
    "text",
    ["４０", "٤٠", "४०", "1_000", "1 000", "1,000", "1e3", "0x28", "4.5", "forty", "--4", "²", "Ⅳ", "½",
     "12345678901234567890", "2147483648", "0", "-1", "+", "NaN", "٫5", "40\x00", "4" * 5000],
)  # fmt: skip
def test_a_whole_number_is_written_in_plain_digits(physician, refused, trial, text):
    refused(physician, f"/trials/{trial.id}/edit", field="accrual_target", accrual_target=text)


@pytest.mark.parametrize("text, stored", [("40", 40), (" 40 ", 40), ("+40", 40), ("040", 40), ("40.0", 40)])
def test_a_whole_number_may_be_written_as_files_write_it(physician, trial, text, stored):
    assert physician.submit(f"/trials/{trial.id}/edit", accrual_target=text).status_code == 303
    assert db.session.scalar(sa.select(Trial.accrual_target)) == stored


# Numbers


@pytest.fixture
def outcome(trial):
    return make_reported_outcome(participant=make_participant(trial=trial))


def months(browser, outcome, text, **more):
    return browser.submit(f"/reported-outcomes/{outcome.id}/edit", pfs_months=text, pfs_event="no", **more)


@pytest.mark.parametrize(
    "text",
    ["1,5", "1_000", "1 000", "1.000,5", "1e400", "-1e400", "NaN", "nan", "Infinity", "inf", "-1", "1200.5", "１２",
     "٣", "12.5 months", "1.", ".", "1e", "0x1p3", "12345678901234567890", "1" * 101],
)  # fmt: skip
def test_a_number_that_is_none_is_refused(physician, refused, outcome, text):
    refused(
        physician,
        f"/reported-outcomes/{outcome.id}/edit",
        field="pfs_months",
        pfs_months=text,
        pfs_event="no",
    )


@pytest.mark.parametrize(
    "text, stored", [("1.5", 1.5), ("0", 0.0), ("-0", 0.0), ("1e2", 100.0), (".5", 0.5), ("7.10", 7.1)]
)
def test_a_number_is_stored_as_it_is_meant(physician, outcome, text, stored):
    assert months(physician, outcome, text).status_code == 303
    found = db.session.scalar(sa.select(ReportedOutcome.pfs_months))
    assert found == stored
    assert math.copysign(1, found) == 1, "minus zero is zero"


@pytest.mark.parametrize("text, stored", [("1,5", 1.5), ("1.5", 1.5), ("0,25", 0.25)])
def test_in_french_a_comma_is_the_decimal_mark(physician, outcome, text, stored):
    physician.set_cookie("language", "fr")
    assert months(physician, outcome, text).status_code == 303
    assert db.session.scalar(sa.select(ReportedOutcome.pfs_months)) == stored


@pytest.mark.parametrize("text", ["1.000,5", "1,000.5", "1 000,5", "1,2,3"])
def test_in_french_too_there_are_no_separators_of_thousands(physician, refused, outcome, text):
    physician.set_cookie("language", "fr")
    refused(
        physician,
        f"/reported-outcomes/{outcome.id}/edit",
        field="pfs_months",
        pfs_months=text,
        pfs_event="no",
    )


@pytest.mark.parametrize("language, shown", [("en", "1.5"), ("fr", "1,5")])
def test_a_number_is_shown_as_its_reader_writes_it(physician, outcome, language, shown):
    months(physician, outcome, "1.5")
    physician.set_cookie("language", language)
    address = f"/reported-outcomes/{outcome.id}"
    assert form_values(physician.get(f"{address}/edit").text)["pfs_months"] == shown
    assert re.search(rf"<dd[^>]*>\s*{re.escape(shown)}\s*<", physician.get(address).text)


@pytest.mark.parametrize("value", [0.1, 0.1 + 0.2, 1 / 3, 1e-7, 1e22, 123456.789, 5e-324, 2.0**-1074])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_form_gives_back_every_number_to_the_last_digit(app, sign_in, value, language):
    measurement = make_measurement(value=value, assay=make_assay(unit=None))
    browser = sign_in(Role.RESEARCHER, [measurement.participant.trial])
    browser.set_cookie("language", language)
    last = db.session.scalar(sa.select(sa.func.max(AuditEvent.id)))
    assert browser.submit(f"/measurements/{measurement.id}/edit", batch="B1").status_code == 303
    assert db.session.scalar(sa.select(Measurement.value)) == value
    (event,) = db.session.scalars(sa.select(AuditEvent).where(AuditEvent.id > last)).all()
    assert event.changes == {"batch": [None, "B1"]}


# Dates and years


@pytest.mark.parametrize(
    "text",
    ["20240101", "29 February 2025", "2025-02-29", "2024-13-01", "01/02/2024", "2024-1-1", "31.12.2023", "yesterday",
     "1899-12-31", "2101-01-01", "t+", "t-999999", "0000-00-00", "２０２４-０１-０１", "2024-01-01T00:00", "45292",
     "2024-01-01; DROP TABLE", "12 ma 2024"],
)  # fmt: skip
def test_a_date_that_is_none_is_refused(physician, refused, trial, text):
    refused(
        physician,
        f"/participants/new?trial={trial.id}",
        field="enrolled_on",
        **{**PARTICIPANT, "enrolled_on": text},
    )


@pytest.mark.parametrize("text", ["2024-02-29", "29feb24", "29 Feb 2024", "29-FEB-2024", "29 février 2024"])
def test_a_date_may_be_written_in_several_ways(physician, trial, text):
    answer = physician.submit(f"/participants/new?trial={trial.id}", **{**PARTICIPANT, "enrolled_on": text})
    assert answer.status_code == 303
    assert db.session.scalar(sa.select(Participant.enrolled_on)).isoformat() == "2024-02-29"


@pytest.mark.parametrize(
    "text", ["12/03/1961", "1961-03-12", "12.03.1961", "61", "1899", "2101", "19610312", "١٩٦١", "1961a"]
)
def test_of_a_birth_only_the_year_is_taken(physician, refused, trial, text):
    refused(
        physician, f"/participants/new?trial={trial.id}", field="birth_year", **PARTICIPANT, birth_year=text
    )


# Yes and no, terms


@pytest.mark.parametrize("text", ["maybe", "2", "-1", "o", "yes yes", "TRUE;"])
def test_yes_and_no_are_the_only_answers(physician, refused, trial, text):
    refused(
        physician,
        f"/participants/new?trial={trial.id}",
        field="prior_immunotherapy",
        is_kept=False,
        **PARTICIPANT,
        prior_immunotherapy=text,
    )


@pytest.mark.parametrize(
    "name, text",
    [
        ("tumor_location", "ELBOW"),
        ("tumor_location", ""),
        ("sex", "X"),
        ("stage", "V"),
        ("ecog", "6"),
        ("ecog", "-1"),
    ],
)
def test_a_term_is_one_of_its_list(physician, refused, trial, name, text):
    refused(
        physician,
        f"/participants/new?trial={trial.id}",
        field=name,
        is_kept=False,
        **{**PARTICIPANT, name: text},
    )


@pytest.mark.parametrize("text", ["a", "1.5", "-1", "0", "1e0", "１"])
def test_a_records_number_that_is_none_is_refused(physician, trial, text):
    answer = physician.submit(f"/participants/new?trial={trial.id}", **PARTICIPANT, arm=text)
    assert answer.status_code in (404, 422)
    assert db.session.scalar(sa.select(Participant.id)) is None
