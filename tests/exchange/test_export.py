"""All records as CSV files: nothing in them names a participant, unless that is asked for."""

import csv
import datetime

import pytest

from tests.factories import (
    make_adverse_event,
    make_comment,
    make_lesion,
    make_participant,
    make_specimen,
    make_trial,
    make_tumor_assessment,
    make_user,
)
from tracker.audit import because
from tracker.exchange.export import SMALL, write_records
from tracker.extensions import db

CANARIES = {
    "code": "CCI-CANARY", "diagnosis": "canary of the words", "dlt_not_evaluable_reason": "canary of a reason",
    "birth_year": 1961,
}  # fmt: skip


@pytest.fixture
def participant(app):
    trial = make_trial(code="OPEN", title="=HYPERLINK()")
    found = make_participant(
        trial=trial, enrolled_on=datetime.date(2024, 1, 10), age_at_enrolment=62.5, **CANARIES
    )
    with because("for the test"):
        found.first_dose_on = datetime.date(2024, 1, 17)
        db.session.commit()
    event = make_adverse_event(
        participant=found, started_on=datetime.date(2024, 1, 16), narrative="canary narrative"
    )
    lesion = make_lesion(participant=found)
    make_tumor_assessment([(lesion, 20)], participant=found)
    make_specimen(participant=found, barcode="CANARY-9")
    make_comment(trial=trial, record_type="adverse_event", record_id=event.id, text="canary comment")
    make_user(display_name="Dr Canary")
    return found


def rows(folder, name):
    with (folder / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_nothing_that_names_anybody_leaves(participant, tmp_path):
    counts = write_records(tmp_path)
    text = "".join(path.read_text() for path in tmp_path.iterdir()).lower()
    assert "canary" not in text
    assert "1961" not in text
    assert "2024-01" not in text.replace("2024-01-01", "")
    assert {"user", "comment", "query", "trial_member", "mention"} & counts.keys() == set()


def test_what_was_found_stays_with_its_study_days_and_decades(participant, tmp_path):
    write_records(tmp_path)
    (person,) = rows(tmp_path, "participant")
    assert (person["enrolled_day"], person["first_dose_day"]) == ("-7", "1")
    assert person["age_at_enrolment_decade"] == "60-69"
    (event,) = rows(tmp_path, "adverse_event")
    assert event["participant_id"] == person["id"] == "P000001"
    assert event["started_day"] == "-1"
    (measured,) = rows(tmp_path, "lesion_measurement")
    assert measured["diameter_mm"] == "20.0"
    assert measured["assessment_id"] == rows(tmp_path, "tumor_assessment")[0]["id"]


def test_participants_come_by_the_numbers_drawn_whatever_is_missing(participant, tmp_path):
    for stage in (None, "IV", None, "III"):
        make_participant(trial=participant.trial, stage=stage)
    write_records(tmp_path)
    numbers = [row["id"] for row in rows(tmp_path, "participant")]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == 5


def test_no_cell_is_a_formula(participant, tmp_path):
    write_records(tmp_path, identified=True)
    files = [path.read_text().splitlines() for path in tmp_path.glob("*.csv")]
    cells = [cell for lines in files for row in csv.reader(lines) for cell in row]
    assert "'=HYPERLINK()" in cells
    assert not [cell for cell in cells if cell[:1] in ("=", "@", "+")]


def test_who_refused_research_on_their_data_is_left_out_with_all_that_is_theirs(participant, tmp_path):
    participant.research_consent_withdrawn_on = datetime.date(2024, 6, 1)
    with because("withdrew"):
        db.session.commit()
    counts = write_records(tmp_path)
    about = ("participant", "adverse_event", "lesion", "lesion_measurement", "specimen", "attribution")
    assert [counts[name] for name in about] == [0] * len(about)


def test_what_is_asked_for_with_names_is_complete(participant, tmp_path):
    write_records(tmp_path, identified=True)
    (person,) = rows(tmp_path, "participant")
    assert {name: person[name] for name in CANARIES} == {name: str(value) for name, value in CANARIES.items()}
    assert "password_hash" not in rows(tmp_path, "user")[0]
    assert "NOT de-identified" in (tmp_path / "README.txt").read_text()


def test_small_groups_are_counted(participant, tmp_path):
    for _again in range(SMALL):
        make_participant(trial=participant.trial, age_at_enrolment=44, tumor_location="LUNG")
    write_records(tmp_path)
    assert f"1 participants are in 1 groups of fewer than {SMALL}" in (tmp_path / "README.txt").read_text()
