"""All records as CSV files: nothing in them names a participant, unless that is asked for."""

import contextlib
import csv
import datetime
from collections import Counter

import pytest
from click.testing import CliRunner

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
from tracker import cli
from tracker.audit import because
from tracker.exchange import export
from tracker.exchange.export import whole_folder, write_records
from tracker.extensions import db
from tracker.values import Refusal

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


def test_what_was_found_stays_with_its_study_days_and_decades(app, participant, tmp_path, monkeypatch):
    monkeypatch.setitem(app.config, "SMALL_CELL", 1)
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


def test_records_about_participants_are_numbered_anew_so_that_no_two_exports_can_be_joined(
    app, tmp_path, monkeypatch
):
    monkeypatch.setattr(export, "_shuffled", lambda numbers: {one: 1_000 + one for one in numbers})
    lesion = make_lesion()
    assessment = make_tumor_assessment([(lesion, 20)], participant=lesion.participant)
    write_records(tmp_path)
    (measured,) = rows(tmp_path, "lesion_measurement")
    assert measured["lesion_id"] == rows(tmp_path, "lesion")[0]["id"] == str(1_000 + lesion.id)
    assert measured["assessment_id"] == rows(tmp_path, "tumor_assessment")[0]["id"]
    assert measured["assessment_id"] == str(1_000 + assessment.id)
    assert rows(tmp_path, "trial")[0]["id"] == str(lesion.participant.trial_id)


def test_whose_tumor_is_left_out_has_no_organ_beside_lesions_and_specimens(app, tmp_path, monkeypatch):
    specimen = make_specimen(anatomic_place="primary", location="lung")
    make_lesion(participant=specimen.participant, organ="lung")
    for least, told in ((1, "lung"), (5, "")):
        monkeypatch.setitem(app.config, "SMALL_CELL", least)
        folder = tmp_path / str(least)
        folder.mkdir()
        write_records(folder)
        assert rows(folder, "specimen")[0]["location"] == rows(folder, "lesion")[0]["organ"] == told


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


def groups(rows, *names):
    return Counter(tuple(row[name] for name in names) for row in rows)


def test_no_group_is_small_by_trial_location_sex_and_decade(app, tmp_path):
    """Whoever would be alone is in a group with others, and those are never one person."""
    trial, tiny = make_trial(), make_trial()
    ages = {
        "LUNG": [44] * 7 + [51] * 6 + [63, 72],
        "SKIN": [44] * 5 + [81],
        "BREAST": [44, 55],
        "BOWEL": [44] * 6,
    }
    for place, found in ages.items():
        for age in found:
            subtype = {"subtype": "TNBC"} if place == "BREAST" else {}
            make_participant(trial=trial, age_at_enrolment=age, tumor_location=place, **subtype)
    make_participant(trial=tiny, age_at_enrolment=44, tumor_location="LUNG")
    write_records(tmp_path)
    people = [row for row in rows(tmp_path, "participant") if row["trial_id"] == str(trial.id)]
    counted = groups(people, "tumor_location", "sex", "age_at_enrolment_decade")
    assert counted == {
        ("LUNG", "female", "40-49"): 7, ("LUNG", "", ""): 8, ("", "", ""): 8, ("BOWEL", "female", "40-49"): 6,
    }  # fmt: skip
    assert not [row for row in people if not row["tumor_location"] and row["subtype"]]
    said = " ".join((tmp_path / "README.txt").read_text().split())
    assert "of 17 participants sex and age are left out, of 9 of them" in said


# A folder is written whole, or not at all


@pytest.mark.parametrize("exists", [True, False])
def test_an_export_that_fails_half_way_leaves_nothing(tmp_path, exists):
    output = tmp_path / "there" / "out"
    if exists:
        output.mkdir(parents=True)
    with contextlib.suppress(OSError), whole_folder(output) as folder:
        (folder / "participant.csv").write_text("id")
        raise OSError(28, "No space left on device")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not exists or list(output.iterdir()) == []
    with whole_folder(output) as folder:
        (folder / "README.txt").write_text("all")
        assert not (output / "README.txt").exists()
    assert [path.name for path in output.iterdir()] == ["README.txt"]
    assert [path.name for path in output.parent.iterdir()] == ["out"]


def test_an_export_replaces_nothing(tmp_path):
    (tmp_path / "mine").write_text("")
    with pytest.raises(Refusal, match="not empty"), whole_folder(tmp_path):
        pass


def test_the_command_says_in_one_line_that_the_disk_is_full(app, tmp_path, monkeypatch):
    def write(folder, identified=False):
        (folder / "participant.csv").write_text("id")
        raise OSError(28, "No space left on device", "participant.csv")

    monkeypatch.setattr(export, "write_records", write)
    monkeypatch.setattr(cli, "_opened", lambda: contextlib.nullcontext(app))
    done = CliRunner().invoke(cli.cli, ["export", "csv", "--output", str(tmp_path / "out")])
    assert (done.exit_code, done.output) == (1, "tracker: No space left on device: participant.csv\n")
    assert list(tmp_path.iterdir()) == []
